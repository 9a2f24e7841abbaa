"""The controller of the exact flow: which trial comes next, and what becomes of it.

A trial step of length h is a pass over the neurons in the field of a mean residual
(``mean_residual``), that of the tangent kernel ``H_0 + D`` with D a third of the change of H that
the step before foretells. Where the pass arrives, H_1 is known, and with it the mean residual of
``H_0 + (H_1 - H_0) / 3``; if that is too far from the first, a second pass follows in its field.
``particleflow.integrators.boost`` has the reasons. All that costs O(s) is here; the loop over
trials is in ``cpu.steps`` and, for passes that return to Python, in ``host.steps``.

`Control` has two arrays. The elements of ``clock``, float64, are `BEGIN` and `END` of the present
step (equal if none is pending), `NEXT` (the length of the next trial) and `LAST_ERROR`. Those of
``counts``, int64, are `STEPS`, `REJECTED`, `HAS_REJECTED` (whether a trial was rejected since the
last accepted step), `UNSORTED` (changes of cell since the slots were sorted), `CHANGES` (of cell in
the last trial) and `EXCHANGES` (of begin and end).
"""

import math

import numpy as np

from .._jit import driver
from .field import residual_rate
from .mean_residual import mean_residual

BEGIN, END, NEXT, LAST_ERROR = range(4)
STEPS, REJECTED, HAS_REJECTED, UNSORTED, CHANGES, EXCHANGES = range(6)

ARRIVED, UNDER_WAY, UNTAME, SHRUNK, OVERFLOWN, OVERFLOWN_INSIDE = range(6)
"""Outcomes of ``boost_steps``: a step holds the time that was asked for; the trials are used up;
the tangent kernel is too large to compute with; the step is shorter than rounding of the time; a
fixed step led to a state that is not finite; a step holds the time, where the state is not finite,
although it is at the step's end."""

ORDER = 3  # of the error estimate in the step, 2 to 3 where neurons meet rays
AIM = 0.3  # error to steer for, in units of the tolerance
ENOUGH = 0.2
"""Error of the field, in units of the tolerance, above which a trial gets a second pass."""
PROPORTIONAL, INTEGRAL = 0.6 / ORDER, 0.2 / ORDER
SMALLEST, LARGEST = 0.2, 3.0
SAFETY = 0.8  # of a step after a rejected one
MOST_GROWTH = 2.0
"""Of the traces of all Sigma_k, up to which a second pass may rescue a trial."""
LEAST_STEP = 16.0 * 2.0**-52  # in units of the time, of which 2**-52 is the rounding
TINY = 1e-250  # a shortest step also at time 0
LINEAR_SHARE = 1e-3
"""Share of the tolerance that is left to the Krylov approximation."""


@driver
def _largest(values):
    """The largest absolute value; NaN if one is NaN."""
    largest = 0.0
    for j in range(values.size):
        size = abs(values[j])
        if not size <= largest:  # so written, NaN counts as the largest
            largest = size
        if np.isnan(largest):
            break
    return largest


@driver
def _rms(values):
    """The root mean square; squares cannot overflow in it."""
    largest = _largest(values)
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    total = 0.0
    for j in range(values.size):
        total += (values[j] / largest) ** 2
    return largest * math.sqrt(total / values.size)


@driver
def is_tame(covariances, rho, xt):
    """Whether the norms of H and of its products with residuals cannot overflow."""
    total = 0.0
    for k in range(covariances.shape[0]):
        for l in range(3):
            total += abs(covariances[k, l])
    longest = 0.0
    for j in range(xt.shape[0]):
        longest = max(longest, abs(xt[j, 0]) + abs(xt[j, 1]))
    size = total * longest**2 * xt.shape[0]
    return np.isfinite((size * (1.0 + _largest(rho))) ** 2)


@driver
def is_pending(control):
    """Whether the present step ends where no other has begun yet."""
    return control.clock[END] > control.clock[BEGIN]


