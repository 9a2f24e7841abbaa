"""Observables beside theory: each against its definition, and in a file."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import CubicSpline

import particleflow as pf
from particleflow.run import diagnostics
from particleflow.run.diagnostics import BUILDERS
from particleflow.run.observables import build

SAMPLES = pf.Samples.generate("square_wave", 6)
NAMES = tuple(BUILDERS)


def f(neurons, x):
    return np.mean(neurons.c * np.maximum(np.multiply.outer(x, neurons.a) + neurons.b, 0), axis=-1)


def kernel(neurons, x, cell):
    """sum over neurons of grad f(x_i) grad f(x_j); those that slide move along their ray only."""
    s = x.size
    on = np.multiply.outer(x, neurons.a) + neurons.b > 0
    sliding = np.flatnonzero((cell >= 2 * s) & (cell < 4 * s))
    j = (cell[sliding] - 2 * s) % s
    on[j, sliding] = False
    first = np.where(on, np.multiply.outer(x, neurons.a) + neurons.b, 0.0)
    xx = np.repeat((np.multiply.outer(x, x) + 1)[..., None], neurons.size, axis=2)
    ray = np.stack([np.ones(j.size), -x[j]]) / np.sqrt(1 + x[j] ** 2)
    reach = np.multiply.outer(x, ray[0]) + ray[1]
    xx[:, :, sliding] = reach[:, None] * reach[None]
    weight = xx * on[:, None] * on[None] * neurons.c**2
    return (first @ first.T + weight.sum(axis=2)) / neurons.size


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(file, neurons at the start, and at the end) of a run whose first knots have reached rays."""
    path = tmp_path_factory.mktemp("diagnostics") / "run.h5"
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 40_000, delta=-1.0, seed=0))
    sim.writers.append(pf.TrajectoryWriter(path, frames=3, observables=NAMES))
    before = sim.neurons
    sim.run(0.05)
    assert sim.state.crossings.sum() > 100
    return path, before, sim


def test_each_is_what_it_says(recorded):
    path, before, sim = recorded
    after, x, y = sim.neurons, SAMPLES.x, SAMPLES.y
    with pf.open_trajectory(path) as trajectory:
        first, last = ({name: trajectory.observable(name)[1][i] for name in NAMES} for i in (0, -1))
    for name in ("kernel_distance", "activation_distance", "parameter_distance"):
        assert first[name] == 0.0 < last[name]
    cell = sim.state.cells()
    h0, h = kernel(before, x, np.zeros(sim.size, int)), kernel(after, x, cell)
    assert_allclose(first["kernel_spectrum"], np.linalg.eigvalsh(h0)[::-1], rtol=1e-9)
    assert_allclose(last["kernel_spectrum"], np.linalg.eigvalsh(h)[::-1], rtol=1e-8)
    expected = 1 - np.sum(h * h0) / np.linalg.norm(h) / np.linalg.norm(h0)
    assert_allclose(last["kernel_distance"], expected, rtol=1e-6)
    slides = (cell >= 12) & (cell < 24)
    assert slides.sum() > 20
    on = [np.multiply.outer(x, n.a) + n.b > 0 for n in (before, after)]
    on[1][(cell[slides] - 12) % 6, np.flatnonzero(slides)] = False
    assert_allclose(last["activation_distance"], (on[0] != on[1]).mean(), rtol=1e-12)
    change = np.sqrt(sum(np.sum((getattr(after, k) - getattr(before, k)) ** 2) for k in "abc"))
    size = np.sqrt(sum(np.sum(getattr(before, k) ** 2) for k in "abc"))
    assert_allclose(last["parameter_distance"], change / size, rtol=1e-12)
    grid = np.linspace(x[0], x[-1], 1001)
    spline = CubicSpline(x, y - f(before, x), bc_type="natural")(grid)
    rms = np.sqrt(np.mean((f(after, grid) - f(before, grid) - spline) ** 2))
    assert_allclose(last["spline_distance"], rms, rtol=1e-10)
    rms = np.sqrt(np.mean((f(after, grid) - np.interp(grid, x, y)) ** 2))
    assert_allclose(last["linear_distance"], rms, rtol=1e-10)
    e = np.where(cell == 6, np.nan, after.knots)
    e[slides] = x[(cell[slides] - 12) % 6]
    e = e[np.isfinite(e)]
    gap = 0.01 * np.diff(x).min()
    near = np.abs(np.subtract.outer(e, x)).min(axis=1) <= gap
    inside = (e >= x[0] - gap) & (e <= x[-1] + gap)
    assert_allclose(last["knots_near_samples"], near.sum() / inside.sum(), rtol=1e-12)
    assert first["knot_mass_near_samples"] < last["knot_mass_near_samples"] < 1.0
    dead = np.unique(after.knots[cell == 6])
    assert last["pieces"] == np.union1d(e, dead[np.isfinite(dead)]).size + 1


