"""Directions in which neurons gather: against a fine grid, and against neurons that gather."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow.theory import extremal_directions


def on_a_grid(x, rho, sign, weights, n=200_000):
    """Local maxima of the function itself at many angles."""
    theta = -np.pi + 2.0 * np.pi * (np.arange(n) + 0.37) / n  # no two around a ray are alike
    z = np.maximum(np.outer(np.cos(theta), x) + np.sin(theta)[:, None], 0.0)
    h = sign * z @ (-weights * rho)
    higher = h - 1e-12 * max(np.abs(h).max(), 1e-300)  # than rounding on a plateau
    return theta[(higher > np.roll(h, 1)) & (higher > np.roll(h, -1))]


def same_directions(found, expected, allowed):
    """Each is beside one of the others on the circle, and there are as many."""
    assert found.size == expected.size
    if found.size:
        way = np.abs(np.angle(np.exp(1j * (found[:, None] - expected))))
        assert way.min(axis=0).max() < allowed
        assert way.min(axis=1).max() < allowed


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 7), st.sampled_from([-1, 1]))
def test_they_are_the_maxima(seed, s, sign):
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.2, 1.0, s)) - 2.0
    rho, weights = random.standard_normal(s), random.uniform(0.5, 2.0, s)
    found = extremal_directions(x, rho, sign, weights)
    expected = on_a_grid(x, rho, sign, weights)
    same_directions(found, expected, 1e-4)
    assert (np.diff(found) > 0.0).all()


@pytest.mark.parametrize(
    ("x", "rho", "expected"),
    [([0.0, 1.0], [1.0, -1.0], [0.0]), ([-2.0, 3.0], [1.0, 1.0], [np.arctan2(3.0, -1.0)]),
     ([0.5], [0.0], []), ([0.5], [-1.0], [np.arctan2(1.0, 0.5)]), ([0.5], [1.0], [])],
)  # fmt: skip
def test_ties(x, rho, expected):
    """A sum along a ray: a maximum on the ray, or none."""
    found = extremal_directions(x, rho)
    assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert on_a_grid(np.array(x), np.array(rho), 1, 1.0, 20_001).size == len(expected)


@pytest.mark.parametrize("seed", range(30))
def test_ties_of_whole_numbers(seed):
    random = np.random.default_rng(seed)
    for _ in range(20):
        x = np.sort(random.choice(np.arange(-3.0, 4.0), random.integers(1, 5), replace=False))
        rho = random.integers(-2, 3, x.size).astype(float)
        expected = on_a_grid(x, rho, 1, 1.0, 20_001)
        same_directions(extremal_directions(x, rho), expected, 1e-3)


@pytest.mark.parametrize("kind", ["balanced", "dominated"])
def test_neurons_of_a_small_start_gather_there(kind):
    samples = pf.Samples([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8])
    sim = pf.Simulation(samples, pf.initialise(kind, 2000, scale=1e-6, seed=1), pf.Boost(1e-3))
    sim.run(4.0)
    assert abs(sim.loss / (0.5 * np.sum(samples.y**2)) - 1.0) < 0.01
    neurons = sim.neurons
    # all y are above 0: neurons with c < 0 climb to where they are dead, which is no maximum
    assert extremal_directions(samples.x, -samples.y, -1).size == 0
    angles = extremal_directions(samples.x, -samples.y, 1)
    assert angles.size > 0
    living = (neurons.cells.cell != 3) & (neurons.c > 0.0)
    assert living.sum() > 500
    way = np.abs(np.angle(np.exp(1j * (neurons.theta[living, None] - angles)))).min(axis=1)
    assert np.mean(way < 0.05) > 0.9


def test_wrong_arguments():
    for arguments, error, message in (
        (([0.0, 1.0], [1.0]), pf.SamplesError, "residual: expected 2 numbers, found 1"),
        (([1.0, 0.0], [1.0, 1.0]), pf.SamplesError, "x: expected strictly increasing"),
        (([0.0], [1.0], 0), pf.ConfigError, "sign: expected 1 or -1, found 0"),
    ):
        with pytest.raises(error, match=message):
            extremal_directions(*arguments)
