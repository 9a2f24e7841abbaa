"""All neurons through a frozen field for a given time, and the moments of where they arrive.

A pass is five launches. Neurons whose exact motion is the map of their cell move by it, and their
moments are added up by tile (`pass_tiles`). The rest, which may meet rays or count in far sectors,
move by maps or legs (`set_out_rest`) and through whatever else they meet (`finish_rest`); their
moments are added up by group (`add_arrivals`). Both sums are combined (`combine`). The tables of
the field and the residuals are computed on the host, in O(s).
"""

import numpy as np

from ..events import CHANGES, TALLIES, go_on
from ..host.arrivals import MOMENTS, arrive_at, arrive_together, can_pass
from ..host.sums import PAD
from ..maps import frozen_field, mapped, maps_of
from ..motion import set_out
from ..rays import SIGN, U1, UX, XJ, ray_table
from ..records import Frozen, Maps, Tiles, Unfinished
from ..sectors import row_of
from ._jit import (
    THREADS,
    blocks_for,
    composed,
    cuda,
    device,
    doubles,
    float64,
    frozen,
    int32,
    ints,
    kernel,
    listed,
    longs,
    maps,
    neurons,
    real,
    reals,
)
from .arrays import download, upload
from .blocks import add_records, block_sum
from .slots import ROUNDS
from .sums import (
    FAR,
    HOME,
    clear,
    combine,
    find_rest,
    list_rest,
    place_of,
    rest_of_tiles,
    tiles,
)

IN_TILE = 3 * MOMENTS
"""Number of sums of a tile: over its home, the next row, and the one before."""
NOWHERE = -2
"""Stands in place of a ray for a neuron that has arrived; -1 is one on no ray."""
COUNTERS = TALLIES + 2
"""Number of counters of a pass: its events, changes of cell, and neurons in the rest."""
REST = CHANGES + 1
"""Place of the number of neurons in the rest among the counters."""


@device
def add_moments(values, q, a, b, c, k, row, rays):
    """Add the moments of one neuron of cell k, which counts in ``row``, to this thread's sums.

    These are the rows of ``values`` from q on.
    """
    t = cuda.threadIdx.x
    x, y, z = float64(a), float64(b), float64(c)
    zz = z * z
    xx = oo = zz
    xo = held = zz - zz
    if k >= rays.shape[0]:
        held = zz
        ux, u1 = float64(rays[row, UX]), float64(rays[row, U1])
        xx, xo, oo = zz * ux * ux, zz * ux * u1, zz * u1 * u1
    values[q, t] += z * x
    values[q + 1, t] += z * y
    values[q + 2, t] += x * x + xx
    values[q + 3, t] += x * y + xo
    values[q + 4, t] += y * y + oo
    values[q + 5, t] += held


unfinished = composed(Unfinished, reals(), ints)


@kernel(neurons, neurons, maps, reals(2), tiles, listed, longs)
def pass_tiles(begin, end, maps, rays, tiles, rest, counters):
    """Move the neurons of all tiles by the maps of their cells, and list the rest."""
    a, b, c, cell = begin
    a1, b1, c1, cell1 = end
    homes, near = tiles
    values = cuda.shared.array((IN_TILE, THREADS), float64)
    counts = cuda.shared.array(THREADS, int32)
    t, m, n_rows = cuda.threadIdx.x, a.size, rays.shape[0]
    s, stride = n_rows // 2, cuda.blockDim.x
    # cleared here, and counted in later launches only, so that no block can come too early
    if cuda.blockIdx.x == 0:
        for j in range(t, counters.size, stride):
            counters[j] = 0
    for tile in range(cuda.blockIdx.x, homes.size, cuda.gridDim.x):
        home, first = homes[tile], tile * ROUNDS * stride
        flags = 0
        for q in range(IN_TILE):
            values[q, t] = 0.0
        for r in range(ROUNDS):
            i = first + r * stride + t
            if i < m:
                k = cell[i]
                an, bn, cn, doubt = mapped(a[i], b[i], c[i], k, maps, s)
                row = row_of(k, s)
                place = place_of(row, home, n_rows) if row >= 0 else HOME
                if doubt or place == FAR:
                    flags |= 1 << r
                else:
                    a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
                    if row >= 0:
                        add_moments(values, place * MOMENTS, an, bn, cn, k, row, rays)
        n_rest = list_rest(flags, first, stride, m, rest.neurons, counts)
        block_sum(values, IN_TILE)
        for v in range(t, IN_TILE, stride):
            near[tile, v] = values[v, 0]
        if t == 0:
            rest.count[tile] = n_rest
        cuda.syncthreads()


