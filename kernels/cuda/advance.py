"""All neurons through a frozen field for a given time, and the moments of where they arrive.

A pass is five launches: every neuron moves by the map of its cell, and those whose exact motion
that is add up their moments by tile (`advance_tiles`); the rest, who may meet rays or count in far
sectors, move by legs (`set_out_rest`) and by whatever it takes (`finish_rest`), and are added up
(`add_arrivals`); all are combined.
What the field means to sectors and rays is found on the host, in O(s), and so are the residuals.
"""

import numpy as np

from ..advance import TALLIES, go_on
from ..cpu.advance import arrivals, sum_arrivals
from ..cpu.slots import PAD
from ..maps import Tables, mapped, tables_of
from ..motion import set_out
from ..origin import largest_field
from ..rays import SIGN, U1, UX, XJ, ray_table
from ..sectors import row_of
from ._jit import (
    THREADS,
    blocks_for,
    cuda,
    device,
    doubles,
    float64,
    int32,
    ints,
    kernel,
    long,
    longs,
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
)

MOMENTS = 5
"""Sums of a row: c a, c b, and Sigma as (xx, x1, 11)."""
IN_TILE = 3 * MOMENTS
NOWHERE = -2
"""Instead of a ray: the neuron has arrived."""
COUNTERS = TALLIES + 2
CHANGES, REST = TALLIES, TALLIES + 1
"""Counters behind the tally: changes of cell, and the rest."""


@device
def add_moments(values, q, a, b, c, k, row, rays):
    """Add those of one neuron of cell k to this thread's, from row q on."""
    t = cuda.threadIdx.x
    x, y, z = float64(a), float64(b), float64(c)
    zz = z * z
    xx = oo = zz
    xo = zz - zz
    if k >= rays.shape[0]:
        ux, u1 = float64(rays[row, UX]), float64(rays[row, U1])
        xx, xo, oo = zz * ux * ux, zz * ux * u1, zz * u1 * u1
    values[q, t] += z * x
    values[q + 1, t] += z * y
    values[q + 2, t] += x * x + xx
    values[q + 3, t] += x * y + xo
    values[q + 4, t] += y * y + oo


@kernel(
    reals(), reals(), reals(), ints, reals(), reals(), reals(), ints, long, ints, reals(2),
    reals(2), reals(2), doubles(2), ints, ints, longs, blocks_a_processor=2,
)  # fmt: skip
def advance_tiles(
    a, b, c, cell, a1, b1, c1, cell1, keep, homes, rays, sector_map, ray_map, near, rest, count,
    counters,
):  # fmt: skip
    """Move the neurons of all tiles by the maps of their cells; list those who need more."""
    values = cuda.shared.array((IN_TILE, THREADS), float64)
    counts = cuda.shared.array(THREADS, int32)
    t, m, n_rows = cuda.threadIdx.x, a.size, rays.shape[0]
    s, stride = n_rows // 2, cuda.blockDim.x
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
                an, bn, cn, doubt = mapped(a[i], b[i], c[i], k, sector_map, ray_map, s)
                row = row_of(k, s)
                place = place_of(row, home, n_rows) if row >= 0 else HOME
                if doubt or place == FAR:
                    flags |= 1 << r
                else:
                    if keep:
                        a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
                    if row >= 0:
                        add_moments(values, place * MOMENTS, an, bn, cn, k, row, rays)
        n_rest = list_rest(flags, first, stride, m, rest, counts)
        block_sum(values, IN_TILE)
        for v in range(t, IN_TILE, stride):
            near[tile, v] = values[v, 0]
        if t == 0:
            count[tile] = n_rest
        cuda.syncthreads()


@device
def add_tallies(tally, counters):
    """Add the tallies of all threads of a block to the counters."""
    values = cuda.shared.array((COUNTERS, THREADS), float64)
    t = cuda.threadIdx.x
    for n in range(COUNTERS):
        values[n, t] = tally[n]
    block_sum(values, COUNTERS)
    for n in range(t, COUNTERS, cuda.blockDim.x):
        if values[n, 0] > 0.0:
            cuda.atomic.add(counters, n, int(values[n, 0]))


@kernel(
    reals(), reals(), reals(), ints, reals(), reals(), reals(), ints, real, reals(2), reals(2),
    reals(2), reals(2), reals(), ints, ints, long, reals(), ints, longs,
    blocks_a_processor=2,
)  # fmt: skip
def set_out_rest(
    a, b, c, cell, a1, b1, c1, cell1, h, field, rays, sector_map, ray_map, x, rest, count, tile,
    time, left, counters,
):  # fmt: skip
    """Move the rest by maps and legs; ``time`` and ``left`` say what is to be done still."""
    tallies = cuda.shared.array((THREADS, COUNTERS), int32)
    tally = tallies[cuda.threadIdx.x]
    for n in range(COUNTERS):
        tally[n] = 0
    number, n = cuda.blockIdx.x, cuda.threadIdx.x
    while number < count.size:
        if n < count[number]:
            j = number * tile + n
            i = rest[j]
            an, bn, cn, k, time_left, ray, arrived = set_out(
                a[i], b[i], c[i], cell[i], h, field, rays, sector_map, ray_map, x, tally
            )
            a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
            time[j], left[j] = time_left, NOWHERE if arrived else ray
            n += cuda.blockDim.x
        else:
            number, n = number + cuda.gridDim.x, cuda.threadIdx.x
    add_tallies(tally, counters)


