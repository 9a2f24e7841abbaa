"""What kernels of a CUDA device, simulated or not, have to have in common with the CPU's.

Each function asserts it for m neurons on s samples. ``exact`` asks for the same bits of the state;
a device's compiler contracts multiplications and additions.
"""

import dense
import naive
import numpy as np
from drive import begin_where_shown, pass_from_begin
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.backend import ExactFlow, RungeKuttaTrial, Start, State
from particleflow.backend.fields import extended
from particleflow.kernels import sectors
from particleflow.kernels.records import Samples, Tiles
from particleflow.model.measure import weights_of

CODE = {"network": 0, "euclidean": 1, "euclidean, weights": 2}
METRICS = tuple(CODE)
"""The metrics as kernels know them."""


def pair(m, s, metric="network", dtype="float64", seed=0):
    """The same state on the CPU and on the device, residuals to the bit."""
    random = np.random.default_rng(seed)
    x, y = naive.samples(random, s)
    z = naive.hard_neurons(random, x, m) if dtype == "float64" else random.standard_normal((3, m))
    mass = weights_of(random.random(m) ** 2, m) if metric.endswith("weights") else None
    start = Start(*(np.clip(v, -5.0, 5.0) for v in z), mass=mass)
    both = [
        State(x, y, start, metric.partition(",")[0], np.inf, device=device, dtype=dtype)
        for device in ("cpu", "cuda")
    ]
    both[1].residual[:] = both[0].residual
    return both


def close(one, two, tolerance=1e-13):
    one, two = np.asarray(one), np.asarray(two)
    assert_allclose(two, one, rtol=0, atol=tolerance * max(1.0, np.abs(one).max()))


def equal(one, two, exact):
    """To the bit, or else within rounding."""
    if exact:
        assert_array_equal(two, one)
    else:
        close(one, two)


def same_state(one, two, exact=True):
    assert_array_equal(one.cells(), two.cells())
    equal(one.parameters(), two.parameters(), exact)


def start_and_order(m, s):
    """Cells, residuals, and that a sorted state is the same one in the original order."""
    one, two = pair(m, s)
    same_state(one, two)
    device_cells = two.kernels.download(two.cell)
    region = np.array([naive.region(k, s) for k in device_cells])
    assert (np.diff(region) >= 0).all()
    ident = two.kernels.download(two.order.ident)
    assert_array_equal(np.sort(ident), np.arange(m))
    equal = np.flatnonzero(np.diff(region) == 0)
    assert (ident[equal + 1] > ident[equal]).all()  # stable
    close(one.residual, State(one.x, one.y, tuple(one.parameters()), "network", np.inf,
                              device="cuda").residual)  # fmt: skip


