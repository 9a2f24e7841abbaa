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

from ._jit import driver, leaf

GX, G1, SIZE, NX, N1 = range(5)
"""Columns of `field_table`: G, its size |G|, and its direction n."""

MOST_RAPIDITY = 300.0
"""Largest rapidity g t by which a neuron may move in a step; exp(g t)^2 must not overflow."""
_PARALLEL = 2.0**-50
"""Rounding of <xt_j, n>, in units of 1 + |x_j|, below which a field is parallel to the ray."""


@leaf
def increments(e):
    """The numbers cosh(g t) - 1 and sinh(g t), from the growth e > -1."""
    half = 0.5 / (1.0 + e)
    return e * e * half, e * (2.0 + e) * half


@leaf
def boost(a, b, c, nx, n1, e):
    """The neuron (a, b, c) after the growth e, in a field with the direction (nx, n1)."""
    grow, shear = increments(e)
    p = a * nx + b * n1
    dp = grow * p + shear * c
    return a + dp * nx, b + dp * n1, c + (grow * c + shear * p)


@leaf
def growth_to_ray(a, b, c, nx, n1, xj, active):
    """The growth after which a neuron leaves its sector across the line a x_j + b = 0.

    The pre-activation z of sample j obeys ``z(e) (1 + e) = A e^2 / 2 + (z + X c) e + z`` with
    ``X = <xt_j, n>``, ``A = X (p + c)``; one of its two roots leads outward. The growth is inf if
    the neuron never leaves there, and 0 if it is on the line, or beyond it, and moves out.

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
    # of the two forms of the root the one that adds numbers of one sign, so that nothing cancels;
    # by selects, since branches here are a coin's toss
    adds = out * linear > 0.0
    numerator = -2.0 * z if adds else root - linear
    denominator = linear + root if adds else leading
    e = numerator / denominator
    if not (square >= 0.0 and e > 0.0 and (adds or out * leading > 0.0)):
        e = inf
    if out * z >= 0.0 and (out * rate > 0.0 or (rate == 0.0 and out * across * p > 0.0)):
        e = 0.0
    return e


@leaf
def growth_to_return(a, b, c, nx, n1, xj):
    """The growth after which a neuron is back on the ray that it just left; inf if never.

    One root of the ray's equation is known, the growth 0 of now; that gives the other, at which
    the neuron is back on the ray with -c. Where the field is parallel to the ray the neuron never
    left it.
    """
    p = a * nx + b * n1
    e = -2.0 * c / (p + c) if p + c != 0.0 else inf
    parallel = abs(nx * xj + n1) <= _PARALLEL * (1.0 + abs(xj))
    return e if e > 0.0 and not parallel else inf


@leaf
def growth_to_standstill(length, c):
    """The growth on a ray until c = 0 or the length = |(a, b)| = 0; inf if never.

    The sign of ``c`` is counted along the field: the length grows if it is positive. If it is
    negative, c vanishes first where |c| < length (delta < 0), else the length (delta > 0).
    """
    e = inf
    if c < 0.0:
        # ratio = exp(2 g t) - 1 at that time; the last line is sqrt(1 + ratio) - 1 uncancelled
        slower = length + c
        ratio = -2.0 * c / slower if slower > 0.0 else -2.0 * length / slower
        if slower != 0.0:
            e = ratio / (1.0 + math.sqrt(1.0 + ratio))
    return e


@driver
def field_table(field):
    """The table of the fields G_k: vector, size and direction (0 where it vanishes), (2 s, 5)."""
    table = np.zeros((field.shape[0], 5))
    for k in range(field.shape[0]):
        gx, g1 = field[k, 0], field[k, 1]
        g = math.sqrt(gx * gx + g1 * g1)
        table[k, GX], table[k, G1], table[k, SIZE] = gx, g1, g
        if g > 0.0:
            table[k, NX], table[k, N1] = gx / g, g1 / g
    return table
