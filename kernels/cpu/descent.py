"""Gradient descent: explicit Euler steps of all neurons with the residuals in between."""

import numpy as np

from .._jit import block, driver, leaf, parallel, prange
from ..host.arrivals import close_step
from ..host.field import field as field_of
from ..host.sums import PAD, sum_slots, tree_sum
from ..records import Push
from .push import sector_table, set_fields
from .push_slot import name_guests, push_slot
from .slots import SERIAL, slot_of, sort_slot

SORT_NEURON, SORT_MISPLACED = 0.25, 6.0
"""Price of sorting a slot again, for each neuron and besides for each that has left its sector, in
units of a stray's price in a step. Slots are sorted when strays and guests have cost as much."""
GUEST = 0.125
"""Price of a guest in a step, in units of a stray's."""


@leaf
def _step_slot(neurons, order, push, acc, i):
    """Step slot i; returns whether its strays have cost as much as a sort would."""
    lo, hi = order.slots[i], order.slots[i + 1]
    slot = slot_of(neurons, order.ident, lo, hi)
    start, members, guests = order.start[i], order.members[i], order.guests[i]
    changes, strays, n_guests = push_slot(slot, start, members, guests, push, acc[i])
    order.crossings[i] += changes
    order.stray_work[i] += strays + GUEST * n_guests
    return order.stray_work[i] > SORT_NEURON * (hi - lo) + SORT_MISPLACED * (strays + n_guests)


@block
def _sort_again(neurons, order, table, i):
    """Sort slot i, whose guests are strays and members then."""
    slot = slot_of(neurons, order.ident, order.slots[i], order.slots[i + 1])
    start, members, guests = order.start[i], order.members[i], order.guests[i]
    order.stray_work[i] = 0
    name_guests(slot, start, members, guests, table)
    sort_slot(slot, start, members)
    guests[:] = 0


@parallel
def _step_slots(neurons, order, push, acc):
    for i in prange(order.slots.size - 1):
        if _step_slot(neurons, order, push, acc, np.int64(i)):
            _sort_again(neurons, order, push.table, np.int64(i))


@parallel
def _name_all_guests(neurons, order, table):
    slots, ident = order.slots, order.ident
    for i in prange(slots.size - 1):
        slot = slot_of(neurons, ident, slots[i], slots[i + 1])
        name_guests(slot, order.start[i], order.members[i], order.guests[i], table)


@driver
def _push_all(neurons, order, push, h, residual, acc):
    """One step of all slots in the field of the residuals; their moments into ``acc``."""
    g = np.empty((2 * push.x.size, 2))
    field_of(residual, push.x, g)
    set_fields(push.table, g, h)
    if neurons.a.size <= SERIAL:
        for i in range(order.slots.size - 1):
            if _step_slot(neurons, order, push, acc, i):
                _sort_again(neurons, order, push.table, i)
    else:
        _step_slots(neurons, order, push, acc)


@driver
def _empty_sums(n_slots, s):
    acc = np.empty((n_slots, 2 * s + PAD, 2))
    acc[:, 2 * s :] = 0.0
    return acc


@driver
def _descend(neurons, order, samples, descent, residual):
    n_slots = order.slots.size - 1
    acc = _empty_sums(n_slots, samples.x.size)
    push = Push(sector_table(samples.x), samples.x, descent.metric)
    taken, finite = 0, True
    while taken < descent.count and finite:
        _push_all(neurons, order, push, descent.h, residual, acc)
        tree_sum(acc.reshape((n_slots, -1)))
        finite = close_step(acc[0], samples, 1.0 / neurons.a.size, residual)
        taken += 1
    _name_all_guests(neurons, order, push.table)
    return taken


def gradient_descent(neurons, order, samples, descent, residual, whole=None):
    """Take explicit Euler steps of neurons and field together.

    In the network metric this is full-batch gradient descent on L = 1/2 sum rho_j^2 with learning
    rate alpha h.

    Parameters
    ----------
    neurons : Neurons
        Modified in place.
    order : Order
        Modified in place.
    samples : Samples
    descent : Descent
    residual : (s,) float64
        Residuals of the state on entry, and on return.
    whole : Whole, optional
        Where the arrays are a part of the neurons; steps then return to Python for its sums.

    Returns
    -------
    int
        Steps taken: fewer than asked for if the residuals ceased to be finite, which the last step
        taken then made so.
    """
    if whole is None:
        return _descend(neurons, order, samples, descent, residual)
    acc = _empty_sums(order.slots.size - 1, samples.x.size)
    push = Push(sector_table(samples.x), samples.x, descent.metric)
    taken, finite = 0, True
    while taken < descent.count and finite:
        _push_all(neurons, order, push, descent.h, residual, acc)
        finite = close_step(sum_slots(acc, whole), samples, 1.0 / whole.m, residual)
        taken += 1
    _name_all_guests(neurons, order, push.table)
    return taken
