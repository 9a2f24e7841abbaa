"""Many steps of the exact flow without a return to Python.

A trial step of length h is two passes over the neurons (``advance``), each in the field of a mean
residual (``mean_residual``): the first of H_0, the second of ``H_0 + (H_1 - H_0) / 3`` with H_1 the
tangent kernel that the first arrives at. Its error is the difference between the residuals of the
two. ``particleflow.integrators.boost`` has the reasons. `first_mean`, `second_mean` and `judge` are
what lies between the passes, so that others can drive passes of their own with them.

``clock`` is float64 with the columns `BEGIN`, `END` (of the present step; equal if none is
pending), `NEXT` (length of the next trial) and `LAST_ERROR`; ``counts`` is int64 with `STEPS`,
`REJECTED`, `HAS_REJECTED` (since the last accepted step), `UNSORTED` (changes of cell since the
slots were sorted), `CHANGES` (in the pending step) and `EXCHANGES` of begin and end.
"""

import math

import numpy as np

from .._jit import driver
from .advance import advance, advance_alone
from .field import field
from .mean_residual import mean_residual
from .slots import sort_slots

BEGIN, END, NEXT, LAST_ERROR = range(4)
STEPS, REJECTED, HAS_REJECTED, UNSORTED, CHANGES, EXCHANGES = range(6)

ARRIVED, UNDER_WAY, UNTAME, SHRUNK, OVERFLOWN = range(5)
"""What `boost_steps` returns: a step holds the time asked for; trials are used up; the tangent
kernel is too large; the step is below rounding; a fixed step led to what is not finite."""

ORDER = 3  # of the error estimate in the step, 2 to 3 where neurons meet rays
AIM = 0.5  # error to steer for, in units of the tolerance
PROPORTIONAL, INTEGRAL = 0.6 / ORDER, 0.2 / ORDER
SMALLEST, LARGEST = 0.2, 3.0
SAFETY = 0.8  # of a step after a rejected one
LEAST_STEP = 16.0 * 2.0**-52
TINY = 1e-250
LINEAR_SHARE = 1e-3
"""Share of the tolerance that is left to the Krylov approximation."""
SORT_SHARE = 0.02
"""Slots are sorted again when this share of the neurons has changed cell since they were."""


@driver
def rms(one, two):
    """Root mean square of a difference, which may be as large as it likes."""
    largest = 0.0
    for j in range(one.size):
        size = abs(one[j] - two[j])
        if not size <= largest:
            largest = size
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    total = 0.0
    for j in range(one.size):
        total += ((one[j] - two[j]) / largest) ** 2
    return largest * math.sqrt(total / one.size)


@driver
def is_tame(covariances, rho, x):
    """Whether the norms of H and of its products with residuals cannot overflow."""
    size = np.sum(np.abs(covariances)) * (1.0 + np.abs(x).max()) ** 2 * x.size
    return np.isfinite((size * (1.0 + np.abs(rho).max())) ** 2)


@driver
def first_mean(clock, rho, covariances, x, allowed, mean):
    """Mean residual of the first pass of a trial into ``mean``; `UNDER_WAY` or what forbids it."""
    h = clock[NEXT]
    status = UNDER_WAY
    if not is_tame(covariances, rho, x):
        status = UNTAME
    elif not h > LEAST_STEP * clock[BEGIN] + TINY:
        status = SHRUNK
    else:
        mean_residual(covariances, rho, x, h, LINEAR_SHARE * allowed, mean)
    return status


@driver
def second_mean(clock, rho, covariances, covariances1, x, allowed, change, mean):
    """That of the second pass, and ``change`` = (H_1 - H_0) / 3; whether there can be one."""
    if not is_tame(covariances1, rho, x):
        return False
    for k in range(change.shape[0]):
        for l in range(3):
            change[k, l] = (covariances1[k, l] - covariances[k, l]) / 3.0
    mean_residual(covariances + change, rho, x, clock[NEXT], LINEAR_SHARE * allowed, mean)
    return True


