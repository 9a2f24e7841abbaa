"""The integrator `Boost`: order, closed forms, other integrators, energy, output, failures."""

import re
from itertools import pairwise

import dense
import numpy as np
import pytest
from drive import flow_of, one_trial, set_allowed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from scipy.linalg import expm
from smooth import scipy_flow, smooth_case
from variants import variants

import particleflow as pf
from particleflow.backend import kernel_matrix, mean_residual
from particleflow.backend.fields import extended
from particleflow.kernels.host import lanczos
from particleflow.kernels.host import mean_residual as krylov
from particleflow.kernels.host.mean_residual import phi_1


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def simulate(samples, neurons, integrator, until):
    sim = pf.Simulation(samples, neurons, integrator)
    sim.run(until)
    return sim


def uneven(seed, s, size=1.0):
    """Random samples with gaps that differ by a factor of up to 25."""
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.02, 0.5, s))
    return pf.Samples(2 * (x - x[0]) / (x[-1] - x[0]) - 1, size * random.standard_normal(s))


SAMPLES = {
    "square wave": pf.Samples.generate("square_wave", 10),
    "sine": pf.Samples.generate("sine", 8),
    "uneven": uneven(5, 9),
    "large": uneven(5, 9, size=5.0),
}


@pytest.mark.parametrize("tolerance", [0.5, 1e-9])
def test_order_two_where_no_ray_is_met(tolerance):
    """Least-squares slope over five halvings of a fixed step, of one pass and of two."""
    samples, z = smooth_case("network")
    f = pf.Neurons(*scipy_flow(samples, z, "network", 0.15))
    exact = pf.Simulation(samples, f).residual
    sizes, errors = 2 ** np.arange(1, 7), []
    for n in sizes:
        sim = simulate(samples, pf.Neurons(*z), pf.Boost(tolerance, step=0.15 / n), 0.15)
        assert sim.step == n
        assert sim.rejected == 0
        assert sim.state.crossings.sum() == 0
        errors.append(rms(sim.residual - exact))
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope >= 2.6  # the leading error of the residuals is cancelled: the weight 1/3
    assert errors[-1] < 1e-6


def test_order_of_the_dense_output():
    """Local error at fractions of one step: O(h^4) in the residuals, as at its end."""
    samples, z = smooth_case("network")
    for q in (0.3, 0.7):
        sizes, errors = np.array([0.15, 0.075, 0.0375, 0.01875]), []
        for h in sizes:
            sim = simulate(samples, pf.Neurons(*z), pf.Boost(step=h), q * h)
            exact = pf.Neurons(*scipy_flow(samples, z, "network", q * h))
            errors.append(rms(sim.residual - pf.Simulation(samples, exact).residual))
        slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        assert slope > 3.6


