"""One neuron through a frozen field for a given time: boosts, crossings, slides, and rests.

The field is constant in each sector. The neuron is boosted to the first ray that it meets, goes on
from there as the ray's two sides say, and so forth until the time is used up. What happens is
counted in ``tally``, an integer array:

=============  ============================================================
`CROSSINGS`    rays met: crossed, begun to slide on, or died at
`RELEASES`     slides that ended because c changed sign, on what then is a repulsor
`REPULSORS`    slides that a new field has turned into a repulsor
`ORIGINS`      arrivals at (a, b) = 0
`FAILURES`     neurons with more events in a step than there can sensibly be
=============  ============================================================

At releases, repulsors and the origin the motion of a single neuron is not unique; ``rays`` and
``origin`` say which one is taken.
"""

import math

from ._jit import routine
from .boost import boost, growth_to_ray, growth_to_rest, growth_to_return, increments
from .origin import cell_from_origin
from .rays import active_side, cell_from_ray, inactive_side, pulls, ray_direction, ray_sample
from .sectors import is_in, origin_cell

CROSSINGS, RELEASES, REPULSORS, ORIGINS, FAILURES = range(5)
TALLIES = 5

_ROUNDING = 2.0**-49


@routine
def _sign(value):
    return math.copysign(1.0, value) if value != 0.0 else 0.0


@routine
def _first_ray(a, b, c, k, nx, n1, left, x):
    """The ray of sector k that the neuron meets first, and the growth at which; -1 if none."""
    s = x.size
    first, ray = math.inf, -1
    for i in range(2):
        r = k if i == 1 else (k - 1 if k > 0 else 2 * s - 1)
        if r == left:
            e = growth_to_return(a, b, c, nx, n1)
        else:
            e = growth_to_ray(a, b, c, nx, n1, ray_sample(r, x), active_side(r, s) == k)
        if e < first:
            first, ray = e, r
    return ray, first


@routine
def _through_sector(a, b, c, k, time, left, field, x, tally):
    """Move inside sector k until a ray or the end of the time.

    Returns (a, b, c), the cell, the time left and the ray on which the neuron is or -1.
    """
    s = x.size
    gx, g1 = field[k, 0], field[k, 1]
    g = math.sqrt(gx * gx + g1 * g1)
    cell, met = k, -1
    if g == 0.0:
        time = 0.0
    else:
        nx, n1 = gx / g, g1 / g
        e = math.expm1(g * time)
        a1, b1, c1 = boost(a, b, c, nx, n1, e)
        # the path is straight while c keeps its sign, and sectors are convex
        if not (c * c1 > 0.0 and is_in(a1, b1, k, x)):
            ray, first = _first_ray(a, b, c, k, nx, n1, left, x)
            if first < e:
                a1, b1, c1 = boost(a, b, c, nx, n1, first)
                ux, u1 = ray_direction(ray, x)
                length = a1 * ux + b1 * u1
                if s == 1 and length < 0.0:  # both rays lie on one line
                    ray, ux, u1, length = 1 - ray, -ux, -u1, -length
                start = math.sqrt(a * a + b * b)
                time -= math.log1p(first) / g
                met = ray
                tally[CROSSINGS] += 1
                if length <= _ROUNDING * start:
                    cell = cell_from_origin(a / start, b / start, _sign(c1), field, x)
                    a1 = b1 = 0.0
                    met = cell - 2 * s if 2 * s <= cell < 4 * s else -1
                    tally[ORIGINS] += 1
                else:
                    a1 = length * ux
                    b1 = -a1 * ray_sample(ray, x)
                    sign = _sign(c1)
                    if sign == 0.0:
                        sign = _sign(a1 * gx + b1 * g1)
                    pull_active, pull_inactive = pulls(ray, field, x)
                    cell = cell_from_ray(ray, sign, pull_active, pull_inactive, k, True, s)
            else:
                time = 0.0
        else:
            time = 0.0
        a, b, c = a1, b1, c1
    return a, b, c, cell, time, met


@routine
def _along_ray(a, b, c, r, time, field, x, tally):
    """Slide on ray r until c or (a, b) vanishes or the end of the time.

    Returns (a, b, c), the cell, the time left and the ray on which the neuron is or -1.
    """
    s = x.size
    ux, u1 = ray_direction(r, x)
    xj = ray_sample(r, x)
    k = inactive_side(r, s)
    along = field[k, 0] * ux + field[k, 1] * u1
    sense = _sign(along)
    cell, met = 2 * s + r, r
    if sense == 0.0:
        time = 0.0
    else:
        g = sense * along
        length, speed = a / ux, sense * c
        e = math.expm1(g * time)
        rest = growth_to_rest(length, speed)
        if rest < e:
            time -= math.log1p(rest) / g
            if abs(speed) < length:
                length = math.sqrt((length - speed) * (length + speed))
                c = 0.0
                pull_active, pull_inactive = pulls(r, field, x)
                cell = cell_from_ray(r, sense, pull_active, pull_inactive, cell, True, s)
                tally[RELEASES] += 1
            else:
                c = -sense * math.sqrt((-speed - length) * (length - speed))
                length = 0.0
                cell = cell_from_origin(ux, u1, -sense, field, x)
                met = cell - 2 * s if 2 * s <= cell < 4 * s else -1
                tally[ORIGINS] += 1
        else:
            grow, shear = increments(e)
            c += grow * c + sense * shear * length
            length += grow * length + shear * speed
            time = 0.0
        a = length * ux
        b = -a * xj
    return a, b, c, cell, time, met


@routine
def _recheck(a, c, r, field, x, tally):
    """Cell of a neuron that slid on ray r, in a new field."""
    s = x.size
    ux, u1 = ray_direction(r, x)
    sign = _sign(c)
    if sign == 0.0:
        k = inactive_side(r, s)
        sign = _sign((field[k, 0] * ux + field[k, 1] * u1) * a / ux)
    pull_active, pull_inactive = pulls(r, field, x)
    # at once outward on both sides: the faster side has turned first
    cell = cell_from_ray(r, sign, pull_active, pull_inactive, 2 * s + r, False, s)
    if sign * pull_inactive < 0.0 < sign * pull_active:
        tally[REPULSORS] += 1
    return cell


@routine
def advance_neuron(a, b, c, cell, h, field, x, tally):
    """Move one neuron for the time h.

    Parameters
    ----------
    a, b, c : float
    cell : int
    h : float
    field : (2 s, 2) float64
        G_k, constant in time.
    x : (s,) float64
    tally : (TALLIES,) int64
        Modified in place.

    Returns
    -------
    a, b, c : float
        On a ray the pre-activation a x_j + b is 0 to the bit.
    cell : int
    """
    s = x.size
    dead, origin = s, origin_cell(s)
    time, left = h, -1
    if 2 * s <= cell < origin:
        left = cell - 2 * s
        cell = _recheck(a, c, left, field, x, tally)
    events = 64 + 16 * s
    while time > 0.0 and cell != dead and cell != origin and events > 0:
        if cell < 2 * s:
            a, b, c, cell, time, left = _through_sector(a, b, c, cell, time, left, field, x, tally)
        else:
            a, b, c, cell, time, left = _along_ray(a, b, c, cell - 2 * s, time, field, x, tally)
        events -= 1
    if events == 0:
        tally[FAILURES] += 1
    return a, b, c, cell
