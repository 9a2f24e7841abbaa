"""Weight decay: against ODE solvers, plain SGD, and identities."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import particleflow as pf
from particleflow import config
from particleflow.backend.fields import extended
from particleflow.jobs.prepare import prepare
from particleflow.kernels.host import field, mean_residual
from particleflow.kernels.host.decay import HALVED, HALVINGS, LEAST_SIGMA, SIGMA, halved
from particleflow.run.stopping import check_times

SAMPLES = pf.Samples.generate("square_wave", 6)
DECAY = 0.3
INTEGRATORS = {"boost": pf.Boost(1e-3), "gd": pf.GradientDescent(0.01), "rk": pf.RungeKutta(1e-3)}


def start(m=40, delta=0.3, seed=1):
    return pf.initialise("reduced", m, delta=delta, seed=seed)


def rate(z, samples, decay):
    """The rate of (a, b, c), (3, m), with every sum written out."""
    a, b, c = z
    pre = a[:, None] * samples.x + b[:, None]
    active = pre > 0.0
    rho = samples.weights * (c @ np.maximum(pre, 0.0) / c.size - samples.y)
    gx, g1 = -(active * rho) @ samples.x, -(active * rho).sum(axis=1)
    return np.stack([c * gx, c * g1, a * gx + b * g1]) - decay * z


def parameters(neurons):
    return np.stack([neurons.a, neurons.b, neurons.c])


def away_from_rays(m=12):
    """Samples, and neurons that are active for all of them and stay so for a time."""
    random = np.random.default_rng(3)
    x = np.linspace(-1.0, 1.0, 5)
    a, b, c = random.uniform(-0.3, 0.3, m), random.uniform(2.0, 3.0, m), random.standard_normal(m)
    return pf.Samples(x, np.sin(3.0 * x)), pf.Neurons(a, b, c, alpha=m)


@pytest.mark.parametrize(
    "integrator", [pf.Boost(3e-13), pf.RungeKutta(1e-11)], ids=lambda i: i.name
)
def test_against_a_solver_of_odes(integrator):
    samples, neurons = away_from_rays()
    z = parameters(neurons)
    solution = solve_ivp(
        lambda _, z: rate(z.reshape(3, -1), samples, DECAY).ravel(), (0.0, 1.0), z.ravel(),
        method="DOP853", rtol=1e-13, atol=1e-13,
    )  # fmt: skip
    sim = pf.Simulation(samples, neurons, integrator, decay=DECAY)
    sim.run(1.0)
    assert sim.state.all_crossings() == 0
    assert_allclose(parameters(sim.neurons).ravel(), solution.y[:, -1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("with_rays", [False, True])
def test_boost_has_order_2(with_rays):
    samples, neurons = (SAMPLES, start(400)) if with_rays else away_from_rays()

    def residual(h):
        sim = pf.Simulation(samples, neurons, pf.Boost(step=h), decay=DECAY)
        sim.run(1.0)
        assert bool(sim.state.all_crossings()) == with_rays
        return sim.residual

    exact = residual(2.0**-13)
    errors = [np.abs(residual(2.0**-k) - exact).max() for k in (4, 6, 8)]
    order = math.log2(errors[0] / errors[2]) / 4.0
    assert order > (1.6 if with_rays else 1.95)
    assert errors[2] < 1e-4


@pytest.mark.parametrize("m", [60, 20_000])
def test_gradient_descent_is_sgd_with_weight_decay(m):
    h, n = 0.02, 300
    sim = pf.Simulation(SAMPLES, start(m), pf.GradientDescent(h), decay=DECAY)
    z = parameters(sim.neurons)
    for _ in range(n):
        z = z + h * rate(z, SAMPLES, DECAY)
    sim.run(n * h)
    assert sim.state.all_crossings() > 0
    assert_allclose(parameters(sim.neurons), z, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("loss", "multiple"), [("half_sum", 1), ("sum", 2), ("mean", 1 / 3),
                                                ("half_mean", 1 / 6)])  # fmt: skip
def test_weight_decay_of_an_optimiser(loss, multiple, tmp_path):
    """Raw parameters, a learning rate and a weight decay of a named loss, by settings alone."""
    eta, wd, m, alpha = 0.05, 0.04, 50, 2.0
    random = np.random.default_rng(2)
    a, b, c = random.uniform(-1.0, 1.0, (3, m))
    np.savez(tmp_path / "n.npz", a=a, b=b, c=c)
    (tmp_path / "c.toml").write_text(
        '[samples]\nkind = "square_wave"\ncount = 6\n[neurons]\ninit = "file"\nfile = "n.npz"\n'
        f'alpha = {alpha}\n[flow]\nintegrator = "gd"\nloss = "{loss}"\nlearning_rate = {eta}\n'
        f"epochs = 200\nweight_decay = {wd}\n[output]\nfile = '{tmp_path}/c.h5'\n"
    )
    for _ in range(200):
        pre = a[:, None] * SAMPLES.x + b[:, None]
        hidden, active = np.maximum(pre, 0.0), pre > 0.0
        error = multiple * (c @ hidden / alpha - SAMPLES.y) / alpha
        ga, gb, gc = c * (active @ (error * SAMPLES.x)), c * (active @ error), hidden @ error
        a, b, c = a - eta * (ga + wd * a), b - eta * (gb + wd * b), c - eta * (gc + wd * c)
    run = prepare(config.load(tmp_path / "c.toml"))
    run.simulation.run(run.until)
    assert run.simulation.decay == pytest.approx(alpha * wd / multiple, rel=1e-14)
    assert pf.decay_in_tau(wd, alpha, loss, 6) == run.simulation.decay
    for now, then in zip(run.simulation.neurons.to_numpy(), (a, b, c), strict=True):
        assert_allclose(now, then, rtol=0, atol=1e-12)


@pytest.mark.parametrize("s", [3, 40])
@pytest.mark.parametrize("h", [1e-9, 0.05, 3.0, 1e4])
def test_the_mean_of_the_residuals(s, h):
    """phi_2 by Krylov spaces against the exponential of an extended matrix."""
    random = np.random.default_rng(s)
    x = np.sort(random.uniform(-1.0, 1.0, s))
    xt = extended(x)
    root = 0.3 * random.standard_normal((2 * s, 2, 2))
    sums = np.ascontiguousarray((root @ root.transpose(0, 2, 1)).reshape(2 * s, 4)[:, [0, 1, 3]])
    kernel, vector, out = np.empty((s, s)), random.standard_normal(s), np.empty(s)
    field.tangent_kernel(sums, xt, kernel)
    mean_residual.phi_product(sums, vector, xt, (2, 0.7, h), 1e-12, out)
    matrix = h * (kernel + 0.7 * np.eye(s))
    # phi_2(-A) is the upper right block of the exponential of [[-A, 1, 0], [0, 0, 1], [0, 0, 0]]
    one, nothing = np.eye(s), np.zeros((s, s))
    blocks = [[-matrix, one, nothing], [nothing, nothing, one], [nothing, nothing, nothing]]
    if h < 1e3:
        expected = expm(np.block(blocks))[:s, 2 * s :] @ vector
    else:  # expm squares too often: (A - 1) / A^2, since exp(-A) has vanished
        inverse = np.linalg.inv(matrix)
        expected = (inverse - inverse @ inverse) @ vector
    assert_allclose(out, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("name", INTEGRATORS)
def test_the_flow_lowers_loss_and_penalty_by_its_power(name):
    sim = pf.Simulation(SAMPLES, start(200), INTEGRATORS[name], decay=DECAY)
    sim.run(0.5)
    z = parameters(sim.neurons)
    penalty = DECAY / 2.0 * (z**2).sum() / sim.size
    assert sim.state.objective() == pytest.approx(sim.loss + penalty, rel=1e-14)
    if name != "boost":  # without sliding neurons it is the mean square of all rates
        power = (rate(z, SAMPLES, DECAY) ** 2).sum() / sim.size
        assert sim.state.power() == pytest.approx(power, rel=1e-12)
    before, power = sim.state.objective(), sim.state.power()
    fine = pf.Simulation(SAMPLES, sim.neurons, pf.Boost(step=1e-6), decay=DECAY)
    assert fine.state.objective() == pytest.approx(before, rel=1e-12)
    rate_of_residual, residual = fine.residual_rate(), fine.residual
    fine.run(1e-6)
    assert (before - fine.state.objective()) / 1e-6 == pytest.approx(power, rel=1e-3)
    assert_allclose(fine.residual - residual, 1e-6 * rate_of_residual, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "step"), [("gd", 0.5), ("boost", None), ("rk", None)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_long_decay(name, step, dtype):
    """Stored neurons are halved again and again; dead ones shrink by the factor alone."""
    integrator = pf.GradientDescent(step) if step else INTEGRATORS[name]
    neurons, decay, until = start(300, delta=-0.5), 1.0, 60.0
    sim = pf.Simulation(SAMPLES, neurons, integrator, decay=decay, state_dtype=dtype)
    drift = sim.state.drift_from_here()
    sim.run(until)
    assert sim.state.sigma[HALVINGS] >= 4 * HALVED
    assert LEAST_SIGMA <= sim.state.sigma[SIGMA] < 2.0
    factor = (1.0 - decay * step) ** (until / step) if step else math.exp(-decay * until)
    assert sim.state.delta_factor == pytest.approx(factor**2, rel=1e-12)
    dead = sim.state.cells() == SAMPLES.size
    first = start(300, delta=-0.5)
    at_once = dead & (np.outer(first.a, SAMPLES.x) + first.b[:, None] <= 0.0).all(axis=1)
    assert at_once.sum() > 20
    expected = factor * parameters(first)[:, at_once]
    if dtype == "float64":  # 2^-87: float32 has no more room for it
        assert_allclose(parameters(sim.neurons)[:, at_once], expected, rtol=1e-12)
    else:
        assert np.abs(parameters(sim.neurons)[:, at_once]).max() < 1e-15
    if name == "boost":
        assert drift() < (1e-12 if dtype == "float64" else 1e-4)


def test_halving():
    for least, sizes in ((2.0**-400, (1.0, 1e-110, 1e-120, 1e-130, 0.0)),):
        for size in sizes:
            factor = halved(0.0, -size, 0.5 * size, least)
            assert math.frexp(factor)[0] == 0.5
            assert LEAST_SIGMA <= factor <= 1.0
            assert factor == LEAST_SIGMA or size * factor < 2.0 * least
            assert factor in (LEAST_SIGMA, 1.0) or size * factor >= least


@pytest.mark.parametrize("name", INTEGRATORS)
def test_weighted_neurons_are_so_many_copies(name):
    one = start(30)
    copies = np.arange(30) % 3 + 1
    many = pf.Neurons(*(np.repeat(v, copies) for v in (one.a, one.b, one.c)), alpha=one.alpha)
    weighted = pf.Neurons(one.a, one.b, one.c, alpha=one.alpha, weights=copies)
    sims = [pf.Simulation(SAMPLES, n, INTEGRATORS[name], decay=DECAY) for n in (weighted, many)]
    for sim in sims:
        sim.run(1.0)
    assert_allclose(sims[0].residual, sims[1].residual, rtol=0, atol=1e-3 if name == "rk" else 1e-9)
    assert sims[0].state.mean_square() == pytest.approx(sims[1].state.mean_square(), rel=1e-3)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_trajectory(name, tmp_path):
    path = tmp_path / "run.h5"
    sim = pf.Simulation(SAMPLES, start(120), INTEGRATORS[name], decay=DECAY)
    names = ("loss", "penalty", "path_norm", "delta_drift")
    sim.writers.append(pf.TrajectoryWriter(path, frames=5, precision="float64", observables=names))
    sim.run(2.0)
    z, d = parameters(sim.neurons), sim.neurons.delta
    with pf.open_trajectory(path) as run:
        assert run.decay == DECAY
        assert_array_equal(run.delta, start(120).delta)
        if name != "gd":
            assert_allclose(run.delta_factor, np.exp(-2.0 * DECAY * run.time), rtol=1e-13)
        if name == "boost":  # the others change delta where neurons chatter around rays
            assert_allclose(run.delta * run.delta_factor[-1], d, rtol=0, atol=1e-12)
            assert_allclose(np.stack(run.parameters(-1)), z, rtol=0, atol=1e-12)
        assert_allclose(run.predict(-1, SAMPLES.x) - SAMPLES.y, sim.residual, rtol=0, atol=1e-12)
        last = {what: run.observable(what)[1][-1] for what in names}
        u, v = np.array([0.3, -0.2]), np.array([0.1, 0.4])
        for one, two in zip(run.field(-1, u, v, 1, 0.2), sim.field(u, v, 1, 0.2), strict=True):
            assert_allclose(one, two, rtol=0, atol=1e-11)
    assert_allclose(sim.state.delta(), d, rtol=0, atol=1e-13)
    assert last["penalty"] == pytest.approx(DECAY / 2.0 * (z**2).sum() / 120, rel=1e-12)
    sizes = np.abs(z[2]) * np.hypot(z[0], z[1])
    assert last["path_norm"] == pytest.approx(sizes.mean(), rel=1e-12)
    assert last["delta_drift"] < (1e-13 if name == "boost" else 0.05)
    again = pf.Simulation(SAMPLES, pf.Neurons.from_file(path), pf.GradientDescent(1e-6))
    assert_allclose(again.residual, sim.residual, rtol=0, atol=1e-12)
    pf.export(path, tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as arrays:
        assert arrays["decay"] == DECAY
        assert arrays["delta_factor"].shape == arrays["time"].shape == (5,)


def test_the_velocity_of_a_particle():
    """The rate of (u, v) by a finite difference along the flow."""
    neurons = pf.Neurons([0.8, 1.0], [0.9, -2.0], [0.7, 0.5], alpha=2)
    sim = pf.Simulation(SAMPLES, neurons, pf.Boost(step=1e-7), decay=DECAY)
    z = parameters(neurons)[:, 0]
    found = np.array(sim.field(z[2] * z[0], z[2] * z[1], 1, z[2] ** 2 - z[0] ** 2 - z[1] ** 2))
    sim.run(1e-7)
    later = parameters(sim.neurons)[:, 0]
    expected = (later[2] * later[:2] - z[2] * z[:2]) / 1e-7
    assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_snapshot_goes_on_to_the_bit(name):
    def make():
        return pf.Simulation(SAMPLES, start(300), INTEGRATORS[name], decay=5.0)

    whole, one, two = make(), make(), make()
    ends = [3.0, 6.0]  # after halvings of the stored neurons
    for sim in (whole, one):
        sim.run(ends[0])
    two.restore({key: values.copy() for key, values in one.snapshot().items()})
    assert two.state.sigma[HALVINGS] > 0.0
    for sim in (whole, two):
        sim.run(ends[1])
    assert_array_equal(parameters(two.neurons), parameters(whole.neurons))
    assert_array_equal(two.residual, whole.residual)


def test_runs_without_an_end():
    ends = []
    for tolerance in (1e-3, 1e-5):
        sim = pf.Simulation(SAMPLES, start(300), pf.Boost(tolerance), decay=0.05)
        sim.run(math.inf)
        assert 20.0 < sim.time < 1e6
        assert "has settled" in sim.notes[0]
        ends.append(sim.state.objective())
    assert ends[0] == pytest.approx(ends[1], rel=1e-6)
    nothing = pf.Simulation(SAMPLES, start(300), decay=50.0)
    nothing.run(math.inf)
    assert nothing.time < 10.0
    assert nothing.loss == pytest.approx(0.5 * (SAMPLES.y**2).sum(), rel=1e-9)


@pytest.mark.parametrize("integrator", [
    pf.Boost(1e-3), pf.Boost(step=0.02), pf.RungeKutta(1e-3), pf.GradientDescent(5e-4),
], ids=["boost", "boost, fixed", "rk", "gd"])  # fmt: skip
def test_decay_that_leaves_nothing(integrator):
    """No number of neurons comes to 0, whatever steps would be taken, and f vanishes."""
    sim = pf.Simulation(SAMPLES, start(100), integrator, decay=1000.0)
    sim.run(4.0)
    assert sim.state.sigma_square > 0.0
    assert sim.loss == pytest.approx(0.5 * (SAMPLES.y**2).sum(), rel=1e-12)
    assert sim.notes[0].endswith("weight decay has brought f to 0")
    assert np.isfinite(parameters(sim.neurons)).all()
    largest = sim.hessian.largest()
    fastest = np.hypot(*sim.state.field().T).max()
    assert 1000.0 <= largest <= 1000.0 + fastest * (1.0 + 1e-12)
    assert_allclose(sim.hessian.eigenvalues(2)[0], largest, rtol=1e-12)


def test_strong_decay_is_not_settled_at_once():
    for decay in (30.0, 1000.0, 1750.0):
        sim = pf.Simulation(SAMPLES, start(100), decay=decay)
        sim.run(math.inf)
        assert sim.state.penalty() < 1e-10
        assert "weight decay has brought f to 0" in sim.notes[0]


def test_a_run_that_begins_settled_ends():
    first = pf.Simulation(SAMPLES, start(300), pf.Boost(1e-4), decay=0.2)
    first.run(math.inf)
    again = pf.Simulation(SAMPLES, first.neurons, pf.Boost(1e-4), decay=0.2)
    again.run(math.inf)
    assert again.time < 100.0
    assert again.state.objective() == pytest.approx(first.state.objective(), rel=1e-6)


def test_a_plateau_is_not_the_end():
    """Most of the sum decays early; tiny neurons go on growing, by hardly more than they decay."""
    small = pf.initialise("reduced", 300, scale=1e-6, delta=0.0, seed=1)
    gone = pf.Neurons([1.0] * 30, [-9.0] * 30, [1.0] * 30)
    both = [np.concatenate([getattr(small, v), getattr(gone, v)]) for v in "abc"]
    tiny = pf.initialise("reduced", 300, scale=1e-16, delta=0.0, seed=1)
    more = [np.concatenate([getattr(tiny, v), getattr(gone, v)]) for v in "abc"]
    for neurons, decay in (
        (small, 1.5), (small, 2.0), (pf.Neurons(*both), 1.2), (pf.Neurons(*more), 1.5),
    ):  # fmt: skip
        sim = pf.Simulation(SAMPLES, neurons, pf.Boost(1e-4), decay=decay)
        sim.run(math.inf)
        assert sim.state.objective() < 3.0 - 1e-3


def test_a_recording_that_begins_late(tmp_path):
    """Nothing is left of delta, and what is recorded of it must not spoil the parameters."""
    sim = pf.Simulation(SAMPLES, start(60), decay=0.5)
    sim.run(1500.0)
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "late.h5", frames=2, precision="float64"))
    sim.run(1501.0)
    with pf.open_trajectory(tmp_path / "late.h5") as run:
        found = np.stack(run.parameters(-1))
    assert_allclose(found, parameters(sim.neurons), rtol=0, atol=1e-6)


def test_chatter_at_the_minimum_is_no_fall():
    sim = pf.Simulation(SAMPLES, start(100), pf.GradientDescent(1e-3), decay=0.1)
    sim.run(300.0)
    assert "falls by" not in sim.notes[0]


def test_near_the_saddle_at_0_a_run_goes_on():
    """Small neurons grow for long before the loss falls, and it must not count as settled."""
    small = pf.initialise("reduced", 300, scale=1e-6, delta=0.0, seed=1)
    sim = pf.Simulation(SAMPLES, small, pf.Boost(1e-4), decay=0.5)
    sim.run(math.inf)
    assert sim.loss < 0.8 * 0.5 * (SAMPLES.y**2).sum()
    assert sim.time > check_times(0.0)[20]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: pf.Simulation(SAMPLES, start(), decay=-0.1), "decay: expected a rate of at least 0"),
    (lambda: pf.Simulation(SAMPLES, start(), decay=math.nan), "decay: expected a finite number"),
    (lambda: pf.Simulation(SAMPLES, start(), metric="euclidean", decay=0.1),
     "decay: needs metric = 'network'"),
    (lambda: pf.Simulation(SAMPLES, start(), pf.GradientDescent(0.5), decay=2.0),
     "decay: 2 in tau times the step of gd, 0.5, is 1, expected below 1"),
    (lambda: pf.Simulation(SAMPLES, pf.Neurons([1, 1], [0, 1], [1, 1], weights=[1, 0]), decay=1.0,
                           state_dtype="float32"), "no room for neurons of weight 0 that decay"),
    (lambda: pf.Simulation(SAMPLES, start(), pf.Boost(step=1.0), decay=40.0),
     "step: times the decay 40 it may be 32 at most, found 40"),
    (lambda: pf.decay_in_tau(-1.0, 1.0), "weight_decay: expected at least 0, found -1"),
])  # fmt: skip
def test_what_is_refused(make, message):
    with pytest.raises(pf.ConfigError, match=message):
        make()


@pytest.mark.parametrize(("flow", "message"), [
    ("decay = 0.1\nweight_decay = 0.1", "flow: expected decay or weight_decay, found both"),
    ("decay = -0.1", "flow.decay: expected a finite number of at least 0, found -0.1"),
    ("weight_decay = inf", "flow.weight_decay: expected a finite number of at least 0, found inf"),
    ('metric = "euclidean"\ndecay = 1.0', 'flow.decay: needs metric = "network"'),
    ('loss = "sum"', "flow.loss: goes with learning_rate or weight_decay"),
])  # fmt: skip
def test_what_a_configuration_is_refused_for(flow, message, tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(f'[samples]\nkind = "sine"\n[flow]\n{flow}\n')
    with pytest.raises(pf.ConfigError) as found:
        config.load(path)
    assert message in str(found.value)
    assert "\n" not in str(found.value)