def test_agrees_with_scipy_and_runge_kutta_where_no_ray_is_met():
    samples, z = smooth_case("network", seed=1)
    exact = scipy_flow(samples, z, "network", 0.15)
    explicit = simulate(samples, pf.Neurons(*z), pf.RungeKutta(1e-12), 0.15)
    errors = []
    for tolerance in (1e-6, 1e-9, 1e-12):
        sim = simulate(samples, pf.Neurons(*z), pf.Boost(tolerance), 0.15)
        assert sim.time == 0.15
        errors.append(np.abs(sim.state.parameters() - exact).max())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-9
    assert_allclose(sim.state.parameters(), explicit.state.parameters(), rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("delta", [-3.0, -1.0, 0.0, 1.0])
def test_gradient_descent_converges_to_it(name, delta):
    """With slides, releases at c = 0 (delta < 0) and arrivals at the origin (delta > 0)."""
    samples, neurons = SAMPLES[name], pf.initialise("reduced", 200, delta=delta, seed=1)
    until = 8.0 if name in ("square wave", "sine") else 4.0
    sim = simulate(samples, neurons, pf.Boost(1e-6), until)
    descents = [simulate(samples, neurons, pf.GradientDescent(h), until).residual
                for h in (4e-4, 2e-4, 1e-4, 5e-5)]  # fmt: skip
    own_error = max(rms(one - two) for one, two in pairwise(descents[1:]))
    error = rms(sim.residual - descents[-1])
    assert error < 4.0 * own_error
    assert error < 6e-3  # a wrong rule for an event makes 1e-2 and more
    assert sim.state.crossings.sum() > 80


def test_the_events_that_decide_do_happen():
    """The comparison above holds releases and origins; here they are counted."""
    counts = {}
    for delta in (-3.0, 1.0):
        neurons = pf.initialise("reduced", 200, delta=delta, seed=1)
        state = simulate(SAMPLES["large"], neurons, pf.Boost(1e-6), 4.0).state
        counts[delta] = state.releases, state.origins
    assert counts[-3.0][0] >= 3
    assert counts[-3.0][1] == 0
    assert counts[1.0][0] == 0
    assert counts[1.0][1] >= 6


def test_closed_form_with_the_first_layer_frozen_also_inside_one_step():
    """f(tau) = y + exp(-K tau) (f(0) - y), K = M M^T, M_ij = [a_j x_i + b_j]_+ / sqrt(m)."""
    samples = SAMPLES["sine"]
    neurons = pf.initialise("reduced", 100, delta=-1e6, seed=0)
    m = np.maximum(np.outer(samples.x, neurons.a) + neurons.b, 0.0) / np.sqrt(neurons.size)
    k = m @ m.T
    sim = pf.Simulation(samples, neurons, pf.Boost(step=5e-5))
    start = sim.residual
    for tau in np.linspace(0.0, 5e-5, 51)[1:]:
        sim.run(tau)
        assert sim.step == 1
        assert_allclose(sim.residual, expm(-k * tau) @ start, rtol=0, atol=1e-10)
    assert sim.loss < 0.95 * 0.5 * start @ start


def test_dense_output_is_as_good_as_the_steps():
    """At fractions of large steps, against small ones."""
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 300, delta=-1.0, seed=2)
    times = np.linspace(0.01, 1.0, 100)
    fine, coarse = (pf.Simulation(samples, neurons, pf.Boost(t)) for t in (1e-7, 1e-3))
    errors = []
    for tau in times:
        fine.run(tau)
        coarse.run(tau)
        errors.append(rms(coarse.residual - fine.residual))
    assert coarse.step < 30
    assert max(errors) < 2e-3


def test_dense_output_meets_the_end_of_the_step():
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 300, delta=-1.0, seed=2)
    for tau in (0.25 * (1 - 1e-12), 0.25):
        sim = simulate(samples, neurons, pf.Boost(step=0.25), tau)
        assert sim.step == 1
        if tau < 0.25:
            close = sim.residual
    assert_allclose(sim.residual, close, rtol=0, atol=1e-9)


def test_the_cadence_of_output_changes_nothing():
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 33_000, delta=1.0, seed=3)
    seldom = simulate(samples, neurons, pf.Boost(1e-4), 2.0)
    often = pf.Simulation(samples, neurons, pf.Boost(1e-4))
    crossings = []
    for tau in np.linspace(0.0, 2.0, 137)[1:]:
        often.run(tau)
        crossings.append(often.state.crossings.sum())
    assert often.step == seldom.step
    assert often.rejected == seldom.rejected
    assert_array_equal(often.residual, seldom.residual)
    assert_array_equal(often.state.parameters(), seldom.state.parameters())
    assert crossings[-1] == seldom.state.crossings.sum() > 1000


