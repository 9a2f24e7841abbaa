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
    theta = -np.pi + 2.0 * np.pi * (np.arange(n) + 0.5) / n
    z = np.maximum(np.outer(np.cos(theta), x) + np.sin(theta)[:, None], 0.0)
    h = sign * z @ (-weights * rho)
    return theta[(h > np.roll(h, 1)) & (h > np.roll(h, -1))]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 7), st.sampled_from([-1, 1]))
def test_they_are_the_maxima(seed, s, sign):
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.2, 1.0, s)) - 2.0
    rho, weights = random.standard_normal(s), random.uniform(0.5, 2.0, s)
    found = extremal_directions(x, rho, sign, weights)
    expected = on_a_grid(x, rho, sign, weights)
    # each maximum of the grid is beside one that was found, and the other way round
    assert found.size == expected.size
    assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert (np.diff(found) > 0.0).all()


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
