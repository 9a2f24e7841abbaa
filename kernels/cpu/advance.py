"""All neurons through a frozen field for a given time, and the moments of where they arrive.

Neurons of one cell share the same linear map, so that a block of them is moved by one vectorised
loop. The map is the exact motion of every neuron that meets no event on the way, which two signs
and the sign of c decide (model, section 4); the others, and the strays of a block, go through
``advance_neuron`` one by one.
"""

import numpy as np

from .._jit import block, driver, inlined, leaf, parallel, prange, sums
from ..advance import FAILURES, TALLIES, advance_neuron
from ..boost import field_table
from ..origin import largest_field
from ..rays import SIGN, XJ, ray_table
from .field import prediction
from .maps import mapped, ray_maps, sector_maps, slides, stays
from .slots import PAD, SERIAL, tree_sum

BLOCK = 512
LONG = 32
"""Neurons of a region from which a block with one map is worth its overhead."""
MOMENTS = 5
"""Columns of the sums: c a, c b, and Sigma as (xx, x1, 11)."""


@block
def _boost_sector(a, b, c, cell, a1, b1, c1, cell1, k, maps, s):
    """Move the block of sector k; returns how many of it need a closer look."""
    xx, x1, oo, xc, oc, cc = maps[k, 0], maps[k, 1], maps[k, 2], maps[k, 3], maps[k, 4], maps[k, 5]
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    suspects = 0
    for i in range(a.size):
        ai, bi, ci = a[i], b[i], c[i]
        an = ai + (xx * ai + x1 * bi + xc * ci)
        bn = bi + (x1 * ai + oo * bi + oc * ci)
        cn = ci + (xc * ai + oc * bi + cc * ci)
        a1[i], b1[i], c1[i] = an, bn, cn
        cell1[i] = k
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
        ai, ci = a[i], c[i]
        an = ai + (grow * ai + to_a * ci)
        cn = ci + (grow * ci + to_c * ai)
        a1[i], b1[i], c1[i] = an, -(an * xj), cn
        cell1[i] = k
        suspects += (not slides(an, cn, ai, ci, sign)) | (cell[i] != k)
    return suspects


@block
def _mark_sector(a1, b1, c, c1, cell, suspect, k, maps, s):
    """Mark those that `_boost_sector` counted."""
    bound1, bound2 = maps[k, 6], maps[k, 7]
    active1, active2 = k != s, k == 0
    for i in range(a1.size):
        stayed = stays(a1[i], b1[i], c1[i], c[i], bound1, bound2, active1, active2)
        suspect[i] = (not stayed) | (cell[i] != k)


@block
def _mark_ray(a, a1, c, c1, cell, suspect, k, maps, s):
    """Mark those that `_boost_ray` counted."""
    sign = maps[k - 2 * s, 4]
    for i in range(a1.size):
        suspect[i] = (not slides(a1[i], c1[i], a[i], c[i], sign)) | (cell[i] != k)


@block
def _copy(a, b, c, cell, a1, b1, c1, cell1, k, suspect):
    """A block at rest; marks and counts its strays."""
    suspects = 0
    for i in range(a.size):
        a1[i], b1[i], c1[i], cell1[i] = a[i], b[i], c[i], cell[i]
        suspect[i] = cell[i] != k
        suspects += suspect[i]
    return suspects


@sums
def _sums(a, b, c):
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(a.size):
        ca += c[i] * a[i]
        cb += c[i] * b[i]
        aa += a[i] * a[i]
        ab += a[i] * b[i]
        bb += b[i] * b[i]
        cc += c[i] * c[i]
    return ca, cb, aa, ab, bb, cc


@sums
def _sums_where(a, b, c, suspect):
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(a.size):
        ai = 0.0 if suspect[i] else a[i]
        bi = 0.0 if suspect[i] else b[i]
        ci = 0.0 if suspect[i] else c[i]
        ca += ci * ai
        cb += ci * bi
        aa += ai * ai
        ab += ai * bi
        bb += bi * bi
        cc += ci * ci
    return ca, cb, aa, ab, bb, cc


@inlined
def _add(acc, k, ca, cb, aa, ab, bb, cc, ray_map, s):
    """Add such sums over neurons of cell k to the row of its sector; a ray's go to sector r.

    Those that slide count with c^2 u u^T + (a, b) (a, b)^T in either neighbouring sector; the dead
    and those in the origin count nothing.
    """
    if k < 2 * s:
        if k != s:
            acc[k, 0] += ca
            acc[k, 1] += cb
            acc[k, 2] += aa + cc
            acc[k, 3] += ab
            acc[k, 4] += bb + cc
    elif k < 4 * s:
        r = k - 2 * s
        ux, u1 = ray_map[r, 5], ray_map[r, 6]
        acc[r, 0] += ca
        acc[r, 1] += cb
        acc[r, 2] += aa + cc * ux * ux
        acc[r, 3] += ab + cc * ux * u1
        acc[r, 4] += bb + cc * u1 * u1


