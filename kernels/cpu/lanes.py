"""Neurons that cross from sector to sector in a pass, some hundred at a time.

They wait in *lanes*, arrays of their own, until there are enough of them, and then take one leg of
``kernels.legs`` a round, in vectors. Whoever has used up the time, or meets a ray that does not
let it through, leaves its lane to the last one. What the legs leave open goes through
``kernels.events`` one by one.
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
FEW = 128
"""Lanes that wait for others rather than go on among few."""
_LINE = 8  # rows begin in different sets of the cache

A, B, C, TIME = range(4)
"""Rows of the states of lanes, before a leg and after it."""
UP, FIELD_X, FIELD_1, FIELD_SIZE, RAY_X, RAY_1, SAMPLE, LETS_THROUGH, OUTCOME = range(9)
"""Rows of what decides on a leg, and how it came out."""
CELL, RAY, LEFT, INDEX = range(4)
"""Rows of indices: the sector; the ray on which the lane is, and in a leg the one ahead; in a leg
the one on which it began. -1 if none."""
PASSED, ENDED, MET, OPEN = 0.0, 1.0, 2.0, 3.0
"""Outcomes: through the ray, at the end of the time, on a ray that is to decide, or unknown."""


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

    It takes none if it does not turn, since which ray is ahead is then not known, or if that is the
    ray ``left`` on which it is (-1 if on none).
    """
    field, lanes = job.frozen.field, job.lanes
    turn = c * (b * field[k, NX] - a * field[k, N1])
    state, indices = lanes.before, lanes.indices
    state[A, n], state[B, n], state[C, n], state[TIME, n] = a, b, c, job.h
    lanes.legs[UP, n] = 1.0 if turn > 0.0 else -1.0
    indices[CELL, n], indices[RAY, n], indices[INDEX, n] = k, left, index
    leaves = left < 0 or sector_beyond(left, turn > 0.0, field.shape[0] // 2) == k
    return n + 1 if turn != 0.0 and leaves else n


@leaf
def _look_up(legs, indices, n, field, rays):
    """Go beyond the ray on which a lane is, and fetch this sector and its ray ahead."""
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
    """One leg of each of the first n lanes."""
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
    """Bring the neuron of lane i, which does not pass, to the end of its time.

    Returns whether it has changed its cell.
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
    """Let the neuron of lane i, which has passed, have lane j."""
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
        Its lanes are modified in place; those that arrive are added to its moments.

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
    for row in range(TIME + 1):
        for i in range(n):
            job.lanes.before[row, i] = before[row, i]
    return n, changes
