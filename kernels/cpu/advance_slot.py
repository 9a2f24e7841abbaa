"""One slot of neurons through a frozen field for a given time.

Neurons of one cell share the same linear map, so that a block of them is moved by one vectorised
loop. The map is the exact motion of every neuron that meets no event on the way, which two signs
and the sign of c decide (model, section 4). Those in a sector that do meet one cross in
``transit``, many at a time; the others go through ``kernels.advance`` one by one.
"""

from collections import namedtuple

import numpy as np

from .._jit import block, float64, inlined, leaf
from ..advance import go_on, ray_of, recheck
from ..maps import mapped, slides, stays
from ..sectors import cell_of
from .arrays import read
from .arrivals import add_products, arrive, products, products_without
from .transit import FEW, LANES, enter, make_lanes, take_rounds

BLOCK = 512
LONG = 32
"""Neurons of a region from which a block with one map is worth its overhead."""

Neurons = namedtuple("Neurons", "a b c cell")
Marks = namedtuple("Marks", "each eights")
"""Which neurons of a block need a closer look, bool (BLOCK,), and the same memory as int64."""


@inlined
def part(z, lo, hi):
    return Neurons(z.a[lo:hi], z.b[lo:hi], z.c[lo:hi], z.cell[lo:hi])


@block
def _boost_sector(a, b, c, cell, a1, b1, c1, cell1, k, maps, s):
    """Move the block of sector k; returns how many of it need a closer look."""
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
        an, bn, cn = read(a1, b1, c1, i)
        stayed = stays(an, bn, cn, ci, bound1, bound2, active1, active2)
        suspects += (not stayed) | (cell[i] != k)
    return suspects


@block
def _boost_ray(a, b, c, cell, a1, b1, c1, cell1, k, maps, s):
    """Slide the block of ray k - 2 s; returns how many of it need a closer look."""
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


@block
def _mark_sector(a1, b1, c, c1, cell, suspect, k, maps, s):
    """Mark those that `_boost_sector` counted."""
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    for i in range(a1.size):
        an, bn, cn = read(a1, b1, c1, i)
        stayed = stays(an, bn, cn, float64(c[i]), bound1, bound2, active1, active2)
        suspect[i] = (not stayed) | (cell[i] != k)


@block
def _mark_ray(a, a1, c, c1, cell, suspect, k, maps, s):
    """Mark those that `_boost_ray` counted."""
    sign = maps[k - 2 * s, 4]
    for i in range(a1.size):
        an, cn, ai, ci = float64(a1[i]), float64(c1[i]), float64(a[i]), float64(c[i])
        suspect[i] = (not slides(an, cn, ai, ci, sign)) | (cell[i] != k)


@block
def _copy(a, b, c, cell, a1, b1, c1, cell1, k, suspect):
    """A block at rest; marks and counts its strays."""
    suspects = 0
    for i in range(a.size):
        a1[i], b1[i], c1[i], cell1[i] = a[i], b[i], c[i], cell[i]
        suspect[i] = cell[i] != k
        suspects += suspect[i]
    return suspects


@inlined
def _move(a, b, c, k, index, n, lanes, z, to, keep, h, tables, x, acc, tally):
    """Move a neuron to which the map of its cell may not apply: into a lane, or at once.

    Returns the number of lanes in use, and of changes of cell.
    """
    before, changes = n, 0
    left = ray_of(k, x.size)
    if left >= 0:
        k = recheck(a, c, left, tables.rays, tally)
    if k < 2 * x.size:
        n = enter(lanes, n, a, b, c, k, left, h, index, tables.field)
    if n == before:
        a, b, c, k = go_on(a, b, c, k, h, left, tables.field, tables.rays, x, tally)
        arrive(a, b, c, k, index, to, keep, acc, tables.rays)
        changes += k != z.cell[index]
    elif n == LANES:
        n, changes = take_rounds(lanes, n, np.int64(FEW), z, to, keep, tables, x, acc, tally)
    return n, changes


