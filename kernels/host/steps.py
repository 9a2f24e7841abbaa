"""Steps of the exact flow whose passes return to Python: on a device, or with many ranks."""

import numpy as np

from ..records import Arrival
from .control import (
    ARRIVED,
    CHANGES,
    END,
    UNDER_WAY,
    begin_next,
    first_mean,
    is_pending,
    judge,
    rms,
    second_mean,
)


def steps_by_passes(flow, run_pass, sort_if_due, x, control, limits):
    """Take steps until one of them holds the time ``limits.until``, or the trials are used up.

    This is the twin, statement by statement, of the compiled loop in ``cpu.steps``.

    Parameters
    ----------
    flow : Flow
        Modified in place; its neurons may live on a device. After an odd number of exchanges the
        begin is in the arrays of the end and vice versa.
    run_pass : callable
        ``run_pass(begin, end, keep, mean, arrival) -> int`` moves all neurons in the field of the
        residuals ``mean``; returns how many have changed their cell, -1 if the pass has failed.
    sort_if_due : callable
        ``sort_if_due(begin)`` is called before a step that starts from ``begin``.
    x : (s,) float64
    control : Control
        Modified in place.
    limits : Limits

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK` or `OVERFLOWN`.
    """
    s = x.size
    begin, end, first, last, change = flow
    mean = np.empty(s)
    trial = Arrival(np.empty(s), np.empty((2 * s, 3)), np.zeros_like(last.tally))
    status, trials = UNDER_WAY, 0
    while status == UNDER_WAY:
        if control.clock[END] >= limits.until:
            return ARRIVED
        if trials == limits.most_trials:
            break
        trials += 1
        if is_pending(control):
            begin, end = end, begin
            begin_next(first, last, control)
            sort_if_due(begin)
        status = first_mean(first, x, control, limits, mean)
        if status != UNDER_WAY:
            break
        error = np.inf
        if run_pass(begin, end, False, mean, trial) >= 0 and second_mean(
            first, trial, change, x, control, limits, mean
        ):
            changes = run_pass(begin, end, True, mean, last)
            if changes >= 0:
                error = rms(last.residual, trial.residual) / limits.allowed
                control.counts[CHANGES] = changes
        status = judge(control, error, limits.fixed)
    return status
