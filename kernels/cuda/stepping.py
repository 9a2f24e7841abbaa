"""Many steps of the exact flow: passes on the device, what lies between them on the host.

The steps are those of `cpu.stepping`, which says what ``clock`` and ``counts`` hold and what is
returned.
"""

import numpy as np

from .. import cpu
from ..cpu.stepping import CHANGES, NEXT, steps_by_passes
from .advance import advance
from .slots import sort_slots

SORT_SHARE = 0.05
"""Neurons are sorted again when the rest of a pass, in units of all, has grown by so much."""


def boost_steps(
    a, b, c, cell, a1, b1, c1, cell1, ident, slots, start, members, x, y, clock, counts,
    rho, covariances, tally, rho1, covariances1, tally1, change, allowed, fixed, until, most_trials,
    whole=None,
):  # fmt: skip
    """Take steps until one of them holds a time, or this many trials are made.

    As `cpu.boost_steps`; arrays of the size of the state are the device's.
    """
    g, changes = np.empty((2 * x.size, 2)), np.zeros(1, np.int64)

    def a_pass(begin, end, keep, mean, residual, covariances, events):
        cpu.field(mean, x, g)
        done = advance(
            *begin, *end, slots, start, keep, g, x, y, clock[NEXT], residual, covariances, events,
            changes, whole,
        )  # fmt: skip
        if keep and done:
            counts[CHANGES] = changes[0]
        return done

    def sort_if_due(begin):
        if slots.pace.is_over(SORT_SHARE * slots.m):
            sort_slots(*begin, ident, slots, start, members)

    return steps_by_passes(
        (a, b, c, cell), (a1, b1, c1, cell1), a_pass, sort_if_due, x, clock, counts,
        (rho, covariances, tally), (rho1, covariances1, tally1), change, allowed, fixed, until,
        most_trials,
    )  # fmt: skip
