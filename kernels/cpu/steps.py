"""Many steps of the exact flow without a return to Python.

``host.control`` says what a step is, what `Control` holds, and which outcomes are returned.
"""

import numpy as np

from .._jit import driver
from ..host.control import (
    ARRIVED,
    CHANGES,
    END,
    NEXT,
    UNDER_WAY,
    UNSORTED,
    begin_next,
    first_mean,
    is_pending,
    judge,
    rms,
    second_mean,
)
from ..host.field import field
from ..host.steps import steps_by_passes
from ..records import Arrival, Regions
from .passes import exact_pass, pass_alone
from .slots import sort_slots

SORT_SHARE = 0.02
"""Slots are sorted again after more changes of cell than this share of all neurons."""


@driver
def _is_sort_due(order, counts, m):
    """Whether slots are to be sorted again before the next step; if so, the count starts anew."""
    counts[UNSORTED] += counts[CHANGES]
    due = order.members.shape[1] > 1 and counts[UNSORTED] > SORT_SHARE * m
    if due:
        counts[UNSORTED] = 0
    return due


@driver
def _take_steps(flow, order, samples, control, limits):
    """Do what `boost_steps` does, in a process that has all neurons.

    The twin of this loop is ``host.steps.steps_by_passes``.
    """
    x, s = samples.x, samples.x.size
    begin, end, first, last, change = flow
    regions = Regions(order.slots, order.start)
    mean, g = np.empty(s), np.empty((2 * s, 2))
    trial = Arrival(np.empty(s), np.empty((2 * s, 3)), np.zeros_like(last.tally))
    status, trials = UNDER_WAY, 0
    # literals would be types of their own, and a pass be compiled for each of them
    look, keep = np.bool_(False), np.bool_(True)
    while status == UNDER_WAY:
        if control.clock[END] >= limits.until:
            return ARRIVED
        if trials == limits.most_trials:
            break
        trials += 1
        if is_pending(control):
            begin, end = end, begin
            begin_next(first, last, control)
            if _is_sort_due(order, control.counts, begin.a.size):
                sort_slots(begin, order)
        status = first_mean(first, x, control, limits, mean)
        if status != UNDER_WAY:
            break
        error, h = np.inf, control.clock[NEXT]
        field(mean, x, g)
        if pass_alone(begin, end, look, regions, g, h, samples, trial) >= 0 and second_mean(
            first, trial, change, x, control, limits, mean
        ):
            field(mean, x, g)
            changes = pass_alone(begin, end, keep, regions, g, h, samples, last)
            if changes >= 0:
                error = rms(last.residual, trial.residual) / limits.allowed
                control.counts[CHANGES] = changes
        status = judge(control, error, limits.fixed)
    return status


def boost_steps(flow, order, samples, control, limits, whole=None):
    """Take steps until one of them holds the time ``limits.until``, or the trials are used up.

    A step that is pending on entry is resumed.

    Parameters
    ----------
    flow : Flow
        In the network metric. Modified in place; after an odd number of exchanges the begin is in
        the arrays of the end and vice versa.
    order : Order
        Modified in place where slots are sorted again.
    samples : Samples
    control : Control
        Modified in place.
    limits : Limits
    whole : Whole, optional
        Needed where the arrays are a part of the neurons; passes then return to Python for the sums
        over all parts.

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK` or `OVERFLOWN`.
    """
    if whole is None:
        return _take_steps(flow, order, samples, control, limits)
    g = np.empty((2 * samples.x.size, 2))

    def run_pass(begin, end, keep, mean, arrival):
        field(mean, samples.x, g)
        return exact_pass(begin, end, keep, order, g, control.clock[NEXT], samples, arrival, whole)

    def sort_if_due(begin):
        if _is_sort_due(order, control.counts, whole.m):
            sort_slots(begin, order)

    return steps_by_passes(flow, run_pass, sort_if_due, samples.x, control, limits)
