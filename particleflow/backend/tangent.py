"""The tangent kernel H with given covariances: its products, its matrix, and mean residuals.

For samples with weights these are those of W^1/2 H W^1/2, which is symmetric and has the rates of
the flow as its eigenvalues: with W^1/2 rho in place of rho, the residual ODE is rho' = -H rho.
"""

import math

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels.host import field
from particleflow.kernels.host import mean_residual as krylov
from particleflow.kernels.host.lanczos import lanczos

from .fields import extended

_FIRST = 16
"""Dimension of the first Krylov space of `largest_rate`."""
_RESIDUAL = 1e-8
"""Residual of a Ritz vector, as a share of its value, up to which `largest_rate` takes it."""


def kernel_product(covariances: Array, vector: Array, xt: Array) -> Array:
    """Product H v of the tangent kernel with a vector, (s,), in O(s).

    Sigma_k are (2 s, 3); xt (s, 2) is that of ``kernels.records.Samples``.
    """
    work, out = np.empty((2 * vector.size, 2)), np.empty(vector.size)
    field.residual_rate(covariances, vector, xt, work, out)
    return -out


def largest_rate(covariances: Array, xt: Array) -> float:
    """The largest eigenvalue of the tangent kernel, in O(s) for each of some dozens of products.

    A Ritz value with a residual r is wrong by r^2 over the distance to other eigenvalues.
    """
    s = xt.shape[0]
    # no symmetry of the samples makes this start orthogonal to the leading eigenvector
    start = np.cos(np.arange(s) * 0.7) + 1.5
    basis, tridiagonal = np.empty((1, s)), np.empty((0, 2))
    basis[0] = start / np.linalg.norm(start)
    k, wanted = 0, min(_FIRST, s)
    while True:
        basis = np.concatenate([basis[: k + 1], np.empty((wanted - k, s))])
        tridiagonal = np.concatenate([tridiagonal[:k], np.empty((wanted - k, 2))])
        k = lanczos(covariances, xt, basis, tridiagonal, k, wanted)
        diagonal, below = tridiagonal[:k].T
        if not np.isfinite(tridiagonal[:k]).all():
            return math.inf
        matrix = np.diag(diagonal) + np.diag(below[:-1], 1) + np.diag(below[:-1], -1)
        values, vectors = np.linalg.eigh(matrix)
        if not below[-1] * abs(vectors[-1, -1]) > _RESIDUAL * values[-1]:
            return max(float(values[-1]), 0.0)
        wanted = min(s, 2 * k)


def kernel_matrix(covariances: Array, x: Array, weights: Array | None = None) -> Array:
    """The tangent kernel H with covariances Sigma_k (2 s, 3), as a matrix (s, s)."""
    out = np.empty((x.size, x.size))
    field.tangent_kernel(covariances, extended(x, weights), out)
    return out


def mean_residual(
    covariances: Array,
    residual: Array,
    x: Array,
    h: float,
    accuracy: float,
    weights: Array | None = None,
) -> Array:
    """phi_1(-h H) rho, the mean of the residuals over the time h while H stands still, (s,).

    ``accuracy`` is the largest root mean square error of the residuals at the end of that time.
    With weights w_j of the samples, residuals are sqrt(w_j) rho_j here.
    """
    out = np.empty(x.size)
    krylov.mean_residual(covariances, residual, extended(x, weights), h, accuracy, out)
    return out
