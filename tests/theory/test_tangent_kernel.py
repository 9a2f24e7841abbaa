"""Appendix C: kernels from recorded moments, and the residual ODE replayed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm

import particleflow as pf
from particleflow import theory
from particleflow.theory import kernel_distance, replay, replay_drift, tangent_kernel

SAMPLES = pf.Samples.generate("square_wave", 8)


def start(seed=0, delta=-1.0):
    return pf.Simulation(SAMPLES, pf.initialise("reduced", 2000, delta=delta, seed=seed),
                         pf.Boost(1e-5))  # fmt: skip


def test_the_kernel_of_moments_gives_the_rate_of_the_residuals():
    sim = start()
    for until in (0.1, 2.0):  # slides have begun by then
        sim.run(until)
        kernel = tangent_kernel(SAMPLES.x, sim.sector_covariances(), sim.ray_covariances())
        assert_allclose(-kernel @ sim.residual, sim.residual_rate(), atol=1e-12)
    assert np.abs(sim.ray_covariances()).max() > 0.01


def test_the_replayed_ode_drifts_like_the_square_of_the_time_between_records():
    drifts = []
    for records in (6, 11, 21):
        sim = start()
        time = np.linspace(0.0, 1.0, records)
        rho, sectors, rays = [sim.residual], [sim.sector_covariances()], [sim.ray_covariances()]
        for t in time[1:]:
            sim.run(t)
            rho.append(sim.residual)
            sectors.append(sim.sector_covariances())
            rays.append(sim.ray_covariances())
        got = replay(SAMPLES.x, time, rho[0], sectors, rays)
        drifts.append(np.abs(got - rho).max())
    assert drifts[2] < 3e-4
    assert drifts[0] / drifts[1] > 3.0
    assert drifts[1] / drifts[2] > 2.5
    drift = replay_drift(SAMPLES.x, time, rho, sectors, rays)
    assert_allclose(drift, np.sqrt(np.mean((got - rho) ** 2, axis=1)), rtol=0, atol=1e-15)
    without = replay(SAMPLES.x, time, rho[0], sectors)
    assert np.abs(without - rho).max() > 100 * drifts[2]


def test_kernel_distance():
    random = np.random.default_rng(0)
    k, other = random.standard_normal((2, 5, 5))
    expected = 1 - np.sum(k * other) / np.linalg.norm(k) / np.linalg.norm(other)
    assert_allclose(kernel_distance(k, other), expected)
    assert kernel_distance(k, 4.0 * k) == 0.0
    assert_allclose(kernel_distance(k, -k), 2.0)
    small = kernel_distance(k, k + 1e-9 * other)
    assert 1e-20 < small < 1e-16


def test_bad_input():
    sim = start()
    with pytest.raises(ValueError, match=r"sector_covariances: expected shape \(16, 3\)"):
        tangent_kernel(SAMPLES.x, sim.sector_covariances()[1:])
    with pytest.raises(ValueError, match="strictly increasing"):
        replay(SAMPLES.x, [0.0, 0.0], sim.residual, [sim.sector_covariances()] * 2)
    with pytest.raises(ValueError, match="at least one"):
        replay(SAMPLES.x, [], sim.residual, np.empty((0, 16, 3)))
    with pytest.raises(ValueError, match="x: expected strictly increasing"):
        tangent_kernel(SAMPLES.x[::-1], sim.sector_covariances())
    with pytest.raises(ValueError, match="residuals: expected shape"):
        replay_drift(SAMPLES.x, [0.0], sim.residual, [sim.sector_covariances()])
    with pytest.raises(ValueError, match="sector_covariances: expected finite numbers"):
        tangent_kernel(SAMPLES.x, np.full((16, 3), np.nan))
    with pytest.raises(ValueError, match="expected equal shapes"):
        kernel_distance(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="expected finite ones that are not 0"):
        kernel_distance(np.eye(2), np.zeros((2, 2)))


def test_residual_modes_decay_by_their_rates():
    """Under a kernel that stands still mode k is exp(-lambda_k tau) of what it was."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(7, 7))
    kernel, start = root @ root.T, rng.normal(size=7)
    tau = np.array([0.0, 0.1, 0.3])
    residual = np.array([expm(-kernel * t) @ start for t in tau])
    rates, along = theory.residual_modes(kernel, residual, most=4)
    assert_allclose(rates, np.linalg.eigvalsh(kernel)[:2:-1])
    assert_allclose(along, along[0] * np.exp(-np.outer(tau, rates)), rtol=1e-9, atol=1e-12)
    residual[1, 2] = np.inf
    assert np.isnan(theory.residual_modes(kernel, residual)[1][1]).all()


def test_modes_of_weighted_samples_decay_by_their_rates():
    """In the kernel regime, where the kernel of weighted samples stands still."""
    weights = np.array([0.01, 100.0, 1.0, 3.0])
    samples = pf.Samples(np.linspace(-1.0, 1.0, 4), [1.0, -1.0, 0.5, 1.0], weights=weights)
    neurons = pf.initialise("reduced", 500, delta=-1e8, seed=0)
    sim = pf.Simulation(samples, neurons, pf.Boost(1e-8))
    kernel, residuals = sim.state.tangent_kernel(), [sim.residual]
    rates, _ = theory.residual_modes(kernel, residuals, weights=weights)
    tau = 0.5 / rates[1]
    sim.run(tau)
    _, along = theory.residual_modes(kernel, [*residuals, sim.residual], weights=weights)
    assert_allclose(along[1], along[0] * np.exp(-rates * tau), rtol=1e-4)
