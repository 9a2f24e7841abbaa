"""Groups of neurons that leave their sector: each takes a leg, or slides, in a vectorised loop.

A group has one field and one ray ahead of it, or two as long as its neurons go in both directions.
What its neurons come to differs: they go on in lists, one for each outcome.
"""

import numpy as np

from .._jit import inlined, leaf
from ..events import CROSSINGS, go_on
from ..legs import leg_to_end, leg_to_ray, slide
from ..rays import ALONG, PASSES, PULL_ACTIVE, PULL_INACTIVE, UX, XJ, cell_from_ray
from ..records import Group
from .arrivals import NO_PRODUCTS, add_products, arrive, with_one

VECTOR = 4
"""Loops over a group run over a multiple of this number: what a vector leaves over is slow."""

A, B, C, TIME = range(4)
"""Rows of the state of a group; those that set off have the whole time."""
INDEX, LEFT = range(2)
"""Rows of the indices of a group: of each neuron in its slot, and of the ray on which it is, -1 if
on none."""
DOWN, UP, ENDS, OPEN = range(4)
"""Outcomes of a leg or a slide: the neuron meets the ray ahead, to lower or to higher sectors; it
comes to the end of its time; or neither can be said, and it stays where it was."""


@leaf
def set_out_together(before, after, outcome, n, time, way, up, down):
    """Move each of the first n that have gathered to the ray ahead, if it meets that in time.

    ``up`` and ``down`` are the rays on the way to higher and to lower sectors, each with whether
    it is known to be ahead of a neuron that turns to it.
    """
    a, b, c, of_leg = before[A, :n], before[B, :n], before[C, :n], outcome[:n]
    a1, b1, c1, time1 = after[A, :n], after[B, :n], after[C, :n], after[TIME, :n]
    (ux_up, u1_up, x_up), is_up_ahead = up
    (ux_down, u1_down, x_down), is_down_ahead = down
    for i in range(n):
        turn = c[i] * (b[i] * way[0] - a[i] * way[1])
        goes_up = turn > 0.0
        ray = (
            ux_up if goes_up else ux_down, u1_up if goes_up else u1_down,
            x_up if goes_up else x_down,
        )  # fmt: skip
        sense = 1.0 if goes_up else -1.0
        an, bn, cn, tn, meets, good = leg_to_ray(a[i], b[i], c[i], time, sense, way, ray)
        a1[i], b1[i], c1[i], time1[i] = an, bn, cn, tn
        good = good & meets & (turn != 0.0) & (is_up_ahead if goes_up else is_down_ahead)
        of_leg[i] = OPEN if not good else (UP if goes_up else DOWN)


@leaf
def take_legs(before, after, outcome, n, up, way, ray):
    """Move each of the first n that march to the ray ahead, if it meets that in time."""
    a, b, c, time = before[A, :n], before[B, :n], before[C, :n], before[TIME, :n]
    a1, b1, c1, time1 = after[A, :n], after[B, :n], after[C, :n], after[TIME, :n]
    of_leg, sense, ahead = outcome[:n], 1.0 if up else -1.0, UP if up else DOWN
    for i in range(n):
        an, bn, cn, tn, meets, good = leg_to_ray(a[i], b[i], c[i], time[i], sense, way, ray)
        a1[i], b1[i], c1[i], time1[i] = an, bn, cn, tn
        of_leg[i] = ENDS if not meets else (ahead if good else OPEN)


@leaf
def take_last_legs(before, after, outcome, n, way):
    """Move each of the first n of a group to the end of its time."""
    a, b, c, time = before[A, :n], before[B, :n], before[C, :n], before[TIME, :n]
    a1, b1, c1, of_leg = after[A, :n], after[B, :n], after[C, :n], outcome[:n]
    for i in range(n):
        an, bn, cn, good = leg_to_end(a[i], b[i], c[i], time[i], way)
        a1[i], b1[i], c1[i] = an, bn, cn
        of_leg[i] = ENDS if good else OPEN


@leaf
def _take_slides(before, after, outcome, n, ray):
    """Slide each of the first n of a group to the end of its time."""
    a, c, time = before[A, :n], before[C, :n], before[TIME, :n]
    a1, b1, c1, of_slide = after[A, :n], after[B, :n], after[C, :n], outcome[:n]
    ux, xj, along = ray
    for i in range(n):
        an, bn, cn, good = slide(a[i], c[i], time[i], ux, xj, along)
        a1[i], b1[i], c1[i] = an, bn, cn
        of_slide[i] = ENDS if good else OPEN


