"""Rays: the borders between sectors, and where a neuron on one goes.

Ray r, ``0 <= r < 2 s``, lies between the sectors r and r + 1 (mod 2 s). It is orthogonal to
``xt_j = (x_j, 1)`` of its sample j = r mod s, and neurons on it have their knot at x_j. Sample j is
active in one of the two sectors, the ray's *active side*, and inactive in the other. The rays s - 1
and s border the dead sector.

What a frozen field means to a ray is looked up in a table, `ray_table`, that is made once a step.

A neuron on a ray leaves it with the normal velocity ``c <xt_j, G>``, G that of the side; positive
is towards the active side. The *pulls* of a ray are ``<xt_j, G>`` on its two sides.
"""

import math

import numpy as np

from ._jit import driver, inlined, leaf

UX, U1, XJ, PULL_ACTIVE, PULL_INACTIVE, ALONG, SIGN, PASSES, FROM_ORIGIN = range(9)
"""Columns of `ray_table`: u (two columns), x_j, the pulls, <G, u>, `attracted_sign`, whether all
neurons that meet the ray pass through it, and the cell to which neurons go that slide on the ray
into the origin, or `UNKNOWN`."""
UNKNOWN = -1.0
"""Stands in the table for a cell that no neuron has asked for: most fields need none of them, and
one takes thousands of steps to find (``origin``)."""


@inlined
def ray_sample(r, x):
    """The sample x_j on which neurons of ray r have their knot."""
    return x[r - x.size] if r >= x.size else x[r]


@inlined
def active_side(r, s):
    """The sector beside ray r in which its sample is active."""
    if r < s:
        k = r
    elif r < 2 * s - 1:
        k = r + 1
    else:
        k = 0
    return k


@inlined
def inactive_side(r, s):
    """The sector beside ray r in which its sample is inactive."""
    return r + 1 if r < s else r


@inlined
def sector_beyond(r, up, s):
    """The sector that follows ray r on the way to higher sectors (``up``), or to lower ones."""
    return r if not up else (r + 1 if r < 2 * s - 1 else 0)


@leaf
def ray_direction(r, x):
    """The unit vector u along ray r: (1, -x_j) / |xt_j| for r < s, its opposite for r >= s."""
    xj = ray_sample(r, x)
    scale = 1.0 / math.sqrt(1.0 + xj * xj)
    if r >= x.size:
        scale = -scale
    return scale, -scale * xj


@leaf
def pulls(r, field, x):
    """The pulls ``<xt_j, G>`` of the active and of the inactive side of ray r."""
    xj = ray_sample(r, x)
    k, l = active_side(r, x.size), inactive_side(r, x.size)
    return field[k, 0] * xj + field[k, 1], field[l, 0] * xj + field[l, 1]


@leaf
def attracted_sign(r, pull_active, pull_inactive, s):
    """The sign of c with which neurons slide on ray r, or 0 (Williams et al., Lemma 1).

    Where it is 1, ray r is an attractor for c > 0 and a repulsor for c < 0, and vice versa. Nobody
    slides on the borders of the dead sector.
    """
    sign = 0.0
    if r != s - 1 and r != s:
        if pull_active < 0.0 < pull_inactive:
            sign = 1.0
        elif pull_inactive < 0.0 < pull_active:
            sign = -1.0
    return sign


@leaf
def cell_from_ray(r, sign, pull_active, pull_inactive, stay, slower, s):
    """The cell to which a neuron on ray r goes, as the velocities of its two sides say.

    If both sides point the same way, the neuron passes through. If one of them is 0, it goes where
    the other one points; if both are 0, to the cell ``stay``. If both point inward, it slides, in
    cell 2s + r. If both point outward (repulsor), the motion is not unique: the neuron goes to the
    slower side if ``slower``, where the chatter of gradient descent mostly sits, else to the faster
    one, and to the inactive side if they are equally fast. On the borders of the dead sector a
    neuron dies unless the other side pulls it away.

    Parameters
    ----------
    r : int
    sign : float
        Sign of c, or of c' if c = 0.
    pull_active, pull_inactive : float
        Pulls of the two sides.
    stay : int
        The cell where no side pulls.
    slower : bool
        Whether a repulsor hands its neurons to the slower side.
    s : int
        Number of samples.
    """
    va, vi = sign * pull_active, sign * pull_inactive
    if r == s - 1 or r == s:
        cell = active_side(r, s) if va > 0.0 else s
    elif va < 0.0 < vi:
        cell = 2 * s + r
    elif vi < 0.0 < va:
        cell = active_side(r, s) if (va < -vi) == slower and va != -vi else inactive_side(r, s)
    elif va > 0.0 or vi > 0.0:
        cell = active_side(r, s)
    elif va < 0.0 or vi < 0.0:
        cell = inactive_side(r, s)
    else:
        cell = stay
    return cell


@driver
def ray_table(field, x):
    """The table that motion on rays and across them looks up, a row for each ray: (2 s, 9) float64.

    Parameters
    ----------
    field : (2 s, >= 2) float64
        G_k.
    x : (s,) float64
    """
    s = x.size
    table = np.empty((2 * s, 9))
    for r in range(2 * s):
        ux, u1 = ray_direction(r, x)
        pull_active, pull_inactive = pulls(r, field, x)
        # <G, u> is that of either side: their fields differ by rho_j xt_j, orthogonal to u
        k = inactive_side(r, s)
        table[r, UX], table[r, U1], table[r, XJ] = ux, u1, ray_sample(r, x)
        table[r, PULL_ACTIVE], table[r, PULL_INACTIVE] = pull_active, pull_inactive
        table[r, ALONG] = field[k, 0] * ux + field[k, 1] * u1
        table[r, SIGN] = attracted_sign(r, pull_active, pull_inactive, s)
        one_way = pull_active * pull_inactive > 0.0
        table[r, PASSES] = 1.0 if one_way and r != s - 1 and r != s else 0.0
        table[r, FROM_ORIGIN] = UNKNOWN
    return table
