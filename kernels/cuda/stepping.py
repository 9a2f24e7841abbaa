"""Many steps of the exact flow: passes on the device, what lies between them on the host.

The steps are those of `cpu.stepping`, which says what ``clock`` and ``counts`` hold and what is
returned.
"""

import numpy as np

from .. import cpu
from ..cpu.stepping import (
    ARRIVED,
    BEGIN,
    CHANGES,
    END,
    EXCHANGES,
    NEXT,
    UNDER_WAY,
    first_mean,
    judge,
    rms,
    second_mean,
)
from .advance import advance
from .slots import sort_slots

SORT_SHARE = 0.05
"""Neurons are sorted again when the rest of a pass, in units of all, has grown by so much."""


def boost_steps(
    a, b, c, cell, a1, b1, c1, cell1, ident, slots, start, members, x, y, clock, counts,
    rho, covariances, tally, rho1, covariances1, tally1, change, allowed, fixed, until, most_trials,
):  # fmt: skip
    """Take steps until one of them holds a time, or this many trials are made.

    As `cpu.boost_steps`; arrays of the size of the state are the device's.
    """
    s = x.size
    begin, end = (a, b, c, cell), (a1, b1, c1, cell1)
    mean, g = np.empty(s), np.empty((2 * s, 2))
    rho_first, covariances_first = np.empty(s), np.empty((2 * s, 3))
    changes = np.zeros(1, np.int64)
    status, trials = UNDER_WAY, 0
    while status == UNDER_WAY:
        if clock[END] >= until:
            return ARRIVED
        if trials == most_trials:
            break
        trials += 1
        if clock[END] > clock[BEGIN]:
            begin, end = end, begin
            counts[EXCHANGES] += 1
            rho[:], covariances[:] = rho1, covariances1
            tally += tally1
            clock[BEGIN] = clock[END]
            if slots.pace.is_over(SORT_SHARE * slots.m):
                sort_slots(*begin, ident, slots, start, members)
        status = first_mean(clock, rho, covariances, x, allowed, mean)
        if status != UNDER_WAY:
            break
        cpu.field(mean, x, g)
        error = np.inf
        if advance(
            *begin, *end, slots, start, False, g, x, y, clock[NEXT], rho_first, covariances_first,
            tally1, changes,
        ) and second_mean(
            clock, rho, covariances, covariances_first, x, allowed, change, mean
        ):  # fmt: skip
            cpu.field(mean, x, g)
            if advance(
                *begin, *end, slots, start, True, g, x, y, clock[NEXT], rho1, covariances1, tally1,
                changes,
            ):  # fmt: skip
                error = rms(rho1, rho_first) / allowed
                counts[CHANGES] = changes[0]
        status = judge(clock, counts, error, fixed)
    return status
