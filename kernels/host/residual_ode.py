"""The residuals over a step in which the tangent kernel stands still, with weight decay if any.

With decay at the rate lambda (``decay``) residuals obey rho' = -H rho - 2 lambda (rho + y). With
M = H + 2 lambda, which has the Krylov spaces of H, their mean over the time h is

    rho + h phi_2(-h M) rho'(0),        phi_2(z) = (phi_1(z) - 1) / z,

and without decay ``mean_residual`` has it in one term.
"""

import math

import numpy as np

from .._jit import driver
from .field import residual_rate
from .mean_residual import mean_residual, phi_product

LINEAR_SHARE = 1e-3
"""Share of the tolerance that is left to the Krylov approximation."""


@driver
def product(covariances, vector, xt, h):
    """The product h H v."""
    work, out = np.empty((covariances.shape[0], 2)), np.empty(vector.size)
    residual_rate(covariances, vector, xt, work, out)
    for j in range(out.size):
        out[j] *= -h
    return out


@driver
def fall_over(covariances, mean, samples, h, decay):
    """By how much residuals of this mean fall over the time h: h (H mean + 2 lambda (mean + y))."""
    out = product(covariances, mean, samples.xt, h)
    if decay > 0.0:
        for j in range(out.size):
            out[j] += 2.0 * decay * h * (mean[j] + samples.y[j])
    return out


@driver
def mean_over(covariances, rho, samples, h, limits, out):
    """Write the mean of the residuals over the time h into ``out``.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k of H.
    rho : (s,) float64
        The residuals at the begin.
    samples : Samples
    h : float
    limits : Limits
        Say how precise the mean has to be, and the rate of decay.
    out : (s,) float64
        Overwritten.
    """
    accuracy, decay = LINEAR_SHARE * limits.allowed, limits.decay
    if decay == 0.0:
        mean_residual(covariances, rho, samples.xt, h, accuracy, out)
    else:
        rate = fall_over(covariances, rho, samples, -1.0, decay)
        phi_product(covariances, rate, samples.xt, (np.int64(2), 2.0 * decay, h), accuracy, out)
        for j in range(out.size):
            out[j] = rho[j] + h * out[j]


@driver
def most_after(rms_before, rms_y, h, decay):
    """The largest root mean square that residuals can have after the time h in the flow.

    H is positive semidefinite, so that the derivative of |rho| is at most
    2 lambda (|y| - |rho|). Without decay the residuals do not grow.
    """
    if decay == 0.0:
        return rms_before
    left = math.exp(-2.0 * decay * h)
    return left * rms_before + (1.0 - left) * rms_y
