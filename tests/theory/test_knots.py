"""Knots beside samples and beside each other; patterns of activation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow.theory import activation_distance, knot_distance, near_samples

X = np.array([-1.0, 0.0, 2.0])


def test_knots_near_samples_count_alone_and_by_mass():
    e = np.array([-1.05, -0.5, 0.08, 0.2, 1.99, 5.0])
    a = np.array([1.0, -2.0, 1.0, 1.0, -0.5, 1.0])
    c = np.array([1.0, 1.0, -3.0, 2.0, 4.0, 9.0])
    got = near_samples(X, np.append(a, 0.0), np.append(-a * e, 1.0), np.append(c, 1.0), 0.1)
    assert_allclose(got, [3 / 5, (1 + 3 + 2) / (1 + 2 + 3 + 2 + 2)])
    assert near_samples(X, [1.0], [-9.0], [1.0], 0.1) == (0.0, 0.0)
    assert near_samples([0.0], [1.0], [0.0], [1.0], 0.0) == (1.0, 1.0)


def test_sliding_knots_are_on_their_samples():
    samples = pf.Samples.generate("square_wave", 10)
    sim = pf.Simulation(samples, pf.initialise("reduced", 1000, delta=1.0, seed=0))
    neurons = sim.neurons
    before = near_samples(samples.x, neurons.a, neurons.b, neurons.c, 1e-9)
    sim.run(5.0)
    neurons = sim.neurons
    after = near_samples(samples.x, neurons.a, neurons.b, neurons.c, 1e-9)
    assert before == (0.0, 0.0)
    assert min(after) > 0.3


def test_knot_distance():
    one = ([1.0, -1.0], [0.0, 1.0], [1.0, 3.0])  # masses 1/4 at 0, 3/4 at 1
    two = ([2.0], [-4.0], [1.0])  # all at 2
    assert_allclose(knot_distance(one, two), 0.25 * 2 + 0.75 * 1)
    assert knot_distance(one, one) == 0.0
    with pytest.raises(ValueError, match="without knots"):
        knot_distance(one, ([0.0], [1.0], [1.0]))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
def test_activation_distance_counts_pairs(seed, s):
    """Against the activations themselves, of knots on samples and neurons in the origin too."""
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1, 1, s))
    y = random.standard_normal(s)
    cells, active = [], []
    for _ in range(2):
        a, b = random.standard_normal((2, 60))
        c = random.standard_normal(60)
        b[:20] = -a[:20] * random.choice(x, 20)
        a[20:22] = b[20:22] = 0.0
        cells.append(pf.Simulation(pf.Samples(x, y), pf.Neurons(a, b, c)).state.cell)
        active.append(np.multiply.outer(a, x) + b[:, None] > 0.0)
    rays = random.integers(0, 2 * s, 60)
    assert_allclose(activation_distance(*cells, s), (active[0] != active[1]).mean(), atol=1e-15)
    # a neuron on a ray is one of its inactive side
    sliding = 2 * s + rays
    inactive = np.where(rays < s, rays + 1, rays)
    assert activation_distance(sliding, inactive, s) == 0.0


def test_bad_input():
    with pytest.raises(ValueError, match="gap: expected at least 0"):
        near_samples(X, [1.0], [1.0], [1.0], -1.0)
    with pytest.raises(ValueError, match="x: expected strictly increasing"):
        near_samples(X[::-1], [1.0], [1.0], [1.0], 0.1)
    with pytest.raises(ValueError, match="cell: expected integers"):
        activation_distance(np.array([0.5]), np.array([0]), 3)
    with pytest.raises(ValueError, match="expected cells from 0 to 12"):
        activation_distance(np.array([13]), np.array([0]), 3)
    with pytest.raises(ValueError, match="expected equal shapes"):
        activation_distance(np.array([1, 2]), np.array([0]), 3)
