"""The tangent kernel H with given covariances: its products, its matrix, and mean residuals.

For samples with weights these are those of W^1/2 H W^1/2, which is symmetric and has the rates of
the flow as its eigenvalues: with W^1/2 rho in place of rho, the residual ODE is rho' = -H rho.
"""

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels.host import field
from particleflow.kernels.host import mean_residual as krylov

from .fields import extended


def kernel_product(covariances: Array, vector: Array, xt: Array) -> Array:
    """Product H v of the tangent kernel with a vector, (s,), in O(s).

    Sigma_k are (2 s, 3); xt (s, 2) is that of ``kernels.records.Samples``.
    """
    work, out = np.empty((2 * vector.size, 2)), np.empty(vector.size)
    field.residual_rate(covariances, vector, xt, work, out)
    return -out


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
