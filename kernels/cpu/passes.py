"""All neurons through a frozen field for a given time, and the moments of where they arrive.

Slots are moved by `pass_slot`; their moments and events are added up in a fixed tree.
"""

import numpy as np

from .._jit import driver, parallel, prange
from ..events import CHANGES, TALLIES
from ..host.arrivals import MOMENTS, arrive_at, arrive_together, can_pass
from ..host.sums import PAD, tree_sum
from ..maps import frozen_field, maps_of
from ..rays import SIGN, XJ, ray_table
from ..records import Regions, SlotPass
from .arrays import read
from .pass_slot import make_room, pass_slot
from .slots import SERIAL


@parallel
def _pass_slots(begin, end, regions, h, frozen, maps, sums):
    # no element of these arrays may be set here: in a parallel region numba takes that for dead
    # code, since they come out of a tuple (findings/numba_parallel_tuple.sh); `pass_slot` does it
    slots, start, (acc, tallies) = regions.slots, regions.start, sums
    for i in prange(slots.size - 1):
        room = make_room(frozen.x.size)
        job = SlotPass(begin, end, h, frozen, maps, acc[i], tallies[i], *room)
        pass_slot(slots[i], slots[i + 1], start[i], job)


@driver
def _pass_all(begin, end, regions, field, h, x, tally):
    """Move the neurons of all slots of this process, and add their events to ``tally``.

    Returns the moments of each slot, (n_slots, 2 s + PAD, MOMENTS), and the number of neurons that
    change their cell.
    """
    slots, start = regions
    n_slots = slots.size - 1
    frozen = frozen_field(field, x)
    maps = maps_of(frozen, h)
    acc = np.empty((n_slots, 2 * x.size + PAD, MOMENTS))
    # the tree adds these rows up, too, and `arrive_together` sends counts in them
    acc[:, 2 * x.size :] = 0.0
    tallies = np.zeros((n_slots, TALLIES + 2 * PAD), np.int64)
    if begin.a.size <= SERIAL // 4:  # a pass costs more a neuron than what SERIAL was chosen for
        for i in range(n_slots):
            room = make_room(frozen.x.size)
            job = SlotPass(begin, end, h, frozen, maps, acc[i], tallies[i], *room)
            pass_slot(slots[i], slots[i + 1], start[i], job)
    else:
        _pass_slots(begin, end, regions, h, frozen, maps, (acc, tallies))
    changes = np.int64(0)
    for i in range(n_slots):
        changes += tallies[i, CHANGES]
        for n in range(TALLIES):
            tally[n] += tallies[i, n]
    return acc, changes


@driver
def pass_alone(begin, end, regions, field, h, samples, arrival):
    """Do what `exact_pass` does, in a process that has all neurons."""
    for n in range(TALLIES):
        arrival.tally[n] = 0
    if not can_pass(field, h):
        return -1
    acc, changes = _pass_all(begin, end, regions, field, h, samples.x, arrival.tally)
    tree_sum(acc.reshape((acc.shape[0], -1)))
    return changes if arrive_at(acc[0], samples, begin.a.size, arrival) else -1


def exact_pass(begin, end, order, field, h, samples, arrival, whole=None):
    """Move every neuron exactly for the time h in a field that is frozen.

    Parameters
    ----------
    begin : Neurons
        The state, in the network metric; its neurons lie as ``order`` says.
    end : Neurons
        Overwritten with the new state.
    order : Order
        Each slot has 4 s + 1 regions, one for each cell, which may hold strays; or a single region
        of neurons of any cell.
    field : (2 s, 2) float64
        G_k.
    h : float
    samples : Samples
    arrival : Arrival
        Overwritten with what the new state adds up to, and the events of the pass.
    whole : Whole, optional
        Needed where the arrays are a part of the neurons; all results are those of the whole then.

    Returns
    -------
    int
        Number of neurons that change their cell; -1 if field, time or the new state are not finite,
        or a neuron did not arrive.
    """
    arrival.tally[:] = 0
    if not can_pass(field, h):
        return -1
    regions = Regions(order.slots, order.start)
    acc, changes = _pass_all(begin, end, regions, field, h, samples.x, arrival.tally)
    m = begin.a.size if whole is None else whole.m
    return arrive_together(acc, changes, samples, m, arrival, whole)


@driver
def repulsor_starts(neurons, field, x):
    """The number of neurons whose knot lies on a sample that repels it.

    Their cell is the sector on the inactive side, for the sample's pre-activation is 0. The motion
    is not unique there; these neurons stay on that side.
    """
    s = x.size
    a, b, c, cell = neurons
    rays = ray_table(field, x)
    count = 0
    for n in range(a.size):
        k = cell[n]
        an, bn, cn = read(a, b, c, n)
        if 0 < k < 2 * s and k != s:
            r = k - 1 if k < s else k  # whose inactive side is k
            sign = cn if cn != 0.0 else an * field[k, 0] + bn * field[k, 1]
            if an * rays[r, XJ] + bn == 0.0 and rays[r, SIGN] * sign < 0.0:
                count += 1
    return count