@pytest.mark.parametrize(("m", "s"), [(40_000, 6), (3_000, 90), (20_000, 300)])
def test_the_same_bits_for_any_number_of_threads(m, s):
    samples = pf.Samples.generate("square_wave", s)
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=0)
    results = []
    for threads in (1, 2, 4):
        sim = pf.Simulation(samples, neurons, pf.Boost(1e-3), threads=threads)
        sim.run(0.3)
        results.append((sim.step, sim.residual.tobytes(), sim.state.parameters().tobytes()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("delta", variants([1.0], slow=[-1.0, 0.0]))
def test_the_loss_falls_by_what_the_kernel_says(delta):
    """The integral of rho^T H rho is the loss decrease; the loss never rises by the tolerance."""
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 2000, delta=delta, seed=4)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
    times = np.linspace(0.0, 2.0, 4001)
    losses, powers = [sim.loss], [-sim.residual @ sim.residual_rate()]
    for tau in times[1:]:
        sim.run(tau)
        losses.append(sim.loss)
        powers.append(-sim.residual @ sim.residual_rate())
    assert sim.state.crossings.sum() > 500
    integral = trapezoid(powers, times)
    allowed = 1e-4 * samples.spread * np.sqrt(samples.size) * np.sqrt(2 * losses[0])
    assert abs(losses[0] - losses[-1] - integral) < allowed
    assert np.diff(losses).max() < 1e-4 * losses[0]


def test_the_kernel_and_the_particles_have_one_energy():
    """rho^T H rho = (1/m) sum |z_i'|^2, sliding neurons projected."""
    from particleflow.kernels import rays

    sim = simulate(SAMPLES["large"], pf.initialise("reduced", 500, delta=-1.0, seed=1),
                   pf.Boost(1e-3), 3.0)  # fmt: skip
    state, s = sim.state, 9
    velocity, g = state.velocity(), state.field()
    a, b, c = state.variables
    sliding = np.flatnonzero((state.cell >= 2 * s) & (state.cell < 4 * s))
    assert sliding.size > 20
    for i in sliding:
        r = int(state.cell[i]) - 2 * s
        u = np.array(rays.ray_direction(r, state.x))
        along = g[rays.inactive_side(r, s)] @ u
        velocity[:, i] = *(c[i] * along * u), along * (a[i] * u[0] + b[i] * u[1])
    assert_allclose(-sim.residual @ sim.residual_rate(), np.sum(velocity**2) / 500, rtol=1e-12)


def test_the_residual_ode_holds_with_slides():
    """rho' = -H rho against the difference quotient of a short step."""
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 400, delta=-1.0, seed=1)
    sim = simulate(samples, neurons, pf.Boost(1e-6), 2.0)
    sim.run(flow_of(sim).end)
    before, rate = sim.residual, sim.residual_rate()
    assert (sim.state.cell >= 20).sum() > 30
    flow_of(sim).next_step = h = 1e-7
    one_trial(sim)
    sim.run(flow_of(sim).end)
    assert_allclose((sim.residual - before) / h, rate, rtol=0, atol=1e-6)


@pytest.mark.parametrize("delta", [-1.0, 0.0, 1.0])
def test_delta_does_not_drift_in_many_steps(delta):
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 100, delta=delta, seed=1)
    sim = pf.Simulation(samples, neurons, pf.Boost(step=1e-3))
    before = sim.state.delta()
    sim.run(10.0)
    assert sim.step == 10_000
    assert sim.state.largest_drift(before) < 1e-12


def test_sliding_neurons_sit_on_their_samples_in_the_file(tmp_path):
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 400, delta=-1.0, seed=1)
    sim = pf.Simulation(samples, neurons)
    sim.writers.append(pf.TrajectoryWriter(
        tmp_path / "run.h5", frames=5,
        observables=("sliding_fraction", "ray_counts", "ray_covariances", "releases", "repulsors",
                     "origins", "sector_covariances"),
    ))  # fmt: skip
    sim.run(3.0)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        cell = trajectory.cell(-1)
        sliding = (cell >= 20) & (cell < 40)
        assert sliding.sum() > 30
        assert_array_equal(trajectory.knots(-1)[sliding], samples.x[(cell[sliding] - 20) % 10])
        assert trajectory.observable("sliding_fraction")[1][-1] == sliding.mean()
        counts = trajectory.observable("neurons/ray_counts")[1][-1]
        assert_array_equal(counts, np.bincount(cell, minlength=41)[20:40])
        rays = trajectory.observable("neurons/ray_covariances")[1][-1]
        assert_array_equal(rays.any(axis=1), counts > 0)
        assert_allclose(rays, sim.ray_covariances(), rtol=1e-14)


