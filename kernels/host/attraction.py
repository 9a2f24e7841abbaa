"""Steps that end when a sample ceases to attract, so that its neurons are let go in time.

In the frozen field of a pass a ray attracts from the begin to the end of a step or not at all.
Where it ceases to attract inside the step, all neurons that slide on it move as if that were too
late or too early, and they may be a large part of all. The distance is of second order in the
length of the step, and the other estimates of the error hardly see it: they compare fields that do
the same. Residuals along the step are known before the pass, and so is that time.
"""

import math

import numpy as np

from .._jit import driver
from ..rays import active_side, attracted_sign, inactive_side
from .field import field
from .residual_ode import fall_over

MATTERS = 0.05
"""Error of letting go too late or early, over the tolerance, from which on a step ends there."""
MOST_TIMES = 3
"""How often a step is shortened: in a long one the time is a guess."""


@driver
def _loss_of_pull(begin, mean, end):
    """When a pull is lost that is ``begin`` > 0 first, ``end`` < 0 last, and has this mean.

    Returns the fraction of the time, by a parabola, and the integral, over the fractions of the
    time, of what a pull of the sign of the mean does wrong. After it is lost the pull is no larger
    than at the end, which the parabola through values that decay fast does not know.
    """
    size = max(begin, abs(mean), -end)  # squares of what is not scaled may vanish
    b, m, e = begin / size, mean / size, end / size
    linear, square = 6.0 * m - 4.0 * b - 2.0 * e, 3.0 * (b + e) - 6.0 * m
    # of the two roots of b + linear q + square q^2 the one between 0 and 1, so that nothing cancels
    root = math.sqrt(max(linear * linear - 4.0 * square * b, 0.0))
    q = (linear + root) / (-2.0 * square) if linear > 0.0 else 2.0 * b / (root - linear)
    q = min(max(q, 0.0), 1.0)
    late = min(size * (q * (b + q * (linear / 2.0 + q * square / 3.0))) - mean, -end)
    return q, late if mean > 0.0 else max(mean + late, 0.0)


@driver
def _gram(xt):
    """The mean of xt_j xt_j^T over the samples, as its three elements."""
    xx = xo = oo = 0.0
    for j in range(xt.shape[0]):
        xx += xt[j, 0] * xt[j, 0]
        xo += xt[j, 0] * xt[j, 1]
        oo += xt[j, 1] * xt[j, 1]
    return xx / xt.shape[0], xo / xt.shape[0], oo / xt.shape[0]


@driver
def end_of_attraction(first, covariances, mean, samples, h, limits):
    """When to end a step of length h, so that no sample ceases to attract inside where it matters.

    A cohort on the ray of sample j with c of one sign, that moves for a time as if the pull p =
    <xt_j, G> of a side were another, is wrong by c int dp dt xt_j / |xt_j|^2 in (a, b), and the
    residual of sample l by 1/m sum c^2 int dp dt <xt_j, xt_l> / |xt_j|^2.

    Parameters
    ----------
    first : Arrival
        The begin of the step.
    covariances : (2 s, 3) float64
        Sigma_k in the middle of the step, as they are foretold.
    mean : (s,) float64
        The mean residual of the step.
    samples : Samples
    h : float
    limits : Limits

    Returns
    -------
    float
        The first time at which a sample does; h if none does.
    """
    xt, allowed = samples.xt, limits.allowed
    s = xt.shape[0]
    before, between, after = np.empty((2 * s, 2)), np.empty((2 * s, 2)), np.empty((2 * s, 2))
    last = fall_over(covariances, mean, samples, h, limits.decay)
    for j in range(s):
        last[j] = first.residual[j] - last[j]
    field(first.residual, xt, before)
    field(mean, xt, between)
    field(last, xt, after)
    xx, xo, oo = _gram(xt)
    end = h
    for r in range(2 * s):
        x, o = xt[r % s, 0], xt[r % s, 1]
        active, inactive = active_side(r, s), inactive_side(r, s)
        sign = attracted_sign(
            r, x * before[active, 0] + o * before[active, 1],
            x * before[inactive, 0] + o * before[inactive, 1], s,
        )  # fmt: skip
        if sign == 0.0 or first.held[r] == 0.0:
            continue
        square = x * x + o * o
        weight = math.sqrt(x * x * xx + 2.0 * x * o * xo + o * o * oo) / square
        for side in range(2):
            k, inwards = (active, -sign) if side == 0 else (inactive, sign)
            begin = inwards * (x * before[k, 0] + o * before[k, 1])
            middle = inwards * (x * between[k, 0] + o * between[k, 1])
            final = inwards * (x * after[k, 0] + o * after[k, 1])
            if final < 0.0:
                q, wrong = _loss_of_pull(begin, middle, final)
                if q * h < end and first.held[r] * weight * wrong * h > MATTERS * allowed:
                    end = q * h
    return end