@device
def add_tallies(tally, counters):
    """Add the tallies of all threads of a block to the counters.

    Whole numbers have the same sum in any order, so that the atomic operation does no harm.
    """
    values = cuda.shared.array((COUNTERS, THREADS), float64)
    t = cuda.threadIdx.x
    for n in range(COUNTERS):
        values[n, t] = tally[n]
    block_sum(values, COUNTERS)
    for n in range(t, COUNTERS, cuda.blockDim.x):
        if values[n, 0] > 0.0:
            cuda.atomic.add(counters, n, int(values[n, 0]))


@kernel(neurons, neurons, real, frozen, maps, listed, unfinished, longs)
def set_out_rest(begin, end, h, frozen, maps, rest, unfinished, counters):
    """Move the rest by maps and legs; ``unfinished`` gets what is left to do for each neuron."""
    a, b, c, cell = begin
    a1, b1, c1, cell1 = end
    count, tile = rest.count, ROUNDS * cuda.blockDim.x
    tallies = cuda.shared.array((THREADS, COUNTERS), int32)
    tally = tallies[cuda.threadIdx.x]
    for n in range(COUNTERS):
        tally[n] = 0
    # one loop over tiles and their rest together, as in `finish_rest`
    number, n = cuda.blockIdx.x, cuda.threadIdx.x
    while number < count.size:
        if n < count[number]:
            j = number * tile + n
            i = rest.neurons[j]
            an, bn, cn, k, time_left, ray, arrived = set_out(
                a[i], b[i], c[i], cell[i], h, frozen, maps, tally
            )
            a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
            unfinished.time[j], unfinished.left[j] = time_left, NOWHERE if arrived else ray
            n += cuda.blockDim.x
        else:
            number, n = number + cuda.gridDim.x, cuda.threadIdx.x
    add_tallies(tally, counters)


@kernel(ints, neurons, frozen, listed, unfinished, longs)
def finish_rest(cell, end, frozen, rest, unfinished, counters):
    """Move those neurons of the rest that have not arrived through whatever they meet."""
    # one loop over tiles and their rest, not over a range: others would take a third more registers
    a1, b1, c1, cell1 = end
    count, tile = rest.count, ROUNDS * cuda.blockDim.x
    time, left = unfinished
    tallies = cuda.shared.array((THREADS, COUNTERS), int32)
    tally = tallies[cuda.threadIdx.x]
    for n in range(COUNTERS):
        tally[n] = 0
    number, n = cuda.blockIdx.x, cuda.threadIdx.x
    while number < count.size:
        if n < count[number]:
            j = number * tile + n
            i = rest.neurons[j]
            if left[j] != NOWHERE:
                an, bn, cn, k = go_on(
                    a1[i], b1[i], c1[i], cell1[i], time[j], left[j], frozen, tally
                )
                a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
            tally[CHANGES] += cell1[i] != cell[i]
            tally[REST] += 1
            n += cuda.blockDim.x
        else:
            number, n = number + cuda.gridDim.x, cuda.threadIdx.x
    add_tallies(tally, counters)


