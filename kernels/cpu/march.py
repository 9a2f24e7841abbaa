"""Neurons that cross from sector to sector in a pass, some hundred at a time.

Such a neuron waits in a *lane*, a column of arrays, until enough lanes are in use; then all of them
take one leg of ``kernels.legs`` a round, in vectors. A neuron that has used up the time, or meets a
ray that does not let it through, leaves; the neuron of the last lane moves into the gap. Neurons
for which legs do not suffice go through ``kernels.events`` one by one.
"""

import numpy as np

from .._jit import block, inlined, leaf
from ..boost import N1, NX, SIZE
from ..events import CROSSINGS, meet
from ..legs import leg
from ..motion import finish
from ..rays import PASSES, U1, UX, XJ, sector_beyond
from ..records import Lanes
from .arrivals import arrive

LANES = 512
"""Number of lanes in use at which they start to take rounds."""
FEW = 128
"""Number of lanes in use at which rounds end, for more neurons to come: short vectors pay less."""
_LINE = 8  # a row is longer by a cache line, so that rows begin in different sets of the cache

A, B, C, TIME = range(4)
"""Rows of the states of lanes, before a leg and after it."""
UP, FIELD_X, FIELD_1, FIELD_SIZE, RAY_X, RAY_1, SAMPLE, LETS_THROUGH, OUTCOME = range(9)
"""Rows of what decides on a leg, and of its outcome."""
CELL, RAY, LEFT, INDEX = range(4)
"""Rows of indices: the sector; between legs the ray on which the neuron is, in a leg the ray ahead;
in a leg the ray on which it began; and the neuron's index in its slot. A ray is -1 if there is
none."""
PASSED, ENDED, MET, OPEN = 0.0, 1.0, 2.0, 3.0
"""Outcomes of a leg: the neuron has passed the ray; it is at the end of the time; it is on a ray
whose sides have to decide; or the leg does not hold for it, and it is where it was."""


@block
def make_lanes():
    width = LANES + _LINE
    return Lanes(
        np.empty((4, width)), np.empty((4, width)), np.empty((9, width)),
        np.empty((4, width), np.int64),
    )  # fmt: skip


@inlined
def enter(a, b, c, k, left, index, n, job):
    """Let a neuron of sector k take lane n; returns the number of lanes in use.

    A neuron takes no lane if it does not turn, since it is then not known which ray is ahead, or if
    the ray ahead is the ray ``left`` on which it is (-1 if on none).
    """
    field, lanes = job.frozen.field, job.lanes
    turn = c * (b * field[k, NX] - a * field[k, N1])
    state, indices = lanes.before, lanes.indices
    state[A, n], state[B, n], state[C, n], state[TIME, n] = a, b, c, job.h
    lanes.legs[UP, n] = 1.0 if turn > 0.0 else -1.0
    indices[CELL, n], indices[RAY, n], indices[INDEX, n] = k, left, index
    # the lane has been filled without a branch; it counts as in use only if all is well
    leaves = left < 0 or sector_beyond(left, turn > 0.0, field.shape[0] // 2) == k
    return n + 1 if turn != 0.0 and leaves else n


@leaf
def _look_up(legs, indices, n, field, rays):
    """Look up, for each of the first n lanes, the sector of its next leg and the ray ahead there.

    The sector is the one beyond the ray on which the neuron is, if it is on one.
    """
    n_rays = rays.shape[0]
    for i in range(n):
        left, k = indices[RAY, i], indices[CELL, i]
        up = legs[UP, i] > 0.0
        if left >= 0:
            k = sector_beyond(left, up, n_rays // 2)
        r = k if up else (k - 1 if k > 0 else n_rays - 1)
        indices[CELL, i], indices[RAY, i], indices[LEFT, i] = k, r, left
        legs[FIELD_X, i] = field[k, NX]
        legs[FIELD_1, i] = field[k, N1]
        legs[FIELD_SIZE, i] = field[k, SIZE]
        legs[RAY_X, i] = rays[r, UX]
        legs[RAY_1, i] = rays[r, U1]
        legs[SAMPLE, i] = rays[r, XJ]
        legs[LETS_THROUGH, i] = rays[r, PASSES]


@leaf
def _take_leg(before, after, legs, n):
    """Take one leg of each of the first n lanes, from the states ``before`` to those ``after``."""
    a, b, c, time = before[A, :n], before[B, :n], before[C, :n], before[TIME, :n]
    a1, b1, c1, time1 = after[A, :n], after[B, :n], after[C, :n], after[TIME, :n]
    up, nx, n1, g = legs[UP, :n], legs[FIELD_X, :n], legs[FIELD_1, :n], legs[FIELD_SIZE, :n]
    ux, u1, xj = legs[RAY_X, :n], legs[RAY_1, :n], legs[SAMPLE, :n]
    lets_through, outcome = legs[LETS_THROUGH, :n], legs[OUTCOME, :n]
    for i in range(n):
        an, bn, cn, tn, meets, good = leg(
            a[i], b[i], c[i], time[i], up[i], (nx[i], n1[i], g[i]), (ux[i], u1[i], xj[i])
        )
        a1[i], b1[i], c1[i], time1[i] = an, bn, cn, tn
        passes = meets & (lets_through[i] > 0.0)
        outcome[i] = OPEN if not good else (PASSED if passes else (MET if meets else ENDED))


@inlined
def _leave(before, after, i, job):
    """Bring the neuron of lane i, which has not passed its ray, to the end of its time.

    Returns whether the neuron has changed its cell in this pass.
    """
    outcome, indices = job.lanes.legs[OUTCOME, i], job.lanes.indices
    state = before if outcome == OPEN else after
    a, b, c, time = state[A, i], state[B, i], state[C, i], state[TIME, i]
    k, p = indices[CELL, i], indices[INDEX, i]
    if outcome != ENDED:
        left = indices[LEFT, i]
        if outcome == MET:
            left = indices[RAY, i]
            k = meet(a, b, c, k, left, job.frozen, job.tally)
        a, b, c, k = finish(a, b, c, k, time, left, job.frozen, job.tally)
    arrive(a, b, c, k, p, job)
    return k != job.z.cell[p]


@inlined
def _move_lane(after, legs, indices, i, j):
    """Move the neuron of lane i, which has passed its ray, into lane j."""
    for row in range(TIME + 1):
        after[row, j] = after[row, i]
    legs[UP, j] = legs[UP, i]
    for row in range(INDEX + 1):
        indices[row, j] = indices[row, i]


@leaf
def take_rounds(n, few, job):
    """Let the first n lanes take rounds until no more than ``few`` are in use.

    Parameters
    ----------
    n, few : int
    job : SlotPass
        Its lanes are modified in place; neurons that arrive are added to its moments.

    Returns
    -------
    n : int
        Lanes in use.
    changes : int
        Neurons that arrived in another cell.
    """
    before, after, legs, indices = job.lanes
    field, rays = job.frozen.field, job.frozen.rays
    changes = 0
    while n > few:
        _look_up(legs, indices, n, field, rays)
        _take_leg(before, after, legs, n)
        for i in range(n - 1, -1, -1):  # downwards: the lane that fills a gap has been seen then
            if legs[OUTCOME, i] == PASSED:
                job.tally[CROSSINGS] += 1
            else:
                changes += _leave(before, after, i, job)
                n -= 1
                if i < n:
                    _move_lane(after, legs, indices, n, i)
        before, after = after, before
    # after an odd number of rounds the states are in the other array than the next call looks in
    for row in range(TIME + 1):
        for i in range(n):
            job.lanes.before[row, i] = before[row, i]
    return n, changes