def sums(m, s, metric, exact=True):
    """Moments, counts, predictions, velocities, drift, frames."""
    one, two = pair(m, s, metric)
    a, b, c = one.parameters()
    c *= 1.0 if one.mass is None else one.relative_mass()
    close(one.first_moments(), two.first_moments())
    close(one.covariances(), two.covariances())
    assert_array_equal(one.cell_counts(), two.cell_counts())
    close(one.cell_masses(), two.cell_masses())
    points = np.linspace(-1.2, 1.2, 7)
    close(dense.predict(a, b, c, points), two.predict(points))
    ident = two.kernels.download(two.order.ident)
    assert one.order.members.shape[1] == 1  # not sorted
    equal(one.velocity()[:, ident], two.velocity(), exact)
    close(one.residual_rate(), two.residual_rate())
    if metric == "network":  # in the other, knots on samples are off them once rounded
        v = dense.velocity(a, b, c, one.x, one.residual, CODE[metric]).T[:, ident]
        close(v, two.velocity(), 1e-12)
        h = dense.tangent_kernel(a, b, c, one.x, CODE[metric])
        close(-h @ one.residual, two.residual_rate())
    assert_array_equal(one.delta(), two.delta())
    at_start = one._delta_of_variables()
    away = np.abs(at_start) * np.linspace(0.0, 0.01, m)
    for delta in (at_start + away, at_start - away):
        assert_allclose(two.largest_drift(delta), one.largest_drift(delta), rtol=1e-12)
        assert one.largest_drift(delta) > 0.0
    for n, dtype in ((m, "float32"), (max(1, m // 3), "float64")):
        frames = [state.new_frame(n, dtype) for state in (one, two)]
        for state, frame in zip((one, two), frames, strict=True):
            state.pack_frame(frame)
            frame.wait()
        assert_array_equal(frames[0].cells, frames[1].cells)
        assert_allclose(frames[1].position, frames[0].position, rtol=1e-6 if dtype == "float32"
                        else 1e-14)  # fmt: skip


def fields(s):
    """Field and residuals, of a step's begin and of its end, against those of the host."""
    from particleflow.kernels.cuda import download, upload
    from particleflow.kernels.cuda.descent import FAILED, TAKEN, close_step, set_field
    from particleflow.kernels.host.field import field, prediction

    random = np.random.default_rng(s)
    x, rho = naive.samples(random, s)
    y, moments = random.standard_normal(s), random.standard_normal((2 * s, 2))
    xt = extended(x, random.uniform(0.1, 9.0, s))
    on_device = Samples(*(upload(array, np.float64) for array in (x, y, xt)))
    residual, g = upload(rho, np.float64), upload(np.empty((2 * s, 2)), np.float64)
    counters = upload(np.zeros(4, np.int64), np.int64)
    expected = np.empty((2 * s, 2))
    set_field(1, residual, on_device.xt, 0.5, g)
    field(rho, xt, expected)
    close(0.5 * expected, download(g))
    close_step(1, upload(moments, np.float64), on_device, 0.25, 2.0, residual, g, counters)
    prediction(moments, xt, 0.25, rho)
    close(rho - y, download(residual))
    field(rho - y, xt, expected)
    close(2.0 * expected, download(g))
    counted = download(counters)
    assert (counted[TAKEN], counted[FAILED]) == (1, 0)


def push(m, s, metric, exact=True):
    """Every neuron moved once by a given field: the bits of the state, cells, moments, changes."""
    from particleflow.kernels import flow
    from particleflow.kernels.cuda import upload
    from particleflow.kernels.cuda.descent import CHANGES, REST, push_weighted
    from particleflow.kernels.cuda.descent import push as push_kernel
    from particleflow.kernels.cuda.sums import add_rest, combine

    state = pair(m, s, metric)[1]
    slots, kernels, code = state.order.slots, state.kernels, CODE[metric]
    cells, ident = state.cells(), kernels.download(state.order.ident)
    h_field = 0.3 * np.random.default_rng(m).standard_normal((2 * s, 2))
    expected, new_cells = state.parameters(), cells.copy()
    euler = flow.euler_network if metric == "network" else flow.euler_euclidean
    for i, k in enumerate(cells):
        if k not in (s, 4 * s):
            z = expected[:, i] = euler(*expected[:, i], *h_field[k])
            new_cells[i] = sectors.relocate(z[0], z[1], k, state.x)
    tiles, rest = Tiles(slots.homes, slots.near(2)), slots.rest
    bins, sums = slots.bins(2 * s, 2), slots.array("sums", (2 * s, 2))
    counters = upload(np.zeros(4, np.int64), np.int64)
    move = push_kernel if state.mass is None else push_weighted
    move(
        slots.n_tiles, state.neurons, upload(h_field, np.float64), upload(state.x, np.float64),
        code, tiles, rest, counters,
    )  # fmt: skip
    add_rest(slots.n_groups, state.neurons, rest, bins, slots.used, s)
    combine(2 * s, tiles, 3, bins, slots.used, sums)
    equal(expected, state.parameters(), exact and state.mass is None)
    assert_array_equal(state.cells(), new_cells)
    assert_array_equal(kernels.download(state.order.ident), ident)
    a, b, c = expected
    if state.mass is not None:
        c *= state.relative_mass()
    moments = np.zeros((2 * s, 2))
    living = np.isin(new_cells, (s, 4 * s), invert=True)
    np.add.at(moments, new_cells[living], np.stack([c * a, c * b], axis=1)[living])
    close(moments, kernels.download(sums))
    counted = kernels.download(counters)
    assert counted[CHANGES] == (new_cells != cells).sum() > 0
    assert 0 < counted[REST] < m


def descent(m, s, metric, steps):
    """Gradient descent: cells, state, residuals, crossings."""
    one, two = pair(m, s, metric)
    for n in (1, steps):
        assert one.gradient_descent(0.02, n) == two.gradient_descent(0.02, n) == n
        same_state(one, two, exact=False)
        close(one.residual, two.residual)
        assert one.crossings.sum() == two.crossings.sum()
    assert one.crossings.sum() > 0 or m < 50


def overflow(m, s):
    """Steps far too long: as many as the CPU takes until the residuals are no longer finite."""
    one, two = pair(m, s)
    taken = [state.gradient_descent(1e200, 50) for state in (one, two)]
    assert taken[0] == taken[1] < 50
    assert not np.isfinite(one.residual).all()
    assert not np.isfinite(two.residual).all()


def starts_on_repulsors(m):
    """Knots on samples, on the inactive side, in a field that drives half of them away."""
    random = np.random.default_rng(m)
    x = np.array([-0.7, 0.1, 0.9])
    a, c = random.standard_normal((2, m))
    z = a, -a * random.choice(x, m), c
    counts = []
    for device in ("cpu", "cuda"):
        state = State(x, np.array([1.0, -2.0, 1.5]), z, "network", np.inf, device=device)
        ExactFlow(state, 1.0)
        counts.append(state.repulsors)
    assert 0.1 * m < counts[0] == counts[1]


def passes(m, s, h, exact):
    """The exact flow: state, residuals, covariances, events."""
    one, two = pair(m, s)
    flows = [ExactFlow(state, 1.0) for state in (one, two)]
    events = 0
    for time in (h, 0.5 * h):
        arrivals = [pass_from_begin(flow, one.residual, time) for flow in flows]
        assert one.repulsors == two.repulsors
        assert_array_equal(arrivals[0].tally, arrivals[1].tally)
        close(arrivals[0].residual, arrivals[1].residual)
        close(arrivals[0].covariances, arrivals[1].covariances)
        close(arrivals[0].held, arrivals[1].held)
        for flow, state in zip(flows, (one, two), strict=True):
            begin_where_shown(flow, state)
        same_state(one, two, exact)
        events += arrivals[0].tally[0]
        assert two.order.slots.clock.numbers[0] >= 0
    assert events > 0 or s == 1


def runge_kutta(m, s, metric):
    """A Runge-Kutta step."""
    one, two = pair(m, s, metric)
    trials = [RungeKuttaTrial(state) for state in (one, two)]
    errors = [trial.step(0.05) for trial in trials]
    assert_allclose(errors[1], errors[0], rtol=1e-9)
    for trial in trials:
        trial.accept()
    same_state(one, two, exact=False)
    close(one.residual, two.residual)
    assert one.crossings.sum() == two.crossings.sum() > 0


def within_rounding(m, s, metric):
    """All of the above but for bits."""
    start_and_order(m, s)
    sums(m, s, metric, exact=False)
    fields(s)
    push(1000, s, metric, exact=False)
    descent(m, s, metric, steps=100)
    overflow(m, s)
    starts_on_repulsors(m)
    runge_kutta(m, s, metric)
    if metric == "network":
        passes(m, s, 0.4, exact=False)


def run(integrator, metric, m, until, tolerance=1e-10, dtype="float64", decay=0.0):
    """A whole run, and its observables."""
    samples = pf.Samples.generate("square_wave", 4)
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=1)
    sims = [
        pf.Simulation(
            samples, neurons, integrator, metric, device=device, state_dtype=dtype, decay=decay
        )
        for device in ("cpu", "cuda")
    ]
    drifts = [sim.state.drift_from_here() for sim in sims] if metric == "network" else []
    for sim in sims:
        sim.run(until)
    one, two = sims
    assert_allclose(one.state.sigma, two.state.sigma, rtol=1e-14)
    assert_allclose(*(drift() for drift in drifts or 2 * [lambda: 0.0]), rtol=1e-3, atol=1e-9)
    assert one.step == two.step
    assert one.rejected == two.rejected
    assert_array_equal(one.state.cells(), two.state.cells())
    close(one.residual, two.residual, tolerance)
    close(one.state.parameters(), two.state.parameters(), tolerance)
    return one, two


def decay(m, s):
    """Halving of stored neurons, drift of those that were halved, and neurons on rays."""
    one, two = pair(m, s)
    x = one.x
    on_rays = one.kernels.count_on_rays(one.neurons, one.order.slots, x)
    assert on_rays == two.kernels.count_on_rays(two.neurons, two.order.slots, x) > 0
    drifts = [state.drift_from_here() for state in (one, two)]
    before = one.parameters()
    for state in (one, two):
        state.sigma[0] = 2.0**-40
        state.halve_if_due()
        assert list(state.sigma) == [2.0**-8, 32.0]
    assert_array_equal(one.parameters(), 2.0**-40 * before)
    same_state(one, two)
    assert [drift() for drift in drifts] == [0.0, 0.0]


def hand_over(m, until):
    """A run that begins on one device and goes on on the other is the run of either."""
    samples = pf.Samples.generate("square_wave", 4)
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=2)
    ends = []
    for devices in (("cpu", "cuda"), ("cuda", "cpu"), ("cpu", "cpu")):
        now = neurons
        for device in devices:
            sim = pf.Simulation(samples, now, pf.GradientDescent(0.01), device=device)
            sim.run(until)
            now = sim.neurons
        ends.append(np.array([now.a, now.b, now.c]))
    close(ends[2], ends[0], 1e-12)
    close(ends[2], ends[1], 1e-12)


def checkpoints(integrator, m, dtype="float64"):
    """Going on from a snapshot: on the device to the bit, on the other one within rounding."""
    samples = pf.Samples.generate("square_wave", 4)
    start = pf.initialise("reduced", m, delta=-1.0, seed=4)

    def make(device):
        return pf.Simulation(samples, start, integrator, device=device, state_dtype=dtype)

    whole, first = make("cuda"), make("cuda")
    times = np.linspace(0.0, 0.2, 8)[1:]
    for sim in (whole, first):  # most of them within a step
        for time in times[:4]:
            sim.run(time)
    ends = []
    for device in ("cuda", "cpu"):
        again = make(device)
        # with the tables that older versions kept of a device too, where they meant nothing
        again.restore({"start": np.zeros((1, 2), np.int64), "members": np.zeros((1, 1), np.int64),
                       "guests": np.zeros((1, 1), np.int64)} | first.snapshot())  # fmt: skip
        assert (again.time, again.step) == (first.time, first.step)
        same_ending(first, again, device == "cuda", dtype)
        back = make("cuda")
        back.restore(again.snapshot())
        same_ending(first, back, device == "cuda", dtype)
        for time in times[4:]:
            again.run(time)
        ends.append(again)
    for time in times[4:]:
        whole.run(time)
    for again, exact in zip(ends, (True, False), strict=True):
        same_ending(whole, again, exact, dtype)


def same_ending(one, two, exact, dtype):
    """Two simulations that stand where they should: the same bits, or the same within rounding."""
    if exact:
        assert_array_equal(one.residual, two.residual)
        assert_array_equal(one.state.parameters(), two.state.parameters())
        assert_array_equal(one.state.cells(), two.state.cells())
    else:
        tolerance = 1e-10 if dtype == "float64" else 1e-5
        close(one.residual, two.residual, tolerance)
        close(one.state.parameters(), two.state.parameters(), tolerance)


def run_single(integrator, m, delta, until, tolerance):
    """A run in single precision: computed in float32 here, in float64 and stored so on the CPU."""
    samples = pf.Samples.generate("square_wave", 4)
    neurons = pf.initialise("reduced", m, delta=delta, seed=1)
    one, two = (
        pf.Simulation(samples, neurons, integrator, device=device, state_dtype="float32")
        for device in ("cpu", "cuda")
    )
    for sim in (one, two):
        sim.run(until)
    assert two.state.variables.dtype == np.float32
    assert np.abs(one.residual - two.residual).max() < tolerance
    assert (one.state.cells() != two.state.cells()).mean() < 1e-3
    return one, two
