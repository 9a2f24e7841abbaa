"""Velocity of one neuron in a given field, and one explicit Euler step of it.

The metrics share the three state variables:

network
    (a, b, c) in hat units; ``a' = c G_x, b' = c G_1, c' = a G_x + b G_1``.
euclidean
    (cos theta, sin theta, rhat), the mean-field flow of Williams et al., eqs. (30), (31):
    ``rhat' = <G, d>, theta' = rhat <G, t>`` with d = (cos, sin), t = (-sin, cos).
euclidean, weighted
    The same flow of u (cos theta, sin theta, rhat), where the weight of the neuron is u^2 / m.

In all, the neuron contributes ``(1/m) c [a x + b]_+`` to the network function. The network metric
needs no weights: sqrt(m w) (a, b, c) obeys its equations, which are linear in (a, b, c).
"""

import math

from ._jit import inlined

NETWORK, EUCLIDEAN, EUCLIDEAN_WEIGHTED = range(3)


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
def velocity_weighted(a, b, c, gx, g1):
    """The rate of u (cos theta, sin theta, rhat), passed as (a, b, c), in the field (gx, g1)."""
    turn = c * (a * g1 - b * gx) / (a * a + b * b)
    return -(turn * b), turn * a, a * gx + b * g1


@inlined
def velocity(metric, a, b, c, gx, g1):
    """The rate of the three variables of a neuron in the field (gx, g1)."""
    if metric == NETWORK:
        return velocity_network(a, b, c, gx, g1)
    if metric == EUCLIDEAN:
        return velocity_euclidean(a, b, c, gx, g1)
    return velocity_weighted(a, b, c, gx, g1)


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
def euler_weighted(a, b, c, hx, h1):
    """The neuron u (cos theta, sin theta, rhat) after an Euler step with (hx, h1) = h G.

    Its direction is brought back to the length u.
    """
    turn = c * (a * h1 - b * hx) / (a * a + b * b)
    scale = 1.0 / math.sqrt(1.0 + turn * turn)
    return (a - turn * b) * scale, (b + turn * a) * scale, c + (a * hx + b * h1)


@inlined
def euler_unweighted(metric, a, b, c, hx, h1):
    """The three variables of a neuron after an Euler step, in a metric without weights."""
    if metric == EUCLIDEAN:
        return euler_euclidean(a, b, c, hx, h1)
    return euler_network(a, b, c, hx, h1)


@inlined
def euler(metric, a, b, c, hx, h1):
    """The three variables of a neuron after an Euler step with (hx, h1) = h G."""
    if metric == EUCLIDEAN_WEIGHTED:
        return euler_weighted(a, b, c, hx, h1)
    return euler_unweighted(metric, a, b, c, hx, h1)


@inlined
def with_length(metric, a, b, a0, b0):
    """(a, b) with the length that directions have in the metric.

    In the network metric that is any length, in the euclidean one it is 1, or with weights that of
    an earlier (a0, b0) of the same neuron.
    """
    if metric == NETWORK:
        return a, b
    norm = math.sqrt(a * a + b * b)
    if metric == EUCLIDEAN:
        return a / norm, b / norm
    scale = math.sqrt(a0 * a0 + b0 * b0) / norm
    return a * scale, b * scale


@inlined
def invariant(a, b, c):
    """The invariant delta = c^2 - a^2 - b^2 (Williams et al., Lemma 8) of a neuron."""
    # c^2 - p^2, with p the larger of |a| and |b|, as a product: squares would cancel near delta = 0
    p, q = abs(a), abs(b)
    if p < q:
        p, q = q, p
    return (abs(c) - p) * (abs(c) + p) - q * q