def test_starts_on_a_repulsor_are_counted_and_stay_on_the_inactive_side():
    samples = SAMPLES["uneven"]
    x, s = samples.x, samples.size
    sample, a, c = (v.ravel() for v in np.meshgrid(np.arange(s), [1.0, -1.0], [1.0, -1.0]))
    sim = pf.Simulation(samples, pf.Neurons(a, -a * x[sample], c))
    kinds = {sign: pf.theory.classify_rays(x, sim.residual, sign) for sign in (1, -1)}
    ray = np.where(a > 0, sample, s + sample)
    repelled = np.array([kinds[int(sign)][r] == "repulsor" for sign, r in zip(c, ray, strict=True)])
    assert sim.state.repulsors == repelled.sum() > 3
    sim.run(1e-9)
    z = sim.state.parameters()[:2, repelled]
    assert (z[0] * x[sample[repelled]] + z[1] < 0.0).all()
    assert sim.state.repulsors == repelled.sum()


def random_kernel(seed, s, m=400):
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1, 1, s))
    sim = pf.Simulation(pf.Samples(x, random.standard_normal(s)),
                        pf.Neurons(*random.standard_normal((3, m))))  # fmt: skip
    return sim.state.kernel_covariances(), x, random.standard_normal(s)


@pytest.mark.parametrize("s", [2, 7, 40])
def test_the_matrix_is_the_dense_oracle(s):
    from particleflow.kernels import flow

    random = np.random.default_rng(s)
    x = np.sort(random.uniform(-1, 1, s))
    z = random.standard_normal((3, 300))
    state = pf.Simulation(pf.Samples(x, x), pf.Neurons(*z)).state
    expected = dense.tangent_kernel(*z, x, flow.NETWORK)
    assert_allclose(kernel_matrix(state.kernel_covariances(), x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("s", [2, 3, 16, 17, 50, 150])
def test_mean_residual_is_the_integral_of_the_exponential(s):
    covariances, x, rho = random_kernel(s, s)
    h = kernel_matrix(covariances, x)
    for step in (1e-3, 1.0, 0.1, 30.0):
        # the upper right block of exp [[-H h, rho], [0, 0]] is phi_1(-h H) rho
        block = np.zeros((s + 1, s + 1))
        block[:s, :s], block[:s, s] = -step * h, rho
        expected = expm(block)[:s, s]
        defect = step * h @ (mean_residual(covariances, rho, x, step, 1e-9) - expected)
        assert rms(defect) < (1e-10 if s <= 16 else 2e-9)
    assert_array_equal(mean_residual(covariances, 0.0 * rho, x, 1.0, 1e-9), 0.0 * rho)


def test_a_krylov_space_grows_until_it_is_accurate():
    covariances, x, rho = random_kernel(1, 150)
    out = np.empty(150)
    sizes = [krylov.mean_residual(covariances, rho, extended(x), 100.0, accuracy, out)
             for accuracy in (1.0, 1e-6, 1e-13)]  # fmt: skip
    assert 16 == sizes[0] < sizes[1] < sizes[2] <= 150


def test_a_krylov_space_ends_where_it_is_invariant():
    """Neurons on one side of some samples only: H has a small rank."""
    x = np.linspace(-1, 1, 100)
    state = pf.Simulation(pf.Samples(x, np.sin(9 * x)),
                          pf.Neurons([1.0, 0.5], [0.2, 2.0], [1.0, -1.0])).state  # fmt: skip
    basis, tridiagonal = np.zeros((21, 100)), np.empty((20, 2))
    basis[0] = state.residual / np.linalg.norm(state.residual)
    size = lanczos.lanczos(state.kernel_covariances(), extended(x), basis, tridiagonal, 0, 3)
    assert size == 3
    size = lanczos.lanczos(state.kernel_covariances(), extended(x), basis, tridiagonal, 3, 20)
    assert size <= 8
    assert tridiagonal[size - 1, 1] == 0.0
    assert_allclose(basis[:size] @ basis[:size].T, np.eye(size), atol=1e-14)
    h = kernel_matrix(state.kernel_covariances(), x)
    t = np.diag(tridiagonal[:size, 0])
    t += np.diag(tridiagonal[: size - 1, 1], 1) + np.diag(tridiagonal[: size - 1, 1], -1)
    assert_allclose(basis[:size] @ h @ basis[:size].T, t, rtol=0, atol=1e-12)


def test_phi_1():
    z = np.array([0.0, -1e-18, 1e-9, -1e-3, -2.0, -800.0])
    values = np.array([phi_1(v) for v in z])
    assert_allclose(values[:4], 1 + z[:4] / 2 + z[:4] ** 2 / 6, rtol=1e-10)
    assert_allclose(values[4:], [(1 - np.exp(-2)) / 2, 1 / 800], rtol=1e-15)


def test_rejected_steps_leave_no_trace():
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 300, delta=1.0, seed=3)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
    flow_of(sim).next_step = 50.0
    before, loss = sim.state.parameters(), sim.loss
    while sim.step == 0:
        assert_array_equal(sim.state.parameters(), before)
        assert sim.loss == pytest.approx(loss)
        one_trial(sim)
        if sim.step == 0:
            flow_of(sim).show_end()  # as a run does when it pauses
    assert sim.rejected > 1
    sim.run(1.0)
    other = simulate(samples, neurons, pf.Boost(1e-6), 1.0)
    assert rms(sim.residual - other.residual) < 1e-3


@pytest.mark.parametrize("seed", variants([0], slow=[1, 2]))
def test_no_step_raises_the_loss_by_more_than_the_tolerance(seed):
    """Neurons that gather on samples are released and cross together, alike in both passes."""
    random = np.random.default_rng(5)
    x = np.linspace(-1.0, 1.0, 40)
    samples = pf.Samples(x, 50.0 * (np.sin(5.0 * x) + 0.3 * random.standard_normal(40)))
    neurons = pf.initialise("gaussian", 500, antisymmetric=True, alpha="m", seed=seed)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-3))
    size, most = rms(sim.residual), 1.05 * 1e-3 * samples.spread
    while sim.time < 10.0:
        one_trial(sim)
        flow_of(sim).show_end()
        assert rms(sim.residual) < size + most, sim.step
        size = rms(sim.residual)
    assert sim.rejected > 10


