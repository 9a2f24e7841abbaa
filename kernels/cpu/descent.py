"""Gradient descent: explicit Euler steps of all neurons, and the residuals between the steps."""

import numpy as np

from .._jit import block, driver, leaf, parallel, prange
from ..host.arrivals import close_step
from ..host.decay import SIGMA
from ..host.field import field as field_of
from ..host.sums import PAD, sum_slots, tree_sum
from ..records import Push
from .halving import halve_if_due
from .push import sector_table, set_fields
from .push_slot import name_guests, push_slot
from .slots import SERIAL, slot_of, sort_slot

SORT_NEURON, SORT_MISPLACED = 0.25, 6.0
"""Price of sorting a slot again, for each neuron and besides for each one that is a stray or a
guest, in units of a stray's price in a step. A slot is sorted when its strays and guests have cost
as much since the last sort."""
GUEST = 0.125
"""Price of a guest in a step, in units of a stray's."""


@leaf
def _step_slot(neurons, order, push, acc, i):
    """Take a step of slot i; returns whether its strays and guests have cost as much as a sort."""
    lo, hi = order.slots[i], order.slots[i + 1]
    slot = slot_of(neurons, order.ident, lo, hi)
    start, members, guests = order.start[i], order.members[i], order.guests[i]
    changes, strays, n_guests = push_slot(slot, start, members, guests, push, acc[i])
    order.crossings[i] += changes
    order.stray_work[i] += strays + GUEST * n_guests
    return order.stray_work[i] > SORT_NEURON * (hi - lo) + SORT_MISPLACED * (strays + n_guests)


@block
def _sort_again(neurons, order, table, i):
    """Sort slot i; each of its guests is a stray or a member then."""
    slot = slot_of(neurons, order.ident, order.slots[i], order.slots[i + 1])
    start, members, guests = order.start[i], order.members[i], order.guests[i]
    order.stray_work[i] = 0
    # a sort goes by cells, and steps do not write those of guests
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
def _push_all(neurons, order, push, xt, h, residual, acc):
    """Take one step of all slots in the field of the residuals; their moments go into ``acc``."""
    g = np.empty((2 * push.x.size, 2))
    field_of(residual, xt, g)
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
    acc[:, 2 * s :] = 0.0  # the tree adds these rows up, too; a step clears the others
    return acc


@driver
def _decayed(descent):
    """The square of the decay factor after a step, which is applied to the factor."""
    descent.sigma[SIGMA] *= descent.keep
    return descent.sigma[SIGMA] * descent.sigma[SIGMA]


@driver
def _descend(neurons, order, samples, descent, residual):
    n_slots = order.slots.size - 1
    acc = _empty_sums(n_slots, samples.x.size)
    push = Push(sector_table(samples.x), samples.x, descent.metric)
    taken, finite = 0, True
    while taken < descent.count and finite:
        _push_all(neurons, order, push, samples.xt, descent.h, residual, acc)
        tree_sum(acc.reshape((n_slots, -1)))
        finite = close_step(acc[0], samples, _decayed(descent) / neurons.a.size, residual)
        halve_if_due(neurons, order.slots, descent.sigma)
        taken += 1
    _name_all_guests(neurons, order, push.table)
    return taken


def gradient_descent(neurons, order, samples, descent, residual, whole=None):
    """Take explicit Euler steps of neurons and field together.

    In the network metric this is full-batch gradient descent on L = 1/2 sum w_j rho_j^2 with
    learning rate alpha h. With decay, ``keep`` = 1 - lambda dtau < 1, it is that with weight decay
    and a step dtau if h = dtau / keep: the stored neurons w take the step w + h A(G) w, and
    sigma w the step keep sigma w + dtau A(G) sigma w.

    Parameters
    ----------
    neurons : Neurons
        Modified in place.
    order : Order
        Modified in place.
    samples : Samples
    descent : Descent
        Its decay factor is modified in place.
    residual : (s,) float64
        Residuals of the state on entry, and on return.
    whole : Whole, optional
        Needed where the arrays are a part of the neurons; steps then return to Python for the sums
        over all parts.

    Returns
    -------
    int
        Number of steps taken. If it is less than asked for, the last of them made the residuals
        infinite or NaN.
    """
    if whole is None:
        return _descend(neurons, order, samples, descent, residual)
    acc = _empty_sums(order.slots.size - 1, samples.x.size)
    push = Push(sector_table(samples.x), samples.x, descent.metric)
    taken, finite = 0, True
    while taken < descent.count and finite:
        _push_all(neurons, order, push, samples.xt, descent.h, residual, acc)
        finite = close_step(sum_slots(acc, whole), samples, _decayed(descent) / whole.m, residual)
        halve_if_due(neurons, order.slots, descent.sigma)
        taken += 1
    _name_all_guests(neurons, order, push.table)
    return taken
