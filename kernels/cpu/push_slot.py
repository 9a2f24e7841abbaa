"""One explicit Euler step of a slot of neurons, and the moments of where they arrive.

Every neuron moves in the field of its sector, its new sector is found by signs, and the moments
that give the next residuals are added up. Members of a sector move in chunks with one field. A knot
that crosses a sample mostly comes back, for attractors make it chatter: a neuron that leaves its
sector becomes a *guest* of its region, and guests move in chunks, too. Only strays, which are
further away, move one by one. In the euclidean metric there are no guests: some of them would be
dead, and there a dead neuron may not be touched, not even to round its direction to unit length.
"""

import numpy as np

from .._jit import float64, inlined, leaf
from ..flow import EUCLIDEAN, NETWORK, euler
from ..sectors import move_on, neighbours, outside, region_of
from .arrays import read
from .prefetch import AHEAD, LINE, prefetch
from .push import (
    ACTIVE1,
    ACTIVE2,
    AWAY,
    BEYOND1,
    FIELD,
    HOME,
    OUTER1,
    OUTER_ACTIVE1,
    X1,
    X2,
    crossed,
    push_guests,
    push_members,
    push_members_euclidean,
    push_members_weighted,
    side_of,
)
from .slots import swap, swap_members

CHUNK = 64
"""Neurons that are moved together; they stay in the first-level cache until all is done."""


@leaf
def _place(slot, i, k, x, acc):
    """Find the cell of neuron i, which has left sector k, and add its moments there."""
    ai, bi, ci = read(slot.a, slot.b, slot.c, i)
    k = move_on(ai, bi, k, x)
    slot.cell[i] = k
    if k < 2 * x.size:
        acc[k, 0] += ci * ai
        acc[k, 1] += ci * bi


@inlined
def _prefetch(a, b, c, start, n):
    """Fetch n neurons from index ``start`` on."""
    for i in range(start, start + n, LINE):
        prefetch(a, i)
        prefetch(b, i)
        prefetch(c, i)


