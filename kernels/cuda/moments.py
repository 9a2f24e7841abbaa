"""Cells of all neurons, and sums over the neurons of each sector and of each ray."""

import numpy as np

from ..cpu.moments import covariances_of
from ..flow import EUCLIDEAN
from ._jit import THREADS, blocks_for, cuda, float64, int32, ints, kernel, longs
from .arrays import download, upload
from .blocks import block_sum
from .sums import (
    COUNT,
    COVARIANCE_EUCLIDEAN,
    FIRST,
    SECOND,
    combine,
    complete,
    gather,
    locate_each,
)


def locate_all(a, b, x, cell, slots):
    """Write the cell of every neuron, by the signs of a x_j + b, into ``cell`` (m,) int32."""
    locate_each(blocks_for(cell.size), a, b, upload(x, a.dtype), cell)


def gathered(kind, n_values, n_rows, a, b, c, cell, slots, whole=None):
    """Sums of `n_values` numbers over the neurons of each of the cells 0 .. n_rows - 1."""
    bins, out = slots.bins(n_rows, n_values), slots.array("sums", (n_rows, n_values))
    gather(slots.n_groups, a, b, c, cell, kind, n_values, bins, slots.used)
    combine(n_rows, slots.homes, slots.near(n_values), 0, bins, slots.used, out)
    complete(out, whole)
    return out


def first_moments(a, b, c, cell, slots, s, whole=None):
    """Sums of c (a, b) over the neurons of each sector and then of each ray, (4 s, 2)."""
    return download(gathered(FIRST, 2, 4 * s, a, b, c, cell, slots, whole))


def first_moments_at(a, b, c, x, slots, whole=None):
    """The same with the sectors of other points ``x`` (n,), strictly increasing: (2 n, 2)."""
    cell = slots.array("cell", (slots.m,), np.int32)
    locate_all(a, b, x, cell, slots)
    return download(gathered(FIRST, 2, 2 * x.size, a, b, c, cell, slots, whole))


def second_moments(a, b, c, cell, slots, x, metric, whole=None):
    """Covariances m Sigma of each sector and then of each ray as (xx, x1, 11), (4 s, 3)."""
    n_rows = 4 * x.size
    if metric == EUCLIDEAN:
        sums = gathered(COVARIANCE_EUCLIDEAN, 3, n_rows, a, b, c, cell, slots, whole)
    else:
        sums = gathered(SECOND, 4, n_rows, a, b, c, cell, slots, whole)
    return covariances_of(download(sums), x, metric)


def cell_counts(cell, slots, s, whole=None):
    """Number of neurons in each cell, (4 s + 1,) int64."""
    nothing = slots.array("nothing", (slots.m,), np.float32)  # is read, and means nothing
    sums = gathered(COUNT, 1, 4 * s + 1, nothing, nothing, nothing, cell, slots, whole)
    return download(sums)[:, 0].astype(np.int64)


@kernel(ints, ints, longs, blocks_a_processor=4)
def _differences(one, two, out):
    different = cuda.shared.array((1, THREADS), float64)
    count = int32(0)
    for i in range(cuda.grid(1), one.size, cuda.gridsize(1)):
        count += one[i] != two[i]
    different[0, cuda.threadIdx.x] = count
    block_sum(different, 1)
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(out, 0, int(different[0, 0]))


def count_changes(one, two, slots):
    """Number of neurons whose cell differs."""
    out = upload(np.zeros(1, np.int64), np.int64)
    _differences(min(blocks_for(slots.m), 1024), one, two, out)
    return int(download(out)[0])
