"""The weight of the variation that stability bounds, by its definition and by the Hessian."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow import theory


@pytest.mark.parametrize("seed", range(4))
def test_the_weight_by_its_definition(seed):
    random = np.random.default_rng(seed)
    x, at = np.sort(random.uniform(-2.0, 3.0, 9)), random.uniform(-3.0, 4.0, 50)
    expected = []
    for e in at:
        sides = []
        for some in (x[x > e], x[x < e]):
            share, mean = some.size / x.size, some.mean() if some.size else 0.0
            sides.append(share**2 * abs(mean - e) * np.hypot(1.0, mean) if some.size else 0.0)
        expected.append(min(sides))
    found = theory.stability_weight(x, at)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert_array_equal(found[(at < x[0]) | (at > x[-1])], 0.0)
    masses = random.standard_normal(50)
    assert theory.weighted_variation(x, at, masses) == pytest.approx(np.abs(masses) @ expected)


@pytest.mark.parametrize("seed", range(6))
def test_no_network_is_flatter_than_its_variation_allows(seed):
    """At an interpolant the sharpness is at least 2 n int |f''| g, in units of tau."""
    random = np.random.default_rng(seed)
    n, m = 8, 12
    x = np.sort(random.uniform(-1.0, 1.0, n))
    neurons = pf.Neurons.from_parameters(*random.standard_normal((3, m)), alpha=1.0)
    y = pf.Simulation(pf.Samples(x, x), neurons, pf.GradientDescent(1e-3)).predict(x)
    sim = pf.Simulation(pf.Samples(x, y), neurons, pf.GradientDescent(1e-3))
    bend = theory.curvature(neurons.a, neurons.b, neurons.c)
    variation = theory.weighted_variation(x, bend.knots, bend.masses)
    assert variation > 0.0
    # alpha = 1: eta = n dtau on the loss (1/(2n)) sum of rho^2, so that 2 / eta is sharpness / n
    assert sim.hessian.largest() >= 2.0 * n * variation


def test_what_is_refused():
    with pytest.raises(pf.ConfigError, match="masses: expected 1 numbers, found 2"):
        theory.weighted_variation([0.0, 1.0], [0.5], [1.0, 2.0])
    with pytest.raises(pf.SamplesError, match="x"):
        theory.stability_weight([1.0, 0.0], [0.5])
