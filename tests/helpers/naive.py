"""Plain NumPy forms of the model, and neurons that are hard for sectors."""

import numpy as np


def active(a, b, x):
    """Pairs (neuron, sample) with a_i x_j + b_i > 0, (m, s) bool, in float64 as rounded."""
    return a[:, None] * x + b[:, None] > 0.0


def active_in_cell(k, s):
    """Samples active in sector k, by the table of the model; none in the origin."""
    on = np.zeros(s, bool)
    if k == 0:
        on[:] = True
    elif k < s:
        on[k:] = True
    elif s < k < 2 * s:
        on[: k - s] = True
    return on


def predict(a, b, c, x):
    return np.maximum(np.outer(a, x) + b[:, None], 0.0).T @ c / a.size


def field(a, b, x, rho):
    on = active(a, b, x)
    return -np.stack([on @ (rho * x), on @ rho], axis=1)


def velocity(a, b, c, x, rho, metric):
    gx, g1 = field(a, b, x, rho).T
    if metric == "network":
        return np.array([c * gx, c * g1, a * gx + b * g1])
    turn = c * (a * g1 - b * gx)
    return np.array([-b * turn, a * turn, a * gx + b * g1])


def tangent_kernel(a, b, c, x, metric):
    """H_jj' = (1/m) sum_i <grad f_i(x_j), grad f_i(x_j')>, gradients in the given metric."""
    on = active(a, b, x)
    z = np.where(on, np.outer(a, x) + b[:, None], 0.0)
    if metric == "network":
        ga, gb = np.where(on, np.outer(c, x), 0.0), np.where(on, c[:, None], 0.0)
        return (z.T @ z + ga.T @ ga + gb.T @ gb) / a.size
    t = np.where(on, c[:, None] * (a[:, None] - np.outer(b, x)), 0.0)
    return (z.T @ z + t.T @ t) / a.size


def samples(random, s):
    x = np.sort(random.uniform(-1.0, 1.0, s))
    return x, random.standard_normal(s)


def hard_neurons(random, x, m):
    """Random neurons, some with knots on samples or far outside, a = 0, and a = b = 0."""
    a, b, c = random.standard_normal((3, m))
    which = random.integers(0, 8, m)
    on = x[random.integers(0, x.size, m)]
    b = np.where(which <= 1, -a * on, b)
    b = np.where(which == 2, -a * np.nextafter(on, 10.0), b)
    a = np.where(which == 3, 0.0, a)
    a, b = np.where(which == 4, 0.0, a), np.where(which == 4, 0.0, b)
    b = np.where(which == 5, 1e9 * b, b)
    a = np.where(which == 6, 1e-300 * a, a)
    return a, b, c


def hard_samples(random, kind, s):
    """Samples by kind: random, two points, or points 1e-12 apart."""
    if kind == "two":
        x = np.array([-0.3, 0.7])
    elif kind == "close":
        x = np.sort(random.uniform(-1.0, 1.0, s))
        x[1::2] = x[::2][: x[1::2].size] + 1e-12
    else:
        x = np.sort(random.uniform(-1.0, 1.0, s))
    return x, random.standard_normal(x.size)


def region(cell, s):
    """Place of a cell in the order of theta, rays between their sectors, the origin last."""
    if cell == 4 * s:
        return 4 * s
    return 2 * cell if cell < 2 * s else 2 * (cell - 2 * s) + 1
