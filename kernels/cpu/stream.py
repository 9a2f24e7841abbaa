"""The memory stream that benchmarks hold kernels against: a, b and c are read and written once."""

from .._jit import block, parallel, prange

PIECES = 64  # as `slots.MAX_SLOTS`


@block
def _scale(a, b, c, factor):
    for i in range(a.size):
        a[i] *= factor
        b[i] *= factor
        c[i] *= factor


@parallel
def stream_in_place(a, b, c, factor):
    """Multiply three arrays by a factor, on all threads."""
    for p in prange(PIECES):
        lo, hi = p * a.size // PIECES, (p + 1) * a.size // PIECES
        _scale(a[lo:hi], b[lo:hi], c[lo:hi], factor)
