"""Fields, predictions and the tangent kernel, which depend on samples and sectors only.

Each is one pass down and one pass up over the samples, O(s)."""

import numpy as np

from .._jit import driver


@driver
def field(rho, x, out):
    """Field of every sector, G_k = - sum_{j in C_k} rho_j (x_j, 1).

    Parameters
    ----------
    rho : (s,) float64
        Residuals.
    x : (s,) float64
        Samples, strictly increasing.
    out : (2 s, 2) float64
        Overwritten with G_k.
    """
    s = x.size
    gx = g1 = 0.0
    out[s, 0] = out[s, 1] = 0.0
    for j in range(s - 1, -1, -1):
        gx -= rho[j] * x[j]
        g1 -= rho[j]
        out[j, 0] = gx
        out[j, 1] = g1
    gx = g1 = 0.0
    for j in range(1, s):
        gx -= rho[j - 1] * x[j - 1]
        g1 -= rho[j - 1]
        out[s + j, 0] = gx
        out[s + j, 1] = g1


@driver
def prediction(moments, x, scale, out):
    """Sum over a sample's active sectors, ``out_j = scale sum_{k: j in C_k} <M_k, xt_j>``.

    With the sums of c (a, b) as M and scale = 1/m it is the network function at the samples.

    Parameters
    ----------
    moments : (>= 2 s, 2) float64
        A vector a sector.
    x : (s,) float64
    scale : float
    out : (s,) float64
        Overwritten.
    """
    s = x.size
    px = p1 = 0.0
    for j in range(s - 1, -1, -1):
        out[j] = px * x[j] + p1
        px += moments[s + j, 0]
        p1 += moments[s + j, 1]
    px = p1 = 0.0
    for j in range(s):
        px += moments[j, 0]
        p1 += moments[j, 1]
        out[j] = scale * (out[j] + (px * x[j] + p1))


@driver
def residual_rate(covariances, rho, x, work, out):
    """Right-hand side of the residual ODE, rho' = -H rho, H the tangent kernel: eq. (32).

    ``rho_j' = xt_j^T sum_{k: j in C_k} Sigma_k G_k``, and so ``-H v`` for any vector v in place of
    the residuals.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11).
    rho : (s,) float64
    x : (s,) float64
    work : (2 s, 2) float64
        Overwritten with Sigma_k G_k.
    out : (s,) float64
        Overwritten with rho'.
    """
    field(rho, x, work)
    for k in range(2 * x.size):
        gx, g1 = work[k, 0], work[k, 1]
        work[k, 0] = covariances[k, 0] * gx + covariances[k, 1] * g1
        work[k, 1] = covariances[k, 1] * gx + covariances[k, 2] * g1
    prediction(work, x, 1.0, out)


@driver
def tangent_kernel(covariances, x, out):
    """The tangent kernel H as a matrix, O(s^2).

    ``H_jl = xt_j^T (sum of Sigma_k over k with j, l in C_k) xt_l``; for j <= l these are the
    sectors 0 .. j and s + l + 1 .. 2 s - 1.

    Parameters
    ----------
    covariances : (2 s, 3) float64
        Sigma_k as (xx, x1, 11).
    x : (s,) float64
    out : (s, s) float64
        Overwritten; symmetric to the bit.
    """
    s = x.size
    right, left = np.empty((s, 3)), np.zeros((s, 3))
    right[0] = covariances[0]
    for j in range(1, s):
        right[j] = right[j - 1] + covariances[j]
        left[s - 1 - j] = left[s - j] + covariances[2 * s - j]
    for j in range(s):
        for l in range(j, s):
            xx, x1, oo = (
                right[j, 0] + left[l, 0],
                right[j, 1] + left[l, 1],
                right[j, 2] + left[l, 2],
            )
            out[j, l] = xx * x[j] * x[l] + x1 * (x[j] + x[l]) + oo
            out[l, j] = out[j, l]