def test_a_checkpoint_with_a_count_of_exchanges_is_restored():
    """Versions before November 2026 left the count of their last call in it."""
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 100, delta=1.0, seed=3)
    sims = [pf.Simulation(samples, neurons, pf.Boost(1e-3)) for _ in range(2)]
    sims[0].run(0.3)
    arrays = {name: np.array(values) for name, values in sims[0].snapshot().items()}
    arrays["flow_counts"][5] = 1
    sims[1].restore(arrays)
    for sim in sims:
        sim.run(1.0)
    assert_array_equal(sims[1].state.parameters(), sims[0].state.parameters())


def test_a_checkpoint_without_the_sums_over_rays_is_restored():
    """As versions before December 2026 have written them; a bound stands in for the sums."""
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 100, delta=1.0, seed=3)
    sims = [pf.Simulation(samples, neurons, pf.Boost(1e-3)) for _ in range(2)]
    sims[0].run(3.0)
    arrays = sims[0].snapshot()
    assert (arrays["first_held"] > 0.0).any()
    older = {name: a for name, a in arrays.items() if not name.endswith("_held")}
    sims[1].restore({name: np.array(values) for name, values in older.items()})
    assert (flow_of(sims[1])._first.held >= arrays["first_held"]).all()
    for sim in sims:
        sim.run(6.0)
    assert rms(sims[1].residual - sims[0].residual) < 2e-3 * samples.spread


