"""Memory streams: the limit that a kernel over a, b, c can be held against."""

import statistics
import time

import numpy as np
from numba import njit, prange

PIECES = 64


@njit(nogil=True)
def _scale(a, b, c, factor):
    for i in range(a.size):
        a[i] *= factor
        b[i] *= factor
        c[i] *= factor


@njit(parallel=True, nogil=True)
def in_place(a, b, c, factor):
    """Read and write every element once, on all threads: 48 bytes an index in float64."""
    for p in prange(PIECES):
        lo, hi = p * a.size // PIECES, (p + 1) * a.size // PIECES
        _scale(a[lo:hi], b[lo:hi], c[lo:hi], factor)


@njit(nogil=True)
def _copy(a, b, c, k, a1, b1, c1, k1):
    for i in range(a.size):
        a1[i] = a[i]
        b1[i] = b[i]
        c1[i] = c[i]
        k1[i] = k[i]


@njit(parallel=True, nogil=True)
def out_of_place(a, b, c, k, a1, b1, c1, k1):
    """Copy three arrays and the cells, on all threads: 56 bytes an index."""
    for p in prange(PIECES):
        lo, hi = p * a.size // PIECES, (p + 1) * a.size // PIECES
        _copy(a[lo:hi], b[lo:hi], c[lo:hi], k[lo:hi], a1[lo:hi], b1[lo:hi], c1[lo:hi], k1[lo:hi])


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
