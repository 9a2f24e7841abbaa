"""The residual ODE rho' = -H rho, solved exactly while the tangent kernel H stands still.

What a step needs of it is the mean of the residuals over the time h,

    (1/h) int_0^h exp(-t H) rho dt = phi_1(-h H) rho,        phi_1(z) = (exp(z) - 1) / z.

For few samples from the eigenvectors of H (LAPACK, on one thread, so that the bits do not depend on
how many there are), else in a Krylov space (Y. Saad, "Analysis of some Krylov subspace
approximations to the matrix exponential operator", SIAM J. Numer. Anal. 29 (1992)), for which H is
never formed.
"""

import math

import numpy as np
from scipy.linalg import eigh_tridiagonal
from threadpoolctl import ThreadpoolController

from ._cast import Array
from .backend import KrylovSpace, kernel_matrix

MOST_DENSE = 64
"""Samples up to which H is decomposed; beyond, a Krylov space takes less time."""
_FIRST, _STEP = 16, 8

_blas = ThreadpoolController()


def phi_1(z: Array) -> Array:
    """(exp(z) - 1) / z, and 1 at 0."""
    zero = z == 0.0
    return np.where(zero, 1.0, np.expm1(z) / np.where(zero, 1.0, z))


class MeanResidual:
    """phi_1(-h H) rho for one H and one rho and any h.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k of H.
    residual : (s,) float64
        rho.
    x : (s,) float64
    accuracy : float
        Largest error of the residuals at the end of a step, root mean square, where a Krylov space
        is used.
    """

    def __init__(self, covariances: Array, residual: Array, x: Array, accuracy: float) -> None:
        self._accuracy = accuracy * math.sqrt(x.size)
        self._residual = residual
        self._norm = math.sqrt(np.dot(residual, residual))
        self._space: KrylovSpace | None = None
        if x.size > MOST_DENSE and self._norm > 0.0:
            self._space = KrylovSpace(covariances, residual, x)
        else:
            with _blas.limit(limits=1):
                values, self._vectors = np.linalg.eigh(kernel_matrix(covariances, x))
                self._components = residual @ self._vectors
            self._values = np.maximum(values, 0.0)

    def __call__(self, h: float) -> Array:
        """The mean over the time h, (s,)."""
        with _blas.limit(limits=1):
            if self._space is None:
                return self._vectors @ (phi_1(-h * self._values) * self._components)
            return self._by_krylov(self._space, h)

    def _by_krylov(self, space: KrylovSpace, h: float) -> Array:
        size = max(space.size, _FIRST)
        while True:
            space.extend(size)
            k = space.size
            values, vectors = eigh_tridiagonal(space.diagonal[:k], space.off_diagonal[: k - 1])
            weights = vectors @ (phi_1(-h * np.maximum(values, 0.0)) * vectors[0])
            # the defect of the approximation, integrated over h
            defect = h * space.off_diagonal[k - 1] * abs(weights[-1]) * self._norm
            if not defect > self._accuracy:  # an invariant space has none; NaN cannot improve
                return self._norm * (weights @ space.basis[:k])
            size = k + max(_STEP, k // 4)