@inlined
def _move_marked(marks, size, k, lo, n, lanes, z, to, keep, h, tables, x, acc, tally):
    """Move those of a block of cell k from index ``lo`` on that are marked, strays among them.

    Returns as `_move`.
    """
    s = x.size
    changes = 0
    for eight in range((size + 7) // 8):
        if marks.eights[eight] == 0:
            continue
        for i in range(8 * eight, min(8 * eight + 8, size)):
            if not marks.each[i]:
                continue
            p = lo + i
            a, b, c = read(z.a, z.b, z.c, p)
            kz = z.cell[p]
            doubt = kz == k
            if not doubt:
                an, bn, cn, doubt = mapped(a, b, c, kz, tables.sector_map, tables.ray_map, s)
            if doubt:
                n, changed = _move(a, b, c, kz, p, n, lanes, z, to, keep, h, tables, x, acc, tally)
                changes += changed
            else:
                arrive(an, bn, cn, kz, p, to, keep, acc, tables.rays)
    return n, changes


@inlined
def _advance_block(
    lo, hi, k, there, marks, n, lanes, z, to, keep, h, tables, x, acc, tally
):  # fmt: skip
    """Move a block of neurons of cell k, strays among them; returns as `_move`."""
    s, suspect = x.size, marks.each[: hi - lo]
    a, b, c, cell = part(z, lo, hi)
    a1, b1, c1, cell1 = there
    if k == s or k == 4 * s:
        suspects = _copy(a, b, c, cell, a1, b1, c1, cell1, k, suspect)
    elif k < 2 * s:
        suspects = _boost_sector(a, b, c, cell, a1, b1, c1, cell1, k, tables.sector_map, s)
        if suspects > 0:
            _mark_sector(a1, b1, c, c1, cell, suspect, k, tables.sector_map, s)
    else:
        suspects = _boost_ray(a, b, c, cell, a1, b1, c1, cell1, k, tables.ray_map, s)
        if suspects > 0:
            _mark_ray(a, a1, c, c1, cell, suspect, k, tables.ray_map, s)
    if suspects == 0:
        ca, cb, aa, ab, bb, cc = products(a1, b1, c1)
    else:
        ca, cb, aa, ab, bb, cc = products_without(a1, b1, c1, suspect)
    add_products(acc, k, ca, cb, aa, ab, bb, cc, tables.rays)
    changes = 0
    if suspects > 0:
        n, changes = _move_marked(
            marks, hi - lo, k, lo, n, lanes, z, to, keep, h, tables, x, acc, tally
        )
    return n, changes


@inlined
def _advance_mixed(lo, there, n, lanes, z, to, keep, h, tables, x, acc, tally):
    """Move a block of neurons of any cells from index ``lo`` on; returns as `_move`.

    Runs of one cell are added up in registers.
    """
    s = x.size
    changes = 0
    run = s
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(there.a.size):
        p = lo + i
        k = z.cell[p]
        ai, bi, ci = read(z.a, z.b, z.c, p)
        a, b, c, doubt = mapped(ai, bi, ci, k, tables.sector_map, tables.ray_map, s)
        if doubt:
            n, changed = _move(ai, bi, ci, k, p, n, lanes, z, to, keep, h, tables, x, acc, tally)
            changes += changed
            continue
        there.a[i], there.b[i], there.c[i], there.cell[i] = a, b, c, k
        if k != run:
            add_products(acc, run, ca, cb, aa, ab, bb, cc, tables.rays)
            run = k
            ca = cb = aa = ab = bb = cc = 0.0
        ca += c * a
        cb += c * b
        aa += a * a
        ab += a * b
        bb += b * b
        cc += c * c
    add_products(acc, run, ca, cb, aa, ab, bb, cc, tables.rays)
    return n, changes


@leaf
def advance_slot(z, to, start, keep, h, tables, x, acc, tally, scratch, marks, lanes):
    """Move one slot; returns how many neurons change their cell.

    Long regions go in blocks of one map, consecutive short ones together.
    """
    n_regions = start.size - 1
    n = k = np.int64(0)  # a literal would be a type of its own, for which all is compiled anew
    changes = 0
    acc[: 2 * x.size] = 0.0
    while k < n_regions:
        first, is_long = k, n_regions > 1 and start[k + 1] - start[k] >= LONG
        k += 1
        while not is_long and k < n_regions and start[k + 1] - start[k] < LONG:
            k += 1
        for lo in range(start[first], start[k], BLOCK):
            hi = min(lo + BLOCK, start[k])
            there = part(to, lo, hi) if keep else part(scratch, 0, hi - lo)
            if is_long:
                n, changed = _advance_block(
                    lo, hi, cell_of(first, x.size), there, marks, n, lanes, z, to, keep, h, tables,
                    x, acc, tally,
                )  # fmt: skip
            else:
                n, changed = _advance_mixed(
                    lo, there, n, lanes, z, to, keep, h, tables, x, acc, tally
                )
            changes += changed
    n, changed = take_rounds(lanes, n, np.int64(0), z, to, keep, tables, x, acc, tally)
    return changes + changed


@block
def make_scratch(a):
    """Work space of a thread for a state like the array ``a``."""
    scratch = Neurons(
        np.empty(BLOCK, a.dtype), np.empty(BLOCK, a.dtype), np.empty(BLOCK, a.dtype),
        np.empty(BLOCK, np.int32),
    )  # fmt: skip
    each = np.zeros(BLOCK, np.bool_)
    return scratch, Marks(each, each.view(np.int64)), make_lanes()
