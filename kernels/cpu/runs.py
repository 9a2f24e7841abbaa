"""Runs of neurons of one cell, found in vectors."""

from .._jit import sums

CHUNK = 64
"""Neurons that are looked at together."""


@sums
def one_cell(cell):
    """Whether all neurons of a chunk are in one cell."""
    different = 0
    for i in range(cell.size):
        different |= cell[i] ^ cell[0]
    return different == 0


@sums
def run_end(cell, lo):
    """End of the run of neurons of one cell that begins at ``lo``, or of its chunk."""
    hi = min(lo + CHUNK, cell.size)
    if cell[hi - 1] == cell[lo] and one_cell(cell[lo:hi]):
        return hi
    k, hi = cell[lo], lo + 1
    while cell[hi] == k:
        hi += 1
    return hi
