"""The O(m s) oracle: every formula as a plain double loop over neurons and samples.

Nothing here is fast, and nothing is shared with the sector kernels beside the formulas of the
model: a pre-activation decides each pair (neuron, sample) on its own.
"""

import numpy as np

from particleflow.kernels._jit import driver
from particleflow.kernels.flow import EUCLIDEAN


@driver
def predict(a, b, c, x):
    """f(x_j) = (1/m) sum_i c_i [a_i x_j + b_i]_+, shape (len(x),)."""
    f = np.zeros(x.size)
    for j in range(x.size):
        for i in range(a.size):
            z = a[i] * x[j] + b[i]
            if z > 0.0:
                f[j] += c[i] * z
    return f / a.size


@driver
def field(a, b, x, rho):
    """G(theta_i) = - sum_{j active} rho_j (x_j, 1) of every neuron, shape (m, 2)."""
    g = np.zeros((a.size, 2))
    for i in range(a.size):
        for j in range(x.size):
            if a[i] * x[j] + b[i] > 0.0:
                g[i, 0] -= rho[j] * x[j]
                g[i, 1] -= rho[j]
    return g


@driver
def velocity(a, b, c, x, rho, metric):
    """Rate of the three state variables of every neuron, shape (m, 3)."""
    g = field(a, b, x, rho)
    v = np.empty((a.size, 3))
    for i in range(a.size):
        gx, g1 = g[i, 0], g[i, 1]
        radial = a[i] * gx + b[i] * g1
        if metric == EUCLIDEAN:
            tangential = -b[i] * gx + a[i] * g1
            v[i, 0] = -b[i] * c[i] * tangential
            v[i, 1] = a[i] * c[i] * tangential
        else:
            v[i, 0] = c[i] * gx
            v[i, 1] = c[i] * g1
        v[i, 2] = radial
    return v


@driver
def tangent_kernel(a, b, c, x, metric):
    """H with rho' = -H rho, shape (s, s): (1/m) sum_i of the samples' gradients, pair by pair."""
    s = x.size
    h = np.zeros((s, s))
    for i in range(a.size):
        for j in range(s):
            zj = a[i] * x[j] + b[i]
            if not zj > 0.0:
                continue
            for l in range(s):
                zl = a[i] * x[l] + b[i]
                if not zl > 0.0:
                    continue
                if metric == EUCLIDEAN:
                    tj = a[i] - b[i] * x[j]
                    tl = a[i] - b[i] * x[l]
                    h[j, l] += c[i] * c[i] * tj * tl + zj * zl
                else:
                    h[j, l] += c[i] * c[i] * (x[j] * x[l] + 1.0) + zj * zl
    return h / a.size
