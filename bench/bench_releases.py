"""Errors at the end of short runs in which samples hold many neurons and let them go, far apart.

Few samples at distances of 10^0.5 to 10^4.5 and a hundred neurons: a sample that ceases to attract
inside a step changes residuals by far more than any other error. The reference has 4,000 fixed
steps, that with half as many says how far it can be trusted.
"""

import numpy as np
import pytest

import particleflow as pf

TOLERANCES = (1e-3, 1e-4, 1e-6, 1e-8)
FINE = 4000


def problem(seed):
    """Samples, neurons, and the end of a run."""
    random = np.random.default_rng(seed)
    s, size = int(random.integers(3, 8)), 10.0 ** random.uniform(0.5, 4.5)
    samples = pf.Samples(size * np.sort(random.uniform(-1.0, 1.0, s)), random.standard_normal(s))
    knots, sign = 1.1 * size * random.uniform(-1.0, 1.0, 100), random.choice([-1.0, 1.0], 100)
    rhat = 10.0 ** random.uniform(-1.0, 1.0) * random.uniform(-1.0, 1.0, 100)
    delta = random.choice([-3.0, -1.0, 0.0, 1.0])
    neurons = pf.Neurons.from_reduced(rhat, np.arctan2(-sign * knots, sign), delta)
    largest = np.linalg.eigvalsh(pf.Simulation(samples, neurons).state.tangent_kernel())[-1]
    return samples, neurons, 10.0 ** random.uniform(0.5, 2.0) / largest


def run(samples, neurons, until, **settings):
    sim = pf.Simulation(samples, neurons, pf.Boost(**settings), threads=1)
    sim.run(until)
    return sim


def distance(one, two):
    return float(np.sqrt(np.mean((one.residual - two.residual) ** 2)))


@pytest.fixture(scope="module")
def references(quick):
    """Problems in which no neuron comes to the origin, their references, and what those miss."""
    found = []
    for seed in range(5 if quick else 300):
        samples, neurons, until = problem(seed)
        fine = run(samples, neurons, until, step=until / FINE)
        if fine.state.origins == 0:
            coarse = run(samples, neurons, until, step=2.0 * until / FINE)
            found.append((samples, neurons, until, fine, distance(coarse, fine)))
    return found


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_releases(benchmark, references, tolerance):
    """Errors over the tolerance, twice what the reference misses taken off: quantiles."""
    errors, steps, rejected, elsewhere = [], 0, 0, 0
    for samples, neurons, until, fine, missed in references:
        sim = run(samples, neurons, until, tolerance=tolerance)
        if (sim.state.cell != fine.state.cell).any():
            elsewhere += 1
        else:
            error = max(0.0, distance(sim, fine) - 2.0 * missed)
            errors.append(error / samples.spread / tolerance)
        steps, rejected = steps + sim.step, rejected + sim.rejected
    benchmark.extra_info.update(
        tolerance=tolerance, problems=len(references), elsewhere=elsewhere,
        steps=steps, rejected=rejected,
        quantiles={f"{q:g}": float(np.quantile(errors, q)) for q in (0.5, 0.9, 0.99, 1.0)},
    )  # fmt: skip
    samples, neurons, until, _, _ = references[0]
    benchmark.pedantic(lambda: run(samples, neurons, until, tolerance=tolerance), rounds=3)
