"""Appendix C: the tangent kernel from second moments of sectors, and the residual ODE.

In the network metric

    rho' = -H rho,    H_ij = sum_k <xt_i, Sigma_k xt_j> over the sectors in which i and j are active

with ``Sigma_k = (1/m) sum of c^2 I + (a, b) (a, b)^T`` over the neurons of sector k (eq. 32); those
that slide on ray r count in sector r with the part of it along the ray.
"""

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, increasing
from particleflow.backend import kernel_matrix
from particleflow.errors import ConfigError, SamplesError


def tangent_kernel(
    x: ArrayLike, sector_covariances: ArrayLike, ray_covariances: ArrayLike | None = None
) -> Array:
    """H, (s, s), in O(s^2).

    Parameters
    ----------
    x : (s,) array_like
    sector_covariances : (2 s, 3) array_like
        Sigma_k as (xx, x1, 11), as ``Simulation.sector_covariances`` and the observable
        ``sector_covariances`` give them.
    ray_covariances : (2 s, 3) array_like, optional
        The same of the neurons that slide.

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match.
    """
    points = increasing("x", x, SamplesError)
    shape = (2 * points.size, 3)
    total = _shaped("sector_covariances", sector_covariances, shape)
    if ray_covariances is not None:
        total = total + _shaped("ray_covariances", ray_covariances, shape)
    return kernel_matrix(total, points)


def _shaped(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.ascontiguousarray(values, np.float64)
    if array.shape != shape:
        raise ConfigError(f"{name}: expected shape {shape}, found {array.shape}")
    if not np.isfinite(array).all():
        raise ConfigError(f"{name}: expected finite numbers")
    return array


def kernel_distance(one: ArrayLike, two: ArrayLike) -> float:
    """1 - <K, K'> / (|K| |K'|) of two matrices, Frobenius: 0 if one is a multiple of the other.

    Computed as half the squared distance of the normalised matrices, which does not cancel.

    Raises
    ------
    ConfigError
        Shapes differ, or one of them is 0 or not finite.
    """
    first, second = np.asarray(one, np.float64), np.asarray(two, np.float64)
    if first.shape != second.shape:
        raise ConfigError(f"kernels: expected equal shapes, found {first.shape}, {second.shape}")
    sizes = np.linalg.norm(first), np.linalg.norm(second)
    if not (min(sizes) > 0.0 and np.isfinite(sizes).all()):
        raise ConfigError("kernels: expected finite ones that are not 0")
    return 0.5 * float(np.linalg.norm(first / sizes[0] - second / sizes[1]) ** 2)


def replay(
    x: ArrayLike,
    time: ArrayLike,
    residual: ArrayLike,
    sector_covariances: ArrayLike,
    ray_covariances: ArrayLike | None = None,
) -> Array:
    """Residuals by the residual ODE with the tangent kernels that a run has recorded.

    Between two times the kernel is the mean of the two, in which the ODE is solved exactly: second
    order in the time between them: O(T s^3).

    Parameters
    ----------
    x : (s,) array_like
    time : (T,) array_like
        Increasing.
    residual : (s,) array_like
        At the first of them.
    sector_covariances : (T, 2 s, 3) array_like
    ray_covariances : (T, 2 s, 3) array_like, optional

    Returns
    -------
    (T, s) float64

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match, or times do not increase.
    """
    points, times = increasing("x", x, SamplesError), increasing("time", time, ConfigError)
    shape = (times.size, 2 * points.size, 3)
    total = _shaped("sector_covariances", sector_covariances, shape)
    if ray_covariances is not None:
        total = total + _shaped("ray_covariances", ray_covariances, shape)
    out = np.empty((times.size, points.size))
    out[0] = _shaped("residual", residual, points.shape)
    for n, h in enumerate(np.diff(times)):
        mean = 0.5 * (total[n] + total[n + 1])
        rates, modes = np.linalg.eigh(kernel_matrix(mean, points))
        out[n + 1] = modes @ (np.exp(-h * np.maximum(rates, 0.0)) * (modes.T @ out[n]))
    return out


def replay_drift(
    x: ArrayLike,
    time: ArrayLike,
    residuals: ArrayLike,
    sector_covariances: ArrayLike,
    ray_covariances: ArrayLike | None = None,
) -> Array:
    """How far the replayed residuals drift from those that were measured, root mean square: (T,).

    It tells how well the recorded moments explain the training.

    Parameters
    ----------
    residuals : (T, s) array_like
        Measured at the times.
    x, time, sector_covariances, ray_covariances
        As in `replay`.
    """
    measured = np.asarray(residuals, np.float64)
    shape = (np.size(time), np.size(x))
    if measured.shape != shape:
        raise ConfigError(f"residuals: expected shape {shape}, found {measured.shape}")
    got = replay(x, time, measured[0], sector_covariances, ray_covariances)
    return np.sqrt(np.mean((got - measured) ** 2, axis=1))
