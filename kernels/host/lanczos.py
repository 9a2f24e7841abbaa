"""Krylov space of the tangent kernel: the Lanczos process with full reorthogonalisation."""

import math

import numpy as np

from .._jit import block, driver, sums
from .field import residual_rate

ROUNDING = 2.0**-49
"""Length, in units of the largest diagonal element of T so far, below which a new vector is made of
rounding only: the space is invariant then."""


@sums
def _dot(u, v):
    total = 0.0
    for i in range(u.size):
        total += u[i] * v[i]
    return total


@block
def _subtract(w, factor, v):
    for i in range(w.size):
        w[i] -= factor * v[i]


@driver
def lanczos(covariances, xt, basis, tridiagonal, k, n):
    """Extend an orthonormal basis of the Krylov space of H from k to n vectors.

    H = V T V^T with T tridiagonal as far as the basis goes; H is used as an operator, O(s) a
    product. Each new vector is made orthogonal to all others, twice, which is enough (B. N.
    Parlett, The Symmetric Eigenvalue Problem, sec. 6.9): so the process is stable for any spectrum.
    It runs in one thread, so that its bits depend on no number of threads.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k.
    xt : (s, 2) float64
        See ``field``.
    basis : (> n, s) float64
        Rows 0 .. k are orthonormal on entry, rows 0 .. n on return.
    tridiagonal : (>= n, 2) float64
        Diagonal of T and the one below it; rows k .. n - 1 are overwritten. The last element below
        the diagonal leads out of the space.
    k, n : int
        Number of vectors that there are, and that are wanted.

    Returns
    -------
    int
        Number of vectors of the space: less than n if it is invariant before. The last element
        below the diagonal is 0 if the space is invariant.
    """
    s = xt.shape[0]
    w, work = np.empty(s), np.empty((2 * s, 2))
    # H is positive semidefinite, so that no diagonal element of T is larger than |H|
    largest = 0.0
    for i in range(k):
        largest = max(largest, abs(tridiagonal[i, 0]))
    for i in range(k, n):
        residual_rate(covariances, basis[i], xt, work, w)
        for j in range(s):
            w[j] = -w[j]
        tridiagonal[i, 0] = _dot(basis[i], w)
        largest = max(largest, abs(tridiagonal[i, 0]))
        for _ in range(2):
            for l in range(i, -1, -1):
                _subtract(w, _dot(basis[l], w), basis[l])
        norm = math.sqrt(_dot(w, w))
        if i + 1 == s or norm <= ROUNDING * largest:
            tridiagonal[i, 1] = 0.0
            return i + 1
        tridiagonal[i, 1] = norm
        for j in range(s):
            basis[i + 1, j] = w[j] / norm
    return n
