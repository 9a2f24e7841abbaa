"""Interpolants of least path norm: exact cases, and the norm as an integral of f''."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow import theory


def test_cases_that_are_known():
    """Two neurons make |x|; a line through the origin of two samples to the right needs one."""
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    found = theory.minimal_norm(x, np.abs(x))
    assert found.path_norm == pytest.approx(2.0, rel=1e-9)
    assert_allclose(np.abs(np.cos(found.theta)), 1.0, atol=1e-9)
    one = theory.minimal_norm([0.5, 1.0], [1.0, 2.0])
    # the ray of a single sample: mass m and direction d with m <xt, d> = y at both
    assert one.path_norm == pytest.approx(2.0, rel=1e-9)
    assert_allclose(one([0.5, 1.0, 2.0]), [1.0, 2.0, 4.0], rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_it_interpolates_with_the_least_norm(seed):
    random = np.random.default_rng(seed)
    x, y = np.sort(random.uniform(-1.0, 1.0, 6)), random.standard_normal(6)
    found = theory.minimal_norm(x, y, directions=4000)
    assert_allclose(found(x), y, rtol=0, atol=1e-9)
    assert found.path_norm == pytest.approx(np.abs(found.mass).sum(), rel=1e-6)
    finer = theory.minimal_norm(x, y, directions=16_000)
    assert finer.path_norm <= found.path_norm * (1.0 + 1e-9)
    assert found.path_norm == pytest.approx(finer.path_norm, rel=1e-4)
    # no network that interpolates has less: one with a neuron on each of many random directions
    theta = random.uniform(-np.pi, np.pi, 400)
    hidden = np.maximum(np.outer(x, np.cos(theta)) + np.sin(theta), 0.0)
    mass = np.linalg.lstsq(hidden, y)[0]
    assert found.path_norm <= np.abs(mass).sum()


def test_what_is_refused():
    with pytest.raises(pf.SamplesError, match="y: expected 2 numbers, found 3"):
        theory.minimal_norm([0.0, 1.0], [1.0, 2.0, 3.0])
    with pytest.raises(pf.SamplesError, match="x"):
        theory.minimal_norm([1.0, 0.0], [1.0, 2.0])
    with pytest.raises(pf.ConfigError, match="directions: expected at least 4"):
        theory.minimal_norm([0.0, 1.0], [1.0, 2.0], directions=3)


def test_clusters():
    places = np.array([0.3, np.nan, 0.0, 0.301, 5.0, 0.302, 7.0, 9.0])
    masses = np.array([1.0, 9.0, 2.0, -1.0, 1e-5, 2.0, 0.0, 4.0])
    found = theory.clusters(places, masses, 0.01)
    assert_allclose(found.places, [0.0, (0.3 + 0.301 + 2.0 * 0.302) / 4.0, 9.0])
    assert_allclose(found.masses, [2.0, 2.0, 4.0])
    assert theory.clusters(places, masses, 0.01, least=0.0).places.size == 4
    assert theory.clusters([], [], 1.0).places.size == 0
    with pytest.raises(pf.ConfigError, match="masses: expected 2 numbers, found 1"):
        theory.clusters([1.0, 2.0], [1.0], 1.0)
    with pytest.raises(pf.ConfigError, match="gap"):
        theory.clusters([1.0], [1.0], 0.0)
