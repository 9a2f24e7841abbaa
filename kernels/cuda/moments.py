"""Cells of all neurons, and sums over the neurons of each sector and of each ray."""

import numpy as np

from ..flow import EUCLIDEAN, NETWORK
from ..host.arrivals import covariances_of
from ..records import Neurons, Tiles
from ._jit import THREADS, blocks_for, cuda, float64, int32, ints, kernel, longs
from .arrays import download, upload
from .blocks import block_sum
from .sums import (
    COVARIANCE_EUCLIDEAN,
    COVARIANCE_WEIGHTED,
    FIRST,
    SECOND,
    combine,
    complete,
    gather,
    locate_each,
)


def locate_all(a, b, x, cell):
    """Write the cell of every neuron, by the signs of a x_j + b, into ``cell`` (m,) int32."""
    locate_each(blocks_for(cell.size), a, b, upload(x, a.dtype), cell)


def gathered(kind, n_values, n_rows, neurons, slots, whole=None):
    """Sums over the neurons of each of the cells 0 .. n_rows - 1, an array of the device.

    ``kind`` says of what (`FIRST`, `SECOND`, `COVARIANCE_EUCLIDEAN` or `COVARIANCE_WEIGHTED`),
    which makes ``n_values`` numbers; with a ``whole`` the sums are those of all parts.
    """
    bins, out = slots.bins(n_rows, n_values), slots.array("sums", (n_rows, n_values))
    gather(slots.n_groups, neurons, kind, n_values, bins, slots.used)
    # `gather` puts all neurons into bins: no places of tiles are combined
    tiles = Tiles(slots.homes, slots.near(n_values))
    combine(n_rows, tiles, 0, bins, slots.used, out)
    complete(out, whole)
    return out


def first_moments(neurons, slots, s, whole=None):
    """Sums of c (a, b) over the neurons of each sector and then of each ray, (4 s, 2)."""
    return download(gathered(FIRST, 2, 4 * s, neurons, slots, whole))


def first_moments_at(a, b, c, x, slots, whole=None):
    """Sums of c (a, b) over the sectors of other points ``x`` (n,), increasing: (2 n, 2)."""
    cell = slots.array("cell", (slots.m,), np.int32)
    locate_all(a, b, x, cell)
    return download(gathered(FIRST, 2, 2 * x.size, Neurons(a, b, c, cell), slots, whole))


def square_sums(neurons, slots, s, whole=None):
    """Sums of a a, a b, b b, c c over the neurons of each cell, (4 s + 1, 4)."""
    return download(gathered(SECOND, 4, 4 * s + 1, neurons, slots, whole))


def second_moments(neurons, slots, x, metric, whole=None):
    """Covariances m Sigma of each sector and then of each ray as (xx, x1, 11), (4 s, 3).

    ``cpu.second_moments`` says what they are in either metric.
    """
    if metric == NETWORK:
        return covariances_of(square_sums(neurons, slots, x.size, whole)[:-1], x, metric)
    kind = COVARIANCE_EUCLIDEAN if metric == EUCLIDEAN else COVARIANCE_WEIGHTED
    sums = gathered(kind, 3, 4 * x.size, neurons, slots, whole)
    return covariances_of(download(sums), x, metric)


MOST_CELLS = 4096
"""Largest number of cells that a block counts in shared memory, 16 KiB of it."""


@kernel(ints, longs, blocks_a_processor=4)
def _count_cells(cell, out):
    """Add the number of neurons in each cell to ``out``.

    Atomic operations are harmless here: whole numbers have the same sum in any order.
    """
    counts = cuda.shared.array(MOST_CELLS, int32)
    t, stride, fits = cuda.threadIdx.x, cuda.blockDim.x, out.size <= MOST_CELLS
    if fits:
        for k in range(t, out.size, stride):
            counts[k] = 0
        cuda.syncthreads()
        for i in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
            cuda.atomic.add(counts, cell[i], 1)
        cuda.syncthreads()
        for k in range(t, out.size, stride):
            if counts[k] > 0:
                cuda.atomic.add(out, k, counts[k])
    else:
        for i in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
            cuda.atomic.add(out, cell[i], 1)


def cell_counts(cell, slots, s, whole=None):
    """Number of neurons in each cell, (4 s + 1,) int64."""
    out = upload(np.zeros(4 * s + 1, np.int64), np.int64)
    _count_cells(min(blocks_for(cell.size), 1024), cell, out)
    counts = download(out)
    if whole is not None:
        acc = counts[None].astype(np.float64)
        whole.add(acc)
        counts = acc[0].astype(np.int64)
    return counts


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
    """The number of neurons whose cell differs between two arrays of cells."""
    out = upload(np.zeros(1, np.int64), np.int64)
    _differences(min(blocks_for(slots.m), 1024), one, two, out)
    return int(download(out)[0])