@leaf
def _advance_marked(
    a, b, c, cell, a1, b1, c1, cell1, suspect, k, h, field, rays, sector_map, ray_map, x, acc, tally
):
    """Move those that are marked one by one; returns how many change their cell."""
    s = x.size
    changes = 0
    for i in range(a.size):
        if suspect[i]:
            az, bz, cz, kz = a[i], b[i], c[i], cell[i]
            doubt = kz == k
            if not doubt:
                az, bz, cz, doubt = mapped(az, bz, cz, kz, sector_map, ray_map, s)
            if doubt:
                az, bz, cz, kz = advance_neuron(a[i], b[i], c[i], kz, h, field, rays, x, tally)
            a1[i], b1[i], c1[i], cell1[i] = az, bz, cz, kz
            _add(acc, kz, cz * az, cz * bz, az * az, az * bz, bz * bz, cz * cz, ray_map, s)
            changes += kz != cell[i]
    return changes


@block
def _advance_block(
    a, b, c, cell, a1, b1, c1, cell1, suspect, k, h, field, rays, sector_map, ray_map, x, acc, tally
):
    """Move a block of neurons of cell k, strays among them; returns how many change their cell."""
    s = x.size
    if k == s or k == 4 * s:
        suspects = _copy(a, b, c, cell, a1, b1, c1, cell1, k, suspect)
    elif k < 2 * s:
        suspects = _boost_sector(a, b, c, cell, a1, b1, c1, cell1, k, sector_map, s)
        if suspects > 0:
            _mark_sector(a1, b1, c, c1, cell, suspect, k, sector_map, s)
    else:
        suspects = _boost_ray(a, b, c, cell, a1, b1, c1, cell1, k, ray_map, s)
        if suspects > 0:
            _mark_ray(a, a1, c, c1, cell, suspect, k, ray_map, s)
    if suspects == 0:
        ca, cb, aa, ab, bb, cc = _sums(a1, b1, c1)
    else:
        ca, cb, aa, ab, bb, cc = _sums_where(a1, b1, c1, suspect)
    _add(acc, k, ca, cb, aa, ab, bb, cc, ray_map, s)
    changes = 0
    if suspects > 0:
        changes = _advance_marked(
            a, b, c, cell, a1, b1, c1, cell1, suspect, k, h,
            field, rays, sector_map, ray_map, x, acc, tally,
        )  # fmt: skip
    return changes


@leaf
def _advance_mixed(
    a, b, c, cell, a1, b1, c1, cell1, h, field, rays, sector_map, ray_map, x, acc, tally
):
    """Move a block of neurons of any cells; returns how many change their cell.

    Runs of one cell are added up in registers.
    """
    s = x.size
    changes = 0
    run = s
    ca = cb = aa = ab = bb = cc = 0.0
    for i in range(a.size):
        kz = cell[i]
        az, bz, cz, doubt = mapped(a[i], b[i], c[i], kz, sector_map, ray_map, s)
        if doubt:
            az, bz, cz, kz = advance_neuron(a[i], b[i], c[i], kz, h, field, rays, x, tally)
            changes += kz != cell[i]
        a1[i], b1[i], c1[i], cell1[i] = az, bz, cz, kz
        if kz != run:
            _add(acc, run, ca, cb, aa, ab, bb, cc, ray_map, s)
            run = kz
            ca = cb = aa = ab = bb = cc = 0.0
        ca += cz * az
        cb += cz * bz
        aa += az * az
        ab += az * bz
        bb += bz * bz
        cc += cz * cz
    _add(acc, run, ca, cb, aa, ab, bb, cc, ray_map, s)
    return changes


