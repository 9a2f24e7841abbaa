"""Conversions between (a, b, c) and reduced coordinates (rhat, theta, delta).

The formulas are those of Williams et al. (2019), Lemma 8.

All arrays of a call are float64 and of one shape, and either all in hat units or all raw.
"""

import numpy as np

from particleflow.arguments import Array


def parameters_from_reduced(rhat: Array, theta: Array, delta: Array) -> tuple[Array, Array, Array]:
    """Parameters (a, b, c) of the neurons at (rhat, theta, delta).

    They solve c n = rhat and c^2 - n^2 = delta with n = |(a, b)|; c has the sign of rhat. The
    larger of |c| and n is ``sqrt((D + |delta|)/2)``, ``D = hypot(delta, 2 rhat)``, and the smaller
    is ``|rhat|`` divided by it: nothing cancels for either sign of delta.
    """
    larger = np.sqrt(0.5 * np.hypot(delta, 2.0 * rhat) + 0.5 * np.abs(delta))
    smaller = np.abs(rhat) / np.where(larger > 0.0, larger, 1.0)
    c = np.copysign(np.where(delta >= 0.0, larger, smaller), rhat)
    n = np.where(delta >= 0.0, smaller, larger)
    return n * np.cos(theta), n * np.sin(theta), c


def output_weight_squared(rhat: Array, delta: Array | float) -> Array:
    """c^2 = (D + delta) / 2, D = hypot(delta, 2 rhat), without cancellation for delta < 0."""
    # `where` computes both branches: the one that is not taken may be 0 / 0
    with np.errstate(invalid="ignore", over="ignore"):
        d = np.hypot(delta, 2.0 * rhat)
        return np.where(delta >= 0.0, 0.5 * (d + delta), 2.0 * rhat * rhat / (d - delta))


def invariant(a: Array, b: Array, c: Array) -> Array:
    """delta = c^2 - a^2 - b^2, exact to a few units in the last place of a^2 + b^2 + c^2."""
    p, q = np.abs(a), np.abs(b)
    p, q = np.maximum(p, q), np.minimum(p, q)
    larger = np.abs(c)
    return (larger - p) * (larger + p) - q * q


def angle(a: Array, b: Array) -> Array:
    """theta = atan2(b, a) in (-pi, pi]."""
    theta = np.arctan2(b, a)  # -pi where b is -0.0 and a < 0
    return np.where(theta == -np.pi, np.pi, theta)


def knots(a: Array, b: Array) -> Array:
    """Knots -b/a; NaN where a = 0, since such a neuron has no knot."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(a == 0.0, np.nan, -b / a)


def ray_angles(x: Array) -> Array:
    """Angles theta of the rays, (2 s,): of (1, -x_j) for each sample, then of their opposites."""
    theta = np.arctan2(-x, np.ones_like(x))
    return np.concatenate([theta, np.where(theta > 0.0, theta - np.pi, theta + np.pi)])
