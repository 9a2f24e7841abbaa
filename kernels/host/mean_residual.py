"""The residual ODE rho' = -H rho, solved exactly while the tangent kernel H stands still.

What a step needs of it is the mean of the residuals over the time h,

    (1/h) int_0^h exp(-t H) rho dt = phi_1(-h H) rho,        phi_1(z) = (exp(z) - 1) / z.

It is computed in a Krylov space of H (Y. Saad, "Analysis of some Krylov subspace approximations to
the matrix exponential operator", SIAM J. Numer. Anal. 29 (1992)): H is never formed, and for few
samples the space is all of R^s, so that the result is exact. The eigenvectors of the tridiagonal
matrix are LAPACK's, which has to run on one thread, or the bits depend on the number of threads.
Weight decay needs phi_2 of the same space (``residual_ode``).
"""

import math

import numpy as np

from .._jit import driver, inlined
from .lanczos import lanczos

_FIRST, _STEP = 16, 8  # dimension of the first space, and the least by which it grows


_SERIES = 0.5
"""Size of z up to which phi_2 is summed as a series: its closed form cancels there."""


@inlined
def phi_1(z):
    """The function (exp(z) - 1) / z, which is 1 at 0."""
    return math.expm1(z) / z if z != 0.0 else 1.0


@inlined
def phi_2(z):
    """The function (exp(z) - 1 - z) / z^2, which is 1/2 at 0."""
    if abs(z) > _SERIES:
        return (phi_1(z) - 1.0) / z
    term, total = 0.5, 0.5
    for n in range(3, 18):
        term *= z / n
        total += term
    return total


@driver
def _grown(array, rows):
    out = np.empty((rows, array.shape[1]))
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            out[i, j] = array[i, j]
    return out


@driver
def _projected(tridiagonal, which):
    """The first column of a function of T, phi_p(-h (T + shift)) e_1, by the eigenvectors of T."""
    p, shift, h = which
    k = tridiagonal.shape[0]
    matrix = np.zeros((k, k))
    for i in range(k):
        matrix[i, i] = tridiagonal[i, 0]
        if i > 0:
            matrix[i, i - 1] = matrix[i - 1, i] = tridiagonal[i - 1, 1]
    values, vectors = np.linalg.eigh(matrix)
    weights = np.zeros(k)
    for l in range(k):
        # those that rounding makes negative, or a kernel that is foretold has, count as 0
        z = -h * (max(values[l], 0.0) + shift)
        component = (phi_1(z) if p == 1 else phi_2(z)) * vectors[0, l]
        for i in range(k):
            weights[i] += component * vectors[i, l]
    return weights


@driver
def mean_residual(covariances, rho, xt, h, accuracy, out):
    """Compute the mean of the residuals over the time h, phi_1(-h H) rho.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k of H.
    rho : (s,) float64
    xt : (s, 2) float64
        See ``field``.
    h : float
    accuracy : float
        Largest error of the residuals at the end of the time, as a root mean square.
    out : (s,) float64
        Overwritten.

    Returns
    -------
    int
        Dimension of the Krylov space.
    """
    return phi_product(covariances, rho, xt, (np.int64(1), 0.0, h), accuracy, out)


@driver
def phi_product(covariances, vector, xt, which, accuracy, out):
    """Compute the product phi_p(-h (H + shift)) v.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k of H.
    vector : (s,) float64
        The vector v.
    xt : (s, 2) float64
        See ``field``.
    which : tuple of int and two float
        p, 1 or 2; a shift of H of at least 0; and h.
    accuracy : float
        Largest error, as a root mean square, of the residuals at the end of the time h of which the
        product gives the mean.
    out : (s,) float64
        Overwritten.

    Returns
    -------
    int
        Dimension of the Krylov space.
    """
    p, _, h = which
    s = xt.shape[0]
    total = 0.0
    for j in range(s):
        total += vector[j] * vector[j]
        out[j] = 0.0
    norm = math.sqrt(total)
    if norm == 0.0:
        return 0
    wanted = min(_FIRST, s)
    room = min(2 * wanted, s)
    basis, tridiagonal = np.empty((room + 1, s)), np.empty((room, 2))
    for j in range(s):
        basis[0, j] = vector[j] / norm
    k = np.int64(0)  # a literal would be a type of its own
    while True:
        if wanted > room:
            room = min(2 * wanted, s)
            basis, tridiagonal = _grown(basis, room + 1), _grown(tridiagonal, room)
        k = lanczos(covariances, xt, basis, tridiagonal, k, wanted)
        weights = _projected(tridiagonal[:k], which)
        # the defect of the approximate rho(t) in its ODE, integrated over h: t^(p - 1) phi_(p - 1)
        # has the integral h^p phi_p
        defect = (h if p == 1 else h * h) * tridiagonal[k - 1, 1] * abs(weights[k - 1]) * norm
        if not defect > accuracy * math.sqrt(s):  # an invariant space has none; NaN cannot improve
            break
        wanted = min(s, k + max(_STEP, k // 4))
    for i in range(k):
        for j in range(s):
            out[j] += norm * weights[i] * basis[i, j]
    return k
