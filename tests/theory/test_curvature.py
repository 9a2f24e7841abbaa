"""Lemma 7: f'' as a measure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from particleflow.theory import curvature, slope_variation, smoothed_curvature


def f(neurons, x):
    a, b, c = neurons
    return np.mean(c * np.maximum(np.multiply.outer(x, a) + b, 0.0), axis=-1)


def random_neurons(seed, m):
    random = np.random.default_rng(seed)
    a, b, c = random.standard_normal((3, m))
    a[random.random(m) < 0.2] = 0.0
    b[a != 0.0] = (-a * random.choice(np.linspace(-1, 1, 9), m))[a != 0.0]
    a = np.where(a == 0.0, 0.0, np.copysign(2.0 ** np.round(np.log2(np.abs(a) + 1e-3)), a))
    b = np.where(a == 0.0, b, -a * random.choice(np.linspace(-1, 1, 9), m))  # knots to the bit
    return a, b, c


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_masses_are_changes_of_slope(seed, m):
    neurons = random_neurons(seed, m)
    measure = curvature(*neurons)
    knots = measure.knots
    assert (np.diff(knots) > 0).all()
    if knots.size:
        h = 0.05
        jumps = (f(neurons, knots + h) - 2 * f(neurons, knots) + f(neurons, knots - h)) / h
        assert_allclose(measure.masses, jumps, rtol=0, atol=1e-11)
    total = np.abs(measure.masses).sum()
    assert_allclose(slope_variation(*neurons), total)
    assert_allclose(slope_variation(*neurons, weight=lambda e: 2.0 + 0.0 * e), 2.0 * total)
    a, _, c = neurons
    assert_allclose(measure.rightwards.sum(), (c * a)[a > 0].sum() / m, atol=1e-13)
    assert_allclose(measure.leftwards.sum(), -(c * a)[a < 0].sum() / m, atol=1e-13)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0.01, 2.0))
def test_the_smoothed_density_is_the_second_difference(seed, m, h):
    neurons = random_neurons(seed, m)
    x = np.random.default_rng(seed).uniform(-2, 2, 30)
    expected = (f(neurons, x + h) - 2 * f(neurons, x) + f(neurons, x - h)) / h**2
    got = smoothed_curvature(curvature(*neurons), x, h)
    assert_allclose(got, expected, rtol=0, atol=1e-12 / h**2)


def test_many_neurons_have_the_density_of_their_limit():
    """c(x) = f'': knots on a grid with masses sin(3 e) de."""
    m = 20_000
    e = np.linspace(-2, 2, m)
    sign = np.where(np.arange(m) % 2, 1.0, -1.0)
    c = m * np.sin(3 * e) * (e[1] - e[0])
    x = np.linspace(-1, 1, 21)
    got = smoothed_curvature(curvature(sign, -sign * e, c), x, 0.02)
    assert_allclose(got, np.sin(3 * x), atol=1e-3)


def test_knots_may_be_known_better_than_they_can_be_computed():
    a, b = np.array([1.0, 3.0]), np.array([-0.1, -0.3])
    assert curvature(a, b, a).knots.size == 2  # 0.3 / 3 is not 0.1
    measure = curvature(a, b, a, knots=[0.1, 0.1])
    assert_array_equal(measure.knots, [0.1])
    assert_allclose(measure.masses, [5.0])
    assert_allclose(slope_variation(a, b, [1.0, -1.0 / 3.0], knots=[0.1, 0.1]), 0.0, atol=1e-16)
    with pytest.raises(ValueError, match="knots: expected 2 numbers"):
        curvature(a, b, a, knots=[0.1])


def test_networks_without_knots():
    measure = curvature([0.0, 0.0], [1.0, -1.0], [2.0, 3.0])
    assert measure.knots.size == 0
    assert slope_variation([0.0], [1.0], [1.0]) == 0.0
    assert_array_equal(smoothed_curvature(measure, [0.0, 1.0], 0.1), 0.0)


def test_bad_input():
    with pytest.raises(ValueError, match="expected equal lengths of at least 1, found 1, 2 and 1"):
        curvature([1.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="width: expected a number above 0"):
        smoothed_curvature(curvature([1.0], [1.0], [1.0]), [0.0], 0.0)
