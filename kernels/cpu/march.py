"""Neurons that leave their sector in a pass, hundreds at a time.

As long as c keeps its sign, a neuron goes in one direction: to higher sectors or to lower ones, and
never through the dead sector, where nothing moves. Those that leave one sector *set off* together:
they take one leg of ``kernels.legs`` in a loop with one field and two rays, which vectorises. Those
that a ray holds slide together to the end of the time; those that pass it *wait*, by direction and
by the sector to which they have come.

When many wait, two *marches* go through the sectors, from one side of the dead sector to its other
side, one to higher sectors and one to lower ones. In each sector the neurons that have come from
the one before, and those that waited in it, take the next leg together.

Neurons for which that does not suffice are moved one by one, as on a device (``kernels.motion``).
"""

import numpy as np

from .._jit import apart, block, inlined, leaf
from ..boost import N1, NX, SIZE
from ..events import REPULSORS, go_on
from ..motion import by_legs, set_out
from ..rays import U1, UX, XJ
from ..records import Group, March
from .arrays import read
from .arrivals import arrive
from .groups import (
    DOWN,
    ENDS,
    INDEX,
    LEFT,
    OPEN,
    TIME,
    UP,
    A,
    B,
    C,
    arrive_together,
    copy,
    go_on_alone,
    meet_ray,
    round_up,
    set_out_together,
    take_last_legs,
    take_legs,
)

START = 1024
"""Neurons of one cell that can gather before they set off."""
ROOM = 2048
"""Neurons that can wait, and march."""
FEW = 4
"""Neurons up to which a group goes on one by one."""
_LINE = 8  # a row is longer by a cache line, so that rows begin in different sets of the cache

GATHERED, WAITING, RUNS, FIRST = range(4)
"""Counts of a march: neurons that have gathered to set off; those that wait, and the runs in which
they lie; and the first station that a run has."""
BEGIN, END, STATION, NEXT = range(4)
"""Rows of runs: the first neuron and the one behind the last in the list of those that wait; the
*station* of its march, which is the number of sectors from the dead one to theirs; behind those of
the march to higher sectors, 2 s of them, come those of the march to lower ones; and the next run of
the same station, or -1."""


@block
def room_to_march(s):
    """Work space of a thread for neurons that leave their sector; none has."""
    width = ROOM + _LINE
    counts = np.zeros(4, np.int64)
    counts[FIRST] = 4 * s
    start = Group(np.empty((4, START + _LINE)), np.empty((2, START + _LINE), np.int64))
    waiting = Group(np.empty((4, width)), np.empty((2, width), np.int64))
    marching = Group(np.empty((4, width)), np.empty((2, width), np.int64))
    aside = Group(np.empty((4, width)), np.empty((2, width), np.int64))
    lists = np.empty((3, width), np.int64)
    return March(
        start, waiting, marching, aside, np.empty((4, width)), np.empty((4, width)),
        np.empty(width, np.int64), lists, counts, np.full(4 * s, -1), np.empty((4, ROOM), np.int64),
    )  # fmt: skip


@inlined
def _station_of(k, up, s):
    """The station at which the march up, or down, comes through sector k."""
    beyond = k - s if k >= s else k + s
    return beyond if up else 4 * s - beyond


@inlined
def _sector_of(station, s):
    """The sector of a station, the inverse of `_station_of`."""
    beyond = station if station < 2 * s else 4 * s - station
    return beyond + s if beyond < s else beyond - s


@inlined
def _add_run(n, station, march):
    """Note that the n neurons behind those that wait do so, too, for the march at this station."""
    counts, heads, runs = march.counts, march.heads, march.runs
    begin, run = counts[WAITING], counts[RUNS]
    counts[WAITING] += n
    if run > 0 and runs[STATION, run - 1] == station:
        runs[END, run - 1] += n
    else:
        runs[BEGIN, run], runs[END, run], runs[STATION, run] = begin, begin + n, station
        runs[NEXT, run], heads[station] = heads[station], run
        counts[RUNS] += 1
        counts[FIRST] = min(counts[FIRST], station)


@inlined
def wait(a, b, c, k, left, index, up, job):
    """Let a neuron of sector k, of which `motion.leaves` holds, wait for a march."""
    march = job.march
    (state, indices), n = march.waiting, march.counts[WAITING]
    state[A, n], state[B, n], state[C, n], state[TIME, n] = a, b, c, job.h
    indices[INDEX, n], indices[LEFT, n] = index, left
    _add_run(1, _station_of(k, up, job.frozen.x.size), march)


@leaf
def _through_sector(n, up, k, job):
    """Let the first n who march take a leg in sector k.

    Those that pass the ray ahead march on. Returns how many they are, and how many others have
    arrived in another cell than they were in.
    """
    field, rays, march = job.frozen.field, job.frozen.rays, job.march
    group, aside, outcome = march.marching, march.aside, march.outcome
    index, left, met, ending = (
        group.indices[INDEX], group.indices[LEFT], march.lists[0], march.lists[1]
    )  # fmt: skip
    r = k if up else (k - 1 if k > 0 else rays.shape[0] - 1)
    way = field[k, NX], field[k, N1], field[k, SIZE]
    ray = rays[r, UX], rays[r, U1], rays[r, XJ]
    take_legs(group.state, march.after, outcome, round_up(n), up, way, ray)
    # lists that are written without a branch, which would often be mispredicted
    n_met = n_ending = 0
    for i in range(n):
        met[n_met] = ending[n_ending] = i
        n_met += outcome[i] <= UP
        n_ending += outcome[i] == ENDS
    changes = np.int64(0)
    if n_met + n_ending < n:
        for i in range(n):
            if outcome[i] == OPEN:
                changes += go_on_alone(group.state, index[i], i, k, left[i], job)
    if n_ending > 0:
        copy(group.state, index, ending, n_ending, aside, 0)
        for j in range(n_ending):
            aside.indices[LEFT, j] = left[ending[j]]
        take_last_legs(aside.state, march.ends, outcome, round_up(n_ending), way)
        changes += arrive_together(aside, march.ends, n_ending, k, job)
    passed, changed = meet_ray(group, met, n_met, n_met == n, (k, r), (group, 0), job)
    return passed, changes + changed


