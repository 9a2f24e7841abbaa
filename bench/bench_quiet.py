"""Quiet starts beside independent neurons: how far f is from the limit of many neurons.

The limit is the mean of runs from eight scrambles of 2^18 neurons each. Errors are the largest over
the samples' interval, medians of seeds.
"""

import time

import numpy as np
import pytest

import particleflow as pf

UNTIL, TOLERANCE = 5.0, 1e-5
FINER = {"reduced, delta 1": 1e-7}
"""Where the error of the steps at `TOLERANCE` would hide that of the start: many neurons reach the
origin."""
KINDS = {
    "reduced, delta -1": ("reduced", {"delta": -1.0}),
    "reduced, delta 0": ("reduced", {"delta": 0.0}),
    "reduced, delta 1": ("reduced", {"delta": 1.0}),
    "gaussian": ("gaussian", {}),
    "gaussian, twins": ("gaussian", {"antisymmetric": True}),
    "uniform": ("uniform", {}),
    "pytorch": ("pytorch", {"alpha": "m"}),
    "paper": ("paper", {"alpha": "m"}),
}
random = np.random.default_rng(1)
X = np.sort(random.uniform(-1.0, 1.0, 9))
SAMPLES = pf.Samples(X, np.sign(np.sin(5.0 * X)) + X / 5.0)
POINTS = np.linspace(X[0], X[-1], 201)


def f_at_the_end(kind, m, sampling, seed):
    """f at the points, and the seconds that the steps take."""
    name, options = KINDS[kind]
    neurons = pf.initialise(name, m, seed=seed, sampling=sampling, **options)
    sim = pf.Simulation(SAMPLES, neurons, pf.Boost(FINER.get(kind, TOLERANCE)))
    begin = time.perf_counter()
    sim.run(UNTIL)
    return sim.predict(POINTS), time.perf_counter() - begin


def limit(kind, m):
    return np.mean([f_at_the_end(kind, m, "quiet", 1000 + seed)[0] for seed in range(8)], axis=0)


def median_error(kind, m, sampling, seeds, reference):
    found = [f_at_the_end(kind, m, sampling, seed) for seed in range(seeds)]
    errors = [np.abs(f - reference).max() for f, _ in found]
    return float(np.median(errors)), float(np.median([seconds for _, seconds in found]))


@pytest.mark.parametrize("kind", KINDS)
def test_quiet(benchmark, quick, kind):
    """Errors over m, their slope from 2^10 to 2^16, and how many neurons a quiet one stands for."""
    counts = (
        (1000, 1024) if quick else (1000, 1024, 2048, 4096, 8192, 16_384, 32_768, 50_000, 65_536)
    )
    seeds = 4 if quick else 16
    reference = limit(kind, 2**12 if quick else 2**18)
    errors = {
        sampling: {m: median_error(kind, m, sampling, seeds, reference)[0] for m in counts}
        for sampling in ("random", "quiet")
    }
    powers = [m for m in counts if m & (m - 1) == 0]
    slopes = {
        sampling: float(np.polyfit(np.log(powers), np.log([found[m] for m in powers]), 1)[0])
        for sampling, found in errors.items()
        if len(powers) > 2
    }
    benchmark.extra_info.update(
        kind=kind, seeds=seeds, slopes=slopes,
        errors={name: {str(m): e for m, e in found.items()} for name, found in errors.items()},
        ratios={str(m): errors["random"][m] / errors["quiet"][m] for m in counts},
    )  # fmt: skip
    benchmark.pedantic(lambda: None, rounds=1)


def test_time_to_error(benchmark, quick):
    """Stepping time for an error of 1e-4, delta = -1: of a quiet start, and of independent neurons.

    Those follow m^(-1/2), from which the number follows that has this error; its steps are timed.
    """
    kind, wanted = "reduced, delta -1", 1e-2 if quick else 1e-4
    reference = limit(kind, 2**12 if quick else 2**18)
    m = 64
    while True:
        error, seconds = median_error(kind, m, "quiet", 16, reference)
        if error <= wanted:
            break
        m *= 2
    known = 1024 if quick else 2**16
    independent = median_error(kind, known, "random", 16, reference)[0]
    needed = int(known * (independent / wanted) ** 2)
    seconds_needed = f_at_the_end(kind, needed, "random", 0)[1]
    benchmark.extra_info.update(
        wanted=wanted, quiet=m, random=needed, seconds_quiet=seconds, seconds_random=seconds_needed
    )
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.parametrize("kind", ["reduced, delta 1", "gaussian", "uniform"])
def test_drawing(benchmark, quick, kind):
    """Drawing a quiet start, over drawing independent neurons."""
    m, (name, options) = 10**5 if quick else 10**7, KINDS[kind]
    medians = {}
    for sampling in ("random", "quiet"):
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            pf.initialise(name, m, sampling=sampling, **options)
            seconds.append(time.perf_counter() - begin)
        medians[sampling] = float(np.median(seconds))
    benchmark.extra_info.update(
        kind=kind, m=m, quiet_over_random=medians["quiet"] / medians["random"]
    )
    benchmark.pedantic(lambda: None, rounds=1)
