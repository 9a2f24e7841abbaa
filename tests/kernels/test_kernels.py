"""Sector kernels against the dense oracle and against plain NumPy."""

import itertools

import dense
import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from particleflow.backend import (
    METRICS,
    RungeKuttaTrial,
    State,
    predict_at,
    resolve_threads,
    threads_in_use,
)
from particleflow.kernels import _jit, cpu, flow, sectors
from particleflow.kernels.records import Neurons

CODE = {"network": flow.NETWORK, "euclidean": flow.EUCLIDEAN}
KINDS = ["random", "two", "close"]
seeds = st.integers(0, 2**32 - 1)
ORDER = {False: np.inf, True: 16}  # average run length from which neurons are sorted


def make(seed, kind="random", s=9, m=200, metric="network", by_sector=False):
    random = np.random.default_rng(seed)
    x, y = naive.hard_samples(random, kind, s)
    state = State(x, y, naive.hard_neurons(random, x, m), metric, ORDER[by_sector])
    if metric == "euclidean":  # the oracles see the rounded directions only
        cpu.locate_all(*state.variables[:2], x, state.cell, state.order.slots)
        state.update_residual()
    return state


def locate_one(a, b, x):
    cell = np.empty(1, np.int32)
    cpu.locate_all(np.array([a]), np.array([b]), x, cell, np.array([0, 1]))
    return int(cell[0])


@_jit.driver
def relocate_all(a, b, start, x):
    cells = np.empty_like(start)
    for i in range(a.size):
        cells[i] = sectors.relocate(a[i], b[i], start[i], x)
    return cells


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from(KINDS))
def test_cells_agree_with_every_rounded_preactivation(seed, kind):
    state = make(seed, kind)
    a, b, _ = state.variables
    on = naive.active(a, b, state.x)
    expected = np.array([naive.active_in_cell(k, state.x.size) for k in state.cell])
    assert_array_equal(on, expected)
    assert_array_equal(state.cell == 4 * state.x.size, (a == 0.0) & (b == 0.0))


def test_cells_by_the_table_of_the_model():
    x = np.array([-1.0, 0.0, 2.0])
    knots = {(1, -2.0): 0, (1, -0.5): 1, (1, 1.0): 2, (1, 3.0): 3,
             (-1, 3.0): 0, (-1, 1.0): 5, (-1, -0.5): 4, (-1, -2.0): 3}  # fmt: skip
    for (sign, knot), cell in knots.items():
        assert locate_one(sign, -sign * knot, x) == cell
    # a knot on a sample starts on the side where the sample is inactive
    assert locate_one(1.0, 0.0, x) == 2
    assert locate_one(-1.0, 0.0, x) == 4
    assert locate_one(0.0, 1.0, x) == 0
    assert locate_one(0.0, -1.0, x) == 3
    assert locate_one(0.0, 0.0, x) == 12


def test_nan_is_located_where_it_cannot_hide():
    x = np.array([-1.0, 0.5, 1.0])
    start = np.arange(2 * x.size, dtype=np.int32)
    for a, b in ((np.nan, 1.0), (1.0, np.nan), (-1.0, np.nan), (np.nan, np.nan), (0.0, np.nan)):
        assert locate_one(a, b, x) == 0
        moved = relocate_all(np.full(6, a), np.full(6, b), start, x)
        assert_array_equal(moved, 0)


def test_a_knot_on_a_sample_starts_on_the_inactive_side_in_both_metrics():
    random = np.random.default_rng(0)
    x, y = naive.samples(random, 9)
    a = random.standard_normal(400)
    neurons = (a, -a * random.choice(x, 400), np.ones(400))
    cells = [State(x, y, neurons, metric, run_length=np.inf).cell for metric in METRICS]
    assert_array_equal(cells[0], cells[1])


def test_drift_that_is_not_a_number_is_not_hidden():
    state = make(3, m=50)
    delta = state.delta()
    delta[2] = np.nan
    assert np.isnan(state.largest_drift(delta))


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from(KINDS))
def test_relocation_from_any_cell_finds_the_cell(seed, kind):
    state = make(seed, kind)
    a, b, _ = state.variables
    random = np.random.default_rng(seed)
    start = random.integers(0, 2 * state.x.size, a.size).astype(np.int32)
    start[::7] = 4 * state.x.size
    located = relocate_all(a, b, start, state.x)
    # from a sector the origin, where no sample is active, may also be called dead
    s = state.x.size
    assert_array_equal(np.where(located == 4 * s, s, located),
                       np.where(state.cell == 4 * s, s, state.cell))  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