@apart
def _march_alone(n, up, k, job):
    """Bring the first n who march to the end of their time, from sector k; returns how many change.

    One by one, in the same way: a leg of a few in vectors takes longer.
    """
    state, indices = job.march.marching
    changes = np.int64(0)
    for i in range(n):
        neuron = state[A, i], state[B, i], state[C, i]
        a, b, c, cell, time, left, arrived = by_legs(
            neuron, k, indices[LEFT, i], up, state[TIME, i], job.frozen, job.tally
        )
        if not arrived:
            a, b, c, cell = go_on(a, b, c, cell, time, left, job.frozen, job.tally)
        p = indices[INDEX, i]
        arrive(a, b, c, cell, p, job)
        changes += cell != job.z.cell[p]
    return changes


@leaf
def _set_out_alone(p, job):
    """Move neuron p, which has gathered but cannot set off; returns whether it changes its cell."""
    z = job.z
    a, b, c = read(z.a, z.b, z.c, p)
    k = np.int64(z.cell[p])
    a, b, c, k, time, left, arrived = set_out(a, b, c, k, job.h, job.frozen, job.maps, job.tally)
    if not arrived:
        a, b, c, k = go_on(a, b, c, k, time, left, job.frozen, job.tally)
    arrive(a, b, c, k, p, job)
    return k != z.cell[p]


@apart
def _set_off(k, left, is_repelled, job):
    """Do what `set_off` does, where there are any."""
    field, rays, march = job.frozen.field, job.frozen.rays, job.march
    counts, group, outcome = march.counts, march.start, march.outcome
    n, n_rays = counts[GATHERED], rays.shape[0]
    changes = np.int64(0)
    if counts[WAITING] + n > ROOM:
        changes += march_all(job)
    if n <= FEW:
        for i in range(n):
            changes += _set_out_alone(group.indices[INDEX, i], job)
        counts[GATHERED] = 0
        return changes
    up, down = k, k - 1 if k > 0 else n_rays - 1
    set_out_together(
        group.state, march.after, outcome, round_up(n), job.h,
        (field[k, NX], field[k, N1], field[k, SIZE]),
        ((rays[up, UX], rays[up, U1], rays[up, XJ]), left != up),
        ((rays[down, UX], rays[down, U1], rays[down, XJ]), left != down),
    )  # fmt: skip
    # lists that are written without a branch, which would often be mispredicted
    lists, n_up, n_down, n_open = march.lists, 0, 0, 0
    for i in range(n):
        lists[UP, n_up] = lists[DOWN, n_down] = lists[2, n_open] = i
        n_up += outcome[i] == UP
        n_down += outcome[i] == DOWN
        n_open += outcome[i] == OPEN
    for j in range(n_open):
        changes += _set_out_alone(group.indices[INDEX, lists[2, j]], job)
    job.tally[REPULSORS] += is_repelled * (n - n_open)
    for sense in range(2):
        r, met = (up, n_up) if sense == UP else (down, n_down)
        if met > 0:
            to = march.waiting, counts[WAITING]
            passed, changed = meet_ray(group, lists[sense], met, met == n, (k, r), to, job)
            changes += changed
            if passed > 0:
                _add_run(passed, _station_of(k, sense == UP, n_rays // 2) + 1, march)
    counts[GATHERED] = 0
    return changes


@inlined
def set_off(k, left, is_repelled, job):
    """Let those who have gathered set off in sector k; returns how many change their cell.

    ``left`` is the ray that has let them go, or -1 if none has, and ``is_repelled`` says whether it
    is a repulsor for them. Those that pass a ray wait, and do not count.
    """
    return _set_off(k, left, is_repelled, job) if job.march.counts[GATHERED] > 0 else 0


@inlined
def make_way(n, job):
    """Let those who wait march if there is no place for n more; returns how many change."""
    return march_all(job) if job.march.counts[WAITING] > ROOM - n else np.int64(0)


@apart
def march_all(job):
    """Let those who wait march to the end of their time; returns how many change their cell.

    Their states are stored and added to the moments of the pass.
    """
    s, march = job.frozen.x.size, job.march
    counts, heads, runs = march.counts, march.heads, march.runs
    (state, indices), (waiting, waiting_indices) = march.marching, march.waiting
    changes = n = np.int64(0)
    station, left = counts[FIRST], counts[WAITING]
    while left > 0 or n > 0:
        run = heads[station] if left > 0 else -1
        heads[station] = -1
        while run >= 0:
            first, size = runs[BEGIN, run], runs[END, run] - runs[BEGIN, run]
            for row in range(TIME + 1):
                for i in range(size):
                    state[row, n + i] = waiting[row, first + i]
            for row in range(LEFT + 1):
                for i in range(size):
                    indices[row, n + i] = waiting_indices[row, first + i]
            n += size
            left -= size
            run = runs[NEXT, run]
        if n > FEW:
            n, changed = _through_sector(n, station < 2 * s, _sector_of(station, s), job)
            changes += changed
        elif n > 0:
            changes += _march_alone(n, station < 2 * s, _sector_of(station, s), job)
            n = np.int64(0)
        station += 1
    counts[WAITING] = counts[RUNS] = 0
    counts[FIRST] = 4 * s
    return changes
