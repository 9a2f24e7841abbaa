"""The integrator `Boost`: steps to tau = 20, many samples, agreement, drift, and its order.

The reference of errors is `Boost` at tolerance 1e-7, and gradient descent at dtau = 2e-5 stands
beside it. Errors are root mean squares over the samples of the residuals at tau = 20.
"""

import time

import numpy as np
import pytest
from series import co2, samples_of

import particleflow as pf
from particleflow.backend import mean_residual
from particleflow.kernels.host.steps import passes_with, steps_by_passes

UNTIL = 20.0
ERROR = 1e-3


def simulate(samples, neurons, integrator, until=UNTIL):
    sim = pf.Simulation(samples, neurons, integrator)
    sim.run(until)
    return sim


def distance(one, two):
    return float(np.sqrt(np.mean((one.residual - two.residual) ** 2)))


def descent_for(error, samples, neurons, reference):
    """Gradient descent with the longest step dtau = 2^-k that is this close to the reference."""
    for k in range(4, 18):
        sim = simulate(samples, neurons, pf.GradientDescent(2.0**-k))
        if distance(sim, reference) < error:
            return sim
    raise AssertionError("gradient descent does not get there")


@pytest.mark.parametrize("delta", [1.0, -1.0])
@pytest.mark.parametrize("s", [10, 20, 50])
def test_steps(benchmark, s, delta):
    """Square wave, m = 1,000: steps at several tolerances; at s = 10 also those of descent."""
    samples = pf.Samples.generate("square_wave", s)
    neurons = pf.initialise("reduced", 1000, delta=delta, seed=0)
    reference = simulate(samples, neurons, pf.Boost(1e-7))
    by_tolerance = {}
    for tolerance in (1e-2, 3e-3, 1e-3, 1e-4):
        sim = simulate(samples, neurons, pf.Boost(tolerance))
        by_tolerance[f"{tolerance:g}"] = {
            "steps": sim.step, "rejected": sim.rejected, "error": distance(sim, reference),
        }  # fmt: skip
    benchmark.extra_info.update(s=s, delta=delta, by_tolerance=by_tolerance)
    if s == 10:
        descent = descent_for(ERROR, samples, neurons, reference)
        fine = simulate(samples, neurons, pf.GradientDescent(2e-5))
        benchmark.extra_info.update(
            descent_steps=descent.step,
            descent_error=distance(descent, reference),
            fine_descent_from_reference=distance(fine, reference),
        )
    benchmark.pedantic(lambda: simulate(samples, neurons, pf.Boost(1e-3)), rounds=3)


@pytest.mark.parametrize("s", [10, 100, 1000, 10_000])
def test_mean_residual(benchmark, s):
    """phi_1(-h H) rho at tolerance 1e-4, over a time in which the fast modes decay."""
    samples = pf.Samples.generate("square_wave", s)
    sim = pf.Simulation(samples, pf.initialise("reduced", 5000, seed=0))
    covariances, h, accuracy = sim.state.kernel_covariances(), 10.0 / s, 1e-7 * samples.spread
    benchmark.pedantic(
        lambda: mean_residual(covariances, sim.residual, samples.x, h, accuracy), rounds=50
    )
    benchmark.extra_info.update(s=s, microseconds=1e6 * benchmark.stats.stats.median)


@pytest.mark.parametrize("m", [100, 1000])
def test_moment(benchmark, m):
    """A moment inside a step that holds it: the pass of a frame or of an observable."""
    samples = pf.Samples.generate("square_wave", 10)
    sim = simulate(samples, pf.initialise("reduced", m, seed=1), pf.Boost(1e-4), 1.0)
    flow = sim._motion._flow
    inside = [flow.begin + q * (flow.end - flow.begin) for q in (0.3, 0.6)]
    benchmark.pedantic(
        lambda: [flow.take_steps(time, 0) for time in inside], rounds=2000, warmup_rounds=10
    )
    benchmark.extra_info.update(m=m, microseconds=1e6 * benchmark.stats.stats.median / 2)


