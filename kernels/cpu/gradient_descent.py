"""Gradient descent: explicit Euler steps of all neurons with the residuals in between."""

import numpy as np

from .._jit import block, driver, parallel, prange
from .field import field as field_of
from .field import prediction
from .push import sector_table, set_fields
from .push_slot import name_guests, push_slot
from .slots import PAD, SERIAL, sort_slot, sum_slots, tree_sum

SORT_NEURON, SORT_MISPLACED = 0.25, 6.0
"""What it costs to sort a slot again, a neuron and one that has left its sector besides, in units
of what a stray costs in a step. It is done when strays and guests have cost as much."""
GUEST = 0.125
"""What a guest costs in a step, in the same units."""


@block
def _step_slot(
    a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x, metric,
    acc, i,
):  # fmt: skip
    """Step slot i, and sort it again when its strays have cost as much as a sort would."""
    lo, hi = slots[i], slots[i + 1]
    az, bz, cz, kz, nz = a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], ident[lo:hi]
    changes, strays, n_guests = push_slot(
        az, bz, cz, kz, nz, start[i], members[i], guests[i], table, x, metric, acc[i]
    )
    crossings[i] += changes
    stray_work[i] += strays + GUEST * n_guests
    if stray_work[i] > SORT_NEURON * (hi - lo) + SORT_MISPLACED * (strays + n_guests):
        stray_work[i] = 0
        name_guests(az, bz, kz, start[i], members[i], guests[i], table)
        sort_slot(az, bz, cz, kz, nz, start[i], members[i])
        guests[i] = 0


@parallel
def _step_slots(
    a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x, metric,
    acc,
):  # fmt: skip
    for i in prange(slots.size - 1):
        _step_slot(
            a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x,
            metric, acc, np.int64(i),
        )  # fmt: skip


@parallel
def _name_all_guests(a, b, cell, slots, start, members, guests, table):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        name_guests(a[lo:hi], b[lo:hi], cell[lo:hi], start[i], members[i], guests[i], table)


@driver
def _push(
    a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x, metric, h,
    rho, acc,
):  # fmt: skip
    """One step of all slots in the field of the residuals; their moments into ``acc``."""
    g = np.empty((2 * x.size, 2))
    field_of(rho, x, g)
    set_fields(table, g, h)
    if a.size <= SERIAL:
        for i in range(slots.size - 1):
            _step_slot(
                a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings,
                table, x, metric, acc, i,
            )  # fmt: skip
    else:
        _step_slots(
            a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings,
            table, x, metric, acc,
        )  # fmt: skip


@driver
def close_step(moments, x, y, scale, rho):
    """New residuals from the moments of sectors; returns whether they are finite."""
    prediction(moments, x, scale, rho)
    finite = True
    for j in range(x.size):
        rho[j] -= y[j]
        finite &= np.isfinite(rho[j])
    return finite


@driver
def _empty_sums(n_slots, s):
    acc = np.empty((n_slots, 2 * s + PAD, 2))
    acc[:, 2 * s :] = 0.0
    return acc


@driver
def _descend(
    a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, x, y, metric, h,
    n_steps, rho,
):  # fmt: skip
    n_slots = slots.size - 1
    acc, table = _empty_sums(n_slots, x.size), sector_table(x)
    taken, finite = 0, True
    while taken < n_steps and finite:
        _push(
            a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x,
            metric, h, rho, acc,
        )  # fmt: skip
        tree_sum(acc.reshape((n_slots, -1)))
        finite = close_step(acc[0], x, y, 1.0 / a.size, rho)
        taken += 1
    _name_all_guests(a, b, cell, slots, start, members, guests, table)
    return taken


def gradient_descent(
    a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, x, y, metric, h,
    n_steps, rho, whole=None,
):  # fmt: skip
    """Take ``n_steps`` explicit Euler steps of size h of neurons and field together.

    In the network metric this is full-batch gradient descent on L = 1/2 sum rho_j^2 with learning
    rate alpha h. All arrays but ``slots``, ``x`` and ``y`` are modified in place (``start`` when a
    slot is sorted again).

    Parameters
    ----------
    a, b, c : (m,) float64
        State (see ``flow``), in the order of the tables.
    cell, ident : (m,) int32
    slots, start, members, guests : int64
        Order tables (see ``slots``); guests, (n_slots, n_regions), stand before the members.
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
    whole : Whole, optional
        Where the arrays are a part of the neurons; steps then return to Python for its sums.

    Returns
    -------
    int
        Steps taken: less than ``n_steps`` if the residuals ceased to be finite, which the last
        step taken then made so.
    """
    if whole is None:
        return _descend(
            a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, x, y,
            metric, h, n_steps, rho,
        )  # fmt: skip
    acc, table = _empty_sums(slots.size - 1, x.size), sector_table(x)
    taken, finite = 0, True
    while taken < n_steps and finite:
        _push(
            a, b, c, cell, ident, slots, start, members, guests, stray_work, crossings, table, x,
            metric, h, rho, acc,
        )  # fmt: skip
        finite = close_step(sum_slots(acc, whole), x, y, 1.0 / whole.m, rho)
        taken += 1
    _name_all_guests(a, b, cell, slots, start, members, guests, table)
    return taken