@block
def _advance_slot(
    a, b, c, cell, a1, b1, c1, cell1, lo, hi, start, keep, h, field, rays, sector_map, ray_map, x,
    acc, tally,
):  # fmt: skip
    """Move one slot; returns how many neurons change their cell.

    Long regions go in blocks of one map, consecutive short ones together.
    """
    suspect = np.empty(BLOCK, np.bool_)
    scratch_a, scratch_b, scratch_c = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    scratch_cell = np.empty(BLOCK, np.int32)
    n_regions = start.size - 1
    changes = 0
    acc[: 2 * x.size] = 0.0
    k = 0
    while k < n_regions:
        first, is_long = k, n_regions > 1 and start[k + 1] - start[k] >= LONG
        k += 1
        while not is_long and k < n_regions and start[k + 1] - start[k] < LONG:
            k += 1
        end = lo + start[k]
        for p in range(lo + start[first], end, BLOCK):
            q = min(p + BLOCK, end)
            n = q - p
            if keep:
                ta, tb, tc, tk = a1[p:q], b1[p:q], c1[p:q], cell1[p:q]
            else:
                ta, tb, tc, tk = scratch_a[:n], scratch_b[:n], scratch_c[:n], scratch_cell[:n]
            if is_long:
                changes += _advance_block(
                    a[p:q], b[p:q], c[p:q], cell[p:q], ta, tb, tc, tk, suspect[:n], first, h,
                    field, rays, sector_map, ray_map, x, acc, tally,
                )  # fmt: skip
            else:
                changes += _advance_mixed(
                    a[p:q], b[p:q], c[p:q], cell[p:q], ta, tb, tc, tk, h,
                    field, rays, sector_map, ray_map, x, acc, tally,
                )  # fmt: skip
    return changes


@parallel
def _advance_slots(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, h, field, rays, sector_map, ray_map, x,
    acc, tally, changes,
):  # fmt: skip
    for i in prange(slots.size - 1):
        changes[i] = _advance_slot(
            a, b, c, cell, a1, b1, c1, cell1, slots[i], slots[i + 1], start[i], keep, h,
            field, rays, sector_map, ray_map, x, acc[i], tally[i],
        )  # fmt: skip


@driver
def advance(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, y, h, residual, covariances,
    tally, changes,
):  # fmt: skip
    """Move every neuron exactly for the time h in a field that is frozen.

    Parameters
    ----------
    a, b, c : (m,) float64
        State, network metric, in the order of ``start``.
    cell : (m,) int32
    a1, b1, c1 : (m,) float64
        Overwritten with the new state if ``keep``.
    cell1 : (m,) int32
        The same for the cells.
    slots : (n_slots + 1,) int64
    start : (n_slots, n_regions + 1) int64
        Regions of one cell each, 4 s + 1 of them, which may hold strays; or one region of any.
    keep : bool
        Whether to store the new state, or to compute its moments only.
    field : (2 s, 2) float64
        G_k.
    x, y : (s,) float64
    h : float
    residual : (s,) float64
        Overwritten with the residuals of the new state.
    covariances : (2 s, 3) float64
        Overwritten with its Sigma_k; those of sliding neurons count in sector r of their ray r.
    tally : (TALLIES,) int64
        Overwritten with the numbers of events (see ``kernels.advance``).
    changes : (n_slots,) int64
        Overwritten with the numbers of neurons that change their cell.

    Returns
    -------
    bool
        Whether the new state is finite and every neuron arrived.
    """
    s, m, n_slots = x.size, a.size, slots.size - 1
    tally[:] = 0
    if not (largest_field(field) < np.inf and h < np.inf):
        return False
    table, rays = field_table(field), ray_table(field, x)
    sector_map, ray_map = sector_maps(table, x, h), ray_maps(rays, h)
    acc = np.empty((n_slots, 2 * s + PAD, MOMENTS))
    acc[:, 2 * s :] = 0.0
    tallies = np.zeros((n_slots, TALLIES + 2 * PAD), np.int64)
    if m <= SERIAL // 4:
        for i in range(n_slots):
            changes[i] = _advance_slot(
                a, b, c, cell, a1, b1, c1, cell1, slots[i], slots[i + 1], start[i], keep, h,
                table, rays, sector_map, ray_map, x, acc[i], tallies[i],
            )  # fmt: skip
    else:
        _advance_slots(
            a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, h,
            table, rays, sector_map, ray_map, x, acc, tallies, changes,
        )  # fmt: skip
    tree_sum(acc.reshape((n_slots, -1)))
    tree_sum(tallies)
    tally[:] = tallies[0, :TALLIES]
    prediction(acc[0, :, :2], x, 1.0 / m, residual)
    finite = tally[FAILURES] == 0
    for j in range(s):
        residual[j] -= y[j]
        finite &= np.isfinite(residual[j])
    for k in range(2 * s):
        for l in range(3):
            covariances[k, l] = acc[0, k, 2 + l] / m
            finite &= np.isfinite(covariances[k, l])
    return finite


@driver
def repulsor_starts(a, b, c, cell, field, x):
    """Number of neurons whose knot lies on a sample that repels it, on the inactive side.

    The motion is not unique there; they stay on that side.
    """
    s = x.size
    rays = ray_table(field, x)
    count = 0
    for n in range(a.size):
        k = cell[n]
        if 0 < k < 2 * s and k != s:
            r = k - 1 if k < s else k  # whose inactive side is k
            if a[n] * rays[r, XJ] + b[n] == 0.0 and rays[r, SIGN] * c[n] < 0.0:
                count += 1
    return count