@inlined
def round_up(n):
    """The multiple of `VECTOR` up to which a loop over n of a group runs."""
    return (n + VECTOR - 1) // VECTOR * VECTOR


@inlined
def go_on_alone(state, p, i, k, left, job):
    """Bring neuron p, whose state is in column i, to the end of its time by ``events``.

    Returns whether it has arrived in another cell than it was in.
    """
    a, b, c, k = go_on(
        state[A, i], state[B, i], state[C, i], k, state[TIME, i], left, job.frozen, job.tally
    )
    arrive(a, b, c, k, p, job)
    return k != job.z.cell[p]


@inlined
def arrive_together(group, ends, n, k, job):
    """Store the first n of a group of cell k, whose time ends there, in the states ``ends``.

    Those whose outcome is `OPEN` are moved by ``events``. Returns how many have arrived in another
    cell than they were in.
    """
    to, cell, outcome = job.to, job.z.cell, job.march.outcome
    index, left = group.indices[INDEX], group.indices[LEFT]
    changes = np.int64(0)
    sums = NO_PRODUCTS
    for i in range(n):
        if outcome[i] == OPEN:
            changes += go_on_alone(group.state, index[i], i, k, left[i], job)
            continue
        p = index[i]
        a, b, c = ends[A, i], ends[B, i], ends[C, i]
        to.a[p], to.b[p], to.c[p], to.cell[p] = a, b, c, k
        changes += cell[p] != k
        sums = with_one(sums, a, b, c)
    add_products(job.acc, k, sums, job.frozen.rays)
    return changes


@inlined
def _hold(group, n, k, r, job):
    """Let the first n of a group go on, who came through sector k to ray r, which may hold them.

    Returns how many have arrived in another cell than they were in.
    """
    rays, s = job.frozen.rays, job.frozen.x.size
    state, index, left = group.state, group.indices[INDEX], group.indices[LEFT]
    pull_active, pull_inactive = rays[r, PULL_ACTIVE], rays[r, PULL_INACTIVE]
    cell_plus = cell_from_ray(r, 1.0, pull_active, pull_inactive, k, True, s)
    cell_minus = cell_from_ray(r, -1.0, pull_active, pull_inactive, k, True, s)
    own, changes, held = 2 * s + r, np.int64(0), 0
    for i in range(n):
        left[i] = r
        cell = cell_plus if state[C, i] > 0.0 else cell_minus
        if cell != own:
            changes += go_on_alone(state, index[i], i, cell, r, job)
        elif held < i:
            state[A, held], state[B, held] = state[A, i], state[B, i]
            state[C, held], state[TIME, held] = state[C, i], state[TIME, i]
            index[held] = index[i]
        held += cell == own
    ray = rays[r, UX], rays[r, XJ], rays[r, ALONG]
    _take_slides(state, job.march.ends, job.march.outcome, round_up(held), ray)
    return changes + arrive_together(group, job.march.ends, held, own, job)


@inlined
def copy(state, index, which, n, to, first):
    """Copy those n of a group behind the ``first`` ones of another, or of the same if that is 0."""
    to_state, to_index = to.state, to.indices[INDEX]
    for j in range(n):
        i = which[j]
        to_state[A, first + j], to_state[B, first + j] = state[A, i], state[B, i]
        to_state[C, first + j], to_state[TIME, first + j] = state[C, i], state[TIME, i]
        to_index[first + j] = index[i]


@inlined
def meet_ray(group, met, n, all_met, way, to, job):
    """Let those n of a group pass the ray that they have met, or be held by it.

    ``way`` is the sector and the ray; ``to`` the group to which those that pass are copied, and how
    many of its neurons they come behind. ``all_met`` says whether ``met`` lists the whole group.
    Returns how many pass, and how many others have arrived in another cell than they were in.
    """
    march, index, (k, r), (others, first) = job.march, group.indices[INDEX], way, to
    job.tally[CROSSINGS] += n
    passed, changes = np.int64(0), np.int64(0)
    if job.frozen.rays[r, PASSES] > 0.0:
        copy(march.after, index, met, n, others, first)
        for j in range(n):
            others.indices[LEFT, first + j] = r
        passed = n
    else:
        there = Group(march.after, group.indices)
        if not all_met:
            copy(march.after, index, met, n, march.aside, 0)
            there = march.aside
        changes += _hold(there, n, k, r, job)
    return passed, changes
