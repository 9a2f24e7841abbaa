"""Memory streams: the limit that a kernel over a, b, c can be held against, and how to time."""

import statistics
import time

import numpy as np
from numba import njit, prange

PIECES = 64
BYTES = {"in place": 48, "out of place": 56, "reading": 28}
"""Bytes an index that each stream reads and writes, in float64."""


@njit(nogil=True)
def _copy(a, b, c, k, a1, b1, c1, k1):
    for i in range(a.size):
        a1[i] = a[i]
        b1[i] = b[i]
        c1[i] = c[i]
        k1[i] = k[i]


@njit(parallel=True, nogil=True)
def out_of_place(a, b, c, k, a1, b1, c1, k1):
    """Copy three arrays and the cells, on all threads."""
    for p in prange(PIECES):
        lo, hi = p * a.size // PIECES, (p + 1) * a.size // PIECES
        _copy(a[lo:hi], b[lo:hi], c[lo:hi], k[lo:hi], a1[lo:hi], b1[lo:hi], c1[lo:hi], k1[lo:hi])


@njit(nogil=True, fastmath=True)
def _sum(a, b, c, k):
    total, cells = 0.0, 0
    for i in range(a.size):
        total += a[i] + b[i] + c[i]
        cells += k[i]
    return total + cells


@njit(parallel=True, nogil=True)
def reading(a, b, c, k):
    """Add up three arrays and the cells, on all threads."""
    total = 0.0
    for p in prange(PIECES):
        lo, hi = p * a.size // PIECES, (p + 1) * a.size // PIECES
        total += _sum(a[lo:hi], b[lo:hi], c[lo:hi], k[lo:hi])
    return total


def numpy_in_place(a, b, c):
    """The same bytes by NumPy, one thread: multiplication in place."""
    for array in (a, b, c):
        np.multiply(array, 1.0, out=array)


def numpy_copy(source, target):
    """NumPy's copy of the same arrays; the write has to fetch its lines first or stream past."""
    for one, two in zip(source, target, strict=True):
        np.copyto(two, one)


def median_seconds(call, repeats=9, warm=True):
    """Median time of a call, after one to warm up if ``warm``."""
    if warm:
        call()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def seconds_a_step(steps, least=0.1, repeats=5):
    """Median time of one of the steps that ``steps(n)`` takes, over calls that last ``least``."""
    n = 1
    while True:
        begin = time.perf_counter()
        steps(n)
        seconds = time.perf_counter() - begin
        if seconds >= 0.5 * least:
            break
        n = max(2 * n, int(n * least / max(seconds, 1e-7)))
    return median_seconds(lambda: steps(n), repeats, warm=False) / n
