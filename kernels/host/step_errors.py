"""Errors of a trial step of the exact flow, and the mean residual for its second pass.

``control`` says what a trial is; ``particleflow.integrators.boost`` has the reasons.
"""

import math

import numpy as np

from .._jit import driver
from .residual_ode import fall_over, mean_over, most_after, product

MOST_GROWTH = 2.0
"""Of the traces of all Sigma_k, up to which a second pass may rescue a trial."""


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
def rms(values):
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
def third_of_change(first, last, share, change):
    """Write (H_1 - H_0) / 3, from ``first`` to ``last``, times ``share`` into ``change``."""
    for k in range(change.shape[0]):
        for l in range(3):
            change[k, l] = share * ((last.covariances[k, l] - first.covariances[k, l]) / 3.0)


@driver
def after_change(covariances, share, change):
    """The covariances after this share of a change."""
    out = np.empty(covariances.shape)
    for k in range(out.shape[0]):
        for l in range(out.shape[1]):
            out[k, l] = covariances[k, l] + share * change[k, l]
    return out


@driver
def second_mean(first, last, samples, h, limits, mean):
    """Write the mean residual for a second pass over the time h into ``mean``.

    It is that of H_0 + (H_1 - H_0) / 3; ``last`` is the `Arrival` of the first pass.
    """
    change = np.empty(last.covariances.shape)
    third_of_change(first, last, 1.0, change)
    changed = after_change(first.covariances, 1.0, change)
    mean_over(changed, first.residual, samples, h, limits, mean)


@driver
def _worse(one, two):
    """The larger of two errors; NaN if one is NaN."""
    return one if one > two or np.isnan(one) else two


@driver
def _bound(error, most):
    """The error, or ``most`` if it is larger but finite: what is not finite stays so."""
    return most if np.isfinite(error) and error > most else error


@driver
def _error_of_kernel(first, last, middle, samples, h, mean, decay):
    """rms(rho_1 - (rho_0 - h H mean)) with the covariances ``middle`` of H: see `first_errors`."""
    error = fall_over(middle, mean, samples, h, decay)
    for j in range(error.size):
        error[j] += last.residual[j] - first.residual[j]
    return rms(error)


@driver
def _bounds(first, last, samples, h, decay):
    """The least and the largest error that residuals may have, since the flow bounds them."""
    most = most_after(rms(first.residual), rms(samples.y), h, decay)
    after = rms(last.residual)
    return after - most, after + most


@driver
def first_errors(first, last, samples, h, limits, mean, better):
    """Errors of a trial after its first pass, in units of the tolerance.

    There are two, with H the mean of H_0 and H_1. That of the field, rms(h H (better - mean)),
    says how far a second pass would arrive from the first; ``better`` is its `second_mean`. That of
    the kernel, rms(rho_1 - (rho_0 - h H mean)), says how far the change of H is from linear.
    Neurons that are released in the step, or cross a ray together, are seen in the second only,
    since they move alike in both fields. The loss does not grow in the flow, so that the error is
    at least rms(rho_1) - rms(rho_0), and at most the sum of both, which is less than either
    estimate where residuals are small and H is large. With weight decay `fall_over` is in place of
    h H mean, and what `most_after` allows in place of rms(rho_0).

    Parameters
    ----------
    first, last : Arrival
        At the begin of the step, and at the end of the pass.
    samples : Samples
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
    xt = samples.xt
    s = xt.shape[0]
    if not is_tame(last.covariances, first.residual, xt):
        return np.inf, np.inf
    second_mean(first, last, samples, h, limits, better)
    difference, change = np.empty(s), np.empty(last.covariances.shape)
    for j in range(s):
        difference[j] = better[j] - mean[j]
    third_of_change(first, last, 1.5, change)
    middle = after_change(first.covariances, 1.0, change)
    of_field = rms(product(middle, difference, xt, h))
    of_kernel = _error_of_kernel(first, last, middle, samples, h, mean, limits.decay)
    error = _worse(of_field, of_kernel)
    least, most = _bounds(first, last, samples, h, limits.decay)
    return _bound(of_field, most) / limits.allowed, (
        _worse(_bound(error, most), least) / limits.allowed
    )


@driver
def second_error(first, last, before, is_rescue, samples, h, limits, mean):
    """The error of a trial after its second pass, in units of the tolerance.

    It is the larger of the `first_errors` of this pass, or the difference to ``before``, the
    residuals after the first pass, if that is larger still. A second pass that rescues a trial
    (`is_overshot`) is not measured against the first, which was of no use.
    """
    _, error = first_errors(first, last, samples, h, limits, mean, np.empty(mean.size))
    if not is_rescue:
        _, most = _bounds(first, last, samples, h, limits.decay)
        difference = _bound(rms(last.residual - before), most)
        error = _worse(error, difference / limits.allowed)
    return error


@driver
def is_raised(first, last, samples, h, limits):
    """Whether a pass over the time h raised the residuals by more than the tolerance.

    The answer is no if the pass cannot be made again.

    Fixed steps do so themselves, and a time inside one has to go with its end.
    """
    raised, _ = _bounds(first, last, samples, h, limits.decay)
    is_too_much = limits.fixed == 0.0 and raised > limits.allowed
    return is_too_much and is_tame(last.covariances, first.residual, samples.xt)


@driver
def _size(covariances):
    """The sum of all traces, a measure of the size of the neurons that are not dead."""
    total = 0.0
    for k in range(covariances.shape[0]):
        total += covariances[k, 0] + covariances[k, 2]
    return total


@driver
def is_overshot(error, first, last, samples, h, decay):
    """Whether a first pass of this error is of no use, and has raised the loss of like neurons.

    In the flow the loss does not grow, with weight decay no further than `most_after`. Where
    neurons together come to a ray behind which it rises steeply, as it does late in training, a
    pass in a field that does not know this moves them far beyond, whatever the length of the step
    within reason. The second pass knows it. It must not stand in for a shorter step where neurons
    grow, as they do near the saddle at 0: there it would hold them back, and residuals do not show
    it.
    """
    raised, _ = _bounds(first, last, samples, h, decay)
    return (
        1.0 < error < np.inf
        and raised > 0.0
        and _size(last.covariances) < MOST_GROWTH * _size(first.covariances)
    )
