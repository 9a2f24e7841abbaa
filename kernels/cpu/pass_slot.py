"""One slot of neurons through a frozen field for a given time.

Neurons of one cell share the same linear map, so that a block of them is moved by one vectorised
loop. The map is the exact motion of every neuron that meets no event on the way, which the signs of
two pre-activations and of c decide. Of the other neurons those that are in a sector cross in
``lanes``, many at a time; the rest go through ``kernels.events`` one by one.
"""

import numpy as np

from .._jit import block, float64, inlined, leaf, views
from ..events import CHANGES, go_on, ray_of
from ..maps import mapped, slides, stays
from ..motion import look_closer
from ..records import Marks, Neurons, SlotPass
from ..sectors import cell_of
from .arrays import read
from .arrivals import add_products, arrive, products, products_without
from .lanes import FEW, LANES, enter, make_lanes, take_rounds

BLOCK = 512
"""Most neurons that are moved together; a multiple of 8, since marks are read by eights."""
LONG = 32
"""Neurons of a region from which on a block with one map is worth its overhead."""


@views
def neurons_of(z, lo, hi):
    """The neurons lo:hi of ``z``, as views."""
    return Neurons(z.a[lo:hi], z.b[lo:hi], z.c[lo:hi], z.cell[lo:hi])


@leaf
def _boost_sector(z, to, k, maps, s):
    """Move a block of sector k by its map; returns how many of its neurons need a closer look."""
    a, b, c, cell = z
    a1, b1, c1, cell1 = to
    xx, x1, oo, xc, oc, cc = maps[k, 0], maps[k, 1], maps[k, 2], maps[k, 3], maps[k, 4], maps[k, 5]
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    suspects = 0
    for i in range(a.size):
        ai, bi, ci = read(a, b, c, i)
        an = ai + (xx * ai + x1 * bi + xc * ci)
        bn = bi + (x1 * ai + oo * bi + oc * ci)
        cn = ci + (xc * ai + oc * bi + cc * ci)
        a1[i], b1[i], c1[i] = an, bn, cn
        cell1[i] = k
        # what decides is what was stored, which is rounded if the state is float32
        an, bn, cn = read(a1, b1, c1, i)
        stayed = stays(an, bn, cn, ci, bound1, bound2, active1, active2)
        # a stray has just moved by the map of a cell that is not its own: it is done again
        suspects += (not stayed) | (cell[i] != k)
    return suspects


@leaf
def _boost_ray(z, to, k, maps, s):
    """Slide a block of ray k - 2 s; returns how many of its neurons need a closer look."""
    a, c, cell = z.a, z.c, z.cell
    a1, b1, c1, cell1 = to
    r = k - 2 * s
    grow, to_a, to_c, xj, sign = maps[r, 0], maps[r, 1], maps[r, 2], maps[r, 3], maps[r, 4]
    suspects = 0
    for i in range(a.size):
        ai, ci = float64(a[i]), float64(c[i])
        an = ai + (grow * ai + to_a * ci)
        cn = ci + (grow * ci + to_c * ai)
        a1[i], b1[i], c1[i] = an, -(an * xj), cn
        cell1[i] = k
        an, _, cn = read(a1, b1, c1, i)
        suspects += (not slides(an, cn, ai, ci, sign)) | (cell[i] != k)
    return suspects


@leaf
def _mark_sector(z, to, suspect, k, maps, s):
    """Mark the neurons that `_boost_sector` counted: most blocks have none, and need no marks."""
    c, cell = z.c, z.cell
    a1, b1, c1 = to.a, to.b, to.c
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    for i in range(a1.size):
        an, bn, cn = read(a1, b1, c1, i)
        stayed = stays(an, bn, cn, float64(c[i]), bound1, bound2, active1, active2)
        suspect[i] = (not stayed) | (cell[i] != k)


@leaf
def _mark_ray(z, to, suspect, k, maps, s):
    """Mark the neurons that `_boost_ray` counted: most blocks have none, and need no marks."""
    a, c, cell = z.a, z.c, z.cell
    a1, c1 = to.a, to.c
    sign = maps[k - 2 * s, 4]
    for i in range(a1.size):
        an, cn, ai, ci = float64(a1[i]), float64(c1[i]), float64(a[i]), float64(c[i])
        suspect[i] = (not slides(an, cn, ai, ci, sign)) | (cell[i] != k)


@leaf
def _copy(z, to, suspect, k):
    """Copy a block whose cell, dead or the origin, is at rest; marks its strays and counts them."""
    suspects = 0
    for i in range(z.a.size):
        to.a[i], to.b[i], to.c[i], to.cell[i] = z.a[i], z.b[i], z.c[i], z.cell[i]
        suspect[i] = z.cell[i] != k
        suspects += suspect[i]
    return suspects


@inlined
def _move(a, b, c, k, index, n, job):
    """Move neuron ``index``, to which the map of its cell may not apply: by a lane, or at once.

    ``n`` lanes are in use. Returns the number of lanes in use now, and the number of neurons that
    have arrived in another cell meanwhile.
    """
    before, changes = n, 0
    s = job.frozen.x.size
    left = ray_of(k, s)
    an, bn, cn, k, doubt = look_closer(a, b, c, k, job.frozen, job.maps, job.tally)
    if doubt and k < 2 * s:
        n = enter(a, b, c, k, left, index, n, job)
    if n == before:
        if doubt:
            an, bn, cn, k = go_on(a, b, c, k, job.h, left, job.frozen, job.tally)
        arrive(an, bn, cn, k, index, job)
        changes += k != job.z.cell[index]
    elif n == LANES:
        n, changes = take_rounds(n, np.int64(FEW), job)
    return n, changes


