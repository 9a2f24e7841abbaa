"""Many steps of the exact flow without a return to Python.

``host.control`` says what a step is, what `Control` holds, and which outcomes are returned.
"""

import numpy as np

from .._jit import driver, views
from ..host.control import (
    ARRIVED,
    BEGIN,
    CHANGES,
    END,
    LOST_INSIDE,
    NEXT,
    UNDER_WAY,
    UNSORTED,
    begin_next,
    first_mean,
    foretell,
    is_inside,
    is_pending,
    judge,
    mean_up_to,
    wants_second,
)
from ..host.decay import set_sigma
from ..host.field import field
from ..host.step_errors import (
    first_errors,
    is_overshot,
    is_raised,
    second_error,
    second_mean,
    third_of_change,
)
from ..host.steps import passes_with, steps_by_passes
from ..records import Arrival, Control, Limits, Places, Regions, Samples, rows_of
from .halving import halve_if_due
from .passes import exact_pass, pass_alone
from .slots import sort_slots

SORT_SHARE = 0.05
"""Slots are sorted again after more changes of cell than this share of all neurons."""


@driver
def _is_sort_due(order, counts, m):
    """Whether slots are to be sorted again before the next step; if so, the count starts anew."""
    counts[UNSORTED] += counts[CHANGES]
    due = order.members.shape[1] > 1 and counts[UNSORTED] > SORT_SHARE * m
    if due:
        counts[UNSORTED] = 0
    return due


_rows = views(rows_of)


@driver
def _take_steps(flow, places, samples, control, limits, shown):
    """Do what `boost_steps` does, in a process that has all neurons, with plain tuples.

    The twin of this loop is ``host.steps.steps_by_passes``.
    """
    begin, end, first, last, change = flow
    begin, end = _rows(begin), _rows(end)
    first = Arrival(first[0], first[1], first[2], first[3], first[4])
    last = Arrival(last[0], last[1], last[2], last[3], last[4])
    order = Places(places[0], places[1], places[2], places[3])
    regions = Regions(order.slots, order.start)
    samples = Samples(samples[0], samples[1], samples[2])
    control = Control(control[0], control[1])
    limits = Limits(limits[0], limits[1], limits[2], limits[3], limits[4])
    xt, s = samples.xt, samples.x.size
    mean, better, g = np.empty(s), np.empty(s), np.empty((2 * s, 2))
    status, trials = UNDER_WAY, 0
    while status == UNDER_WAY:
        if control.clock[END] >= limits.until:
            status = ARRIVED
            break
        if trials == limits.most_trials:
            break
        trials += 1
        if is_pending(control):
            begin, end = end, begin
            begin_next(first, last, change, control)
            if _is_sort_due(order, control.counts, begin.a.size):
                sort_slots(begin, order)
            halve_if_due(begin, order.slots, first.sigma)
        status = first_mean(first, change, samples, control, limits, mean)
        if status != UNDER_WAY:
            break
        error, h = np.inf, control.clock[NEXT]
        set_sigma(first, last, limits.decay, h)
        field(mean, xt, g)
        changes = pass_alone(begin, end, regions, g, h, samples, last)
        if changes >= 0:
            of_field, error = first_errors(first, last, samples, h, limits, mean, better)
            is_rescue = is_overshot(error, first, last, samples, h, limits.decay)
            if wants_second(of_field, error, is_rescue, control, limits):
                before = last.residual.copy()
                third_of_change(first, last, 1.0, change)
                mean, better = better, mean
                field(mean, xt, g)
                changes, error = pass_alone(begin, end, regions, g, h, samples, last), np.inf
                if changes >= 0:
                    error = second_error(first, last, before, is_rescue, samples, h, limits, mean)
            control.counts[CHANGES] = changes
        status = judge(control, error, limits)
        if not is_pending(control):
            foretell(first, last, changes >= 0, h, change, xt, control)
    if status == ARRIVED and is_inside(control, limits.until):
        h, neurons, arrival = limits.until - control.clock[BEGIN], _rows(shown[0]), shown[1]
        there = Arrival(arrival[0], arrival[1], arrival[2], arrival[3], arrival[4])
        set_sigma(first, there, limits.decay, h)
        is_shown = mean_up_to(first, change, samples, control, limits, mean)
        if is_shown:
            field(mean, xt, g)
            is_shown = pass_alone(begin, neurons, regions, g, h, samples, there) >= 0
        if is_shown and is_raised(first, there, samples, h, limits):
            second_mean(first, there, samples, h, limits, mean)
            field(mean, xt, g)
            is_shown = pass_alone(begin, neurons, regions, g, h, samples, there) >= 0
            is_shown = is_shown and not is_raised(first, there, samples, h, limits)
        status = ARRIVED if is_shown else LOST_INSIDE
    return status


def boost_steps(flow, order, samples, control, limits, shown, whole=None):
    """Take steps until one of them holds the time ``limits.until``, or the trials are used up.

    A step that is pending on entry is resumed. The state at a time inside a step is shown without
    ending the step. Where the motion is not unique, its own field decides: for delta > 0 a neuron
    may be shown dead, or at rest in the origin, that the end of the step has elsewhere.

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
    shown : Shown
        Overwritten with the state at ``limits.until``, if that is inside the last step.
    whole : Whole, optional
        Needed where the arrays are a part of the neurons; passes then return to Python for the sums
        over all parts.

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK`, `OVERFLOWN` or `LOST_INSIDE`.
    """
    if whole is None:
        begin, end, first, last, change = flow
        return _take_steps(
            (tuple(begin), tuple(end), tuple(first), tuple(last), change),
            (order.slots, order.ident, order.start, order.members),
            tuple(samples),
            tuple(control),
            tuple(limits),
            (tuple(shown.neurons), tuple(shown.arrival)),
        )
    run_pass = passes_with(exact_pass, order, samples, whole)

    def make_ready(begin):
        if _is_sort_due(order, control.counts, whole.m):
            sort_slots(rows_of(begin), order)
        halve_if_due(rows_of(begin), order.slots, flow.first.sigma)

    return steps_by_passes(flow, run_pass, make_ready, samples, control, limits, shown)
