"""The tangent kernel with given covariances: products, the matrix, its Krylov spaces."""

import numpy as np

from particleflow._cast import Array
from particleflow.kernels import cpu


def kernel_product(covariances: Array, vector: Array, x: Array) -> Array:
    """H v of the tangent kernel with these Sigma_k, (s,), in O(s)."""
    work, out = np.empty((2 * x.size, 2)), np.empty(x.size)
    cpu.residual_rate(covariances, vector, x, work, out)
    return -out


def kernel_matrix(covariances: Array, x: Array) -> Array:
    """H itself, (s, s)."""
    out = np.empty((x.size, x.size))
    cpu.tangent_kernel(covariances, x, out)
    return out


class KrylovSpace:
    """Orthonormal basis V of span(v, H v, H^2 v, ...) and T = V^T H V, tridiagonal.

    Attributes
    ----------
    size : int
        Dimension so far.
    basis : (>= size, s) float64
        Its rows are the basis.
    diagonal, off_diagonal : (>= size,) float64
        Of T; the last off-diagonal element leads out of the space and is 0 if it is invariant.
    """

    def __init__(self, covariances: Array, vector: Array, x: Array) -> None:
        self._covariances, self._x = covariances, x
        self.size = 0
        self.basis = np.empty((1, x.size))
        self.basis[0] = vector / np.sqrt(np.dot(vector, vector))
        self.diagonal = self.off_diagonal = np.empty(0)

    @property
    def is_invariant(self) -> bool:
        """Whether the space contains every H^k v."""
        return self.size > 0 and bool(self.off_diagonal[self.size - 1] == 0.0)

    def extend(self, size: int) -> None:
        """Add vectors up to this dimension, at most s, unless the space is invariant."""
        size = min(size, self._x.size)
        if self.is_invariant or size <= self.size:
            return
        if size + 1 > self.basis.shape[0]:
            room = min(2 * size, self._x.size)
            self.basis = _grown(self.basis, room + 1)
            self.diagonal = _grown(self.diagonal, room)
            self.off_diagonal = _grown(self.off_diagonal, room)
        self.size = int(
            cpu.lanczos(
                self._covariances,
                self._x,
                self.basis,
                self.diagonal,
                self.off_diagonal,
                self.size,
                size,
            )  # fmt: skip
        )


def _grown(array: Array, rows: int) -> Array:
    out = np.empty((rows, *array.shape[1:]))
    out[: array.shape[0]] = array
    return out