@inlined
def _move_marked(size, k, lo, n, job):
    """Move the marked neurons of a block of cell k that begins at ``lo``, strays among them.

    Returns what `_move` returns.
    """
    z, marks, s = job.z, job.marks, job.frozen.x.size
    changes = 0
    for eight in range((size + 7) // 8):  # few are marked: eight bytes are looked at in one load
        if marks.eights[eight] == 0:
            continue
        for i in range(8 * eight, min(8 * eight + 8, size)):
            if not marks.each[i]:
                continue
            p = lo + i
            a, b, c = read(z.a, z.b, z.c, p)
            kz = np.int64(z.cell[p])
            # a neuron of cell k is marked because its map does not hold; a stray, which has only
            # been moved by the map of cell k, may still move by that of its own cell
            doubt = kz == k
            if not doubt:
                an, bn, cn, doubt = mapped(a, b, c, kz, job.maps, s)
            if doubt:
                n, changed = _move(a, b, c, kz, p, n, job)
                changes += changed
            else:
                arrive(an, bn, cn, kz, p, job)
    return n, changes


@inlined
def _advance_block(lo, hi, k, there, n, job):
    """Move a block of neurons of cell k, strays among them; returns what `_move` returns."""
    s, suspect = job.frozen.x.size, job.marks.each[: hi - lo]
    sector_map, ray_map = job.maps
    here = neurons_of(job.z, lo, hi)
    if k == s or k == 4 * s:
        suspects = _copy(here, there, suspect, k)
    elif k < 2 * s:
        suspects = _boost_sector(here, there, k, sector_map, s)
        if suspects > 0:
            _mark_sector(here, there, suspect, k, sector_map, s)
    else:
        suspects = _boost_ray(here, there, k, ray_map, s)
        if suspects > 0:
            _mark_ray(here, there, suspect, k, ray_map, s)
    if suspects == 0:
        sums = products(there.a, there.b, there.c)
    else:
        sums = products_without(there.a, there.b, there.c, suspect)
    add_products(job.acc, k, sums, job.frozen.rays)
    changes = 0
    if suspects > 0:
        n, changes = _move_marked(hi - lo, k, lo, n, job)
    return n, changes


@inlined
def _advance_mixed(lo, there, n, job):
    """Move a block of neurons of any cells that begins at ``lo``; returns what `_move` returns.

    Neighbours of one cell are added up in registers before they are added to their row.
    """
    z, acc, rays = job.z, job.acc, job.frozen.rays
    s = job.frozen.x.size
    changes = 0
    run = s  # the dead sector, whose sums count nothing
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(there.a.size):
        p = lo + i
        k = np.int64(z.cell[p])
        ai, bi, ci = read(z.a, z.b, z.c, p)
        a, b, c, doubt = mapped(ai, bi, ci, k, job.maps, s)
        if doubt:
            n, changed = _move(ai, bi, ci, k, p, n, job)
            changes += changed
            continue
        there.a[i], there.b[i], there.c[i], there.cell[i] = a, b, c, k
        if k != run:
            add_products(acc, run, (ca, cb, aa, ab, bb, cc), rays)
            run = k
            ca = cb = aa = ab = bb = cc = 0.0
        ca += c * a
        cb += c * b
        aa += a * a
        ab += a * b
        bb += b * b
        cc += c * c
    add_products(acc, run, (ca, cb, aa, ab, bb, cc), rays)
    return n, changes


@leaf
def pass_slot(lo, hi, start, job):
    """Move the neurons lo:hi of a pass, one slot, and add up its moments and events.

    Its regions begin at ``start``, counted from ``lo``.
    Long regions go in blocks of one map, consecutive short ones together in mixed blocks. The
    number of neurons that change their cell is added to the tally, behind the events.
    """
    z, to, h, frozen, maps, acc, tally, marks, lanes = job
    job = SlotPass(
        neurons_of(z, lo, hi), neurons_of(to, lo, hi), h, frozen, maps, acc, tally, marks, lanes
    )
    n_regions, s = start.size - 1, job.frozen.x.size
    n = k = np.int64(0)  # a literal would be a type of its own, for which all is compiled anew
    changes = 0
    job.acc[: 2 * s] = 0.0
    while k < n_regions:
        # a single region is that of a slot in plain order, whose neurons are of any cells
        first, is_long = k, n_regions > 1 and start[k + 1] - start[k] >= LONG
        k += 1
        while not is_long and k < n_regions and start[k + 1] - start[k] < LONG:
            k += 1
        for p in range(start[first], start[k], BLOCK):
            q = min(p + BLOCK, start[k])
            there = neurons_of(job.to, p, q)
            if is_long:
                n, changed = _advance_block(p, q, cell_of(first, s), there, n, job)
            else:
                n, changed = _advance_mixed(p, there, n, job)
            changes += changed
    n, changed = take_rounds(n, np.int64(0), job)
    job.tally[CHANGES] += changes + changed


@block
def make_room():
    """The work space of a thread: marks and lanes."""
    each = np.zeros(BLOCK, np.bool_)
    return Marks(each, each.view(np.int64)), make_lanes()
