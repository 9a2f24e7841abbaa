"""Runs of neurons: neighbours that are in one cell, found in vectors."""

from .._jit import sums

CHUNK = 64
"""Number of neurons that are looked at together; no run that is found is longer."""


@sums
def one_cell(cell):
    """Whether all neurons of a chunk are in one cell."""
    different = 0  # bits, since a loop that may end early does not vectorise
    for i in range(cell.size):
        different |= cell[i] ^ cell[0]
    return different == 0


@sums
def run_end(cell, lo):
    """The end of the run of neurons of one cell that begins at ``lo``, or of its first chunk."""
    hi = min(lo + CHUNK, cell.size)
    if cell[hi - 1] == cell[lo] and one_cell(cell[lo:hi]):
        return hi
    # another cell comes before hi, and so ends this loop
    k, hi = cell[lo], lo + 1
    while cell[hi] == k:
        hi += 1
    return hi
