"""Neurons that cross from sector to sector in a pass, some hundred at a time.

They wait in *lanes*, arrays of their own, until there are enough of them, and then take one leg of
``kernels.transit`` a round, in vectors. Whoever has used up the time, or meets a ray that does not
let it through, leaves its lane to the last one. What the legs leave open goes through
``kernels.advance`` one by one.
"""

from collections import namedtuple

import numpy as np

from .._jit import block, inlined, leaf
from ..advance import CROSSINGS, meet
from ..boost import N1, NX, SIZE
from ..motion import finish
from ..rays import PASSES, U1, UX, XJ, sector_beyond
from ..transit import leg
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

Lanes = namedtuple("Lanes", "before after legs indices")


@block
def make_lanes():
    width = LANES + _LINE
    return Lanes(
        np.empty((4, width)), np.empty((4, width)), np.empty((9, width)),
        np.empty((4, width), np.int64),
    )  # fmt: skip


@inlined
def enter(lanes, n, a, b, c, k, left, h, index, field):
    """Let a neuron of sector k take lane n; returns the number of lanes in use.

    It takes none if it does not turn, since which ray is ahead is then not known, or if that is the
    ray ``left`` on which it is (-1 if on none).
    """
    turn = c * (b * field[k, NX] - a * field[k, N1])
    state, indices = lanes.before, lanes.indices
    state[A, n], state[B, n], state[C, n], state[TIME, n] = a, b, c, h
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


@block
def _take_leg(
    a, b, c, time, a1, b1, c1, time1, up, nx, n1, g, ux, u1, xj, lets_through, outcome
):  # fmt: skip
    """One leg of every lane."""
    for i in range(a.size):
        an, bn, cn, tn, meets, good = leg(
            a[i], b[i], c[i], time[i], up[i], nx[i], n1[i], g[i], ux[i], u1[i], xj[i]
        )
        a1[i], b1[i], c1[i], time1[i] = an, bn, cn, tn
        passes = meets & (lets_through[i] > 0.0)
        outcome[i] = OPEN if not good else (PASSED if passes else (MET if meets else ENDED))


@inlined
def _leave(before, after, lanes, i, z, to, keep, tables, x, acc, tally):
    """Bring the neuron of lane i, which does not pass, to the end of its time.

    Returns whether it has changed its cell.
    """
    outcome, indices = lanes.legs[OUTCOME, i], lanes.indices
    state = before if outcome == OPEN else after
    a, b, c, time = state[A, i], state[B, i], state[C, i], state[TIME, i]
    k, p = indices[CELL, i], indices[INDEX, i]
    if outcome != ENDED:
        left = indices[LEFT, i]
        if outcome == MET:
            left = indices[RAY, i]
            k = meet(a, b, c, k, left, tables.field, tables.rays, tally)
        a, b, c, k = finish(a, b, c, k, time, left, tables.field, tables.rays, x, tally)
    arrive(a, b, c, k, p, to, keep, acc, tables.rays)
    return k != z.cell[p]


@inlined
def _move_lane(after, legs, indices, i, j):
    """Let the neuron of lane i, which has passed, have lane j."""
    for row in range(TIME + 1):
        after[row, j] = after[row, i]
    legs[UP, j] = legs[UP, i]
    for row in range(INDEX + 1):
        indices[row, j] = indices[row, i]


@leaf
def take_rounds(lanes, n, few, z, to, keep, tables, x, acc, tally):
    """Let the first n lanes take rounds until no more than ``few`` are in use.

    Parameters
    ----------
    lanes : Lanes
        Modified in place.
    n, few : int
    z : Neurons
        Where they come from.
    to : Neurons
        The states of those that have arrived are written there if ``keep``.
    keep : bool
    tables : Tables
    x : (s,) float64
    acc : (>= 2 s, MOMENTS) float64
        Those that have arrived are added.
    tally : (TALLIES,) int64
        Modified in place.

    Returns
    -------
    n : int
        Lanes in use.
    changes : int
        Neurons that arrived in another cell.
    """
    before, after, legs, indices = lanes
    changes = 0
    while n > few:
        _look_up(legs, indices, n, tables.field, tables.rays)
        _take_leg(
            before[A, :n], before[B, :n], before[C, :n], before[TIME, :n], after[A, :n],
            after[B, :n], after[C, :n], after[TIME, :n], legs[UP, :n], legs[FIELD_X, :n],
            legs[FIELD_1, :n], legs[FIELD_SIZE, :n], legs[RAY_X, :n], legs[RAY_1, :n],
            legs[SAMPLE, :n], legs[LETS_THROUGH, :n], legs[OUTCOME, :n],
        )  # fmt: skip
        for i in range(n - 1, -1, -1):
            if legs[OUTCOME, i] == PASSED:
                tally[CROSSINGS] += 1
            else:
                changes += _leave(before, after, lanes, i, z, to, keep, tables, x, acc, tally)
                n -= 1
                if i < n:
                    _move_lane(after, legs, indices, n, i)
        before, after = after, before
    for row in range(TIME + 1):
        for i in range(n):
            lanes.before[row, i] = before[row, i]
    return n, changes
