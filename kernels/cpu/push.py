"""Explicit Euler steps of all neurons with the residuals in between: gradient descent.

A step is one pass over the state: every neuron moves in the field of its sector, its new sector is
checked by two signs, and the moments that give the next residuals are added up. Members of a
sector move in blocks with one field; strays one by one with the field of their own cell.
"""

import numpy as np

from .._jit import block, driver, inlined, parallel, prange, sums
from ..flow import EUCLIDEAN, euler_euclidean, euler_network
from ..sectors import bounds_table, move_on, outside
from .field import field as field_of
from .field import prediction
from .slots import PAD, sort_slot, swap, tree_sum

BLOCK = 512
SORT_AFTER = 4
"""A slot is sorted again when its strays, summed over steps, exceed this many times its size."""


@block
def _push_block(a, b, c, hx, h1, x1, x2, active1, active2, metric):
    """Move a block and count who left the sector."""
    left = 0
    if metric == EUCLIDEAN:
        for i in range(a.size):
            ai, bi, ci = euler_euclidean(a[i], b[i], c[i], hx, h1)
            a[i], b[i], c[i] = ai, bi, ci
            left += outside(ai, bi, x1, x2, active1, active2)
    else:
        for i in range(a.size):
            ai, bi, ci = euler_network(a[i], b[i], c[i], hx, h1)
            a[i], b[i], c[i] = ai, bi, ci
            left += outside(ai, bi, x1, x2, active1, active2)
    return left


@sums
def _block_moments(a, b, c):
    sx = s1 = 0.0
    for i in range(a.size):
        sx += c[i] * a[i]
        s1 += c[i] * b[i]
    return sx, s1


@block
def _partition(a, b, c, cell, ident, lo, hi, x1, x2, active1, active2):
    """Bring those who left to the end of lo:hi; returns where they begin."""
    while lo < hi:
        if outside(a[lo], b[lo], x1, x2, active1, active2):
            hi -= 1
            swap(a, b, c, cell, ident, lo, hi)
        else:
            lo += 1
    return lo


@block
def _place(a, b, c, cell, i, x, acc):
    """Find the new cell of neuron i, which has left its sector, and add its moments there."""
    k = move_on(a[i], b[i], cell[i], x)
    cell[i] = k
    if k < 2 * x.size:
        acc[k, 0] += c[i] * a[i]
        acc[k, 1] += c[i] * b[i]


@inlined
def _push_members(a, b, c, cell, ident, lo, n, k, hx, h1, bounds, x, metric, acc):
    """Move the n members of sector k from lo on; returns how many still are members.

    Blocks go from the last to the first, so that whoever leaves can change places with the last
    member, which has moved already.
    """
    x1, x2 = bounds[k, 0], bounds[k, 1]
    active1, active2 = k != x.size, k == 0
    for p in range(lo + (n - 1) // BLOCK * BLOCK, lo - 1, -BLOCK):
        q = min(p + BLOCK, lo + n)
        left = _push_block(a[p:q], b[p:q], c[p:q], hx, h1, x1, x2, active1, active2, metric)
        stay = q
        if left > 0:
            stay = _partition(a, b, c, cell, ident, p, q, x1, x2, active1, active2)
        sx, s1 = _block_moments(a[p:stay], b[p:stay], c[p:stay])
        acc[k, 0] += sx
        acc[k, 1] += s1
        for i in range(q - 1, stay - 1, -1):
            n -= 1
            swap(a, b, c, cell, ident, i, lo + n)
            _place(a, b, c, cell, lo + n, x, acc)
    return n


@block
def _push_strays(a, b, c, cell, ident, lo, n, tail, end, home, field, h, bounds, x, metric, acc):
    """Move the neurons from ``tail`` to ``end``, each in the field of its own cell.

    Whoever is in the sector ``home`` afterwards becomes a member: it changes places with the first
    stray behind the n members from lo on, which has moved already. Returns (n, cells changed).
    """
    s = x.size
    changed = 0
    for i in range(tail, end):
        k = cell[i]
        if k >= 2 * s or (metric == EUCLIDEAN and k == s):
            continue
        if metric == EUCLIDEAN:
            ai, bi, ci = euler_euclidean(a[i], b[i], c[i], h * field[k, 0], h * field[k, 1])
        else:
            # the dead sector needs no branch, which would be a coin's toss: its field is 0
            ai, bi, ci = euler_network(a[i], b[i], c[i], h * field[k, 0], h * field[k, 1])
        a[i], b[i], c[i] = ai, bi, ci
        if outside(ai, bi, bounds[k, 0], bounds[k, 1], k != s, k == 0):
            _place(a, b, c, cell, i, x, acc)
            changed += 1
        else:
            acc[k, 0] += ci * ai
            acc[k, 1] += ci * bi
        if cell[i] == home:
            swap(a, b, c, cell, ident, i, lo + n)
            n += 1
    return n, changed


@block
def _push_slot(a, b, c, cell, ident, start, members, field, h, bounds, x, metric, acc):
    """Move one slot and sum its moments into ``acc``; returns (cells changed, strays)."""
    n_regions = members.size
    n_sectors = 2 * x.size
    by_sector = n_regions > 1
    acc[:n_sectors] = 0.0
    crossings = strays = 0
    for k in range(n_regions):
        lo, end, n = start[k], start[k + 1], members[k]
        tail = lo + n
        if n > 0 and k != x.size and k < n_sectors:
            hx, h1 = h * field[k, 0], h * field[k, 1]
            n = _push_members(a, b, c, cell, ident, lo, n, k, hx, h1, bounds, x, metric, acc)
            crossings += tail - lo - n
        if tail < end:
            home = k if by_sector else -1
            n, changed = _push_strays(
                a, b, c, cell, ident, lo, n, tail, end, home, field, h, bounds, x, metric, acc
            )
            crossings += changed
        members[k] = n
        if by_sector and k < n_sectors:
            strays += end - tail
    return crossings, strays


@block
def _step_slot(
    a,
    b,
    c,
    cell,
    ident,
    slots,
    start,
    members,
    stray_work,
    crossings,
    field,
    h,
    bounds,
    x,
    metric,
    acc,
    i,
):
    """Step slot i, and sort it again when its strays have cost as much as a sort would."""
    lo, hi = slots[i], slots[i + 1]
    az, bz, cz, kz, nz = a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], ident[lo:hi]
    crossed, strays = _push_slot(
        az, bz, cz, kz, nz, start[i], members[i], field, h, bounds, x, metric, acc[i]
    )
    crossings[i] += crossed
    stray_work[i] += strays
    if stray_work[i] > SORT_AFTER * (hi - lo):
        stray_work[i] = 0
        sort_slot(az, bz, cz, kz, nz, start[i], members[i])