def test_the_euclidean_metric():
    """The same function in (cos theta, sin theta, rhat)."""
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 500, seed=1), metric="euclidean")
    made = {name: make(sim.state) for name, (make, *_) in BUILDERS.items()}
    before = sim.neurons
    sim.run(0.05)
    after, x = sim.neurons, SAMPLES.x
    on = [np.multiply.outer(x, n.a) + n.b > 0 for n in (before, after)]
    assert_allclose(made["activation_distance"](), (on[0] != on[1]).mean(), rtol=1e-12)
    masses = after.c * np.abs(after.a) / 500
    assert_allclose(made["slope_variation"](), np.abs(masses).sum(), rtol=1e-12)
    assert np.isfinite([made["kernel_distance"](), made["parameter_distance"]()]).all()


def test_observables_of_one_moment_share_their_passes(monkeypatch):
    calls = []

    def counted(name):
        function = getattr(diagnostics.theory, name)

        def once(*args, **more):
            calls.append(name)
            return function(*args, **more)

        monkeypatch.setattr(diagnostics.theory, name, once)

    counted("curvature")
    counted("near_samples")
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 500, seed=1))
    shared, alone = build(NAMES, sim), {n: make(sim.state) for n, (make, *_) in BUILDERS.items()}
    for until in (0.1, 0.2):
        sim.run(until)
        calls.clear()
        values = {quantity.name: quantity.evaluate() for quantity in shared}
        assert sorted(calls) == ["curvature", "near_samples"]
        for name, value in values.items():
            assert_array_equal(value, alone[name]())


def test_dead_knots_are_not_on_samples():
    """Both die on the border of the dead sector, at the first and at the last sample."""
    samples = pf.Samples([-1.0, 1.0], [1.0, -1.0])
    neurons = pf.Neurons([1.0, -1.0, 1.0], [-1.0, -1.0, 0.3], [1.0, 1.0, 1.0])
    state = pf.Simulation(samples, neurons).state
    assert (state.cell == 2).sum() == 2
    assert diagnostics.knots_near_samples(state)() == 0.0


def test_two_neurons_on_one_knot_make_one_kink():
    neurons = pf.Neurons([1.0, 2.0, 1.0], [0.5, 1.0, -0.25], [1.0, 1.0, 1.0])
    state = pf.Simulation(SAMPLES, neurons).state
    assert diagnostics.pieces(state)() == 3


def test_dead_networks_have_no_kernel_distance():
    neurons = pf.Neurons([0.0, 0.1], [-1.0, -2.0], [1.0, 1.0])
    state = pf.Simulation(SAMPLES, neurons).state
    assert np.isnan(diagnostics.kernel_distance(state)())


def test_the_kernel_regime_ends_on_its_spline_and_large_delta_does_not():
    """delta = -10^4: f - f(0) ends close to the natural spline, which knots of uniform theta do not
    give exactly; delta = 1: on something else."""
    distances = []
    for delta in (-1e4, 1.0):
        neurons = pf.initialise("reduced", 2000, delta=delta, seed=0)
        sim = pf.Simulation(SAMPLES, neurons, pf.Boost(1e-4))
        evaluate = diagnostics.spline_distance(sim.state)
        sim.run(10.0 if delta < 0.0 else 100.0)
        distances.append(evaluate() / SAMPLES.spread)
    assert distances[0] < 0.15
    assert distances[1] > 2 * distances[0]