def test_a_start_from_neurons_that_slide_knows_what_rays_hold():
    samples, neurons = SAMPLES["square wave"], pf.initialise("reduced", 100, delta=1.0, seed=3)
    sim = simulate(samples, neurons, pf.Boost(1e-3), 3.0)
    s, cell = samples.x.size, sim.state.cell
    squares = np.bincount(cell, sim.state.variables[2] ** 2, 4 * s + 1)[2 * s : 4 * s] / 100
    assert squares.any()
    held = flow_of(pf.Simulation(samples, sim.neurons, pf.Boost(1e-3)))._first.held
    assert ((held > 0.0) == (squares > 0.0)).all()
    assert ((held >= squares) & (held <= 2.0 * squares)).all()


def test_overflow_of_a_trial_step_is_a_rejection():
    samples = pf.Samples([-1.0, 0.0, 1.0], [1e4, -2e4, 1e4])
    sim = pf.Simulation(samples, pf.initialise("gaussian", 50), pf.Boost(1e-3))
    flow_of(sim).next_step = 1e6
    sim.run(1e-3)
    assert sim.rejected > 3
    assert np.isfinite(sim.loss)


def test_a_fixed_step_that_is_too_large_fails():
    samples = pf.Samples([-1.0, 0.0, 1.0], [1e4, -2e4, 1e4])
    sim = pf.Simulation(samples, pf.initialise("gaussian", 50), pf.Boost(step=1e6))
    with pytest.raises(pf.IntegrationError, match=r"boost, step 1 .* overflows; lower the step"):
        sim.run(1e6)


def test_steps_that_shrink_below_rounding_fail():
    sim = simulate(SAMPLES["sine"], pf.initialise("gaussian", 50), pf.Boost(1e-3), 0.1)
    set_allowed(sim, 0.0)  # no step is as good
    with pytest.raises(pf.IntegrationError, match=r"step shrank below rounding; raise the toler"):
        sim.run(10.0)
    assert np.isfinite(sim.loss)
    assert 0.1 <= sim.time < 10.0


def test_a_tolerance_below_rounding_is_that_of_rounding():
    sim = simulate(SAMPLES["sine"], pf.initialise("gaussian", 50), pf.Boost(1e-30), 0.01)
    assert sim.step < 5000
    assert sim.rejected < sim.step


@pytest.mark.parametrize("s", [3, 100])
def test_large_parameters_and_samples_fail_clearly_if_at_all(s):
    """No warning, no other error, and no step of length 0."""
    points = np.linspace(1.0, 2.0, s)
    for scale, x in ((1e80, points), (1.0, 1e100 * points), (1.0, 1e160 * points)):
        sim = pf.Simulation(pf.Samples(x, np.sin(points)),
                            pf.Neurons([scale] * 2, [scale] * 2, [1.0 / scale] * 2))  # fmt: skip
        try:
            for _ in range(20):
                one_trial(sim)
            end = flow_of(sim).end
        except pf.IntegrationError as problem:
            assert "smaller parameters" in str(problem)  # noqa: PT017 (either is right)
        else:
            assert end > 0.0


@pytest.mark.parametrize("step", [None, 0.1])
def test_a_kernel_that_is_not_finite_is_refused(step):
    neurons = pf.Neurons([1e170, 1.0], [1e170, 1.0], [1e-170, 1.0])
    sim = pf.Simulation(SAMPLES["sine"], neurons, pf.Boost(step=step))
    with pytest.raises(pf.IntegrationError, match=r"step 1 .* kernel is too large to compute with"):
        sim.run(1.0)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: pf.Boost(0.0), "tolerance: expected a number above 0"),
    (lambda: pf.Boost(1.0), "tolerance: expected a number below 1, found 1"),
    (lambda: pf.Boost(float("nan")), "tolerance: expected a finite number"),
    (lambda: simulate(SAMPLES["sine"], pf.initialise("gaussian", 5), pf.Boost(step=1e-20), 1.0),
     "step: 1e-20 is too small to reach tau = 1, expected fewer than"),
    (lambda: pf.Boost(step=-1.0), "step: expected a number above 0"),
    (lambda: pf.Simulation(SAMPLES["sine"], pf.initialise("gaussian", 5), pf.Boost(), "euclidean"),
     "metric: boost needs 'network', found 'euclidean'"),
])  # fmt: skip
def test_refusals(make, message):
    with pytest.raises(pf.ConfigError, match=message):
        make()