@parallel
def _step_slots(
    a,
    b,
    c,
    cell,
    ident,
    slots,
    start,
    members,
    stray_work,
    crossings,
    field,
    h,
    bounds,
    x,
    metric,
    acc,
):
    for i in prange(slots.size - 1):
        _step_slot(
            a, b, c, cell, ident, slots, start, members, stray_work, crossings,
            field, h, bounds, x, metric, acc, i,
        )  # fmt: skip


@driver
def gradient_descent(
    a,
    b,
    c,
    cell,
    ident,
    slots,
    start,
    members,
    stray_work,
    crossings,
    x,
    y,
    metric,
    h,
    n_steps,
    rho,
):
    """Take ``n_steps`` explicit Euler steps of size h of neurons and field together.

    In the network metric this is full-batch gradient descent on L = 1/2 sum rho_j^2 with learning
    rate alpha h. All arrays but ``slots``, ``x`` and ``y`` are modified in place (``start`` when a
    slot is sorted again).

    Parameters
    ----------
    a, b, c : (m,) float64
        State (see ``flow``), in the order of the tables.
    cell, ident : (m,) int32
    slots, start, members : int64
        Order tables (see ``slots``).
    stray_work, crossings : (n_slots,) int64
        Strays moved since the last sort; changes of cell so far.
    x, y : (s,) float64
        Samples.
    metric : int
    h : float
        Step dtau.
    n_steps : int
    rho : (s,) float64
        Residuals of the state on entry, and on return.

    Returns
    -------
    int
        Steps taken: less than ``n_steps`` if the residuals ceased to be finite, which the last
        step taken then made so.
    """
    s, n_slots = x.size, slots.size - 1
    acc = np.empty((n_slots, 2 * s + PAD, 2))
    acc[:, 2 * s :] = 0.0
    g = np.empty((2 * s, 2))
    bounds = bounds_table(x)
    for step in range(n_steps):
        field_of(rho, x, g)
        if n_slots == 1:  # a parallel region costs more than a small step
            _step_slot(
                a, b, c, cell, ident, slots, start, members, stray_work, crossings,
                g, h, bounds, x, metric, acc, 0,
            )  # fmt: skip
        else:
            _step_slots(
                a, b, c, cell, ident, slots, start, members, stray_work, crossings,
                g, h, bounds, x, metric, acc,
            )  # fmt: skip
            tree_sum(acc.reshape((n_slots, -1)))
        prediction(acc[0], x, 1.0 / a.size, rho)
        finite = True
        for j in range(s):
            rho[j] -= y[j]
            finite &= np.isfinite(rho[j])
        if not finite:
            return step + 1
    return n_steps
