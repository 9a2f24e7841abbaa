"""Integrators: order, agreement with scipy and PyTorch, and the identities of the model."""

from pathlib import Path

import naive
import numpy as np
import pytest
from drive import next_step_of, set_next_step, step_towards
from numpy.testing import assert_allclose, assert_array_equal
from smooth import scipy_flow, smooth_case

import particleflow as pf
from particleflow.backend import METRICS, State
from particleflow.kernels.host import kennedy as rk

FILES = Path(__file__).parents[1] / "recorded"


def test_parameters_beyond_the_range_of_a_rate_fail():
    """A first step of length 0 would be taken for ever."""
    neurons = pf.Neurons([1e80, 0.5e80], [0.3e80, 1e80], [1.0, 1.0])
    sim = pf.Simulation(pf.Samples.generate("square_wave", 5), neurons, pf.RungeKutta())
    with pytest.raises(pf.IntegrationError, match=r"step shrank below rounding"):
        sim.run(1.0)


def test_the_tableau_satisfies_its_order_conditions():
    a = np.zeros((rk.STAGES, rk.STAGES))
    for i in range(1, rk.STAGES):
        a[i, : i - 1] = rk.B[: i - 1]
        a[i, i - 1] = rk.A[i - 1]
    c = a.sum(axis=1)
    three = [(np.ones(5), 1), (c, 1 / 2), (c**2, 1 / 3), (a @ c, 1 / 6)]
    four = [(c**3, 1 / 4), (c * (a @ c), 1 / 8), (a @ c**2, 1 / 12), (a @ a @ c, 1 / 24)]
    for vector, value in three + four:
        assert_allclose(np.dot(rk.B, vector), value, atol=1e-15)
    for vector, value in three:
        assert_allclose(np.dot(rk.B_EMBEDDED, vector), value, atol=1e-15)
    assert all(abs(np.dot(rk.B_EMBEDDED, vector) - value) > 1e-4 for vector, value in four)


@pytest.mark.parametrize("metric", METRICS)
def test_runge_kutta_has_order_four(metric):
    from particleflow.backend import RungeKuttaTrial

    samples, z = smooth_case(metric)
    until = 0.1
    exact = scipy_flow(samples, z, metric, until)
    errors, sizes = [], np.array([4, 8, 16, 32])
    for n in sizes:
        state = State(samples.x, samples.y, tuple(z), metric, run_length=np.inf)
        cells = state.cell.copy()
        trial = RungeKuttaTrial(state)
        for _ in range(n):
            trial.step(until / n)
            trial.accept()
        assert_array_equal(state.cell, cells)
        errors.append(np.abs(state.variables - exact).max())
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 3.8 < slope < 4.6


@pytest.mark.parametrize("metric", METRICS)
def test_gradient_descent_has_order_one(metric):
    samples, z = smooth_case(metric)
    exact = scipy_flow(samples, z, metric, 0.1)
    errors, sizes = [], np.array([50, 100, 200])
    for n in sizes:
        sim = pf.Simulation(samples, pf.Neurons(*z), pf.GradientDescent(0.1 / n), metric)
        sim.run(0.1)
        assert sim.step == n
        errors.append(np.abs(sim.state.parameters() - exact).max())
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 0.95 < slope < 1.05


@pytest.mark.parametrize("metric", METRICS)
def test_adaptive_runge_kutta_agrees_with_scipy(metric):
    samples, z = smooth_case(metric, seed=1)
    exact = scipy_flow(samples, z, metric, 0.15)
    errors = {}
    for tolerance in (1e-3, 1e-6, 1e-11):
        sim = pf.Simulation(samples, pf.Neurons(*z), pf.RungeKutta(tolerance), metric)
        sim.run(0.15)
        assert sim.time == 0.15
        errors[tolerance] = np.abs(sim.state.parameters() - exact).max()
    assert errors[1e-11] < 1e-9
    assert errors[1e-11] < errors[1e-6] < errors[1e-3]


def test_rejected_steps_leave_no_trace():
    samples, z = smooth_case("network")
    sim = pf.Simulation(samples, pf.Neurons(*z), pf.RungeKutta(1e-7))
    before = sim.state.parameters()
    set_next_step(sim, 5.0)
    while sim.step == 0:
        assert_array_equal(sim.state.parameters(), before)
        step_towards(sim, 10.0)
    assert sim.rejected > 0
    assert_allclose(sim.state.parameters(), scipy_flow(samples, z, "network", sim.time), atol=1e-7)


def test_a_step_that_kills_every_neuron_is_rejected():
    """The error of a neuron counts where it was active, not where the step has put it."""
    samples, z = smooth_case("network")
    sim = pf.Simulation(samples, pf.Neurons(*z), pf.RungeKutta(1e-3))
    set_next_step(sim, 5.0)
    sim.run(10.0)
    assert sim.rejected > 0
    assert sim.loss < 0.1 * pf.Simulation(samples, pf.Neurons(*z)).loss


