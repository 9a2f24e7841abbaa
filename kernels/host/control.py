"""The controller of the exact flow: which trial comes next, and what becomes of it.

A trial step of length h is a pass over the neurons in the field of a mean residual
(``mean_residual``), that of the tangent kernel ``H_0 + D`` with D a third of the change of H that
the step before foretells. Where the pass arrives, H_1 is known, and with it the mean residual of
``H_0 + (H_1 - H_0) / 3``; if that is too far from the first, a second pass follows in its field.
``particleflow.integrators.boost`` has the reasons. All that costs O(s) is here and in
``step_errors``; the loop over trials is in ``cpu.steps`` and, for passes that return to Python, in
``host.steps``.

`Control` has two arrays. The elements of ``clock``, float64, are `BEGIN` and `END` of the present
step (equal if none is pending), `NEXT` (the length of the next trial) and `LAST_ERROR`. Those of
``counts``, int64, are `STEPS`, `REJECTED`, `HAS_REJECTED` (whether a trial was rejected since the
last accepted step), `UNSORTED` (changes of cell since the slots were sorted; far below 0
where they must stay as they are), `CHANGES` (of cell in
the last trial) and `EXCHANGES` (of begin and end).
"""

import numpy as np

from .._jit import driver
from .attraction import MOST_TIMES, end_of_attraction
from .decay import MOST_DECAY
from .residual_ode import mean_over
from .step_errors import after_change, is_tame, third_of_change

BEGIN, END, NEXT, LAST_ERROR = range(4)
STEPS, REJECTED, HAS_REJECTED, UNSORTED, CHANGES, EXCHANGES = range(6)

ARRIVED, UNDER_WAY, UNTAME, SHRUNK, OVERFLOWN, LOST_INSIDE = range(6)
"""Outcomes of ``boost_steps``: a step holds the time that was asked for; the trials are used up;
the tangent kernel is too large to compute with; the step is shorter than rounding of the time; a
fixed step led to a state that is not finite; a step holds the time, but the passes from its begin
to that time lead to a state that is not finite or has a larger loss."""

ORDER = 3  # of the error estimate in the step, 2 to 3 where neurons meet rays
AIM = 0.3  # error to steer for, in units of the tolerance
ENOUGH = 0.2
"""Error of the field, in units of the tolerance, above which a trial gets a second pass."""
PROPORTIONAL, INTEGRAL = 0.6 / ORDER, 0.2 / ORDER
SMALLEST, LARGEST = 0.2, 3.0
SAFETY = 0.8  # of a step after a rejected one
LEAST_STEP = 16.0 * 2.0**-52  # in units of the time, of which 2**-52 is the rounding
TINY = 1e-250  # a shortest step also at time 0


@driver
def is_pending(control):
    """Whether the present step ends where no other has begun yet."""
    return control.clock[END] > control.clock[BEGIN]


@driver
def begin_next(first, last, change, control):
    """Let the next step begin where the present one ends; the caller exchanges the neurons.

    ``first`` and ``last`` are the `Arrival` at the begin and at the end of the present step. The
    events of the present step are added to those of ``first``, which has all since the start.
    ``change`` is overwritten with what the present step foretells for the next trial.
    """
    clock = control.clock
    third_of_change(first, last, clock[NEXT] / (clock[END] - clock[BEGIN]), change)
    for j in range(first.residual.size):
        first.residual[j] = last.residual[j]
    for k in range(first.covariances.shape[0]):
        for l in range(3):
            first.covariances[k, l] = last.covariances[k, l]
        first.held[k] = last.held[k]
    for n in range(first.tally.size):
        first.tally[n] += last.tally[n]
    for n in range(first.sigma.size):
        first.sigma[n] = last.sigma[n]
    clock[BEGIN] = clock[END]
    control.counts[EXCHANGES] += 1


@driver
def foretell(first, last, arrived, h, change, xt, control):
    """Overwrite ``change`` with what a rejected trial of length h foretells for the next one.

    ``arrived`` says whether ``last`` is the `Arrival` of a pass that has not failed.
    """
    share = control.clock[NEXT] / h
    if arrived and is_tame(last.covariances, first.residual, xt):
        third_of_change(first, last, share, change)
    else:
        for k in range(change.shape[0]):
            for l in range(3):
                change[k, l] *= share


@driver
def _end_with_attraction(first, change, samples, control, limits, mean):
    """Shorten the next trial to where a sample ceases to attract, if that matters.

    Modifies ``change`` and ``mean`` to what they are for that length.
    """
    clock = control.clock
    for _ in range(MOST_TIMES):
        h = clock[NEXT]
        middle = after_change(first.covariances, 1.5, change)
        end = end_of_attraction(first, middle, mean, samples, h, limits)
        if not LEAST_STEP * clock[BEGIN] + TINY < end < h:
            break
        clock[NEXT] = end
        for k in range(change.shape[0]):
            for l in range(3):
                change[k, l] *= end / h
        changed = after_change(first.covariances, 1.0, change)
        mean_over(changed, first.residual, samples, end, limits, mean)


