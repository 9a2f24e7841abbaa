"""Sums over the neurons of each row, in a fixed order.

Kernels that move neurons store what each tile adds up to (``slots``); `add_rest` adds the rest to
the bins of groups, and `combine` adds up tiles and groups. Where neurons are in any order, `gather`
adds all of them to the bins.
"""

from ..host.arrivals import MOMENTS
from ..records import Tiles
from ..sectors import locate, row_of
from ._jit import (
    THREADS,
    composed,
    cuda,
    device,
    doubles,
    float64,
    int32,
    ints,
    kernel,
    listed,
    long,
    neurons,
    reals,
)
from .arrays import download, fill
from .blocks import add_records, block_scan, block_sum, rank_among
from .slots import ROUNDS

tiles = composed(Tiles, ints, doubles(2))
MOST_VALUES = MOMENTS
"""Most numbers that any kernel adds up for a row."""
FIRST, SECOND, COVARIANCE_EUCLIDEAN, COVARIANCE_WEIGHTED = range(4)
"""Kinds of sums that `gather` adds up: c (a, b); a a, a b, b b, c c; covariances of the euclidean
metric without and with weights."""
HOME, NEXT, BEFORE, FAR = range(4)
"""Where a row is, seen from a tile's home: the home, the next row, the one before, or further."""


@device
def place_of(row, home, n_rows):
    """The place of a row on the circle of rows, seen from a home: `HOME`, `NEXT` and so forth."""
    d = row - home
    place = FAR
    if d == 0:
        place = HOME
    elif d == 1 or d == 1 - n_rows:
        place = NEXT
    elif d == -1 or d == n_rows - 1:
        place = BEFORE
    return place


@device
def list_rest(flags, first, stride, m, rest, counts):
    """List the neurons of a tile that the bits of ``flags`` mark; returns how many there are.

    Bit r of thread t is that of the neuron ``first + t + r stride``, where ``first`` is the first
    neuron of the tile. They are listed in ascending order in ``rest`` from ``first`` on.
    """
    n = 0  # most tiles have no rest, and one vote of all threads says so
    if cuda.syncthreads_or(flags):
        for r in range(ROUNDS):
            flag = (flags >> r) & 1 == 1
            place, found = rank_among(flag, counts)
            if flag:
                rest[first + n + place] = first + r * stride + cuda.threadIdx.x
            n += found
    return n


@device
def rest_of_tiles(count, first, stride, ends):
    """Write where the rest of each of the tiles ``first + t stride`` ends in their common list.

    Element t of ``ends`` is the sum of the counts of the tiles of the threads up to t. Returns the
    sum of all.
    """
    t = cuda.threadIdx.x
    tile = first + t * stride
    cuda.syncthreads()
    ends[t] = count[tile] if tile < count.size else 0
    block_scan(ends)
    return ends[cuda.blockDim.x - 1]


@device
def find_rest(j, rest, first, stride, ends):
    """The j-th neuron of the rest of the tiles for which `rest_of_tiles` wrote ``ends``."""
    lo, hi = 0, cuda.blockDim.x - 1
    while lo < hi:
        mid = (lo + hi) // 2
        if ends[mid] > j:
            hi = mid
        else:
            lo = mid + 1
    before = ends[lo - 1] if lo > 0 else 0
    return rest[(first + lo * stride) * ROUNDS * cuda.blockDim.x + (j - before)]


@device
def clear(rows):
    """Set the bins of a group to 0, by all threads of a block."""
    for k in range(cuda.threadIdx.x, rows.shape[0], cuda.blockDim.x):
        for v in range(rows.shape[1]):
            rows[k, v] = 0.0
    cuda.syncthreads()


@kernel(neurons, listed, doubles(3), ints, long, blocks_a_processor=4)
def add_rest(neurons, rest, bins, used, s):
    """Add c (a, b) of the rest to the bins of groups; ``used`` says which groups have a rest."""
    a, b, c, cell = neurons
    count = rest.count
    keys = cuda.shared.array(THREADS, int32)
    values = cuda.shared.array((2, THREADS), float64)
    ends = cuda.shared.array(THREADS, int32)
    t = cuda.threadIdx.x
    n_groups = used.size
    for group in range(cuda.blockIdx.x, n_groups, cuda.gridDim.x):
        filled = 0  # bins are cleared only where something is added; `combine` skips the others
        for first in range(group, count.size, n_groups * cuda.blockDim.x):
            total = rest_of_tiles(count, first, n_groups, ends)
            if total > 0 and filled == 0:
                clear(bins[group])
                filled = 1
            for begin in range(0, total, cuda.blockDim.x):
                if begin + t < total:
                    i = find_rest(begin + t, rest.neurons, first, n_groups, ends)
                    keys[t] = row_of(cell[i], s)
                    ci = float64(c[i])
                    values[0, t] = ci * float64(a[i])
                    values[1, t] = ci * float64(b[i])
                add_records(keys, values, min(total - begin, cuda.blockDim.x), 2, bins[group])
        if t == 0:
            used[group] = filled


@device
def _first_tile(homes, home):
    """The first tile whose home is not below this one."""
    lo, hi = 0, homes.size
    while lo < hi:
        mid = (lo + hi) // 2
        if homes[mid] < home:
            lo = mid + 1
        else:
            hi = mid
    return lo