class Counted:
    """The kernels of a state, whose steps return to Python after each pass and count it."""

    def __init__(self, kernels):
        self._kernels, self.passes = kernels, 0

    def __getattr__(self, name):
        return getattr(self._kernels, name)

    def boost_steps(self, flow, order, samples, control, limits, shown, whole):
        one_pass = passes_with(self._kernels.exact_pass, order, samples, whole)

        def run_pass(*args):
            self.passes += 1
            return one_pass(*args)

        return steps_by_passes(flow, run_pass, lambda _: None, samples, control, limits, shown)


CASES = {
    "square wave, delta 1": ("square_wave", 10, 1.0, (1e-3, 1e-4), UNTIL),
    "square wave, delta 0": ("square_wave", 10, 0.0, (1e-3, 1e-4), UNTIL),
    "square wave, delta -1": ("square_wave", 10, -1.0, (1e-3, 1e-4), UNTIL),
    "sine, s = 100": ("sine", 100, 1.0, (1e-3,), UNTIL),
    "CO2": (None, 2000, 1.0, (1e-3,), 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_passes(benchmark, quick, case):
    """Passes over the neurons, and the largest error at eight times, over the tolerance.

    The error is that of the residuals against a run at a hundredth of the tolerance: median and
    largest of some seeds.
    """
    kind, s, delta, tolerances, until = CASES[case]
    samples = samples_of(kind, s)
    m, seeds, by_tolerance = 10**3 if quick else 10**4, range(2 if quick else 8), {}
    times = until * np.geomspace(1e-2, 1.0, 8)
    for tolerance in tolerances:
        passes, errors = [], []
        for seed in seeds:
            neurons = pf.initialise("reduced", m, delta=delta, seed=seed)
            sim, fine = (pf.Simulation(samples, neurons, pf.Boost(tolerance / k)) for k in (1, 100))
            counted = sim.state.kernels = Counted(sim.state.kernels)
            worst = 0.0
            for time_ in times:
                sim.run(time_)
                fine.run(time_)
                worst = max(worst, distance(sim, fine) / (tolerance * samples.spread))
            passes.append(counted.passes - times.size)  # a moment that is shown is a pass, too
            errors.append(worst)
        by_tolerance[f"{tolerance:g}"] = {
            "passes": float(np.median(passes)), "steps": sim.step, "rejected": sim.rejected,
            "median_error": float(np.median(errors)), "largest_error": max(errors),
        }  # fmt: skip
    benchmark.extra_info.update(case=case, m=m, passes_by_tolerance=by_tolerance)
    benchmark.pedantic(lambda: simulate(samples, neurons, pf.Boost(tolerances[0]), until), rounds=3)


def trials(sim, until):
    """(seconds, whether it is rejected) of every trial step up to a time, one a call."""
    flow, taken = sim._motion._flow, []
    while flow.end < until:
        rejected = flow.rejected
        begin = time.perf_counter()
        flow.take_steps(np.inf, 1)  # a time to be shown would be one more pass
        taken.append((time.perf_counter() - begin, flow.rejected > rejected))
    return np.array(taken).reshape(-1, 2).T


def test_many_samples(benchmark, quick):
    """Steps at s = 2,000 (CO2) and at s = 10, by the time in which they lie.

    Rejected trials stand apart: many of them cross far more than any step that is accepted.
    """
    m, phases = 10**4 if quick else 10**6, []
    for s, samples in {10: pf.Samples.generate("square_wave", 10), 2000: co2(2000)}.items():
        sim = pf.Simulation(samples, pf.initialise("gaussian", m, seed=0), pf.Boost(1e-3))
        for until in (0.01, 1.0, UNTIL):
            before = int(sim.state.crossings.sum())
            seconds, rejected = trials(sim, until)
            crossings = int(sim.state.crossings.sum()) - before
            ns = 1e9 * seconds / m
            phases.append(
                {
                    "s": s,
                    "tau": until,
                    "steps": int((rejected == 0).sum()),
                    "rejected": int(rejected.sum()),
                    "median_ns_a_neuron_a_step": float(np.median(ns[rejected == 0])),
                    "mean_ns_a_neuron_a_step": float(ns[rejected == 0].mean()),
                    "mean_ns_a_neuron_a_trial": float(ns.mean()),
                    "crossings_a_neuron_a_step": crossings / m / max(1, (rejected == 0).sum()),
                }
            )
    benchmark.extra_info.update(m=m, phases=phases)
    benchmark.pedantic(lambda: None, rounds=1)


def test_agreement_as_neurons_grow(benchmark, quick):
    """s = 20, tau = 20: distance from gradient descent, and that of descent from half its step."""
    samples = pf.Samples.generate("square_wave", 20)
    for m in (10**3,) if quick else (10**3, 10**4):
        neurons = pf.initialise("reduced", m, delta=-1.0, seed=0)
        sim = simulate(samples, neurons, pf.Boost(1e-5))
        coarse, fine = (simulate(samples, neurons, pf.GradientDescent(2.0**-k)) for k in (12, 13))
        benchmark.extra_info.setdefault("by_neurons", {})[f"{m}"] = {
            "boost_from_descent": distance(sim, fine),
            "descent_from_descent": distance(coarse, fine),
        }
    benchmark.pedantic(lambda: None, rounds=1)


def test_drift(benchmark, quick):
    """Largest drift of delta over 10^5 fixed steps, in units of a^2 + b^2 + c^2."""
    steps, drift = 10**4 if quick else 10**5, {}
    samples = pf.Samples.generate("square_wave", 10)
    for delta in (-1.0, 0.0, 1.0):
        sim = pf.Simulation(samples, pf.initialise("reduced", 100, delta=delta, seed=1),
                            pf.Boost(step=1e-3))  # fmt: skip
        before = sim.state.delta()
        sim.run(steps * 1e-3)
        assert sim.step == steps
        drift[f"{delta:g}"] = sim.state.largest_drift(before)
    benchmark.extra_info.update(steps=steps, drift=drift)
    benchmark.pedantic(lambda: None, rounds=1)


def test_order(benchmark, quick):
    """Slope of the residual error over five halvings of the step, with crossings and slides.

    Beside it how many neurons end elsewhere at the smallest step than in the reference: where the
    flow is not unique they may go another way, each at the cost of O(1/m).
    """
    samples = pf.Samples.generate("square_wave", 10)
    m, until, by_delta = 10**3 if quick else 10**4, 1.0, {}
    for delta in (-1.0, 0.0, 1.0):
        slopes, elsewhere, origins, smallest = [], [], [], []
        for seed in range(8):
            neurons = pf.initialise("reduced", m, delta=delta, seed=seed)
            reference = simulate(samples, neurons, pf.Boost(step=until / 4096), until)
            sizes, errors = 2 ** np.arange(3, 9), []
            for n in sizes:
                sim = simulate(samples, neurons, pf.Boost(step=until / n), until)
                errors.append(distance(sim, reference))
            slopes.append(float(-np.polyfit(np.log(sizes), np.log(errors), 1)[0]))
            away = np.abs(sim.state.parameters() - reference.state.parameters()).max(axis=0)
            elsewhere.append(int((away > 0.05).sum()))
            origins.append(reference.state.origins)
            smallest.append(errors[-1])
        by_delta[f"{delta:g}"] = {
            "slopes": slopes,
            "error_at_the_smallest_step": float(np.median(smallest)),
            "neurons_elsewhere": elsewhere,
            "arrivals_at_the_origin": origins,
        }
    benchmark.extra_info.update(m=m, by_delta=by_delta)
    benchmark.pedantic(lambda: None, rounds=1)