@kernel(neurons, reals(2), listed, doubles(3), ints)
def add_arrivals(end, rays, rest, bins, used):
    """Add the moments of the rest, which has arrived, to the bins of its groups."""
    a, b, c, cell = end
    count = rest.count
    keys = cuda.shared.array(THREADS, int32)
    values = cuda.shared.array((MOMENTS, THREADS), float64)
    ends = cuda.shared.array(THREADS, int32)
    t, s, n_groups = cuda.threadIdx.x, rays.shape[0] // 2, used.size
    for group in range(cuda.blockIdx.x, n_groups, cuda.gridDim.x):
        filled = 0
        for first in range(group, count.size, n_groups * cuda.blockDim.x):
            total = rest_of_tiles(count, first, n_groups, ends)
            if total > 0 and filled == 0:
                clear(bins[group])
                filled = 1
            for begin in range(0, total, cuda.blockDim.x):
                if begin + t < total:
                    i = find_rest(begin + t, rest.neurons, first, n_groups, ends)
                    k = cell[i]
                    row = row_of(k, s)
                    keys[t] = row
                    for q in range(MOMENTS):
                        values[q, t] = 0.0
                    if row >= 0:
                        add_moments(values, 0, a[i], b[i], c[i], k, row, rays)
                n_records = min(total - begin, cuda.blockDim.x)
                add_records(keys, values, n_records, MOMENTS, bins[group])
        if t == 0:
            used[group] = filled
        cuda.syncthreads()


def exact_pass(begin, end, order, field, h, samples, arrival, whole=None):
    """Move every neuron exactly for the time h in a frozen field, as ``cpu.exact_pass`` does.

    Neurons are the device's, all else is the host's.
    """
    slots, n_rows = order.slots, 2 * samples.x.size
    arrival.tally[:] = 0
    if not can_pass(field, h):
        return -1
    precision = begin.a.dtype
    here = frozen_field(field, samples.x)
    frozen = Frozen(*slots.put_all(Frozen._fields, here, precision))
    maps = Maps(*slots.put_all(("sector_map", "ray_map"), maps_of(here, h), precision))
    near, bins = slots.near(MOMENTS), slots.bins(n_rows, MOMENTS)
    sums = slots.array("sums", (n_rows, MOMENTS))
    counters = slots.array("counters", (COUNTERS,), np.int64)
    unfinished = Unfinished(
        slots.array("time", (slots.m,), precision), slots.array("left", (slots.m,), np.int32)
    )
    n, rest, tiles = slots.n_tiles, slots.rest, Tiles(slots.homes, near)
    pass_tiles(n, begin, end, maps, frozen.rays, tiles, rest, counters)
    set_out_rest(n, begin, end, h, frozen, maps, rest, unfinished, counters)
    finish_rest(n, begin.cell, end, frozen, rest, unfinished, counters)
    add_arrivals(slots.n_groups, end, frozen.rays, rest, bins, slots.used)
    combine(n_rows, tiles, 3, bins, slots.used, sums)
    moments, counted = download(sums), download(counters)
    arrival.tally[:] = counted[:TALLIES]
    changes = int(counted[CHANGES])
    slots.clock.last(int(counted[REST]))
    if whole is None:
        return changes if arrive_at(moments, samples, slots.m, arrival) else -1
    acc = np.zeros((1, n_rows + PAD, MOMENTS))
    acc[0, :n_rows] = moments
    return arrive_together(acc, changes, samples, whole.m, arrival, whole)


@kernel(neurons, reals(2), reals(2), longs, blocks_a_processor=4)
def _repulsor_starts(neurons, field, rays, out):
    a, b, c, cell = neurons
    found = cuda.shared.array((1, THREADS), float64)
    s, count = rays.shape[0] // 2, int32(0)
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        k = cell[n]
        if 0 < k < 2 * s and k != s:
            r = k - 1 if k < s else k  # whose inactive side is k
            sign = c[n] if c[n] != 0.0 else a[n] * field[k, 0] + b[n] * field[k, 1]
            # not as a sum that is 0: a device fuses the two operations, and so would not round the
            # product, from which b came
            count += b[n] == -(a[n] * rays[r, XJ]) and rays[r, SIGN] * sign < 0.0
    found[0, cuda.threadIdx.x] = count
    block_sum(found, 1)
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(out, 0, int(found[0, 0]))


def repulsor_starts(neurons, field, x):
    """The number of neurons whose knot lies on a sample that repels it, on the inactive side."""
    out, precision = upload(np.zeros(1, np.int64), np.int64), neurons.a.dtype
    _repulsor_starts(
        min(blocks_for(neurons.cell.size), 1024), neurons, upload(field, precision),
        upload(ray_table(field, x), precision), out,
    )  # fmt: skip
    return int(download(out)[0])
