"""Where a neuron goes that arrives at (a, b) = 0, which only delta > 0 allows.

The motion is not unique there: rest, every sector that holds its own ``sign(c) G_k``, and every
attractor ray with ``sign(c) <G, u> > 0`` are solutions. The choice made is the
outcome of gradient descent of one neuron with the field and c frozen, whose step is of no
consequence by scaling.
"""

import math
from math import inf

from ._jit import leaf
from .rays import attracted_sign, inactive_side, pulls, ray_direction
from .sectors import is_in, locate, origin_cell

START = 100.0
"""Distance from the origin at which the descent starts, in units of the largest |G_k|."""
MOST_STEPS = 4000
"""Steps after which the neuron counts as dead. That includes one that slides in so slowly that it
is still on its way then: ``|<G, u>| < largest |G_k| / 40``, which is `START` over `MOST_STEPS`."""
AT_ORIGIN = 2.0**-49
"""Length of (a, b), in units of its length before the motion, at which a neuron has arrived."""


@leaf
def largest_field(field):
    """The size of the largest field, max |G_k|; NaN if one of them is NaN."""
    largest = 0.0
    for k in range(field.shape[0]):
        size = math.sqrt(field[k, 0] ** 2 + field[k, 1] ** 2)
        if not (math.isnan(largest) or size <= largest):
            largest = size
    return largest


@leaf
def exit_direction(ux, u1, sign, field, x):
    """The point at which the map z -> z + sign G(z) leaves the disk on whose border it starts.

    The start is in the direction (ux, u1). The result is (0, 0) if the neuron dies on the way.
    """
    radius = START * largest_field(field)
    zx, z1 = radius * ux, radius * u1
    been_inside = False
    leaves = False
    for _ in range(MOST_STEPS):
        k = locate(zx, z1, x)
        if k == x.size or k == origin_cell(x.size):
            break
        zx += sign * field[k, 0]
        z1 += sign * field[k, 1]
        square = zx * zx + z1 * z1
        # it starts on the border: to leave the disk means something only after it went inside
        if square < 0.25 * radius * radius:
            been_inside = True
        elif been_inside and square > radius * radius:
            leaves = True
            break
    if not leaves:
        zx = z1 = 0.0
    return zx, z1


@leaf
def cell_from_origin(ux, u1, sign, field, x):
    """The cell in which a neuron goes on that has come to the origin along the direction (ux, u1).

    Parameters
    ----------
    ux, u1 : float
        Unit vector of (a, b) before it vanished.
    sign : float
        Sign of c.
    field : (2 s, >= 2) float64
        G_k.
    x : (s,) float64
    """
    s = x.size
    best = origin_cell(s)
    zx, z1 = exit_direction(ux, u1, sign, field, x)
    if zx != 0.0 or z1 != 0.0:
        # finite steps only come near one of the exact solutions: take the closest in direction
        nearest = -inf
        for k in range(2 * s):
            gx, g1 = sign * field[k, 0], sign * field[k, 1]
            if k != s and is_in(gx, g1, k, x):
                cosine = (zx * gx + z1 * g1) / math.sqrt(gx * gx + g1 * g1)
                if cosine > nearest:
                    nearest, best = cosine, k
        for r in range(2 * s):
            pull_active, pull_inactive = pulls(r, field, x)
            if sign * attracted_sign(r, pull_active, pull_inactive, s) > 0.0:
                vx, v1 = ray_direction(r, x)
                k = inactive_side(r, s)
                if sign * (field[k, 0] * vx + field[k, 1] * v1) > 0.0:
                    cosine = zx * vx + z1 * v1
                    if cosine > nearest:
                        nearest, best = cosine, 2 * s + r
    return best
