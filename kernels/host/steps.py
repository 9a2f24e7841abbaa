"""Steps of the exact flow whose passes return to Python: on a device, or with many ranks."""

import numpy as np

from ..events import TALLIES
from ..records import Arrival
from .control import (
    ARRIVED,
    BEGIN,
    CHANGES,
    END,
    NEXT,
    OVERFLOWN_INSIDE,
    UNDER_WAY,
    begin_next,
    first_mean,
    is_inside,
    is_pending,
    judge,
    mean_up_to,
    rms,
    second_mean,
)


def steps_by_passes(flow, run_pass, sort_if_due, xt, control, limits, shown):
    """Take steps until one of them holds the time ``limits.until``, or the trials are used up.

    This is the twin, statement by statement, of the compiled loop in ``cpu.steps``.

    Parameters
    ----------
    flow : Flow
        Modified in place; its neurons may live on a device. After an odd number of exchanges the
        begin is in the arrays of the end and vice versa.
    run_pass : callable
        ``run_pass(begin, end, keep, mean, h, arrival) -> int`` moves all neurons for the time h in
        the field of the residuals ``mean``; returns how many have changed their cell, -1 if the
        pass has failed.
    sort_if_due : callable
        ``sort_if_due(begin)`` is called before a step that starts from ``begin``.
    xt : (s, 2) float64
        See ``field``.
    control : Control
        Modified in place.
    limits : Limits
    shown : Shown
        Overwritten with the state at ``limits.until``, if that is inside the last step.

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK`, `OVERFLOWN` or `OVERFLOWN_INSIDE`.
    """
    s = xt.shape[0]
    begin, end, first, last, change = flow
    mean = np.empty(s)
    trial = Arrival(np.empty(s), np.empty((2 * s, 3)), np.zeros(TALLIES, np.int64))
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
            begin_next(first, last, control)
            sort_if_due(begin)
        status = first_mean(first, xt, control, limits, mean)
        if status != UNDER_WAY:
            break
        error, h = np.inf, control.clock[NEXT]
        if run_pass(begin, end, False, mean, h, trial) >= 0 and second_mean(
            first, trial, change, xt, control, limits, mean
        ):
            changes = run_pass(begin, end, True, mean, h, last)
            if changes >= 0:
                error = rms(last.residual, trial.residual) / limits.allowed
                control.counts[CHANGES] = changes
        status = judge(control, error, limits.fixed)
    if status == ARRIVED and is_inside(control, limits.until):
        status, h = OVERFLOWN_INSIDE, limits.until - control.clock[BEGIN]
        if (
            mean_up_to(first, change, xt, control, limits, mean)
            and run_pass(begin, shown.neurons, True, mean, h, shown.arrival) >= 0
        ):
            status = ARRIVED
    return status
