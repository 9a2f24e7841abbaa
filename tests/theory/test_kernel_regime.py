"""Section 6 against matrix exponentials, and against runs with delta to -infinity."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm

import particleflow as pf
from particleflow.theory import KernelRegime

SAMPLES = pf.Samples.generate("square_wave", 10)


def features(neurons, x):
    return np.maximum(np.multiply.outer(x, neurons.a) + neurons.b, 0.0)


def test_residuals_are_those_of_the_matrix_exponential():
    neurons = pf.initialise("gaussian", 40, seed=2)
    x, y = SAMPLES.x, SAMPLES.y
    regime = KernelRegime(x, y, neurons.a, neurons.b, neurons.c)
    phi = features(neurons, x)
    kernel, start = phi @ phi.T / 40, phi @ neurons.c / 40 - y
    times = np.array([0.0, 0.3, 5.0])
    expected = [expm(-kernel * t) @ start for t in times]
    assert_allclose(regime.residual(times), expected, atol=1e-12)
    assert_allclose(regime.residual(0.3), expected[1], atol=1e-12)
    assert_allclose(regime.prediction(times), np.array(expected) + y, atol=1e-12)
    assert_allclose(regime.loss(times), 0.5 * np.sum(np.square(expected), axis=1), atol=1e-12)


def test_what_is_in_the_kernel_of_k_never_decays():
    """Three neurons on ten samples: rank 3."""
    neurons = pf.Neurons([1.0, -1.0, 1.0], [0.5, 0.2, -0.3], [1.0, 2.0, -1.0])
    regime = KernelRegime(SAMPLES.x, SAMPLES.y, neurons.a, neurons.b, neurons.c)
    assert (regime.rates > 0.0).sum() == 3
    phi = features(neurons, SAMPLES.x)
    weights = np.linalg.lstsq(phi, SAMPLES.y, rcond=None)[0]
    assert_allclose(regime.unreachable, phi @ weights - SAMPLES.y, atol=1e-12)
    assert_allclose(regime.residual(1e9), regime.unreachable, atol=1e-12)
    assert_allclose(regime.residual(np.inf), regime.unreachable, atol=1e-12)
    assert_allclose(regime.loss(np.inf), 0.5 * np.sum(regime.unreachable**2), atol=1e-12)
    assert regime.early_stopping(5) == np.inf


@pytest.mark.parametrize("shift", [0.0, 10.0, 1000.0])
def test_the_rank_does_not_depend_on_where_x_is(shift):
    """Four neurons on samples anywhere: rank 4, and the rates of samples around 0."""
    a, knots = np.array([1.0, -1.0, 2.0, 0.5]), np.array([-0.5, 0.3, 0.1, -0.9])
    rates = [
        KernelRegime(SAMPLES.x + s, SAMPLES.y, a, -a * (knots + s), np.ones(4)).rates
        for s in (0.0, shift)
    ]
    assert [(r > 0.0).sum() for r in rates] == [4, 4]
    assert_allclose(rates[1], rates[0], rtol=0, atol=1e-12 * rates[0][0] * (1.0 + shift))


def test_early_stopping_is_when_a_mode_has_decayed():
    neurons = pf.initialise("gaussian", 500, seed=1)
    regime = KernelRegime(SAMPLES.x, SAMPLES.y, neurons.a, neurons.b, neurons.c)
    for mode in (0, 3):
        tau = regime.early_stopping(mode, 0.01)
        now = regime.modes.T @ regime.residual(tau)
        assert_allclose(now[mode] / regime.components[mode], 0.01, rtol=1e-9)
        share = np.abs(now / regime.components)
        assert (np.diff(share) > -1e-12).all()
    assert regime.early_stopping(0, 1.0) == 0.0


def test_boost_tends_to_the_kernel_regime_as_delta_falls():
    """The difference falls like 1 / delta^2; time scales with |delta|, since K does."""
    distances = []
    for delta in (-1e1, -1e2, -1e3):
        neurons = pf.initialise("reduced", 300, delta=delta, seed=3)
        until = 2.0 / abs(delta)
        sim = pf.Simulation(SAMPLES, neurons, pf.Boost(1e-8))
        sim.run(until)
        regime = KernelRegime(SAMPLES.x, SAMPLES.y, neurons.a, neurons.b, neurons.c)
        distances.append(np.abs(sim.residual - regime.residual(until)).max())
        assert np.abs(regime.residual(until) - regime.residual(0.0)).max() > 0.1
    assert distances[-1] < 1e-5
    assert 50 < distances[0] / distances[1] < 200
    assert 50 < distances[1] / distances[2] < 200


def test_bad_input():
    with pytest.raises(ValueError, match="x and y: expected equal lengths"):
        KernelRegime([0.0], [1.0, 2.0], [1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="found 1, 1 and 2"):
        KernelRegime([0.0], [1.0], [1.0], [1.0], [1.0, 2.0])
    regime = KernelRegime([0.0, 1.0], [1.0, 2.0], [1.0], [1.0], [1.0])
    for tau in (-1.0, np.nan):
        with pytest.raises(ValueError, match="tau: expected times of at least 0"):
            regime.residual(tau)
    with pytest.raises(ValueError, match="mode: expected at most 1"):
        regime.early_stopping(2)
    with pytest.raises(ValueError, match="fraction: expected a number above 0 and at most 1"):
        regime.early_stopping(0, 0.0)
