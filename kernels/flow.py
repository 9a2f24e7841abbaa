"""Velocity of one neuron in a given field, and one explicit Euler step of it.

Two metrics share the three state variables:

network
    (a, b, c) in hat units; ``a' = c G_x, b' = c G_1, c' = a G_x + b G_1``.
euclidean
    (cos theta, sin theta, rhat), the mean-field flow of the appendix, eqs. (30), (31):
    ``rhat' = <G, d>, theta' = rhat <G, t>`` with d = (cos, sin), t = (-sin, cos).

In both, the neuron contributes ``(1/m) c [a x + b]_+`` to the network function.
"""

import math

from ._jit import inlined

NETWORK = 0
EUCLIDEAN = 1


@inlined
def velocity_network(a, b, c, gx, g1):
    """The rate of (a, b, c) in the field (gx, g1)."""
    return c * gx, c * g1, a * gx + b * g1


@inlined
def velocity_euclidean(a, b, c, gx, g1):
    """The rate of (cos theta, sin theta, rhat), passed as (a, b, c), in the field (gx, g1)."""
    turn = c * (a * g1 - b * gx)
    return -(turn * b), turn * a, a * gx + b * g1


@inlined
def euler_network(a, b, c, hx, h1):
    """The neuron (a, b, c) after an Euler step with (hx, h1) = h G: full-batch gradient descent."""
    da, db, dc = velocity_network(a, b, c, hx, h1)
    return a + da, b + db, c + dc


@inlined
def euler_euclidean(a, b, c, hx, h1):
    """The neuron (cos theta, sin theta, rhat) after an Euler step with (hx, h1) = h G.

    Its direction is brought back to unit length.
    """
    da, db, dc = velocity_euclidean(a, b, c, hx, h1)
    a1, b1 = a + da, b + db
    scale = 1.0 / math.sqrt(a1 * a1 + b1 * b1)
    return a1 * scale, b1 * scale, c + dc


@inlined
def invariant(a, b, c):
    """The invariant delta = c^2 - a^2 - b^2 (Lemma 8) of a neuron."""
    # c^2 - p^2, with p the larger of |a| and |b|, as a product: squares would cancel near delta = 0
    p, q = abs(a), abs(b)
    if p < q:
        p, q = q, p
    return (abs(c) - p) * (abs(c) + p) - q * q
