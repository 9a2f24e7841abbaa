"""Whole runs over neurons m, samples s and threads; what sector order gains."""

import math

import numba
import numpy as np
import pytest
from cases import neurons, square_wave
from streams import median_seconds

import particleflow as pf

DESCENTS = [(10**3, 10, 20_000), (10**3, 1000, 2_000), (10**4, 10, 5_000), (10**5, 10, 1_000),
            (10**5, 1000, 500), (10**6, 10, 100), (10**6, 1000, 50), (10**6, 10**4, 20),
            (10**7, 10, 20), (10**7, 1000, 10), (10**8, 10, 5)]  # fmt: skip
BOOSTS = [(10**3, 10, 20.0), (10**3, 1000, 0.1), (10**4, 10, 20.0), (10**4, 1000, 0.05),
          (10**5, 10, 5.0), (10**5, 1000, 0.02), (10**4, 10**4, 5e-4), (10**6, 10, 0.5),
          (10**6, 1000, 0.01), (10**7, 10, 0.2), (10**8, 10, 0.1)]  # fmt: skip


def make(m, s, integrator, threads=None):
    """A simulation from its start, with the kernels compiled."""
    pf.Simulation(square_wave(s), neurons(1000), integrator).run(
        getattr(integrator, "step", None) or 1e-9
    )
    return pf.Simulation(square_wave(s), neurons(m), integrator, threads=threads)


def progress(sim):
    """(trial steps, rays met) so far."""
    return sim.step + sim.rejected, int(sim.state.crossings.sum())


def describe(sim, seconds, before=(0, 0)):
    """What a run has taken since it was ``before``, a trial step and a neuron."""
    m = sim.size
    trials, crossings = (now - then for now, then in zip(progress(sim), before, strict=True))
    return {
        "m": m,
        "s": sim.samples.size,
        "integrator": sim.integrator.name,
        "tau": sim.time,
        "steps": sim.step,
        "rejected": sim.rejected,
        "seconds": seconds,
        "microseconds_a_step": 1e6 * seconds / trials,
        "ns_a_neuron_a_step": 1e9 * seconds / trials / m,
        "crossings_a_neuron_a_step": crossings / trials / m,
        "in_sector_order": sim.state.order.start.shape[1] > 2,
    }


def time_run(benchmark, sim, until):
    """Run once as the benchmark."""
    before = progress(sim)
    benchmark.pedantic(lambda: sim.run(until), rounds=1)
    benchmark.extra_info.update(describe(sim, benchmark.stats.stats.median, before))


def seconds_a_step(sim, until):
    """Run once; seconds a trial step."""
    return median_seconds(lambda: sim.run(until), 1, warm=False) / progress(sim)[0]


@pytest.mark.parametrize(("m", "s", "steps"), DESCENTS)
def test_descent(benchmark, fitting, m, s, steps):
    """Gradient descent from its start, dtau = 0.01 / s."""
    h = 0.01 / s
    time_run(benchmark, make(fitting(m), s, pf.GradientDescent(h)), steps * h)


@pytest.mark.parametrize(("m", "s", "tau"), BOOSTS)
def test_boost(benchmark, fitting, quick, m, s, tau):
    """The exact flow from its start at tolerance 1e-3, its memory touched before."""
    if quick and m * s >= 10**8:
        pytest.skip("takes a while: without --quick")
    sim = make(fitting(m), s, pf.Boost(1e-3))
    sim.run(1e-3 * tau)
    time_run(benchmark, sim, 0.1 * tau if quick else tau)


@pytest.mark.parametrize("method", ["gd", "boost"])
@pytest.mark.parametrize("s", [10, 1000])
def test_threads(benchmark, fitting, quick, method, s):
    """Seconds a step for any number of threads, m = 10^6."""
    m = fitting(10**5 if quick else 10**6)
    tau = 10.0 / s / (30 if s > 10 else 1)
    integrator, until = {
        "gd": (pf.GradientDescent(0.01 / s), 0.2 / s), "boost": (pf.Boost(1e-3), 0.1 * tau)
    }[method]  # fmt: skip
    most = numba.config.NUMBA_NUM_THREADS
    counts = sorted({1, *(2**k for k in range(1, 9) if 2**k < most), most})
    seconds = {n: seconds_a_step(make(m, s, integrator, n), until) for n in counts}
    time_run(benchmark, make(m, s, integrator), until)
    benchmark.extra_info["seconds_by_threads"] = seconds


class _PlainBoost(pf.Boost):
    run_length = math.inf


class _SortedBoost(pf.Boost):
    run_length = 2
    sorted_from = 0


@pytest.mark.parametrize(("m", "s", "tau"), [
    (10**3, 10, 20.0), (10**4, 10, 20.0), (10**5, 10, 20.0), (10**5, 100, 5.0),
    (10**5, 1000, 0.02), (10**6, 10, 5.0), (10**6, 100, 2.0),
])  # fmt: skip
def test_sector_order(benchmark, fitting, quick, m, s, tau):
    """What sector order gains on whole steps of `Boost`, sorted where it is not by default, too."""
    if quick and m > 10**5:
        pytest.skip("takes a while: without --quick")
    tau *= 0.1 if quick else 1.0
    rounds = [
        [seconds_a_step(make(fitting(m), s, kind(1e-3)), tau)
         for kind in (_PlainBoost, _SortedBoost, pf.Boost)]
        for _ in range(9 if m < 10**5 else 3)
    ]  # fmt: skip
    plain, by_sector, default = np.median(rounds, axis=0).tolist()
    time_run(benchmark, make(m, s, pf.Boost(1e-3)), tau)
    benchmark.extra_info.update(gain_of_order=plain / by_sector, plain_over_default=plain / default)


@pytest.mark.parametrize(("method", "most"), [("gd", 10.0), ("boost", 150.0)])
def test_small_step(benchmark, method, most):
    """Microseconds a step at m = 1,000, s = 10: the targets are 10 and 150."""
    integrator = {"gd": pf.GradientDescent(1e-3), "boost": pf.Boost(1e-4)}[method]
    sim = pf.Simulation(square_wave(10), neurons(1000), integrator)
    sim.run(0.1)
    time_run(benchmark, sim, 20.0)
    benchmark.extra_info["target"] = most


@pytest.mark.parametrize("delta", [-1.0, 1.0])
@pytest.mark.parametrize("m", [10**3, 10**5])
def test_single_precision(benchmark, fitting, quick, m, delta):
    """`Boost` to tau = 20 in single precision, and its residuals' distance from those in double."""
    until, m = 2.0 if quick else 20.0, fitting(m)
    samples, start = square_wave(10), pf.initialise("reduced", m, delta=delta, seed=0)
    one, two = (
        pf.Simulation(samples, start, pf.Boost(1e-4), state_dtype=dtype)
        for dtype in ("float32", "float64")
    )
    two.run(until)
    time_run(benchmark, one, until)
    benchmark.extra_info["difference"] = float(abs(one.residual - two.residual).max())