def test_defaults():
    neurons = pf.initialise("gaussian", 5)
    assert pf.Simulation(SAMPLES["sine"], neurons).integrator == pf.Boost(1e-4)
    assert pf.Simulation(SAMPLES["sine"], neurons, metric="euclidean").integrator.name == "rk"


def test_neurons_that_are_all_dead_are_left_alone():
    sim = simulate(SAMPLES["sine"], pf.Neurons([0.1, -0.1], [-5.0, -5.0], [1.0, 1.0]), None, 50.0)
    assert_array_equal(sim.residual, -SAMPLES["sine"].y)
    assert sim.rejected == 0


def test_samples_without_spread():
    sim = simulate(pf.Samples([-1.0, 0.5], [2.0, 2.0]), pf.initialise("gaussian", 200), None, 20.0)
    assert np.abs(sim.residual).max() < 0.05


@pytest.mark.parametrize("integrator", [None, pf.GradientDescent(1e-2)])
def test_a_run_without_an_end_stops_where_the_loss_has_settled(tmp_path, integrator):
    samples = pf.Samples.generate("sine", 3)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 100, seed=1), integrator)
    writer = pf.TrajectoryWriter(tmp_path / "run.h5", frames=31)
    sim.writers.append(writer)
    sim.observables.add("tau", lambda sim: sim.time, every=3)
    sim.run(np.inf, stop=1e-3)
    fall = -2 * sim.residual @ sim.residual_rate() / (sim.residual @ sim.residual)
    assert sim.time * fall <= 1e-3 or sim.loss < 1e-28
    assert_allclose(10 * np.log10(sim.time), round(10 * np.log10(sim.time)), atol=1e-3)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.is_complete
        assert 3 < trajectory.frames == trajectory.planned_frames <= 31
        assert trajectory.time[0] == 0.0
        assert trajectory.time[-1] == sim.time
        assert (np.diff(trajectory.time) > 0).all()
        assert_allclose(trajectory.loss[-1], sim.loss)
        assert_array_equal(*trajectory.observable("user/tau"))
        assert_allclose(trajectory.predict(-1, samples.x), samples.y, atol=1e-3)


def test_a_loss_that_has_not_moved_yet_has_not_settled():
    """Small parameters start near the saddle at 0, where the loss first hardly moves."""
    neurons = pf.initialise("gaussian", 100, scale=1e-4, seed=0)
    sim = pf.Simulation(SAMPLES["sine"], neurons)
    before = sim.loss
    sim.run(np.inf, stop=1e-4)
    assert sim.time > 1.0
    assert sim.loss < 0.5 * before


def test_a_loss_of_data_that_are_fitted_settles():
    """The flow would lower the loss for ever; a run of this tolerance comes to its end."""
    x = np.linspace(-1.0, 1.0, 101)
    samples = pf.Samples(x, np.abs(x))
    neurons = pf.initialise("gaussian", 200, antisymmetric=True, alpha="m", seed=1)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-3))
    sim.run(np.inf)
    assert 1e3 < sim.time < 1e10
    assert rms(sim.residual) < 1e-3 * samples.spread
    assert sim.notes == []
    falling = -2.0 * sim.time * sim.residual @ sim.residual_rate() / (sim.residual @ sim.residual)
    assert falling > 1.0


def test_a_loss_that_the_error_of_the_steps_holds_up_above_rounding_has_settled():
    x = np.linspace(-1.0, 1.0, 101)
    samples = pf.Samples(x, np.exp(-20.0 * x * x))
    neurons = pf.initialise("gaussian", 1000, antisymmetric=True, alpha="m", seed=1)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-3))
    sim.run(np.inf)
    assert 1e5 < sim.time < 1e11
    assert 1e-4 * samples.spread < rms(sim.residual) < 1e-2 * samples.spread
    falling = -2.0 * sim.time * sim.residual @ sim.residual_rate() / (sim.residual @ sim.residual)
    assert falling > 1.0