def test_the_dense_oracle_agrees_with_numpy(metric):
    random = np.random.default_rng(3)
    x, rho = naive.samples(random, 6)
    a, b, c = naive.hard_neurons(random, x, 80)
    b = np.clip(b, -1e3, 1e3)
    assert_allclose(dense.predict(a, b, c, x), naive.predict(a, b, c, x), rtol=1e-12)
    assert_allclose(dense.field(a, b, x, rho), naive.field(a, b, x, rho), atol=1e-13)
    assert_allclose(dense.velocity(a, b, c, x, rho, CODE[metric]).T,
                    naive.velocity(a, b, c, x, rho, metric), atol=1e-9)  # fmt: skip
    assert_allclose(dense.tangent_kernel(a, b, c, x, CODE[metric]),
                    naive.tangent_kernel(a, b, c, x, metric), rtol=1e-12, atol=1e-12)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(seeds, st.sampled_from(KINDS), st.sampled_from(METRICS))
def test_residuals_field_and_velocity_agree_with_the_oracle(seed, kind, metric):
    state = make(seed, kind, metric=metric)
    a, b, c = state.variables
    f = dense.predict(a, b, c, state.x)
    size = np.abs(c * np.hypot(a, b)).mean() + np.abs(f).max()
    assert_allclose(state.residual + state.y, f, rtol=0, atol=1e-13 * (1 + size))
    rho = state.residual
    g = dense.field(a, b, state.x, rho)
    full = state.field()
    ours = np.array([full[k] if k < full.shape[0] else (0.0, 0.0) for k in state.cell])
    assert_allclose(ours, g, rtol=0, atol=1e-13 * np.abs(rho).sum())
    v = dense.velocity(a, b, c, state.x, rho, CODE[metric]).T
    assert_allclose(state.velocity(), v, rtol=1e-12, atol=1e-12 * (1 + np.abs(v).max()))


@settings(deadline=None, max_examples=40)
@given(seeds, st.sampled_from(KINDS), st.sampled_from(METRICS))
def test_tangent_kernel_product_agrees_with_the_oracle(seed, kind, metric):
    state = make(seed, kind, metric=metric)
    h = dense.tangent_kernel(*state.variables, state.x, CODE[metric])
    expected = -h @ state.residual
    scale = np.abs(h) @ np.abs(state.residual)
    assert_allclose(state.residual_rate(), expected, rtol=0, atol=1e-12 * scale.max())


def test_second_moments_are_the_covariances_of_the_paper():
    state = make(11, metric="euclidean", m=500)
    a, b, c = state.variables
    for k in range(2 * state.x.size):
        inside = state.cell == k
        t, d = np.array([-b, a])[:, inside], np.array([a, b])[:, inside]
        sigma = ((c[inside] ** 2 * t) @ t.T + d @ d.T) / state.size * (k != state.x.size)
        got = state.covariances()[k]
        assert_allclose(got, [sigma[0, 0], sigma[0, 1], sigma[1, 1]], atol=1e-13)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(10))
def test_residual_ode_against_central_differences(metric, seed):
    """20 random cases, three widths: the error falls with order 2."""
    random = np.random.default_rng(seed)
    x, y = naive.samples(random, 6)
    neurons = random.standard_normal((3, 40))
    state = State(x, y, tuple(neurons), metric, run_length=np.inf)
    rate = state.residual_rate()
    errors = []
    widths = np.array([4e-3, 2e-3, 1e-3])
    near = np.abs(state.variables[0][:, None] * x + state.variables[1][:, None]).min(axis=1)
    speed = np.abs(state.velocity()).max(axis=0) * 4
    keep = near > widths[0] * speed  # nobody meets a ray meanwhile
    assert keep.sum() > 20
    state = State(x, y, tuple(neurons[:, keep]), metric, run_length=np.inf)
    rate = state.residual_rate()
    trial = RungeKuttaTrial(state)
    for width in widths:
        ends = []
        for h in (width, -width):
            trial.step(h)
            assert_array_equal(trial.cell, state.cell)
            ends.append(trial.residual.copy())
        errors.append(np.abs((ends[0] - ends[1]) / (2 * width) - rate).max())
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert 1.9 < slope < 2.1
    assert errors[-1] < 1e-3 * np.abs(rate).max()


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_prediction_anywhere_agrees_with_the_oracle(seed):
    random = np.random.default_rng(seed)
    x, _ = naive.samples(random, 5)
    a, b, c = naive.hard_neurons(random, x, 60)
    b = np.clip(b, -1e3, 1e3)
    points = random.choice(np.concatenate([x, random.uniform(-3, 3, 20)]), (4, 8))
    f = predict_at(a, b, c, points)
    assert f.shape == (4, 8)
    assert_allclose(f.ravel(), naive.predict(a, b, c, points.ravel()), rtol=0, atol=1e-10)
    assert predict_at(a, b, c, np.empty(0)).shape == (0,)


