"""Tiles of neurons, their order, and the work space of their sums.

On a device all neurons are one slot, [0, m), in the order of their regions. Blocks take *tiles* of
some hundred neurons each. A tile's *home* is the sector of its middle neuron when the neurons were
sorted: most of the tile's neurons are still there or next to it, and what they add up to is kept by
tile. Neurons that count in another row or need a closer look are the *rest*: their indices are
listed by tile, and groups of tiles add them to *bins* of all rows. Which tile is in which group
depends on m and s alone.

An order is made by sorting regions digit by digit. Each pass is stable (of two neurons with the
same digit the earlier one stays the earlier one), so that digits may be sorted from the lowest on.
"""

from functools import cached_property

import numpy as np

from ..records import DeviceOrder, Rest
from ..sectors import region_of, row_of
from ._jit import (
    THREADS,
    anything,
    blocks_for,
    cuda,
    int32,
    ints,
    kernel,
    long,
    simulated,
    threads_a_block,
)
from .arrays import download, empty, fill, upload
from .blocks import block_scan

ROUNDS = 4
"""Number of neurons of a tile for each thread of a block."""
DIGIT = 16
"""Number of values of a digit of a region's number; a digit is 4 bits, the step in `sort_slots`."""
MOST_GROUPS, LEAST_GROUPS, BINS = (3 if simulated else 1024), 16, 2**19
"""The number of groups of tiles is such that all groups together have `BINS` bins of rows, but
neither above `MOST_GROUPS` nor below `LEAST_GROUPS`, and not above the number of tiles."""


class SortClock:
    """Decides when neurons are sorted again: when the rest has grown since the last sort.

    Only the growth counts: where sectors are narrower than tiles, some neurons count in far sectors
    however they are sorted.

    Attributes
    ----------
    numbers : (3,) int64
        The number of neurons in the rest right after the last sort, -1 until it is known; the
        number that came on top since; and the steps of gradient descent so far.
    """

    def __init__(self):
        self.numbers = np.array([-1, 0, 0])

    @property
    def steps(self):
        """The number of steps of gradient descent so far."""
        return int(self.numbers[2])

    @steps.setter
    def steps(self, n):
        self.numbers[2] = n

    def add(self, rest):
        """Count the rest of a pass, or of a fixed number of steps, on top of what came before."""
        if self.numbers[0] < 0:
            self.numbers[0] = rest
        self.numbers[1] += max(0, rest - self.numbers[0])

    def last(self, rest):
        """Count the rest of the last pass, and forget the passes before."""
        self.numbers[1] = 0
        self.add(rest)

    def is_over(self, most):
        """Whether more than ``most`` neurons have come on top of the rest since the last sort."""
        return bool(self.numbers[1] > most)

    def begin(self):
        """Note that neurons have just been sorted."""
        self.numbers[:2] = -1, 0


