"""Fields, predictions and products with the tangent kernel, from sums over samples and sectors.

The active samples of every sector are a run at one end, so that one loop down and one loop up over
the samples add up all of them, O(s). Only the tangent kernel as a matrix takes O(s^2).

A sample of weight w_j enters as ``xt_j = sqrt(w_j) (x_j, 1)``, with the residual sqrt(w_j) rho_j:
see ``records.Samples``. For points without a weight xt_j is (x_j, 1)."""

import numpy as np

from .._jit import driver


@driver
def field(rho, xt, out):
    """Compute the field of every sector, G_k = - sum_{j in C_k} rho_j xt_j.

    Parameters
    ----------
    rho : (s,) float64
        Residuals.
    xt : (s, 2) float64
    out : (2 s, 2) float64
        Overwritten with G_k.
    """
    s = xt.shape[0]
    gx = g1 = 0.0
    out[s, 0] = out[s, 1] = 0.0
    for j in range(s - 1, -1, -1):
        gx -= rho[j] * xt[j, 0]
        g1 -= rho[j] * xt[j, 1]
        out[j, 0] = gx
        out[j, 1] = g1
    gx = g1 = 0.0
    for j in range(1, s):
        gx -= rho[j - 1] * xt[j - 1, 0]
        g1 -= rho[j - 1] * xt[j - 1, 1]
        out[s + j, 0] = gx
        out[s + j, 1] = g1


@driver
def prediction(moments, xt, scale, out):
    """Sum over the sectors in which a sample is active, ``scale sum_{k: j in C_k} <M_k, xt_j>``.

    With the sums of c (a, b) as M_k and scale = 1/m the result is the network function at the
    samples, times the square root of their weights.

    Parameters
    ----------
    moments : (>= 2 s, >= 2) float64
        M_k, a vector for each sector, in the first two columns.
    xt : (s, 2) float64
    scale : float
    out : (s,) float64
        Overwritten.
    """
    s = xt.shape[0]
    px = p1 = 0.0
    for j in range(s - 1, -1, -1):
        out[j] = px * xt[j, 0] + p1 * xt[j, 1]
        px += moments[s + j, 0]
        p1 += moments[s + j, 1]
    px = p1 = 0.0
    for j in range(s):
        px += moments[j, 0]
        p1 += moments[j, 1]
        out[j] = scale * (out[j] + (px * xt[j, 0] + p1 * xt[j, 1]))


@driver
def residual_rate(covariances, rho, xt, work, out):
    """Compute the right-hand side of rho' = -H rho, H the tangent kernel (Williams et al., eq. 32).

    ``rho_j' = xt_j^T sum_{k: j in C_k} Sigma_k G_k``. Any vector v may stand in place of the
    residuals, which gives ``-H v``.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11).
    rho : (s,) float64
    xt : (s, 2) float64
    work : (2 s, 2) float64
        Overwritten with Sigma_k G_k.
    out : (s,) float64
        Overwritten with rho'.
    """
    field(rho, xt, work)
    for k in range(2 * xt.shape[0]):
        gx, g1 = work[k, 0], work[k, 1]
        work[k, 0] = covariances[k, 0] * gx + covariances[k, 1] * g1
        work[k, 1] = covariances[k, 1] * gx + covariances[k, 2] * g1
    prediction(work, xt, 1.0, out)


@driver
def tangent_kernel(covariances, xt, out):
    """Compute the tangent kernel H as a matrix, O(s^2).

    ``H_jl = xt_j^T (sum of Sigma_k over k with j, l in C_k) xt_l``; for j <= l these are the
    sectors 0 .. j and s + l + 1 .. 2 s - 1.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11).
    xt : (s, 2) float64
    out : (s, s) float64
        Overwritten; symmetric to the bit.
    """
    s = xt.shape[0]
    right, left = np.empty((s, 3)), np.zeros((s, 3))
    for l in range(3):
        right[0, l] = covariances[0, l]
        for j in range(1, s):
            right[j, l] = right[j - 1, l] + covariances[j, l]
            left[s - 1 - j, l] = left[s - j, l] + covariances[2 * s - j, l]
    for j in range(s):
        for l in range(j, s):
            xx, x1, oo = (
                right[j, 0] + left[l, 0],
                right[j, 1] + left[l, 1],
                right[j, 2] + left[l, 2],
            )
            xj, wj, xl, wl = xt[j, 0], xt[j, 1], xt[l, 0], xt[l, 1]
            out[j, l] = xx * xj * xl + x1 * (xj * wl + wj * xl) + oo * wj * wl
            out[l, j] = out[j, l]