@driver
def first_mean(first, change, samples, control, limits, mean):
    """Write the mean residual for the first pass of a trial into ``mean``.

    ``change`` is D; it is set to 0 if it leads too far. The trial may become shorter, to end
    where a sample ceases to attract. Returns `UNDER_WAY`, or `UNTAME` or `SHRUNK` if there can be
    no such pass.
    """
    clock, rho, covariances = control.clock, first.residual, first.covariances
    h, xt = clock[NEXT], samples.xt
    status = UNDER_WAY
    if not is_tame(covariances, rho, xt):
        status = UNTAME
    elif not h > LEAST_STEP * clock[BEGIN] + TINY:
        status = SHRUNK
    else:
        changed = after_change(covariances, 1.0, change)
        if not is_tame(changed, rho, xt):
            changed = covariances
            for k in range(change.shape[0]):
                for l in range(3):
                    change[k, l] = 0.0
        mean_over(changed, rho, samples, h, limits, mean)
        if limits.fixed == 0.0:
            _end_with_attraction(first, change, samples, control, limits, mean)
    return status


@driver
def is_of_use(error, fixed):
    """Whether a trial with this error is good enough: any finite one is if the step is fixed."""
    return error <= 1.0 or (fixed > 0.0 and np.isfinite(error))


@driver
def wants_second(of_field, error, is_rescue, control, limits):
    """Whether a trial with these `first_errors` gets a second pass.

    It does if the error of the field is above `ENOUGH`, and the first step always, since nothing
    foretells it. A trial that is going to be rejected gets none, unless to rescue it.
    """
    is_poor = of_field > ENOUGH or control.counts[STEPS] == 0
    return is_poor and (is_rescue or is_of_use(error, limits.fixed))


@driver
def is_inside(control, time):
    """Whether a time lies between the begin and the end of the present step, both excluded."""
    return control.clock[BEGIN] < time < control.clock[END]


@driver
def mean_up_to(first, change, samples, control, limits, mean):
    """Write the mean residual from the step's begin to ``limits.until`` into ``mean``.

    At the fraction q of a step h the field is that of phi_1(-q h H_q) rho with H_q = H_0 + q D: a
    step of length q h, if H changes linearly. ``change`` is D, with which the step was made.
    Returns whether there can be a pass in this field, for the time q h.
    """
    begin, end = control.clock[BEGIN], control.clock[END]
    h = limits.until - begin
    changed = after_change(first.covariances, h / (end - begin), change)
    if not is_tame(changed, first.residual, samples.xt):
        return False
    mean_over(changed, first.residual, samples, h, limits, mean)
    return True


@driver
def _growth(error, clock, counts):
    """The factor by which the next step is longer, after a step with this error was accepted.

    It is that of a proportional-integral controller (E. Hairer and G. Wanner, Solving Ordinary
    Differential Equations II, sec. IV.2), and at most 1 after a rejection. Errors are ragged, since
    single neurons meet rays: the last error damps the answer, and very small errors tell little.
    """
    error = max(error / AIM, 1e-3)
    wish = error**-PROPORTIONAL * clock[LAST_ERROR] ** INTEGRAL
    most = 1.0 if counts[HAS_REJECTED] else LARGEST
    clock[LAST_ERROR] = error
    counts[HAS_REJECTED] = 0
    return min(most, max(SMALLEST, wish))


@driver
def judge(control, error, limits):
    """Accept a trial with this error or reject it, and choose the length of the next one.

    Parameters
    ----------
    control : Control
        Modified in place.
    error : float
        Error in units of the tolerance; infinite or NaN if the trial is of no use.
    limits : Limits

    Returns
    -------
    int
        `UNDER_WAY`, or `OVERFLOWN` if a fixed step had to be rejected.
    """
    clock, counts = control
    h, fixed = clock[NEXT], limits.fixed
    if is_of_use(error, fixed):
        counts[STEPS] += 1
        if fixed > 0.0:  # a product, since a sum of steps would drift
            clock[END] = counts[STEPS] * fixed
        else:
            clock[END] = clock[BEGIN] + h
            clock[NEXT] = h * _growth(error, clock, counts)
            if limits.decay > 0.0:
                clock[NEXT] = min(clock[NEXT], MOST_DECAY / limits.decay)
        return UNDER_WAY
    if fixed > 0.0:
        return OVERFLOWN
    counts[REJECTED] += 1
    counts[HAS_REJECTED] = 1
    factor = SAFETY * error ** (-1.0 / ORDER) if error < np.inf else 0.0
    clock[NEXT] = h * max(SMALLEST, factor)
    return UNDER_WAY