@driver
def _growth(error, clock, counts):
    """Growth of the step: a proportional-integral controller, and none after a rejection.

    E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, sec. IV.2. The error is
    ragged, since single neurons meet rays: it is damped, and very small ones tell little.
    """
    error = max(error / AIM, 1e-3)
    wish = error**-PROPORTIONAL * clock[LAST_ERROR] ** INTEGRAL
    most = 1.0 if counts[HAS_REJECTED] else LARGEST
    clock[LAST_ERROR] = error
    counts[HAS_REJECTED] = 0
    return min(most, max(SMALLEST, wish))


@driver
def judge(clock, counts, error, fixed):
    """Accept a trial with this error, in units of the tolerance, or reject it.

    Parameters
    ----------
    clock, counts
        Modified in place.
    error : float
        Infinite or NaN if the trial is of no use.
    fixed : float
        Length of all steps, 0 if they are adaptive.

    Returns
    -------
    int
        `UNDER_WAY`, or `OVERFLOWN` if a fixed step had to be rejected.
    """
    h = clock[NEXT]
    if error <= 1.0 or (fixed > 0.0 and np.isfinite(error)):
        counts[STEPS] += 1
        if fixed > 0.0:
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


@driver
def _take_steps(
    a, b, c, cell, a1, b1, c1, cell1, ident, slots, start, members, x, y, clock, counts,
    rho, covariances, tally, rho1, covariances1, tally1, change, allowed, fixed, until, most_trials,
):  # fmt: skip
    s = x.size
    by_sector = members.shape[1] > 1
    mean, g = np.empty(s), np.empty((2 * s, 2))
    rho_first, covariances_first = np.empty(s), np.empty((2 * s, 3))
    changes = np.zeros(slots.size - 1, np.int64)
    status, trials = UNDER_WAY, 0
    look, keep = np.bool_(False), np.bool_(True)  # literals would be types of their own
    while status == UNDER_WAY:
        if clock[END] >= until:
            return ARRIVED
        if trials == most_trials:
            break
        trials += 1
        if clock[END] > clock[BEGIN]:
            a, b, c, cell, a1, b1, c1, cell1 = a1, b1, c1, cell1, a, b, c, cell
            counts[EXCHANGES] += 1
            rho[:], covariances[:] = rho1, covariances1
            tally += tally1
            clock[BEGIN] = clock[END]
            counts[UNSORTED] += counts[CHANGES]
            if by_sector and counts[UNSORTED] > SORT_SHARE * a.size:
                counts[UNSORTED] = 0
                sort_slots(a, b, c, cell, ident, slots, start, members)
        status = first_mean(clock, rho, covariances, x, allowed, mean)
        if status != UNDER_WAY:
            break
        field(mean, x, g)
        error = np.inf
        if advance_alone(
            a, b, c, cell, a1, b1, c1, cell1, slots, start, look, g, x, y, clock[NEXT],
            rho_first, covariances_first, tally1, changes,
        ) and second_mean(
            clock, rho, covariances, covariances_first, x, allowed, change, mean
        ):  # fmt: skip
            field(mean, x, g)
            if advance_alone(
                a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, g, x, y, clock[NEXT],
                rho1, covariances1, tally1, changes,
            ):  # fmt: skip
                error = rms(rho1, rho_first) / allowed
                counts[CHANGES] = changes.sum()
        status = judge(clock, counts, error, fixed)
    return status


