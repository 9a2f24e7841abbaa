"""One slot of neurons through a frozen field for a given time.

Neurons of one cell share the same linear map, so that a block of them is moved by one vectorised
loop. The map is the exact motion of every neuron that meets no event on the way, which the signs of
two pre-activations and of c decide. Of the other neurons those that leave a sector ``march``, many
at a time; the rest go through ``kernels.events`` one by one.
"""

import numpy as np

from .._jit import block, float64, inlined, leaf, views
from ..events import CHANGES, REPULSORS, go_on, ray_of, recheck
from ..maps import mapped, slides, stays
from ..motion import leaves, look_closer
from ..records import Marks, Neurons, SlotPass
from ..sectors import cell_of
from .arrays import read
from .arrivals import (
    NO_PRODUCTS,
    add_products,
    arrive,
    products,
    products_without,
    with_one,
)
from .groups import INDEX, A, B, C
from .march import (
    GATHERED,
    START,
    make_way,
    march_all,
    room_to_march,
    set_off,
    wait,
)

BLOCK = 512
"""Most neurons that are moved together; a multiple of 8, since marks are read by eights."""
LONG = 32
"""Neurons of a region from which on a block with one map is worth its overhead."""


@views
def neurons_of(z, lo, hi):
    """The neurons lo:hi of ``z``, as views."""
    return Neurons(z.a[lo:hi], z.b[lo:hi], z.c[lo:hi], z.cell[lo:hi])


@leaf
def _boost_sector(z, to, own, k, maps, s):
    """Move a block of the cell ``own`` by the map of sector k, in which its neurons are now.

    Returns how many of them need a closer look.
    """
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
        suspects += (not stayed) | (cell[i] != own)
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
def _mark_sector(z, to, suspect, own, k, maps, s):
    """Mark the neurons that `_boost_sector` counted: most blocks have none, and need no marks."""
    c, cell = z.c, z.cell
    a1, b1, c1 = to.a, to.b, to.c
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    for i in range(a1.size):
        an, bn, cn = read(a1, b1, c1, i)
        stayed = stays(an, bn, cn, float64(c[i]), bound1, bound2, active1, active2)
        suspect[i] = (not stayed) | (cell[i] != own)


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
def _move(a, b, c, k, index, job):
    """Move neuron ``index``, to which the map of its cell may not apply, or let it wait to march.

    Returns whether it has arrived in another cell.
    """
    waits, changed = False, False
    left = ray_of(k, job.frozen.x.size)
    an, bn, cn, k, doubt = look_closer(a, b, c, k, job.frozen, job.maps, job.tally)
    if doubt and k < job.frozen.field.shape[0]:
        waits, up = leaves(a, b, c, k, left, job.frozen.field)
        if waits:
            wait(a, b, c, k, left, index, up, job)
    if not waits:
        if doubt:
            an, bn, cn, k = go_on(a, b, c, k, job.h, left, job.frozen, job.tally)
        arrive(an, bn, cn, k, index, job)
        changed = k != job.z.cell[index]
    return changed


@inlined
def _move_again(p, job):
    """Move neuron p, for which the map of its block does not hold.

    Returns whether it has arrived in another cell.
    """
    z, changed = job.z, False
    a, b, c = read(z.a, z.b, z.c, p)
    k = np.int64(z.cell[p])
    an, bn, cn, doubt = mapped(a, b, c, k, job.maps, job.frozen.x.size)
    if doubt:
        changed = _move(a, b, c, k, p, job)
    else:
        arrive(an, bn, cn, k, p, job)
    return changed