@driver
def third_of_change(first, last, share, change):
    """Write (H_1 - H_0) / 3, from ``first`` to ``last``, times ``share`` into ``change``."""
    for k in range(change.shape[0]):
        for l in range(3):
            change[k, l] = share * ((last.covariances[k, l] - first.covariances[k, l]) / 3.0)


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
    for n in range(first.tally.size):
        first.tally[n] += last.tally[n]
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
def _changed(covariances, share, change):
    """The covariances after this share of a change."""
    out = np.empty(covariances.shape)
    for k in range(out.shape[0]):
        for l in range(out.shape[1]):
            out[k, l] = covariances[k, l] + share * change[k, l]
    return out


@driver
def first_mean(first, change, xt, control, limits, mean):
    """Write the mean residual for the first pass of a trial into ``mean``.

    ``change`` is D; it is set to 0 if it leads too far. Returns `UNDER_WAY`, or `UNTAME` or
    `SHRUNK` if there can be no such pass.
    """
    clock, (rho, covariances, _) = control.clock, first
    h = clock[NEXT]
    status = UNDER_WAY
    if not is_tame(covariances, rho, xt):
        status = UNTAME
    elif not h > LEAST_STEP * clock[BEGIN] + TINY:
        status = SHRUNK
    else:
        changed = _changed(covariances, 1.0, change)
        if not is_tame(changed, rho, xt):
            changed = covariances
            for k in range(change.shape[0]):
                for l in range(3):
                    change[k, l] = 0.0
        mean_residual(changed, rho, xt, h, LINEAR_SHARE * limits.allowed, mean)
    return status


@driver
def second_mean(first, last, xt, h, limits, mean):
    """Write the mean residual for a second pass over the time h into ``mean``.

    It is that of H_0 + (H_1 - H_0) / 3; ``last`` is the `Arrival` of the first pass.
    """
    change = np.empty(last.covariances.shape)
    third_of_change(first, last, 1.0, change)
    changed = _changed(first.covariances, 1.0, change)
    accuracy = LINEAR_SHARE * limits.allowed
    mean_residual(changed, first.residual, xt, h, accuracy, mean)


@driver
def _product(covariances, vector, xt, h):
    """The product h H v."""
    work, out = np.empty((covariances.shape[0], 2)), np.empty(vector.size)
    residual_rate(covariances, vector, xt, work, out)
    for j in range(out.size):
        out[j] *= -h
    return out


@driver
def _worse(one, two):
    """The larger of two errors; NaN if one is NaN."""
    return one if one > two or np.isnan(one) else two


@driver
def _bound(error, most):
    """The error, or ``most`` if it is larger but finite: what is not finite stays so."""
    return most if np.isfinite(error) and error > most else error


@driver
def _error_of_kernel(first, last, middle, xt, h, mean):
    """rms(rho_1 - (rho_0 - h H mean)) with the covariances ``middle`` of H: see `first_errors`."""
    error = _product(middle, mean, xt, h)
    for j in range(error.size):
        error[j] += last.residual[j] - first.residual[j]
    return _rms(error)


@driver
def _bounds(first, last):
    """The least and the largest error that residuals may have, since the flow lowers the loss."""
    before, after = _rms(first.residual), _rms(last.residual)
    return after - before, after + before


@driver
def first_errors(first, last, xt, h, limits, mean, better):
    """Errors of a trial after its first pass, in units of the tolerance.

    There are two, with H the mean of H_0 and H_1. That of the field, rms(h H (better - mean)),
    says how far a second pass would arrive from the first; ``better`` is its `second_mean`. That of
    the kernel, rms(rho_1 - (rho_0 - h H mean)), says how far the
    change of H is from linear. Neurons that are released in the step, or cross a ray together, are
    seen in the second only, since they move alike in both fields. The loss does not grow in the
    flow, so that the error is at least rms(rho_1) - rms(rho_0), and at most the sum of both, which
    is less than either estimate where residuals are small and H is large.

    Parameters
    ----------
    first, last : Arrival
        At the begin of the step, and at the end of the pass.
    xt : (s, 2) float64
    h : float
        Length of the trial.
    limits : Limits
    mean : (s,) float64
        The mean residual in whose field the pass was made.
    better : (s,) float64
        Overwritten with the `second_mean`.

    Returns
    -------
    tuple of float
        The error of the field, and the larger of both, within these bounds. They are infinite if
        H_1 is too large to compute with, and NaN if a product with it is.
    """
    s = xt.shape[0]
    if not is_tame(last.covariances, first.residual, xt):
        return np.inf, np.inf
    second_mean(first, last, xt, h, limits, better)
    difference, change = np.empty(s), np.empty(last.covariances.shape)
    for j in range(s):
        difference[j] = better[j] - mean[j]
    third_of_change(first, last, 1.5, change)
    middle = _changed(first.covariances, 1.0, change)
    of_field = _rms(_product(middle, difference, xt, h))
    error = _worse(of_field, _error_of_kernel(first, last, middle, xt, h, mean))
    least, most = _bounds(first, last)
    return _bound(of_field, most) / limits.allowed, (
        _worse(_bound(error, most), least) / limits.allowed
    )