class Slots:
    """How m neurons are split into tiles and groups for s samples, and their work arrays.

    Attributes
    ----------
    m, s, tile, n_tiles, n_groups : int
        Numbers of neurons and samples; neurons of a tile; numbers of tiles and groups.
    clock : SortClock
        When to sort again.
    homes : (n_tiles,) int32
        The home row of each tile, ascending.
    rest : Rest
    used : (n_groups,) int32
        Whether a group has filled its bins.
    """

    def __init__(self, m, s):
        self.m, self.s = m, s
        self.tile = ROUNDS * threads_a_block()
        self.n_tiles = -(-m // self.tile)
        groups = min(MOST_GROUPS, max(LEAST_GROUPS, BINS // (2 * s)))
        self.n_groups = min(groups, self.n_tiles)
        self.clock = SortClock()
        self._made = {}

    def array(self, name, shape, dtype=np.float64):
        """The work array with this name, shape and dtype, which is made once."""
        key = name, shape, np.dtype(dtype)
        if key not in self._made:
            self._made[key] = empty(shape, dtype)
        return self._made[key]

    def put(self, name, values, dtype):
        """The values of a host array in the work array with this name."""
        to = self.array(name, values.shape, dtype)
        fill(to, values)
        return to

    def put_all(self, names, values, dtype):
        """The values of several host arrays in the work arrays with these names."""
        return [self.put(name, array, dtype) for name, array in zip(names, values, strict=True)]

    @cached_property
    def homes(self):
        return empty(self.n_tiles, np.int32)

    @cached_property
    def rest(self):
        return Rest(empty(self.m, np.int32), empty(self.n_tiles, np.int32))

    @cached_property
    def used(self):
        return empty(self.n_groups, np.int32)

    def near(self, n_values):
        """Room for the sums of tiles over their home, the next row and the one before.

        The shape is (n_tiles, 3 n_values).
        """
        return self.array("near", (self.n_tiles, 3 * n_values))

    def bins(self, n_rows, n_values):
        """Room for the sums of groups, (n_groups, n_rows, n_values)."""
        return self.array("bins", (self.n_groups, n_rows, n_values))


def order_of(slots):
    """The `DeviceOrder` of neurons that lie as they came; `sort_slots` has to follow."""
    ident = empty(slots.m, np.int32)
    _count_up(blocks_for(slots.m), ident)
    return DeviceOrder(slots, ident, np.zeros(1), np.zeros(1, np.int64))


def arrays_of(order):
    """The arrays of an order, as host arrays by name, from which `restored` makes it again."""
    slots = order.slots
    return {
        "ident": download(order.ident),
        "stray_work": order.stray_work,
        "crossings": order.crossings,
        "bounds": np.array([0, slots.m]),
        "homes": download(slots.homes),
        "pace": slots.clock.numbers,
    }


def restored(order, arrays):
    """The order whose arrays `arrays_of` gave; ``order`` is one of slots with the same bounds."""
    slots = order.slots
    fill(slots.homes, arrays["homes"])
    slots.clock.numbers[:] = arrays["pace"]
    ident = upload(arrays["ident"], np.int32)
    return DeviceOrder(slots, ident, arrays["stray_work"].copy(), arrays["crossings"].copy())


@kernel(ints)
def _count_up(out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = i


@kernel(ints, long, ints)
def _regions(cell, s, region):
    for i in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        region[i] = region_of(cell[i], s)


@kernel(ints, long, ints)
def _count_digits(region, shift, counts):
    """Count the neurons of each tile with each digit, the tiles of a digit one behind the other.

    Sums of these counts are then the places in a stable order, by digit and then by tile.
    """
    in_tile = cuda.shared.array(DIGIT, int32)
    t = cuda.threadIdx.x
    tile = ROUNDS * cuda.blockDim.x
    n_tiles = counts.size // DIGIT
    for number in range(cuda.blockIdx.x, n_tiles, cuda.gridDim.x):
        for d in range(t, DIGIT, cuda.blockDim.x):
            in_tile[d] = 0
        cuda.syncthreads()
        for i in range(number * tile + t, min((number + 1) * tile, region.size), cuda.blockDim.x):
            cuda.atomic.add(in_tile, (region[i] >> shift) & (DIGIT - 1), 1)
        cuda.syncthreads()
        for d in range(t, DIGIT, cuda.blockDim.x):
            counts[d * n_tiles + number] = in_tile[d]
        cuda.syncthreads()


@kernel(ints)
def _scan(counts):
    """Replace each element by the sum of those before it; to be launched with one block."""
    sums = cuda.shared.array(THREADS, int32)
    t = cuda.threadIdx.x
    share = (counts.size + cuda.blockDim.x - 1) // cuda.blockDim.x
    lo, hi = t * share, min((t + 1) * share, counts.size)
    total = 0
    for i in range(lo, hi):
        total += counts[i]
    cuda.syncthreads()
    sums[t] = total
    block_scan(sums)
    before = sums[t] - total
    for i in range(lo, hi):
        n = counts[i]
        counts[i] = before
        before += n


@kernel(ints, ints, long, ints, ints, ints)
def _scatter(region, order, shift, offsets, new_region, new_order):
    """Put every neuron where its digit, and the neurons before it with the same digit, say."""
    digits = cuda.shared.array(THREADS, int32)
    begin = cuda.shared.array(DIGIT, int32)
    t = cuda.threadIdx.x
    tile = ROUNDS * cuda.blockDim.x
    n_tiles = offsets.size // DIGIT
    for number in range(cuda.blockIdx.x, n_tiles, cuda.gridDim.x):
        for d in range(t, DIGIT, cuda.blockDim.x):
            begin[d] = offsets[d * n_tiles + number]
        for r in range(ROUNDS):
            i = number * tile + r * cuda.blockDim.x + t
            digit = (region[i] >> shift) & (DIGIT - 1) if i < region.size else -1
            cuda.syncthreads()
            digits[t] = digit
            cuda.syncthreads()
            before = 0
            for j in range(t):
                before += digits[j] == digit
            is_last = True
            for j in range(t + 1, cuda.blockDim.x):
                is_last = is_last and digits[j] != digit
            if digit >= 0:
                to = begin[digit] + before
                new_region[to] = region[i]
                new_order[to] = order[i]
            cuda.syncthreads()
            # the last thread of a digit moves the begin on for the next round: one writer each
            if digit >= 0 and is_last:
                begin[digit] += before + 1
        cuda.syncthreads()


@kernel(anything(), ints, anything())
def _take(values, order, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = values[order[i]]


@kernel(ints, long, ints)
def _find_homes(cell, s, homes):
    tile = ROUNDS * cuda.blockDim.x
    for number in range(cuda.grid(1), homes.size, cuda.gridsize(1)):
        k = cell[min(number * tile + tile // 2, cell.size - 1)]
        row = row_of(k, s)
        # cells without a row get one that keeps homes ascending, since `combine` bisects them: the
        # dead lie where sector s would, the origin is last
        homes[number] = row if row >= 0 else (s if k == s else 2 * s - 1)


def sort_slots(neurons, order):
    """Put all neurons into the order of their regions, in place, and find the homes of tiles."""
    slots, ident, cell = order.slots, order.ident, neurons.cell
    m, s = slots.m, slots.s
    blocks = blocks_for(m)
    region, other_region = empty(m, np.int32), empty(m, np.int32)
    place, other_place = empty(m, np.int32), empty(m, np.int32)
    counts = empty(DIGIT * slots.n_tiles, np.int32)
    _regions(blocks, cell, s, region)
    _count_up(blocks, place)
    for shift in range(0, (4 * s).bit_length(), 4):
        _count_digits(slots.n_tiles, region, shift, counts)
        _scan(1, counts)
        _scatter(slots.n_tiles, region, place, shift, counts, other_region, other_place)
        region, other_region = other_region, region
        place, other_place = other_place, place
    room = empty(m, neurons.a.dtype)
    for values, other in (*((v, room) for v in neurons[:3]), (cell, region), (ident, region)):
        _take(blocks, values, place, other)
        _copy(blocks, other, values)
    _find_homes(blocks_for(slots.n_tiles), cell, s, slots.homes)
    slots.clock.begin()


@kernel(anything(), anything())
def _copy(values, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = values[i]