def euler(parameters, x, y, h, n, metric):
    """Explicit Euler steps by the dense oracle."""
    a, b, c = (np.array(v) for v in parameters)
    rho = dense.predict(a, b, c, x) - y
    for _ in range(n):
        v = dense.velocity(a, b, c, x, rho, CODE[metric])
        a, b, c = a + h * v[:, 0], b + h * v[:, 1], c + h * v[:, 2]
        if metric == "euclidean":
            norm = np.hypot(a, b)
            norm[norm == 0.0] = 1.0
            a, b = a / norm, b / norm
        rho = dense.predict(a, b, c, x) - y
    return np.array([a, b, c]), rho


def cells_by_region(s):
    """Sector 0, ray 0, sector 1, ray 1, and so forth, and the origin."""
    return [*np.stack([np.arange(2 * s), np.arange(2 * s, 4 * s)], axis=1).ravel(), 4 * s]


@pytest.mark.parametrize("s", [1, 2, 7])
def test_sorting_puts_neurons_of_all_cells_in_the_order_of_theta(s):
    random = np.random.default_rng(s)
    m = 3000
    cells = random.integers(0, 4 * s + 1, m).astype(np.int32)
    cells[: m // 2] = np.sort(cells[: m // 2])  # runs, too
    variables = random.standard_normal((3, m))
    slots = np.array([0, 1000, 1700, m])
    order = cpu.order_of(slots, s, True)
    ident, start, members = order.ident, order.start, order.members
    z, cell = variables.copy(), cells.copy()
    for _ in range(2):
        cpu.sort_slots(Neurons(*z, cell), order)
        for i, (lo, hi) in enumerate(itertools.pairwise(slots)):
            assert_array_equal(members[i], np.diff(start[i]))
            for region, k in enumerate(cells_by_region(s)):
                assert (cell[lo:hi][start[i, region] : start[i, region + 1]] == k).all()
            where = lo + ident[lo:hi]
            assert_array_equal(np.sort(where), np.arange(lo, hi))
            assert_array_equal(cell[lo:hi], cells[where])
            assert_array_equal(z[:, lo:hi], variables[:, where])
        # some move on, and the sort starts from that
        moved = random.integers(0, m, 200)
        cell[moved] = random.integers(0, 4 * s + 1, 200)
        for lo, hi in itertools.pairwise(slots):
            cells[lo + ident[lo:hi]] = cell[lo:hi]


def check_order(state):
    """Every invariant of the order tables."""
    for i, (lo, hi) in enumerate(zip(state.order.slots[:-1], state.order.slots[1:], strict=True)):
        assert_array_equal(np.sort(state.order.ident[lo:hi]), np.arange(hi - lo))
        start, members, guests = state.order.start[i], state.order.members[i], state.order.guests[i]
        assert start[0] == 0
        assert start[-1] == hi - lo
        assert (members + guests <= np.diff(start)).all()
        if members.size == 1:
            assert members[0] == guests[0] == 0
            continue
        s = state.x.size
        for region, k in enumerate(cells_by_region(s)):
            close = {k} if k >= 2 * s else {k, (k + 1) % (2 * s), (k - 1) % (2 * s)}
            cells = state.cell[lo + start[region] : lo + start[region + 1]]
            first = cells.size - members[region]
            strays, visiting, home = np.split(cells, [first - guests[region], first])
            assert (home == k).all()
            assert set(visiting) <= close
            assert (state.metric == "network" and s > 1) or visiting.size == 0
            # who comes back, or close, is no stray any more
            assert not set(strays) & (close if state.metric == "network" and s > 1 else {k})
    again = np.empty_like(state.cell)
    cpu.locate_all(*state.variables[:2], state.x, again, state.order.slots)
    assert_array_equal(state.cell, again)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("m", "s", "h"), [
    (300, 4, 0.05), (20_000, 4, 0.05), (5_000, 200, 1e-3), (1000, 1, 0.05), (1000, 2, 0.05),
    (1000, 3, 0.2),
])  # fmt: skip
def test_gradient_descent_agrees_with_dense_euler(metric, m, s, h):
    random = np.random.default_rng(m + s)
    x, y = naive.samples(random, s)
    y *= 2.0
    neurons = random.standard_normal((3, m))
    neurons[:2, :5] = 0.0
    n = 60
    expected_start = State(x, y, tuple(neurons), metric, run_length=np.inf)
    final, rho = euler(expected_start.variables, x, y, h, n, metric)
    crossings = []
    for by_sector in (False, True):
        state = State(x, y, tuple(neurons), metric, ORDER[by_sector])
        # sectors of 200 samples would be too thin
        assert (state.order.members.shape[1] > 1) == (by_sector and s < 200)
        assert state.gradient_descent(h, n // 2) == n // 2
        assert state.gradient_descent(h, n - n // 2) == n - n // 2
        assert_allclose(state.residual, rho, rtol=0, atol=1e-11)
        assert_allclose(state.parameters(), final, rtol=0, atol=1e-10)
        check_order(state)
        crossings.append(int(state.crossings.sum()))
    assert crossings[0] == crossings[1] > m // (10 if s > 1 else 30)


@pytest.mark.parametrize("metric", METRICS)
def test_members_guests_and_strays_move_alike_to_the_bit(metric):
    """One step of a state in sector order and of the same one in plain order."""
    random = np.random.default_rng(3)
    x, y = naive.samples(random, 5)
    state = State(x, 3 * y, tuple(random.standard_normal((3, 6000))), metric, 16)
    strays = guests = steps = 0
    while strays < 30 or (metric == "network" and guests < 200):
        assert steps < 100
        state.gradient_descent(0.01, 1)
        steps, guests = steps + 1, state.order.guests.sum()
        strays = 6000 - state.order.members.sum() - guests
    plain = State(x, 3 * y, tuple(state.parameters()), "network", np.inf)
    plain.metric_code = state.metric_code
    assert_array_equal(plain.cell, state.cell[np.argsort(state.order.ident)])
    plain.residual[:] = state.residual
    for one in (state, plain):
        before = one.crossings.sum()
        one.gradient_descent(0.01, 1)
        one.last = one.crossings.sum() - before
    assert state.last == plain.last > 10
    assert_array_equal(plain.cell, state.cell[np.argsort(state.order.ident)])
    assert_array_equal(plain.parameters(), state.parameters())


def test_slots_are_sorted_again_when_strays_pile_up():
    random = np.random.default_rng(5)
    x, y = naive.samples(random, 3)
    state = State(x, 3 * y, tuple(random.standard_normal((3, 6000))), "network", 16)
    start = state.order.start.copy()
    state.gradient_descent(0.02, 400)
    assert (state.order.start != start).any()
    check_order(state)


@pytest.mark.parametrize("metric", METRICS)
def test_dead_and_resting_neurons_never_move(metric):
    random = np.random.default_rng(8)
    x, y = naive.samples(random, 4)
    a, b, c = naive.hard_neurons(random, x, 4000)
    neurons = (a, np.clip(b, -3.0, 3.0), c)
    for by_sector in (False, True):
        state = State(x, y, neurons, metric, ORDER[by_sector])
        before, cells = state.parameters(), state.cell.copy()
        index = state.order.slots[:-1].repeat(np.diff(state.order.slots)) + state.order.ident
        gone = np.zeros(state.size, bool)
        gone[index] = (cells == 4) | (cells == 16)
        assert gone.sum() > 400
        state.gradient_descent(0.01, 50)
        assert_array_equal(state.parameters()[:, gone], before[:, gone])
        if not by_sector:
            trial = RungeKuttaTrial(state)
            for _ in range(20):
                assert trial.step(0.01) < 1.0
                trial.accept()
            assert_array_equal(state.parameters()[:, gone], before[:, gone])


def test_divergence_stops_at_the_step_that_made_it():
    random = np.random.default_rng(2)
    x, y = naive.samples(random, 5)
    neurons = tuple(random.standard_normal((3, 50)))
    state = State(x, y, neurons, "network", np.inf)
    taken = state.gradient_descent(1e60, 100)
    assert 1 < taken < 100
    assert not np.isfinite(state.residual).all()
    again = State(x, y, neurons, "network", np.inf)
    assert again.gradient_descent(1e60, taken - 1) == taken - 1
    assert np.isfinite(again.residual).all()


def everything(m, s, metric, by_sector):
    """Bits of all that the parallel kernels compute."""
    random = np.random.default_rng(m)
    x, y = naive.samples(random, s)
    state = State(x, y, tuple(random.standard_normal((3, m))), metric, ORDER[by_sector])
    state.gradient_descent(0.01, 40)
    trial = RungeKuttaTrial(state)
    error = trial.step(0.01)
    frame = state.new_frame(m, "float32")
    state.pack_frame(frame)
    return [
        state.variables, state.cell, state.order.ident, state.residual, state.velocity(),
        state.first_moments(), state.covariances(), state.cell_counts(),
        trial.variables, trial.residual, np.array(error), frame.position, frame.cells,
        state.predict(np.linspace(-1, 1, 77)), np.array(state.largest_drift(state.delta() + 1.0)),
    ]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("by_sector", [False, True])
def test_the_same_bits_for_any_number_of_threads(metric, by_sector):
    threads = resolve_threads(None)
    assert threads > 1
    results = []
    for n in (1, 2, 3, threads):
        with threads_in_use(n):
            results.append([v.tobytes() for v in everything(30_000, 6, metric, by_sector)])
    assert resolve_threads(None) == threads
    assert all(result == results[0] for result in results[1:])


def test_slots_depend_on_sizes_alone_and_cover_all():
    for m, s in ((1, 2), (4095, 2), (10**7, 10), (10**7, 1000), (10**5, 10**4)):
        bounds = cpu.slot_bounds(m, s)
        assert bounds[0] == 0
        assert bounds[-1] == m
        assert (np.diff(bounds) > 0).all()
        assert bounds.size - 1 <= 64
    assert cpu.slot_bounds(10**7, 10).size == 65


def test_frames_of_a_subset_are_evenly_spread_in_original_order():
    state = make(4, m=1000, s=3, by_sector=True)
    assert state.order.members.shape[1] > 1
    a, b, c = state.parameters()
    for n in (1, 7, 999, 1000):
        frame = state.new_frame(n, "float64")
        frame.position[:], frame.cells[:] = np.nan, -1
        state.pack_frame(frame)
        position, cells = frame.position, frame.cells
        ids = np.arange(n) * 1000 // n
        assert_allclose(position[:, 0], (c * np.hypot(a, b))[ids], rtol=1e-15)
        theta = np.arctan2(b, a)[ids]
        theta[theta == -np.pi] = np.pi
        assert_allclose(position[:, 1], theta, rtol=1e-15)
        assert (cells >= 0).all()


def test_theta_stays_in_its_half_open_interval():
    state = State(np.array([0.0, 1.0]), np.zeros(2), (np.array([-1.0]), np.array([-0.0]),
                  np.array([1.0])), "network", np.inf)  # fmt: skip
    frame = state.new_frame(1, "float64")
    state.pack_frame(frame)
    assert frame.position[0, 1] == np.pi


def test_polar_coordinates():
    """Within 4 units in the last place, special values included; NaN where there is one."""
    from particleflow.kernels.polar import polar

    random = np.random.default_rng(0)
    scale = 10.0 ** random.uniform(-300, 300, 20_000)
    special = [0.0, -0.0, 1.0, -1.0, 1e-310, -1e-310, 1e308, np.tan(np.pi / 8)]
    points = [*(random.standard_normal((20_000, 2)) * scale[:, None]),
              *((x, y) for x in special for y in special)]  # fmt: skip
    for x, y in points:
        length, angle = polar(x, y)
        expected = np.arctan2(y, x) if (x, y) != (0.0, 0.0) else 0.0
        if expected == -np.pi:
            expected = np.pi
        assert abs(angle - expected) <= 4 * np.spacing(abs(expected))
        expected = np.hypot(x, y)
        assert abs(length - expected) <= 4 * np.spacing(expected)
    for x, y in ((np.nan, 1.0), (1.0, np.nan), (np.nan, 0.0), (0.0, np.nan), (np.nan, np.inf)):
        assert np.isnan(polar(x, y)).all()