@inlined
def _push_members_of(slot, lo, hi, k, push, acc):
    """Move the members lo:hi of sector k; returns the first of those that still are members.

    Chunks go upwards, as processors expect. A neuron that leaves changes places with the first
    member, which has moved already.
    """
    a, b, c, _, ident = slot
    table, x, metric = push
    s = x.size
    sector = table[k]
    first = lo
    sx = s1 = 0.0
    for p in range(lo, hi, CHUNK):
        q = min(p + CHUNK, hi)
        _prefetch(a, b, c, p + AHEAD, q - p)
        if metric == NETWORK:
            left, dx, d1 = push_members(a[p:q], b[p:q], c[p:q], sector)
        elif metric == EUCLIDEAN:
            left, dx, d1 = push_members_euclidean(a[p:q], b[p:q], c[p:q], sector)
        else:
            left, dx, d1 = push_members_weighted(a[p:q], b[p:q], c[p:q], sector)
        sx += dx
        s1 += d1
        i = p
        if left > 0:
            # members ahead will leave, too, and indices are swapped with them; at 4 bytes each a
            # chunk of them is four cache lines
            prefetch(ident, p + AHEAD)
            prefetch(ident, p + AHEAD + CHUNK // 4)
            prefetch(ident, p + AHEAD + CHUNK // 2)
            prefetch(ident, p + AHEAD + CHUNK * 3 // 4)
        while left > 0:  # the vector loop has only counted those that left; now they are found
            ai, bi, _ = read(a, b, c, i)
            if outside(ai, bi, sector[X1], sector[X2], k != s, k == 0):
                left -= 1
                swap_members(slot, i, first)
                _place(slot, first, k, x, acc)
                first += 1
            i += 1
    acc[k, 0] += sx
    acc[k, 1] += s1
    return first


@inlined
def _push_guests_of(slot, lo, hi, k, push, acc):
    """Move the guests lo:hi of sector k.

    Returns the first of those that still are guests, and the number of changes of cell.
    """
    a, b, c, _, _ = slot
    sector, x = push.table[k], push.x
    beyond1, beyond2 = neighbours(k, x.size)
    first = lo
    changes = 0
    for p in range(lo, hi, CHUNK):
        q = min(p + CHUNK, hi)
        away, changed, sx, s1, sx1, s11, sx2, s12 = push_guests(a[p:q], b[p:q], c[p:q], sector)
        acc[k, 0] += sx
        acc[k, 1] += s1
        acc[beyond1, 0] += sx1
        acc[beyond1, 1] += s11
        acc[beyond2, 0] += sx2
        acc[beyond2, 1] += s12
        changes += changed
        i = p
        while away > 0:
            ai, bi, _ = read(a, b, c, i)
            if side_of(ai, bi, sector) == AWAY:
                away -= 1
                swap(slot, i, first)
                _place(slot, first, k, x, acc)
                first += 1
            i += 1
    return first, changes


@inlined
def _push_strays(slot, lo, hi, push, acc):
    """Move the neurons lo:hi, each in the field of its own cell; returns the changes of cell.

    Whether a stray crosses a bound is a coin's toss, which branches would pay for: only a jump over
    a sector takes one. In the network metric the dead take part, since their field is 0.
    """
    a, b, c, cell, _ = slot
    table, x, metric = push
    s = x.size
    changes = 0
    for i in range(lo, hi):
        k = np.int64(cell[i])
        if k >= 2 * s or (metric != NETWORK and k == s):
            continue
        hx, h1 = table[k, FIELD], table[k, FIELD + 1]
        ai, bi, ci = read(a, b, c, i)
        a[i], b[i], c[i] = euler(metric, ai, bi, ci, hx, h1)
        ai, bi, ci = read(a, b, c, i)
        beyond1 = crossed(ai, bi, table[k, X1], table[k, ACTIVE1])
        beyond2 = crossed(ai, bi, table[k, X2], table[k, ACTIVE2])
        other = 0 if beyond1 else 1
        neighbour1, neighbour2 = neighbours(k, s)
        next_one = neighbour1 if beyond1 else neighbour2
        left = beyond1 | beyond2
        over = crossed(ai, bi, table[k, OUTER1 + other], table[k, OUTER_ACTIVE1 + other])
        changes += left
        if (beyond1 & beyond2) | (left & over):
            _place(slot, i, k, x, acc)
        else:
            k = next_one if left else k
            cell[i] = k
            acc[k, 0] += ci * ai
            acc[k, 1] += ci * bi
    return changes


@leaf
def _send_away(slot, first, old, new, sector, metric):
    """Make strays of those new guests old:new that are further away than the next sectors.

    They are brought to the front of all guests first:new. Returns the first of the other guests. In
    the euclidean metric all new guests become strays.
    """
    i = new - 1
    while i >= max(old, first):
        ai, bi = float64(slot.a[i]), float64(slot.b[i])
        if metric != NETWORK or side_of(ai, bi, sector) == AWAY:
            swap(slot, i, first)
            first += 1
        else:
            i -= 1
    return first


@leaf
def _take_in_strays(slot, lo, first, k, s, metric):
    """Take those strays lo:first into the region that belong there, by bringing them to the end.

    Strays in sector k or in one next to it belong there as guests; where there are no guests, only
    those in sector k, as members. Returns the first of them.
    """
    cell = slot.cell
    beyond1, beyond2 = neighbours(k, s)
    if metric != NETWORK or s == 1:  # with one sample the dead sector is beyond both bounds
        beyond1 = beyond2 = k
    for i in range(first - 1, lo - 1, -1):
        if cell[i] == k or cell[i] == beyond1 or cell[i] == beyond2:
            first -= 1
            swap(slot, i, first)
    return first


@inlined
def _push_region(slot, lo, end, members, guests, k, push, acc):
    """Move the region of sector k, which lies in lo:end, first strays, then guests, then members.

    Returns the number of its members and of its guests, and the changes of cell.
    """
    metric, s = push.metric, push.x.size
    old = end - members
    head = old - guests
    first, new = head, old
    changes = 0
    if lo < head:
        changes += _push_strays(slot, lo, head, push, acc)
    if guests > 0:
        first, changed = _push_guests_of(slot, head, old, k, push, acc)
        changes += changed
    if members > 0:
        new = _push_members_of(slot, old, end, k, push, acc)
        changes += new - old
    if old < new:
        first = _send_away(slot, first, old, new, push.table[k], metric)
    if lo < first:
        first = _take_in_strays(slot, lo, first, k, s, metric)
    if metric != NETWORK:  # the strays that were taken in are members
        new = first
    return end - new, new - first, changes


@leaf
def name_guests(slot, start, members, guests, table):
    """Write the cells of all guests of a slot, which steps leave as they were."""
    a, b, cell = slot.a, slot.b, slot.cell
    s = table.shape[0] // 2
    for k in range(2 * s if guests.size > 1 else 0):
        beyond1, beyond2 = neighbours(k, s)
        region = region_of(k, s)
        end = start[region + 1] - members[region]
        for i in range(end - guests[region], end):
            side = side_of(float64(a[i]), float64(b[i]), table[k])
            cell[i] = k if side == HOME else (beyond1 if side == BEYOND1 else beyond2)


@leaf
def push_slot(slot, start, members, guests, push, acc):
    """Move one slot, and write its moments into ``acc``, a row for each sector.

    Returns the number of changes of cell, of strays, and of guests.
    """
    s = push.x.size
    acc[: 2 * s] = 0.0
    if members.size == 1:  # plain order: a single region, of neurons of any cells
        return _push_strays(slot, np.int64(0), slot.a.size, push, acc), 0, 0
    changes = strays = all_guests = 0
    for k in range(2 * s):
        r = region_of(k, s)
        if k != s and start[r + 1] > start[r]:
            members[r], guests[r], changed = _push_region(
                slot, start[r], start[r + 1], members[r], guests[r], k, push, acc
            )
            changes += changed
            all_guests += guests[r]
            strays += start[r + 1] - start[r] - members[r] - guests[r]
    return changes, strays, all_guests