@inlined
def _move_marked(lo, size, own, k, job):
    """Let the marked neurons of a block of the cell ``own``, now k, gather if that is a sector.

    The block begins at ``lo``. Strays move at once. Returns how many neurons have arrived in
    another cell.
    """
    z, to, marks, (state, indices) = job.z, job.to, job.marks, job.march.start
    n, changes = job.march.counts[GATHERED], 0
    for eight in range((size + 7) // 8):  # few are marked: eight bytes are looked at in one load
        if marks.eights[eight] == 0:
            continue
        for i in range(8 * eight, min(8 * eight + 8, size)):
            p = lo + i
            if not marks.each[i]:
                continue
            # one whose c changes its sign may turn back, which is looked at before any leg
            if z.cell[p] != own or k >= job.frozen.field.shape[0] or z.c[p] * to.c[p] <= 0.0:
                changes += _move_again(p, job)
                continue
            state[A, n], state[B, n], state[C, n] = read(z.a, z.b, z.c, p)
            indices[INDEX, n] = p
            n += 1
    job.march.counts[GATHERED] = n
    return changes


@leaf
def _cell_of_region(z, own, rays):
    """The cell in the present field of the neurons of a region that were in the cell ``own``.

    Returns also whether their ray is a repulsor for them. A sample that attracts no more lets go
    all neurons whose c has one sign. A region with both signs is still in ``own``, where each of
    its neurons will need a closer look.
    """
    a, c, cell = z.a, z.c, z.cell
    k, are_repelled, r = own, False, ray_of(own, rays.shape[0] // 2)
    first = 0
    while r >= 0 and first < cell.size and cell[first] != own:
        first += 1
    if r >= 0 and first < cell.size:
        sign, others = float64(c[first]), 0
        k, are_repelled = recheck(float64(a[first]), sign, r, rays)
        if k != own:
            for i in range(first, c.size):
                others += (sign * c[i] <= 0.0) & (cell[i] == own)
        if others > 0:
            k, are_repelled = own, False
    return k, are_repelled


@inlined
def _advance_block(lo, hi, own, k, are_repelled, job):
    """Move a block of neurons of the cell ``own``, which are in cell k now, strays among them.

    Returns how many neurons have arrived in another cell.
    """
    s, suspect = job.frozen.x.size, job.marks.each[: hi - lo]
    sector_map, ray_map = job.maps
    here, there = neurons_of(job.z, lo, hi), neurons_of(job.to, lo, hi)
    if k == s or k == 4 * s:
        suspects = _copy(here, there, suspect, k)
    elif k < 2 * s:
        suspects = _boost_sector(here, there, own, k, sector_map, s)
        if suspects > 0:
            _mark_sector(here, there, suspect, own, k, sector_map, s)
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
    if k != own:
        changes = hi - lo - suspects
        job.tally[REPULSORS] += changes * are_repelled
    if suspects > 0:
        changes += _move_marked(lo, hi - lo, own, k, job)
    return changes


@inlined
def _advance_mixed(lo, there, job):
    """Move a block of neurons of any cells that begins at ``lo``.

    Returns how many neurons have arrived in another cell. Neighbours of one cell are added up in
    registers before they are added to their row.
    """
    z, acc, rays = job.z, job.acc, job.frozen.rays
    s = job.frozen.x.size
    changes = 0
    run = s  # the dead sector, whose sums count nothing
    sums = NO_PRODUCTS
    for i in range(there.a.size):
        p = lo + i
        k = np.int64(z.cell[p])
        ai, bi, ci = read(z.a, z.b, z.c, p)
        a, b, c, doubt = mapped(ai, bi, ci, k, job.maps, s)
        if doubt:
            changes += _move(ai, bi, ci, k, p, job)
            continue
        there.a[i], there.b[i], there.c[i], there.cell[i] = a, b, c, k
        if k != run:
            add_products(acc, run, sums, rays)
            run, sums = k, NO_PRODUCTS
        sums = with_one(sums, a, b, c)
    add_products(acc, run, sums, rays)
    return changes


@inlined
def _advance_region(lo, hi, own, job):
    """Move the neurons of a long region; returns how many have arrived in another cell."""
    changes, left = np.int64(0), ray_of(own, job.frozen.x.size)
    k, are_repelled = _cell_of_region(neurons_of(job.z, lo, hi), own, job.frozen.rays)
    for p in range(lo, hi, BLOCK):
        if job.march.counts[GATHERED] > START - BLOCK:
            changes += set_off(k, left, are_repelled, job)
        changes += make_way(BLOCK, job)
        changes += _advance_block(p, min(p + BLOCK, hi), own, k, are_repelled, job)
    return changes + set_off(k, left, are_repelled, job)


@leaf
def pass_slot(lo, hi, start, job):
    """Move the neurons lo:hi of a pass, one slot, and add up its moments and events.

    Its regions begin at ``start``, counted from ``lo``.
    Long regions go in blocks of one map, consecutive short ones together in mixed blocks. The
    number of neurons that change their cell is added to the tally, behind the events.
    """
    z, to, h, frozen, maps, acc, tally, marks, march = job
    job = SlotPass(
        neurons_of(z, lo, hi), neurons_of(to, lo, hi), h, frozen, maps, acc, tally, marks, march
    )
    n_regions, s = start.size - 1, job.frozen.x.size
    # a literal would be a type of its own, for which all is compiled anew
    k = changes = np.int64(0)
    job.acc[: 2 * s] = 0.0
    while k < n_regions:
        # a single region is that of a slot in plain order, whose neurons are of any cells
        first, is_long = k, n_regions > 1 and start[k + 1] - start[k] >= LONG
        k += 1
        if is_long:
            changes += _advance_region(start[first], start[k], cell_of(first, s), job)
            continue
        while k < n_regions and start[k + 1] - start[k] < LONG:
            k += 1
        for p in range(start[first], start[k], BLOCK):
            changes += make_way(BLOCK, job)
            changes += _advance_mixed(p, neurons_of(job.to, p, min(p + BLOCK, start[k])), job)
    job.tally[CHANGES] += changes + march_all(job)


@block
def make_room(s):
    """The work space of a thread: its marks, and room to march."""
    each = np.zeros(BLOCK, np.bool_)
    return Marks(each, each.view(np.int64)), room_to_march(s)