def test_residuals_that_runge_kutta_keeps_are_those_of_its_state():
    samples, z = smooth_case("network")
    sim = pf.Simulation(samples, pf.Neurons(*z), pf.RungeKutta(1e-5))
    sim.run(2.0)
    a, b, c = sim.state.parameters()
    assert_allclose(sim.residual, naive.predict(a, b, c, samples.x) - samples.y, atol=1e-14)


def test_gradient_descent_is_pytorch_to_the_tenth_digit():
    """1,000 steps of torch.optim.SGD in float64; bench/make_torch_reference.py made the file."""
    with np.load(FILES / "torch_gd.npz") as stored:
        reference = dict(stored)
    alpha, every = float(reference["alpha"]), int(reference["every"])
    m = reference["parameters"].shape[2]
    kappa = np.sqrt(m / alpha)
    samples = pf.Samples(reference["x"], reference["y"])
    neurons = pf.Neurons.from_parameters(*reference["parameters"][0], alpha=alpha)
    step = float(reference["learning_rate"]) / alpha
    sim = pf.Simulation(samples, neurons, pf.GradientDescent(step))
    for k in range(1, len(reference["residuals"])):
        sim.run(k * every * step)
        assert sim.step == k * every
        assert_allclose(sim.residual, reference["residuals"][k], rtol=0, atol=1e-10)
        raw = sim.state.parameters() / kappa
        assert_allclose(raw, reference["parameters"][k], rtol=0, atol=1e-10)
    assert sim.step == 1000
    assert sim.state.crossings.sum() > 20


def test_scaling_identity_bit_for_bit():
    """(k a, k b, k c, k^2 alpha, k^2 eta) gives the same f."""
    random = np.random.default_rng(0)
    samples = pf.Samples(*naive.samples(random, 7))
    raw = random.standard_normal((3, 300))
    alpha, eta = 40.0, 0.2
    residuals = []
    for k in (1.0, 8.0, 0.25):
        neurons = pf.Neurons.from_parameters(*(k * raw), alpha=k * k * alpha)
        sim = pf.Simulation(samples, neurons, pf.GradientDescent(k * k * eta / neurons.alpha))
        sim.run(1.0)
        residuals.append(sim.residual)
    assert_array_equal(residuals[0], residuals[1])
    assert_array_equal(residuals[0], residuals[2])


def test_doubling_identity():
    """Every neuron twice with twice alpha and eta gives the same f."""
    random = np.random.default_rng(1)
    samples = pf.Samples(*naive.samples(random, 7))
    raw = random.standard_normal((3, 200))
    residuals = []
    for k in (1, 2):
        neurons = pf.Neurons.from_parameters(*np.tile(raw, k), alpha=k * 30.0)
        sim = pf.Simulation(samples, neurons, pf.GradientDescent(k * 0.1 / neurons.alpha))
        sim.run(0.5)
        residuals.append(sim.residual)
    assert_allclose(residuals[0], residuals[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("integrator", [pf.GradientDescent(2e-3), pf.RungeKutta(1e-4)])
def test_reflection_identity(metric, integrator):
    """x -> -x, a -> -a gives the mirrored function."""
    random = np.random.default_rng(2)
    x, y = naive.samples(random, 6)
    a, b, c = random.standard_normal((3, 150))
    one = pf.Simulation(pf.Samples(x, y), pf.Neurons(a, b, c), integrator, metric)
    two = pf.Simulation(pf.Samples(-x, y), pf.Neurons(-a, b, c), integrator, metric)
    for sim in (one, two):
        sim.run(0.3)
    assert_allclose(one.residual, two.residual[::-1], rtol=0, atol=1e-9)
    points = np.linspace(-2, 2, 41)
    assert_allclose(one.predict(points), two.predict(-points), rtol=0, atol=1e-8)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("delta", [-1.0, 0.0, 1.0])
def test_the_loss_never_rises_along_the_flow(metric, delta):
    samples = pf.Samples.generate("square_wave", 8)
    sim = pf.Simulation(samples, pf.initialise("reduced", 200, delta=delta, seed=3),
                        pf.RungeKutta(1e-3), metric)  # fmt: skip
    losses = [sim.loss]
    for until in np.linspace(0.05, 1.0, 20):
        sim.run(until)
        losses.append(sim.loss)
    assert (np.diff(losses) < 1e-6).all()
    assert losses[-1] < 0.95 * losses[0]


def test_the_loss_falls_at_the_rate_of_the_tangent_kernel():
    """dL/dtau = -rho^T H rho = -(1/m) sum |z_i'|^2."""
    samples, z = smooth_case("network", seed=4)
    state = State(samples.x, samples.y, tuple(z), "network", run_length=np.inf)
    from_kernel = np.dot(state.residual, state.residual_rate())
    from_particles = -np.sum(state.velocity() ** 2) / state.size
    assert_allclose(from_kernel, from_particles, rtol=1e-13)


def test_drift_of_delta_in_a_step_of_gradient_descent():
    """Exactly eta^2 (g_c^2 - g_a^2 - g_b^2), in hat units with eta = dtau."""
    random = np.random.default_rng(3)
    x, y = naive.samples(random, 6)
    z = random.standard_normal((3, 100))
    h = 0.25
    state = State(x, y, tuple(z), "network", run_length=np.inf)
    va, vb, vc = state.velocity()
    before = state.delta()
    state.gradient_descent(h, 1)
    expected = h * h * (vc**2 - va**2 - vb**2)
    assert np.abs(expected).max() > 1e-3
    assert_allclose(state.delta() - before, expected, rtol=0, atol=2e-14)


def test_invariant_of_the_euclidean_flow_in_a_frozen_field():
    """exp(rhat^2/2) |sin(theta - arg G)| is constant."""
    random = np.random.default_rng(4)
    x, y = naive.samples(random, 5)
    state = State(x, y, tuple(random.standard_normal((3, 400))), "euclidean", run_length=np.inf)
    g = state.field()[state.cell]
    alive = np.hypot(*g.T) > 0
    a, b, c = state.variables
    va, vb, vc = state.velocity()
    cross = (b * g[:, 0] - a * g[:, 1])[alive]
    # derivative of log of the invariant, times sin(theta - arg G) |G|
    rate = c[alive] * vc[alive] * cross + (vb * g[:, 0] - va * g[:, 1])[alive]
    scale = np.abs(c[alive] * vc[alive]).max() * np.hypot(*g.T).max()
    assert alive.sum() > 200
    assert_allclose(rate, 0.0, atol=1e-14 * scale)


def test_euclidean_flow_in_a_frozen_field_keeps_its_invariant_for_long():
    """Explicit steps of the kernel in a field that does not change, order 1 in the step."""
    from particleflow.kernels import _jit, flow

    @_jit.driver
    def drift(a, b, c, gx, g1, h, n):
        for _ in range(n):
            a, b, c = flow.euler_euclidean(a, b, c, h * gx, h * g1)
        return np.exp(0.5 * c * c) * abs(b * gx - a * g1)

    for theta, rhat in ((0.3, 0.5), (2.0, -1.5), (-1.0, 0.0)):
        start = (np.cos(theta), np.sin(theta), rhat)
        exact = drift(*start, 0.6, -0.8, 0.0, 1)
        errors = [abs(drift(*start, 0.6, -0.8, 1.0 / n, n) / exact - 1) for n in (1000, 10_000)]
        assert errors[1] < 2e-4
        assert errors[1] < 0.2 * errors[0]


def test_a_step_shortened_for_output_leaves_the_planned_one():
    samples, z = smooth_case("network")
    sim = pf.Simulation(samples, pf.Neurons(*z), pf.RungeKutta(1e-3))
    sim.run(1.0)
    planned = next_step_of(sim)
    sim.run(1.0 + 1e-9)
    assert next_step_of(sim) >= planned


def test_runge_kutta_counts_crossings():
    samples = pf.Samples.generate("sine", 6)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 100), pf.RungeKutta(1e-3))
    before = sim.state.cell.copy()
    sim.run(0.5)
    assert sim.state.crossings.sum() >= (sim.state.cell != before).sum() > 10