def test_a_run_that_has_settled_ends_at_once_when_it_goes_on():
    samples = pf.Samples(np.linspace(-1, 1, 6), [0.0, 1, 0, 1, 0, 1])
    sim = pf.Simulation(samples, pf.initialise("gaussian", 2, seed=1))
    sim.run(np.inf)
    assert sim.loss > 0.1
    again = pf.Simulation(samples, sim.neurons)
    again.run(np.inf)
    assert again.time < 1.0
    end = sim.time
    sim.run(np.inf)
    assert sim.time - end < 1.0


def test_a_plateau_is_passed_in_few_steps():
    """The field is large where no neuron is; that must not bound the step."""
    samples = pf.Samples(np.linspace(-1, 1, 6), [0.0, 1, 0, 1, 0, 1])
    sim = simulate(samples, pf.initialise("gaussian", 2, seed=1), pf.Boost(1e-4), 1e2)
    before = sim.step
    sim.run(1e6)
    assert sim.step - before < 60
    assert sim.rejected < 60


def test_a_plateau_that_coarse_descent_leaves():
    """The figures of docs/choosing.md: steps that are too long find a way that the flow has not."""
    samples = pf.Samples.generate("step", 10)
    neurons = pf.initialise("reduced", 1000, delta=0.0, scale=10.0, seed=0)

    def loss(integrator):
        return simulate(samples, neurons, integrator, 100.0).loss

    fine = loss(pf.GradientDescent(0.000625))
    assert fine == pytest.approx(3.719e-9, rel=1e-3)
    assert loss(pf.GradientDescent(0.01)) < 1e-2 * fine
    assert loss(pf.Boost(1e-6)) == pytest.approx(fine, rel=2e-3)
    assert loss(pf.Boost(1e-3)) == pytest.approx(fine, rel=2e-2)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-4))
    sim.run(np.inf)  # the plateau ends in time, too
    assert sim.loss < 1e-20


@pytest.mark.parametrize("options", [
    {"times": [0.0, 0.01, 0.1]}, {"observable_times": [0.0, 0.01, 0.1], "frames": 31},
    {"times": [0.0, 0.01, 1e6]},
])  # fmt: skip
def test_a_run_without_an_end_with_the_users_own_times(tmp_path, options):
    samples = pf.Samples.generate("sine", 3)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 100, seed=1))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", **options))
    sim.run(np.inf, stop=1e-2)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.is_complete
        assert trajectory.time[-1] == sim.time
        assert trajectory.observable("loss")[0][-1] == sim.time
        if "times" in options:
            assert_array_equal(trajectory.time[:2], [0.0, 0.01])


def test_a_run_in_which_nothing_can_move_ends_at_once():
    sim = pf.Simulation(SAMPLES["sine"], pf.Neurons([0.1], [-5.0], [1.0]))
    sim.run(np.inf)
    assert sim.time == 1e-3


def test_a_run_without_an_end_that_does_not_settle_says_so(monkeypatch, tmp_path):
    from particleflow.run import stopping

    monkeypatch.setattr(stopping, "LAST", 1e-1)
    sim = pf.Simulation(SAMPLES["sine"], pf.initialise("gaussian", 20))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=11))
    sim.run(np.inf)
    assert re.search(r"has not settled at tau = 0\.1, .* stop = 1e-08", sim.notes[-1])
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.is_complete
        assert trajectory.time[-1] == sim.time


def test_slots_are_sorted_again_when_neurons_have_moved_on():
    sim = pf.Simulation(pf.Samples.generate("sine", 9), pf.initialise("reduced", 40_000, seed=4),
                        pf.Boost(step=0.02))  # fmt: skip
    before = sim.state.order.ident.copy()
    sim.run(0.02)
    assert_array_equal(sim.state.order.ident, before)
    sim.run(0.2)
    assert (sim.state.order.ident != before).any()
