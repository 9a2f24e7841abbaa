"""The tangent kernel from second moments of sectors, and the residual ODE.

The source is appendix C of Williams et al. (2019).

In the network metric

    rho' = -H rho,    H_ij = sum_k <xt_i, Sigma_k xt_j> over the sectors in which i and j are active

with xt_j = (x_j, 1), times sqrt(w_j) if samples have weights, and
``Sigma_k = (1/m) sum of c^2 I + (a, b) (a, b)^T`` over the neurons of sector k (eq. 32).
A neuron that slides on ray r counts in sector r, with the part of its summand along the ray.
"""

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, increasing
from particleflow.backend import kernel_matrix
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.rows import rows_of


def tangent_kernel(
    x: ArrayLike,
    sector_covariances: ArrayLike,
    ray_covariances: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """The tangent kernel H of the samples, (s, s), in O(s^2).

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    sector_covariances : (2 s, 3) array_like
        Sigma_k as (xx, x1, 11), as ``Simulation.sector_covariances`` and the observable
        ``sector_covariances`` give them.
    ray_covariances : (2 s, 3) array_like, optional
        The sums of the neurons that slide on each ray, in the same form.
    weights : (s,) array_like, optional
        Weights w of the samples in the loss. The result is W^1/2 H W^1/2 then, whose eigenvalues
        are the rates of the flow.

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match.
    """
    points = increasing("x", x, SamplesError)
    given = _weights(points, weights)
    shape = (2 * points.size, 3)
    total = _shaped("sector_covariances", sector_covariances, shape)
    if ray_covariances is not None:
        # the ray's own sample, in which its two sides differ, is orthogonal to the ray and adds 0
        total = total + _shaped("ray_covariances", ray_covariances, shape)
    return kernel_matrix(total, points, given)


def _weights(x: Array, weights: ArrayLike | None) -> Array:
    return rows_of(x, np.zeros(x.size), weights, None).weights


def _shaped(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.ascontiguousarray(values, np.float64)
    if array.shape != shape:
        raise ConfigError(f"{name}: expected shape {shape}, found {array.shape}")
    if not np.isfinite(array).all():
        raise ConfigError(f"{name}: expected finite numbers")
    return array


def kernel_distance(one: ArrayLike, two: ArrayLike) -> float:
    """The distance 1 - <K, K'> / (|K| |K'|) of two kernels, in the Frobenius inner product.

    It is 0 if one kernel is a positive multiple of the other. It is computed as half the squared
    distance of the normalised matrices, which does not cancel.

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


def residual_modes(
    kernel: ArrayLike, residual: ArrayLike, most: int = 6, weights: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Residuals along the eigenvectors of a tangent kernel, those of its largest eigenvalues.

    Parameters
    ----------
    kernel : (s, s) array
        Symmetric and finite.
    residual : (t, s) array
        Residuals at several times; a row that is not finite gives NaN.
    most : int
        The number of modes, if there are as many.
    weights : (s,) array, optional
        Weights w of the samples, if the kernel is that of weighted ones, W^1/2 H W^1/2: then
        sqrt(w) rho is what it makes decay.

    Returns
    -------
    rates : (k,) float64
        Eigenvalues lambda_k, descending: if the kernel stood still, mode k would decay like
        exp(-lambda_k tau).
    along : (t, k) float64
        |<v_k, rho>| with the eigenvectors v_k, or |<v_k, sqrt(w) rho>|.
    """
    rates, vectors = np.linalg.eigh(np.asarray(kernel, np.float64))
    rho = np.asarray(residual, np.float64)
    if weights is not None:
        rho = rho * np.sqrt(np.asarray(weights, np.float64))
    # eigh gives the slowest modes first
    rates, vectors = rates[::-1][:most], vectors[:, ::-1][:, :most]
    with np.errstate(invalid="ignore"):
        return rates, np.abs(np.where(np.isfinite(rho), rho, np.nan) @ vectors)


def replay(
    x: ArrayLike,
    time: ArrayLike,
    residual: ArrayLike,
    sector_covariances: ArrayLike,
    ray_covariances: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Solve the residual ODE with the tangent kernels of sums that a run has recorded: O(T s^3).

    The ODE is that without weight decay.

    Between two times the kernel is the mean of the kernels at the two, and the ODE with this
    constant kernel is solved exactly: the error is of second order in the time between them.

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    time : (T,) array_like
        Times of the sums, increasing.
    residual : (s,) array_like
        The residuals at the first time.
    sector_covariances : (T, 2 s, 3) array_like
        The sums at the times, as in `tangent_kernel`.
    ray_covariances : (T, 2 s, 3) array_like, optional
    weights : (s,) array_like, optional
        Weights of the samples in the loss, 1 by default.

    Returns
    -------
    (T, s) float64
        The residuals at the times.

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
    given = _weights(points, weights)
    root = np.sqrt(given)
    out = np.empty((times.size, points.size))
    out[0] = root * _shaped("residual", residual, points.shape)
    for n, h in enumerate(np.diff(times)):
        mean = 0.5 * (total[n] + total[n + 1])
        rates, modes = np.linalg.eigh(kernel_matrix(mean, points, given))
        # H is positive semidefinite: rates below 0 are rounding, and would grow over a long h
        out[n + 1] = modes @ (np.exp(-h * np.maximum(rates, 0.0)) * (modes.T @ out[n]))
    return out / root


def replay_drift(
    x: ArrayLike,
    time: ArrayLike,
    residuals: ArrayLike,
    sector_covariances: ArrayLike,
    ray_covariances: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """The root mean square by which replayed residuals drift from measured ones, (T,).

    The drift tells how well the recorded sums explain the training.

    Parameters
    ----------
    residuals : (T, s) array_like
        The residuals that were measured at the times.
    x, time, sector_covariances, ray_covariances, weights
        As in `replay`.
    """
    measured = np.asarray(residuals, np.float64)
    shape = (np.size(time), np.size(x))
    if measured.shape != shape:
        raise ConfigError(f"residuals: expected shape {shape}, found {measured.shape}")
    got = replay(x, time, measured[0], sector_covariances, ray_covariances, weights)
    return np.sqrt(np.mean((got - measured) ** 2, axis=1))
