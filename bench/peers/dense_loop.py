"""A dense loop over neurons and samples in Numba, fused, vectorised and parallel: O(m s) a step."""

import math

import numpy as np
from numba import get_num_threads, njit, prange

_FAST = {"error_model": "numpy", "fastmath": {"reassoc", "nsz", "contract"}, "nogil": True}
_CHUNK = 256


@njit(**_FAST)
def _field(a, b, x, rho):
    gx = g1 = 0.0
    for j in range(x.size):
        force = rho[j] if a * x[j] + b > 0.0 else 0.0
        gx -= force * x[j]
        g1 -= force
    return gx, g1


@njit(**_FAST)
def _predict(a, b, c, x, f):
    for j in range(x.size):
        f[j] += c * max(a * x[j] + b, 0.0)


@njit(**_FAST)
def _few_samples(a, b, c, x, rho, h, f):
    """A chunk with the loop over samples outside: longer vectors if samples are few."""
    gx, g1 = np.zeros(a.size), np.zeros(a.size)
    for j in range(x.size):
        xj, rj = x[j], rho[j]
        for i in range(a.size):
            force = rj if a[i] * xj + b[i] > 0.0 else 0.0
            gx[i] -= force * xj
            g1[i] -= force
    for i in range(a.size):
        dc = a[i] * gx[i] + b[i] * g1[i]
        a[i] += h * c[i] * gx[i]
        b[i] += h * c[i] * g1[i]
        c[i] += h * dc
    for j in range(x.size):
        xj, total = x[j], 0.0
        for i in range(a.size):
            total += c[i] * max(a[i] * xj + b[i], 0.0)
        f[j] += total


@njit(**_FAST)
def _many_samples(a, b, c, x, rho, h, f):
    """A chunk with the loop over samples inside."""
    for i in range(a.size):
        gx, g1 = _field(a[i], b[i], x, rho)
        dc = a[i] * gx + b[i] * g1
        a[i] += h * c[i] * gx
        b[i] += h * c[i] * g1
        c[i] += h * dc
        _predict(a[i], b[i], c[i], x, f)


@njit(**_FAST)
def _part(a, b, c, x, rho, h, f):
    f[:] = 0.0
    for q in range(0, a.size, _CHUNK):
        r = min(q + _CHUNK, a.size)
        if x.size < 64:
            _few_samples(a[q:r], b[q:r], c[q:r], x, rho, h, f)
        else:
            _many_samples(a[q:r], b[q:r], c[q:r], x, rho, h, f)


@njit(parallel=True, **_FAST)
def _step(a, b, c, x, rho, h, f):
    n = f.shape[0]
    for p in prange(n):
        lo, hi = p * a.size // n, (p + 1) * a.size // n
        _part(a[lo:hi], b[lo:hi], c[lo:hi], x, rho, h, f[p, : x.size])


@njit(**_FAST)
def _steps(a, b, c, x, y, rho, h, parts, n):  # noqa: PLR0913 (a peer as its users write it)
    f = np.zeros((parts, x.size + 16))
    for _ in range(n):
        if parts == 1:  # a parallel region costs more than a small step
            _part(a, b, c, x, rho, h, f[0, : x.size])
        else:
            _step(a, b, c, x, rho, h, f)
        for j in range(x.size):
            total = 0.0
            for p in range(parts):
                total += f[p, j]
            rho[j] = total / a.size - y[j]


class DenseLoop:
    """Many steps run in one compiled call; few neurons stay on one thread."""

    def __init__(self, problem):
        self._problem = problem
        self._a, self._b, self._c = (v.copy() for v in problem.parameters)
        pairs = problem.size * problem.x.size
        self._parts = 1 if pairs < 10**6 else 4 * get_num_threads()
        self._rho = np.empty(problem.x.size)
        for j, (xj, yj) in enumerate(zip(problem.x, problem.y, strict=True)):
            active = np.maximum(self._a * xj + self._b, 0.0)
            self._rho[j] = math.fsum(self._c * active) / problem.size - yj

    def steps(self, n):
        """Take n steps."""
        p = self._problem
        _steps(self._a, self._b, self._c, p.x, p.y, self._rho, p.h, self._parts, n)

    def residual(self):
        """The residuals now."""
        return self._rho.copy()


PEERS = {"dense Numba loop": DenseLoop}
