"""The linear map that all neurons of a cell share in a pass, and for whom it is the exact motion.

It is for every neuron that meets no event on the way, which can be seen from where the map leads:
the path of a neuron is straight while c keeps its sign, and sectors are convex, so that a neuron
that ends in its sector has not been outside.
"""

import math
from math import nan

import numpy as np

from ._jit import driver, inlined
from .boost import MOST_RAPIDITY, N1, NX, SIZE, field_table, increments
from .rays import ALONG, SIGN, UX, XJ, ray_table
from .records import Frozen, Maps
from .sectors import first_bound, outside, second_bound


@inlined
def _increments(rapidity):
    """The numbers cosh - 1 and sinh of a rapidity.

    They are NaN for one that is too large: no comparison with them holds, so that every neuron is
    found to need a closer look, and ``events`` counts the failure.
    """
    grow, shear = nan, nan
    if rapidity <= MOST_RAPIDITY:
        grow, shear = increments(math.expm1(rapidity))
    return grow, shear


@driver
def sector_maps(field, x, h):
    """The maps of all sectors for the time h, with their bounds, (2 s, 8).

    A row is the symmetric matrix that gives the increment of (a, b, c), as (xx, x1, 11, xc, 1c,
    cc), and the two bounds of the sector. ``field`` is the table of ``boost``.
    """
    s = x.size
    maps = np.zeros((2 * s, 8))
    for k in range(2 * s):
        nx, n1 = field[k, NX], field[k, N1]
        grow, shear = _increments(field[k, SIZE] * h)
        maps[k, 0] = grow * nx * nx
        maps[k, 1] = grow * nx * n1
        maps[k, 2] = grow * n1 * n1
        maps[k, 3] = shear * nx
        maps[k, 4] = shear * n1
        maps[k, 5] = grow
        maps[k, 6] = first_bound(k, x)
        maps[k, 7] = second_bound(k, x)
    return maps


@driver
def ray_maps(rays, h):
    """The maps of all rays for the time h, (2 s, 5).

    A row is the matrix that gives the increment of (a, c), as (aa = cc, ac, ca); the sample x_j,
    from which b follows; and the sign of c with which neurons slide on the ray. ``rays`` is the
    table of ``rays``.
    """
    maps = np.zeros((rays.shape[0], 5))
    for r in range(rays.shape[0]):
        along, ux = rays[r, ALONG], rays[r, UX]
        grow, shear = _increments(abs(along) * h)
        shear = math.copysign(shear, along)
        maps[r, 0] = grow
        maps[r, 1] = shear * ux
        maps[r, 2] = shear / ux
        maps[r, 3] = rays[r, XJ]
        maps[r, 4] = rays[r, SIGN]
    return maps


@driver
def frozen_field(field, x):
    """The tables of a frozen field G_k, (2 s, 2), of sectors and of rays."""
    return Frozen(field_table(field), ray_table(field, x), x)


@driver
def maps_of(frozen, h):
    """The maps of all sectors and of all rays for the time h."""
    return Maps(sector_maps(frozen.field, frozen.x, h), ray_maps(frozen.rays, h))


@inlined
def stays(a, b, c, before, bound1, bound2, active1, active2):
    """Whether the map of its sector is the exact motion of a neuron that it has led to (a, b, c).

    The neuron must have stayed in the sector, and c must have kept the sign of ``before``.
    """
    return (not outside(a, b, bound1, bound2, active1, active2)) & (before * c > 0.0)


@inlined
def turns_back(before, after, k, field, maps):
    """Whether the map of its sector k is the exact motion of a neuron whose c changes its sign.

    It leads from ``before`` to ``after``, (a, b, c) each. Where c vanishes the path turns back on
    its own straight line: if the neuron ends in the sector, and turns in it, it has not been
    outside.
    """
    (a, b, c), (an, bn, cn) = before, after
    bound1, bound2 = maps[k, 6], maps[k, 7]
    turns = False
    if c * cn < 0.0 and not outside(an, bn, bound1, bound2, True, k == 0):
        nx, n1 = field[k, NX], field[k, N1]
        p, q = a * nx + b * n1, b * nx - a * n1
        # p^2 - c^2 is constant: what p is where c vanishes
        p = math.copysign(math.sqrt(max((p - c) * (p + c), 0.0)), p)
        turns = not outside(p * nx - q * n1, p * n1 + q * nx, bound1, bound2, True, k == 0)
    return turns


@inlined
def slides(a, c, a_before, c_before, sign):
    """Whether the map of its ray is the exact motion of a neuron that it has led to (a, c).

    The ray must attract the sign of c, and neither c nor the length of (a, b) may have vanished.
    """
    return (sign * c_before > 0.0) & (sign * c > 0.0) & (a_before * a > 0.0)


@inlined
def mapped(a, b, c, k, maps, s):
    """Where the map of its cell takes a neuron of cell k, and whether it needs a closer look."""
    sector_map, ray_map = maps
    an, bn, cn = a, b, c
    doubt = False
    if k < 2 * s:
        if k != s:
            an += sector_map[k, 0] * a + sector_map[k, 1] * b + sector_map[k, 3] * c
            bn += sector_map[k, 1] * a + sector_map[k, 2] * b + sector_map[k, 4] * c
            cn += sector_map[k, 3] * a + sector_map[k, 4] * b + sector_map[k, 5] * c
            bound1, bound2 = sector_map[k, 6], sector_map[k, 7]
            doubt = not stays(an, bn, cn, c, bound1, bound2, True, k == 0)
    elif k < 4 * s:
        r = k - 2 * s
        an += ray_map[r, 0] * a + ray_map[r, 1] * c
        bn = -(an * ray_map[r, 3])  # on the ray to the bit
        cn += ray_map[r, 0] * c + ray_map[r, 2] * a
        doubt = not slides(an, cn, a, c, ray_map[r, 4])
    return an, bn, cn, doubt
