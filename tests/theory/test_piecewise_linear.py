"""Proposition 5: functions to neurons and back, and what F_m lacks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.theory import PiecewiseLinear, degrees_of_freedom

seeds = st.integers(0, 2**32 - 1)


def network(neurons, x):
    a, b, c = neurons
    return np.mean(c * np.maximum(np.multiply.outer(x, a) + b, 0.0), axis=-1)


def random_function(random, n):
    knots = np.sort(random.uniform(-1.0, 1.0, n))
    return PiecewiseLinear(knots, random.standard_normal(n), *random.standard_normal(2))


def around(f):
    """Points between the knots, at them, and far outside."""
    knots = f.knots
    between = 0.5 * (knots[1:] + knots[:-1])
    return np.concatenate([knots, between, knots[0] - [0.1, 1.0], knots[-1] + [0.1, 1.0]])


def test_a_thousand_functions_are_networks_of_two_neurons_more():
    random = np.random.default_rng(0)
    for _ in range(1000):
        f = random_function(random, int(random.integers(1, 20)))
        neurons = f.neurons(f.knots.size + 2)
        x = around(f)
        size = np.abs(np.diff(f.slopes)).sum() + np.abs(f.values).max()
        assert_allclose(network(neurons, x), f(x), rtol=0, atol=1e-12 * size)
        back = PiecewiseLinear.from_neurons(*neurons)
        assert_allclose(back.knots, f.knots, rtol=0, atol=1e-14)
        assert_allclose(back(x), f(x), rtol=0, atol=1e-12 * size)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(1, 30))
def test_every_network_is_piecewise_linear_with_its_knots(seed, m):
    random = np.random.default_rng(seed)
    a, b, c = random.standard_normal((3, m))
    a[random.random(m) < 0.2] = 0.0
    if m > 3:
        a[1], b[1] = -2.0 * a[0], -2.0 * b[0]  # one knot, two orientations
    f = PiecewiseLinear.from_neurons(a, b, c)
    assert f.knots.size <= m
    x = np.concatenate([around(f), random.uniform(-3, 3, 20)])
    scale = 1.0 + np.abs(f.knots).max() * np.abs(f.slopes).max()
    assert_allclose(f(x), network((a, b, c), x), rtol=0, atol=1e-13 * scale * m)


def test_constants_lines_and_zero_take_as_few_neurons_as_need_be():
    for f, needed in (
        (PiecewiseLinear([0.0], [0.0], 0.0, 0.0), 1),
        (PiecewiseLinear([0.3], [2.0], 0.0, 0.0), 1),
        (PiecewiseLinear([0.3], [2.0], -1.5, -1.5), 2),
        (PiecewiseLinear([0.0], [0.0], 0.0, 2.0), 1),
        (PiecewiseLinear([0.0], [1.0], -1.0, 1.0), 3),
    ):
        neurons = f.neurons()
        assert neurons[0].size == needed
        assert_allclose(network(neurons, around(f)), f(around(f)), atol=1e-15)
        assert_allclose(network(f.neurons(7), around(f)), f(around(f)), atol=1e-15)
        assert pf.Neurons(*neurons).size == needed
        if needed > 1:
            with pytest.raises(pf.NeuronsError, match=f"expected at least {needed} for"):
                f.neurons(needed - 1)


def test_abs_x_plus_1_is_in_cpl_2_and_no_network_of_two_neurons():
    """Each pattern of signs, with the spare neuron wherever it could help: at the kink, a constant,
    or elsewhere."""
    f = PiecewiseLinear([0.0], [1.0], -1.0, 1.0)
    assert f.degrees_of_freedom <= 2 * 2 + 2
    for signs in itertools.product((-1, 0, 1), repeat=2):
        for place in (0.0, -0.7, 1.3):
            assert f.with_signs([0.0, place], signs)[1] > 0.1
        shifted = PiecewiseLinear([1e6], [1.0], -1.0, 1.0)
        assert shifted.with_signs([1e6, 1e6 + 1.0], signs)[1] > 0.1
    neurons, defect = f.with_signs([0.0, 0.0, 0.0], [-1, 1, 0])
    assert defect < 1e-15
    assert_allclose(network(neurons, around(f)), f(around(f)), atol=1e-14)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(1, 8))
def test_membership_for_a_pattern_of_signs(seed, m):
    """Networks are found again by their pattern; other patterns and slopes miss two conditions."""
    random = np.random.default_rng(seed)
    knots, signs = np.sort(random.uniform(-1, 1, m)), random.choice([-1.0, 1.0], m)
    a = signs * random.uniform(0.5, 2.0, m)
    c = random.choice([-1.0, 1.0], m) * random.uniform(0.5, 2.0, m)
    f = PiecewiseLinear.from_neurons(a, -a * knots, c)
    neurons, defect = f.with_signs(knots, signs)
    assert defect < 1e-10
    assert_allclose(neurons[0] * neurons[2], signs * np.abs(a) * c, rtol=0, atol=1e-9 * m)
    assert f.with_signs(knots, -signs)[1] > 1e-6
    other = PiecewiseLinear(f.knots, f.values + 0.5, f.left, f.right)
    assert other.with_signs(knots, signs)[1] > 1e-3


def test_knots_far_away_cost_no_accuracy():
    """Values at the knots between the samples, beside knots at 10^4 and more."""
    neurons = pf.initialise("reduced", 20_000, delta=1.0, seed=0)
    f = PiecewiseLinear.from_neurons(neurons.a, neurons.b, neurons.c)
    assert np.abs(f.knots).max() > 1e3
    x = f.knots[np.abs(f.knots) < 1.0][::500]
    expected = network((neurons.a, neurons.b, neurons.c), x)
    assert_allclose(f(x), expected, rtol=0, atol=1e-15)


def test_degrees_of_freedom():
    assert degrees_of_freedom(7) == 14
    f = PiecewiseLinear(np.arange(7.0), np.zeros(7), 0.0, 0.0)
    assert f.degrees_of_freedom == 16


def test_interpolants_prolong_their_end_pieces():
    x, y = np.array([-1.0, 0.0, 2.0]), np.array([1.0, 0.0, 4.0])
    f = PiecewiseLinear.interpolating(x, y)
    assert_array_equal(f(x), y)
    assert_allclose(f([-2.0, 1.0, 3.0]), [2.0, 2.0, 6.0])
    assert_allclose(f.jumps, [0.0, 3.0, 0.0])
    assert PiecewiseLinear.interpolating([1.0], [5.0])(9.0) == 5.0


@pytest.mark.parametrize(("arguments", "message"), [
    (([0.0, 0.0], [1.0, 2.0], 0.0, 0.0), "strictly increasing numbers, found 0 before 0"),
    (([1.0, 0.0], [1.0, 2.0], 0.0, 0.0), "strictly increasing numbers, found 1 before 0"),
    (([0.0], [1.0, 2.0], 0.0, 0.0), "found 1 and 2"),
    (([], [], 0.0, 0.0), "found 0 and 0"),
    (([0.0], [np.nan], 0.0, 0.0), r"values\[0\] is nan"),
    (([0.0], [1.0], np.inf, 0.0), "left: expected a finite number"),
])  # fmt: skip
def test_what_is_no_piecewise_linear_function(arguments, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinear(*arguments)


def test_bad_signs():
    f = PiecewiseLinear([0.0], [1.0], -1.0, 1.0)
    with pytest.raises(ValueError, match="signs: expected -1, 0 or 1, found 2"):
        f.with_signs([0.0], [2])
    with pytest.raises(ValueError, match="found 1 and 2"):
        f.with_signs([0.0], [1, 1])
    with pytest.raises(ValueError, match="strictly increasing"):
        PiecewiseLinear.interpolating([0.0, 0.0], [1.0, 1.0])
