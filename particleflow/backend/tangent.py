"""The tangent kernel with given covariances: products, the matrix, the mean residual."""

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels.host import field
from particleflow.kernels.host import mean_residual as krylov


def kernel_product(covariances: Array, vector: Array, x: Array) -> Array:
    """H v of the tangent kernel with these Sigma_k, (s,), in O(s)."""
    work, out = np.empty((2 * x.size, 2)), np.empty(x.size)
    field.residual_rate(covariances, vector, x, work, out)
    return -out


def kernel_matrix(covariances: Array, x: Array) -> Array:
    """H itself, (s, s)."""
    out = np.empty((x.size, x.size))
    field.tangent_kernel(covariances, x, out)
    return out


def mean_residual(
    covariances: Array, residual: Array, x: Array, h: float, accuracy: float
) -> Array:
    """phi_1(-h H) rho, the mean of the residuals over the time h while H stands still, (s,).

    ``accuracy`` is the largest error of the residuals at the end of the time, root mean square.
    """
    out = np.empty(x.size)
    krylov.mean_residual(covariances, residual, x, h, accuracy, out)
    return out
