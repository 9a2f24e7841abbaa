"""Steps of the exact flow whose passes return to Python: on a device, or with many ranks."""

import numpy as np

from ..records import rows_of
from .control import (
    ARRIVED,
    BEGIN,
    CHANGES,
    END,
    LOST_INSIDE,
    NEXT,
    UNDER_WAY,
    begin_next,
    first_mean,
    foretell,
    is_inside,
    is_pending,
    judge,
    mean_up_to,
    wants_second,
)
from .decay import set_sigma
from .field import field
from .step_errors import (
    first_errors,
    is_overshot,
    is_raised,
    second_error,
    second_mean,
    third_of_change,
)


def passes_with(exact_pass, order, samples, whole):
    """The ``run_pass`` of `steps_by_passes`, by the ``exact_pass`` of the CPU or of a device."""
    g = np.empty((2 * samples.x.size, 2))

    def run_pass(begin, end, mean, h, arrival):
        field(mean, samples.xt, g)
        begin, end = rows_of(begin), rows_of(end)
        return exact_pass(begin, end, order, g, h, samples, arrival, whole)

    return run_pass


def steps_by_passes(flow, run_pass, make_ready, samples, control, limits, shown):
    """Take steps until one of them holds the time ``limits.until``, or the trials are used up.

    This is the twin, statement by statement, of the compiled loop in ``cpu.steps``.

    Parameters
    ----------
    flow : Flow
        Modified in place; its neurons may live on a device. After an odd number of exchanges the
        begin is in the arrays of the end and vice versa.
    run_pass : callable
        ``run_pass(begin, end, mean, h, arrival) -> int`` moves all neurons for the time h in the
        field of the residuals ``mean``; returns how many have changed their cell, -1 if the pass
        has failed.
    make_ready : callable
        ``make_ready(begin)`` is called before a step that starts from ``begin``: it sorts these
        neurons, and halves them (``decay``), where that is due.
    samples : Samples
    control : Control
        Modified in place.
    limits : Limits
    shown : Shown
        Overwritten with the state at ``limits.until``, if that is inside the last step.

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK`, `OVERFLOWN` or `LOST_INSIDE`.
    """
    begin, end, first, last, change = flow
    xt = samples.xt
    mean, better = np.empty(xt.shape[0]), np.empty(xt.shape[0])
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
            make_ready(begin)
        status = first_mean(first, change, samples, control, limits, mean)
        if status != UNDER_WAY:
            break
        error, h = np.inf, control.clock[NEXT]
        set_sigma(first, last, limits.decay, h)
        changes = run_pass(begin, end, mean, h, last)
        if changes >= 0:
            of_field, error = first_errors(first, last, samples, h, limits, mean, better)
            is_rescue = is_overshot(error, first, last, samples, h, limits.decay)
            if wants_second(of_field, error, is_rescue, control, limits):
                before = last.residual.copy()
                third_of_change(first, last, 1.0, change)
                mean, better = better, mean
                changes, error = run_pass(begin, end, mean, h, last), np.inf
                if changes >= 0:
                    error = second_error(first, last, before, is_rescue, samples, h, limits, mean)
            control.counts[CHANGES] = changes
        status = judge(control, error, limits)
        if not is_pending(control):
            foretell(first, last, changes >= 0, h, change, xt, control)
    if status == ARRIVED and is_inside(control, limits.until):
        h, (neurons, there) = limits.until - control.clock[BEGIN], shown
        set_sigma(first, there, limits.decay, h)
        is_shown = (
            mean_up_to(first, change, samples, control, limits, mean)
            and run_pass(begin, neurons, mean, h, there) >= 0
        )
        if is_shown and is_raised(first, there, samples, h, limits):
            second_mean(first, there, samples, h, limits, mean)
            is_shown = run_pass(begin, neurons, mean, h, there) >= 0
            is_shown = is_shown and not is_raised(first, there, samples, h, limits)
        status = ARRIVED if is_shown else LOST_INSIDE
    return status