def test_a_far_end_is_no_reason_to_call_a_step_small():
    samples = pf.Samples.generate("sine", 6)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 50), pf.RungeKutta(1e-3))
    for _ in range(200):
        step_towards(sim, 1e15)
    assert sim.time > 0.0


def test_euclidean_directions_keep_unit_length():
    samples = pf.Samples.generate("sine", 7)
    for integrator in (pf.GradientDescent(0.05), pf.RungeKutta(1e-3)):
        sim = pf.Simulation(samples, pf.initialise("gaussian", 100), integrator, "euclidean")
        sim.run(5.0)
        a, b, _ = sim.state.variables
        assert_allclose(np.hypot(a, b), 1.0, rtol=0, atol=4e-16)


def test_the_limit_of_gradient_descent_is_the_flow_of_runge_kutta():
    samples = pf.Samples.generate("square_wave", 6)
    neurons = pf.initialise("reduced", 400, delta=0.0, seed=5)
    sims = [pf.Simulation(samples, neurons, integrator) for integrator in
            (pf.GradientDescent(2e-3), pf.GradientDescent(5e-4), pf.RungeKutta(1e-6))]  # fmt: skip
    for sim in sims:
        sim.run(0.5)
    coarse, fine = (np.abs(sim.residual - sims[2].residual).max() for sim in sims[:2])
    assert fine < 1e-3
    assert fine < 0.5 * coarse


@pytest.mark.parametrize(("make", "message"), [
    (lambda: pf.GradientDescent(0.0), "step: expected a number above 0, found 0"),
    (lambda: pf.GradientDescent(np.nan), "step: expected a finite number"),
    (lambda: pf.RungeKutta(1.0), "tolerance: expected a number below 1"),
    (lambda: pf.RungeKutta(-1e-3), "tolerance: expected a number above 0"),
])  # fmt: skip
def test_settings_out_of_range(make, message):
    with pytest.raises(pf.ConfigError, match=message):
        make()


def test_divergence_says_which_step_and_what_to_lower():
    samples = pf.Samples.generate("sine", 5)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 100), pf.GradientDescent(1e60))
    with pytest.raises(pf.IntegrationError, match=r"gd, step 2 \(tau = 2e\+60\).*lower the step"):
        sim.run(1e63)