@kernel(tiles, long, doubles(3), ints, doubles(2), blocks_a_processor=4)
def combine(tiles, n_places, bins, used, out):
    """Add up what tiles and groups have for each row, into ``out`` (n_rows, n_values).

    ``n_places`` is 3, or 0 to leave the tiles out. Homes ascend, so that the tiles of a home are
    found by bisection. One block adds up a row, always in the same sequence.
    """
    homes, near = tiles
    values = cuda.shared.array((MOST_VALUES, THREADS), float64)
    t = cuda.threadIdx.x
    n_rows, n_values = out.shape
    for row in range(cuda.blockIdx.x, n_rows, cuda.gridDim.x):
        for v in range(n_values):
            values[v, t] = 0.0
        for place in range(n_places):
            home = row
            if place == NEXT:
                home = row - 1 if row > 0 else n_rows - 1
            elif place == BEFORE:
                home = row + 1 if row < n_rows - 1 else 0
            end = _first_tile(homes, home + 1)
            for tile in range(_first_tile(homes, home) + t, end, cuda.blockDim.x):
                for v in range(n_values):
                    values[v, t] += near[tile, place * n_values + v]
        for group in range(t, used.size, cuda.blockDim.x):
            if used[group] != 0:
                for v in range(n_values):
                    values[v, t] += bins[group, row, v]
        block_sum(values, n_values)
        for v in range(t, n_values, cuda.blockDim.x):
            out[row, v] = values[v, 0]
        cuda.syncthreads()


@device
def _values_of(kind, a, b, c, turns):
    """The numbers that one neuron adds to sums of this kind, 0 where it has fewer than four.

    ``turns`` is 0 for a neuron that slides, which does not turn, else 1; with weights 1 / u^2.
    """
    v0 = v1 = v2 = v3 = float64(0.0)
    if kind == FIRST:
        v0, v1 = c * a, c * b
    elif kind == SECOND:
        v0, v1, v2, v3 = a * a, a * b, b * b, c * c
    else:
        square = turns * c * c
        v0, v1, v2 = square * b * b + a * a, (1 - square) * a * b, square * a * a + b * b
    return v0, v1, v2, v3


@kernel(neurons, long, long, doubles(3), ints)
def gather(neurons, kind, n_values, bins, used):
    """Add up all neurons in the bins of groups, a row for each cell; other cells are left out.

    In each round the neurons of the cell in the middle are added up by all threads together, which
    is fast if neurons are sorted, the others by `add_records`.
    """
    a, b, c, cell = neurons
    keys = cuda.shared.array(THREADS, int32)
    values = cuda.shared.array((MOST_VALUES, THREADS), float64)
    counts = cuda.shared.array(THREADS, int32)
    t = cuda.threadIdx.x
    n_rows = bins.shape[1]
    for group in range(cuda.blockIdx.x, used.size, cuda.gridDim.x):
        clear(bins[group])
        stride = used.size * cuda.blockDim.x
        for first in range(group * cuda.blockDim.x, cell.size, stride):
            i = first + t
            key = -1
            v0 = v1 = v2 = v3 = float64(0.0)
            if i < cell.size:
                key = cell[i]
                if key >= n_rows:
                    key = -1
                turns = float64(1.0) if 2 * key < n_rows else float64(0.0)
                if kind == COVARIANCE_WEIGHTED and key >= 0:  # in the precision of the state
                    turns *= float64(1.0 / (a[i] * a[i] + b[i] * b[i]))
                v0, v1, v2, v3 = _values_of(
                    kind, float64(a[i]), float64(b[i]), float64(c[i]), turns
                )
            cuda.syncthreads()
            keys[t] = key
            cuda.syncthreads()
            middle = keys[(min(cell.size - first, cuda.blockDim.x)) // 2]
            is_other = key != middle and key >= 0
            nothing = float64(0.0)
            values[0, t] = v0 if key == middle else nothing
            values[1, t] = v1 if key == middle else nothing
            values[2, t] = v2 if key == middle else nothing
            values[3, t] = v3 if key == middle else nothing
            if middle >= 0:
                block_sum(values, n_values)
                for v in range(t, n_values, cuda.blockDim.x):
                    bins[group, middle, v] += values[v, 0]
            if cuda.syncthreads_or(1 if is_other else 0):
                place, found = rank_among(is_other, counts)
                if is_other:
                    keys[place] = key
                    values[0, place], values[1, place] = v0, v1
                    values[2, place], values[3, place] = v2, v3
                add_records(keys, values, found, n_values, bins[group])
        if t == 0:
            used[group] = 1


@kernel(reals(), reals(), reals(), ints, blocks_a_processor=4)
def locate_each(a, b, x, cell):
    """Write the cell of every neuron into ``cell``, by the signs of a x_j + b."""
    for i in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        cell[i] = locate(a[i], b[i], x)


def complete(sums, whole):
    """Complete the sums of this part to those of the whole, in place; see ``kernels.whole``."""
    if whole is not None:
        acc = download(sums)[None]
        whole.add(acc)
        fill(sums, acc[0])
