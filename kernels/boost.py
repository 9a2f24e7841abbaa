"""A neuron in a constant field G: a Lorentz boost of (a, b, c), and when it meets a ray.

``(a, b, c)' = [[0, 0, Gx], [0, 0, G1], [Gx, G1, 0]] (a, b, c)``. With
``g = |G|``, ``n = G / g``, ``p = <(a, b), n>`` and q the component across, q is constant and

    p -> p cosh(g t) + c sinh(g t)        c -> c cosh(g t) + p sinh(g t)

which keeps delta = c^2 - a^2 - b^2. Times are counted by the *growth* ``e = exp(g t) - 1``: with it
the equation of a ray is quadratic, and cosh - 1 and sinh are rational. Steps add increments, since
a rounded boost matrix would drift away from delta.
"""

import math
from math import inf

import numpy as np

from ._jit import driver, routine

GX, G1, SIZE, NX, N1 = range(5)
"""Columns of `field_table`: G, |G|, and its direction."""

MOST_RAPIDITY = 300.0
"""Largest g t in which a neuron may move in a step, far from the overflow of exp(g t)^2."""
_PARALLEL = 2.0**-50


@routine
def increments(e):
    """cosh(g t) - 1 and sinh(g t) from the growth e > -1."""
    half = 0.5 / (1.0 + e)
    return e * e * half, e * (2.0 + e) * half


@routine
def boost(a, b, c, nx, n1, e):
    """(a, b, c) after the growth e in the direction (nx, n1) of the field."""
    grow, shear = increments(e)
    p = a * nx + b * n1
    dp = grow * p + shear * c
    return a + dp * nx, b + dp * n1, c + (grow * c + shear * p)


@routine
def growth_to_ray(a, b, c, nx, n1, xj, active):
    """Growth after which the neuron leaves its sector across the line a x_j + b = 0; inf if never.

    The pre-activation z of sample j obeys ``z(e) (1 + e) = A e^2 / 2 + (z + X c) e + z`` with
    ``X = <xt_j, n>``, ``A = X (p + c)``; one of its two roots leads outward. On the line or beyond
    it and moving out: 0.

    Parameters
    ----------
    a, b, c : float
    nx, n1 : float
        Direction of the field.
    xj : float
    active : bool
        Whether sample j is active in the sector.
    """
    out = -1.0 if active else 1.0
    p, q = a * nx + b * n1, b * nx - a * n1
    across, along = nx * xj + n1, nx - n1 * xj
    z = a * xj + b
    rate = across * c
    linear, leading = z + rate, across * (p + c)
    # two forms of the discriminant, each of which cancels where the other does not: near the
    # line, and for delta = 0 on the way to the origin
    qy, xp = q * along, across * p
    near, far = z * (qy - xp), across * across * (p + c) * (p - c)
    rates, qys = rate * rate, qy * qy
    square = rates + near if rates + abs(near) <= qys + abs(far) else qys - far
    root = out * math.sqrt(max(square, 0.0))
    # whichever form adds numbers of one sign; selects, since branches here are a coin's toss
    adds = out * linear > 0.0
    numerator = -2.0 * z if adds else root - linear
    denominator = linear + root if adds else leading
    e = numerator / denominator
    if not (square >= 0.0 and e > 0.0 and (adds or out * leading > 0.0)):
        e = inf
    if out * z >= 0.0 and (out * rate > 0.0 or (rate == 0.0 and out * across * p > 0.0)):
        e = 0.0
    return e


@routine
def growth_to_return(a, b, c, nx, n1, xj):
    """Growth after which the neuron is back on the ray that it just left; inf if never.

    The root 1 of the ray's equation is known, hence the other: back in its place with -c. Along a
    field that is parallel to the ray it never left.
    """
    p = a * nx + b * n1
    e = -2.0 * c / (p + c) if p + c != 0.0 else inf
    parallel = abs(nx * xj + n1) <= _PARALLEL * (1.0 + abs(xj))
    return e if e > 0.0 and not parallel else inf


@routine
def growth_to_standstill(length, c):
    """Growth in the direction of a ray until c = 0 or the length = |(a, b)| = 0; inf if never.

    c is counted along the field: the neuron grows if both have one sign. With c against the field
    it is c that vanishes first if |c| < length (delta < 0), else the length (delta > 0).
    """
    e = inf
    if c < 0.0:
        slower = length + c
        ratio = -2.0 * c / slower if slower > 0.0 else -2.0 * length / slower
        if slower != 0.0:
            e = ratio / (1.0 + math.sqrt(1.0 + ratio))
    return e


@driver
def field_table(field):
    """G_k, its size and its direction (0 where it vanishes), (2 s, 5) float64."""
    table = np.zeros((field.shape[0], 5))
    for k in range(field.shape[0]):
        gx, g1 = field[k, 0], field[k, 1]
        g = math.sqrt(gx * gx + g1 * g1)
        table[k, GX], table[k, G1], table[k, SIZE] = gx, g1, g
        if g > 0.0:
            table[k, NX], table[k, N1] = gx / g, g1 / g
    return table