@driver
def second_error(first, last, before, is_rescue, xt, h, limits, mean):
    """The error of a trial after its second pass, in units of the tolerance.

    It is the larger of the `first_errors` of this pass, or the difference to ``before``, the
    residuals after the first pass, if that is larger still. A second pass that rescues a trial
    (`is_overshot`) is not measured against the first, which was of no use.
    """
    _, error = first_errors(first, last, xt, h, limits, mean, np.empty(mean.size))
    if not is_rescue:
        difference = _bound(_rms(last.residual - before), _bounds(first, last)[1])
        error = _worse(error, difference / limits.allowed)
    return error


@driver
def is_raised(first, last, xt, limits):
    """Whether a pass raised the residuals by more than the tolerance, and can be made again."""
    raised = _rms(last.residual) - _rms(first.residual)
    return raised > limits.allowed and is_tame(last.covariances, first.residual, xt)


@driver
def _size(covariances):
    """The sum of all traces, a measure of the size of the neurons that are not dead."""
    total = 0.0
    for k in range(covariances.shape[0]):
        total += covariances[k, 0] + covariances[k, 2]
    return total


@driver
def is_overshot(error, first, last):
    """Whether a first pass of this error is of no use, and has raised the loss of like neurons.

    In the flow the loss does not grow. Where neurons together come to a ray behind which it rises
    steeply, as it does late in training, a pass in a field that does not know this moves them far
    beyond, whatever the length of the step within reason. The second pass knows it. It must not
    stand in for a shorter step where neurons grow, as they do near the saddle at 0: there it would
    hold them back, and residuals do not show it.
    """
    return (
        1.0 < error < np.inf
        and _rms(last.residual) > _rms(first.residual)
        and _size(last.covariances) < MOST_GROWTH * _size(first.covariances)
    )


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
def mean_up_to(first, change, xt, control, limits, mean):
    """Write the mean residual from the step's begin to ``limits.until`` into ``mean``.

    At the fraction q of a step h the field is that of phi_1(-q h H_q) rho with H_q = H_0 + q D: a
    step of length q h, if H changes linearly. ``change`` is D, with which the step was made.
    Returns whether there can be a pass in this field, for the time q h.
    """
    begin, end = control.clock[BEGIN], control.clock[END]
    h = limits.until - begin
    changed = _changed(first.covariances, h / (end - begin), change)
    if not is_tame(changed, first.residual, xt):
        return False
    mean_residual(changed, first.residual, xt, h, LINEAR_SHARE * limits.allowed, mean)
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
def judge(control, error, fixed):
    """Accept a trial with this error or reject it, and choose the length of the next one.

    Parameters
    ----------
    control : Control
        Modified in place.
    error : float
        Error in units of the tolerance; infinite or NaN if the trial is of no use.
    fixed : float
        Length of all steps, 0 if they are adaptive.

    Returns
    -------
    int
        `UNDER_WAY`, or `OVERFLOWN` if a fixed step had to be rejected.
    """
    clock, counts = control
    h = clock[NEXT]
    if is_of_use(error, fixed):
        counts[STEPS] += 1
        if fixed > 0.0:  # a product, since a sum of steps would drift
            clock[END] = counts[STEPS] * fixed
        else:
            clock[END] = clock[BEGIN] + h
            clock[NEXT] = h * _growth(error, clock, counts)
        return UNDER_WAY
    if fixed > 0.0:
        return OVERFLOWN
    counts[REJECTED] += 1
    counts[HAS_REJECTED] = 1
    factor = SAFETY * error ** (-1.0 / ORDER) if error < np.inf else 0.0
    clock[NEXT] = h * max(SMALLEST, factor)
    return UNDER_WAY