def steps_by_passes(
    begin, end, a_pass, sort_if_due, x, clock, counts, first, last, change, allowed, fixed, until,
    most_trials,
):  # fmt: skip
    """`boost_steps` by passes that return to Python.

    Parameters
    ----------
    begin, end : tuple of arrays
        a, b, c and cells of the state, wherever they live.
    a_pass : callable
        ``a_pass(begin, end, keep, mean, residual, covariances, tally) -> bool`` moves all neurons
        in the field of these residuals, as ``advance``; keeps ``counts[CHANGES]`` up to date.
    sort_if_due : callable
        ``sort_if_due(begin)``.
    first, last : tuple of arrays
        Residuals, covariances and tally at begin and end.
    """
    s = x.size
    rho, covariances, tally = first
    rho1, covariances1, tally1 = last
    mean, rho_first, covariances_first = np.empty(s), np.empty(s), np.empty((2 * s, 3))
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
            sort_if_due(begin)
        status = first_mean(clock, rho, covariances, x, allowed, mean)
        if status != UNDER_WAY:
            break
        error = np.inf
        if (
            a_pass(begin, end, False, mean, rho_first, covariances_first, tally1)
            and second_mean(clock, rho, covariances, covariances_first, x, allowed, change, mean)
            and a_pass(begin, end, True, mean, rho1, covariances1, tally1)
        ):
            error = rms(rho1, rho_first) / allowed
        status = judge(clock, counts, error, fixed)
    return status


def boost_steps(
    a, b, c, cell, a1, b1, c1, cell1, ident, slots, start, members, x, y, clock, counts,
    rho, covariances, tally, rho1, covariances1, tally1, change, allowed, fixed, until, most_trials,
    whole=None,
):  # fmt: skip
    """Take steps until one of them holds a time, or this many trials are made.

    A step that is pending on entry is gone on from. All arrays but ``slots``, ``x`` and ``y`` are
    modified in place; after an odd number of ``counts[EXCHANGES]`` the begin is in the arrays of
    the end and vice versa.

    Parameters
    ----------
    a, b, c : (m,) float64
        State at the begin of the present step, network metric.
    cell, ident : (m,) int32
    a1, b1, c1 : (m,) float64
        State at its end.
    cell1 : (m,) int32
    slots, start, members : int64
        Order tables (see ``slots``).
    x, y : (s,) float64
    clock : (4,) float64
    counts : (6,) int64
    rho, rho1 : (s,) float64
        Residuals at begin and end.
    covariances, covariances1 : (2 s, 3) float64
        Sigma_k at begin and end.
    tally, tally1 : (TALLIES,) int64
        Events up to the begin, and in the step.
    change : (2 s, 3) float64
        (H_1 - H_0) / 3 of the step.
    allowed : float
        Largest error of a step, root mean square of the residuals.
    fixed : float
        Length of all steps, 0 if they are adaptive.
    until : float
    most_trials : int
    whole : Whole, optional
        Where the arrays are a part of the neurons; steps then return to Python for its sums.

    Returns
    -------
    int
        `ARRIVED`, `UNDER_WAY`, `UNTAME`, `SHRUNK` or `OVERFLOWN`.
    """
    if whole is None:
        return _take_steps(
            a, b, c, cell, a1, b1, c1, cell1, ident, slots, start, members, x, y, clock, counts,
            rho, covariances, tally, rho1, covariances1, tally1, change, allowed, fixed, until,
            most_trials,
        )  # fmt: skip
    g, changes = np.empty((2 * x.size, 2)), np.zeros(slots.size - 1, np.int64)

    def a_pass(begin, end, keep, mean, residual, covariances, events):
        field(mean, x, g)
        done = advance(
            *begin, *end, slots, start, keep, g, x, y, clock[NEXT], residual, covariances, events,
            changes, whole,
        )  # fmt: skip
        if keep and done:
            counts[CHANGES] = changes.sum()
        return done

    def sort_if_due(begin):
        counts[UNSORTED] += counts[CHANGES]
        if members.shape[1] > 1 and counts[UNSORTED] > SORT_SHARE * whole.m:
            counts[UNSORTED] = 0
            sort_slots(*begin, ident, slots, start, members)

    return steps_by_passes(
        (a, b, c, cell), (a1, b1, c1, cell1), a_pass, sort_if_due, x, clock, counts,
        (rho, covariances, tally), (rho1, covariances1, tally1), change, allowed, fixed, until,
        most_trials,
    )  # fmt: skip