@kernel(
    ints, reals(), reals(), reals(), ints, reals(2), reals(2), reals(), ints, ints, long, reals(),
    ints, longs, blocks_a_processor=2,
)  # fmt: skip
def finish_rest(
    cell, a1, b1, c1, cell1, field, rays, x, rest, count, tile, time, left, counters
):  # fmt: skip
    """Move those of the rest who have not arrived through whatever they meet."""
    # one loop, not over a range: others would take a third more registers
    tallies = cuda.shared.array((THREADS, COUNTERS), int32)
    tally = tallies[cuda.threadIdx.x]
    for n in range(COUNTERS):
        tally[n] = 0
    number, n = cuda.blockIdx.x, cuda.threadIdx.x
    while number < count.size:
        if n < count[number]:
            j = number * tile + n
            if left[j] != NOWHERE:
                i = rest[j]
                an, bn, cn, k = go_on(
                    a1[i], b1[i], c1[i], cell1[i], time[j], left[j], field, rays, x, tally
                )
                a1[i], b1[i], c1[i], cell1[i] = an, bn, cn, k
            tally[CHANGES] += cell1[rest[j]] != cell[rest[j]]
            tally[REST] += 1
            n += cuda.blockDim.x
        else:
            number, n = number + cuda.gridDim.x, cuda.threadIdx.x
    add_tallies(tally, counters)


@kernel(
    reals(), reals(), reals(), ints, reals(2), ints, ints, doubles(3), ints, blocks_a_processor=2
)
def add_arrivals(a, b, c, cell, rays, rest, count, bins, used):
    """Add the moments of the rest, which has arrived, to the bins of its groups."""
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
                    i = find_rest(begin + t, rest, first, n_groups, ends)
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


def advance(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, y, h, residual, covariances,
    tally, changes, whole=None,
):  # fmt: skip
    """Move every neuron exactly for the time h in a frozen field, as `cpu.advance`.

    Arrays of the size of the state are the device's, all others the host's. Without ``keep`` the
    new state is left incomplete.
    """
    s = x.size
    tally[:] = 0
    if not (largest_field(field) < np.inf and h < np.inf):
        return False
    tables = [
        slots.put(name, table, a.dtype)
        for name, table in zip(Tables._fields, tables_of(field, x, h), strict=True)
    ]
    state = a, b, c, cell, a1, b1, c1, cell1
    near, bins = slots.near(MOMENTS), slots.bins(2 * s, MOMENTS)
    sums = slots.array("sums", (2 * s, MOMENTS))
    counters = slots.array("counters", (COUNTERS,), np.int64)
    advance_tiles(
        slots.n_tiles,
        *state,
        int(keep),
        slots.homes,
        *tables[1:],
        near,
        slots.rest,
        slots.count,
        counters,
    )
    listed = slots.rest, slots.count, slots.tile
    time = slots.array("time", (slots.m,), a.dtype)
    left = slots.array("left", (slots.m,), np.int32)
    x_state = slots.put("x", x, a.dtype)
    set_out_rest(slots.n_tiles, *state, h, *tables, x_state, *listed, time, left, counters)
    finish_rest(
        slots.n_tiles, cell, *state[4:], *tables[:2], x_state, *listed, time, left, counters
    )
    add_arrivals(
        slots.n_groups, a1, b1, c1, cell1, tables[1], slots.rest, slots.count, bins, slots.used
    )
    combine(2 * s, slots.homes, near, 3, bins, slots.used, sums)
    moments, counted = download(sums), download(counters)
    tally[:] = counted[:TALLIES]
    changes[0] = counted[CHANGES]
    slots.pace.last(int(counted[REST]))
    if whole is None:
        return bool(arrivals(moments, x, y, slots.m, tally, residual, covariances))
    acc = np.zeros((1, 2 * s + PAD, MOMENTS))
    acc[0, : 2 * s] = moments
    return sum_arrivals(acc, tally, changes, x, y, whole, residual, covariances)


@kernel(reals(), reals(), reals(), ints, reals(2), reals(2), longs, blocks_a_processor=4)
def _repulsor_starts(a, b, c, cell, field, rays, out):
    found = cuda.shared.array((1, THREADS), float64)
    s, count = rays.shape[0] // 2, int32(0)
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        k = cell[n]
        if 0 < k < 2 * s and k != s:
            r = k - 1 if k < s else k  # whose inactive side is k
            sign = c[n] if c[n] != 0.0 else a[n] * field[k, 0] + b[n] * field[k, 1]
            # not as a sum that is 0: a device would not round the product
            count += b[n] == -(a[n] * rays[r, XJ]) and rays[r, SIGN] * sign < 0.0
    found[0, cuda.threadIdx.x] = count
    block_sum(found, 1)
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(out, 0, int(found[0, 0]))


def repulsor_starts(a, b, c, cell, field, x):
    """Number of neurons whose knot lies on a sample that repels it, on the inactive side."""
    out = upload(np.zeros(1, np.int64), np.int64)
    _repulsor_starts(
        min(blocks_for(cell.size), 1024), a, b, c, cell, upload(field, a.dtype),
        upload(ray_table(field, x), a.dtype), out,
    )  # fmt: skip
    return int(download(out)[0])
