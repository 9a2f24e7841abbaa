"""One neuron through a frozen field for a given time: boosts, crossings, slides, and rests.

The field is constant in each sector. The neuron is boosted to the first ray that it meets, goes on
from there as the ray's two sides say, and so forth until the time is used up. Events are counted in
``tally``, an integer array with a place for each kind:

=============  ============================================================
`CROSSINGS`    neurons that came to the end of a sector: to a ray, which they
               cross, begin to slide on, or die at; or to the origin
`RELEASES`     slides that ended because c changed sign, on what then is a repulsor
`REPULSORS`    slides on a ray that a new field has made a repulsor; ``backend``
               adds the neurons that start a run on one
`ORIGINS`      arrivals at (a, b) = 0
`FAILURES`     neurons that would move by more than `MOST_RAPIDITY` or meet countless rays
=============  ============================================================

At releases, repulsors and the origin the motion of a single neuron is not unique; ``rays`` and
``origin`` say which one is taken.
"""

import math
from math import inf

from ._jit import apart, inlined, leaf
from .boost import (
    G1,
    GX,
    MOST_RAPIDITY,
    N1,
    NX,
    SIZE,
    boost,
    growth_to_ray,
    growth_to_return,
    growth_to_standstill,
    increments,
)
from .origin import AT_ORIGIN, cell_from_origin
from .rays import (
    ALONG,
    FROM_ORIGIN,
    PULL_ACTIVE,
    PULL_INACTIVE,
    U1,
    UNKNOWN,
    UX,
    XJ,
    active_side,
    cell_from_ray,
)
from .sectors import origin_cell

CROSSINGS, RELEASES, REPULSORS, ORIGINS, FAILURES = range(5)
TALLIES = 5
CHANGES = TALLIES
"""Place behind the events, where a pass counts the neurons that change their cell."""


@inlined
def _sign(value):
    return math.copysign(1.0, value) if value != 0.0 else 0.0


@leaf
def _first_ray(a, b, c, k, left, field, rays):
    """The ray of sector k that the neuron meets first, and the growth until then.

    They are -1 and inf if it meets none. ``left`` is the ray on which the neuron is, or -1.
    """
    n_rays = rays.shape[0]
    nx, n1 = field[k, NX], field[k, N1]
    first, ray = inf, -1
    for i in range(2):
        r = k if i == 1 else (k - 1 if k > 0 else n_rays - 1)
        if r == left:
            e = growth_to_return(a, b, c, nx, n1, rays[r, XJ])
        else:
            active = active_side(r, n_rays // 2) == k
            e = growth_to_ray(a, b, c, nx, n1, rays[r, XJ], active)
        if e < first:
            first, ray = e, r
    return ray, first


@inlined
def _spend(first, rapidity):
    """The rapidity of the growth ``first`` if it is below the one that is left, else inf."""
    # e / (1 + e) <= log(1 + e) tells most neurons that meet nothing in time without a logarithm
    spent = math.log1p(first) if first <= rapidity * (1.0 + first) else inf
    return spent if spent < min(rapidity, MOST_RAPIDITY) else inf


@inlined
def _growth_of(rapidity):
    """The growth of this rapidity, or of the largest one; `FAILURES` counts those cut off."""
    return math.expm1(min(rapidity, MOST_RAPIDITY))


@inlined
def _next_event(a, b, c, k, left, rapidity, field, rays):
    """Where a neuron in sector k is when it meets the next ray, or at the end of the time.

    ``left`` is the ray on which the neuron is, or -1. Returns (a, b, c), the ray, and the rapidity
    spent, which is infinite if no ray is met in time; the ray then has no meaning. As long as c
    keeps its sign the path is straight, so that only the ray ahead can be met.
    """
    nx, n1 = field[k, NX], field[k, N1]
    n_rays = rays.shape[0]
    turn = c * (b * nx - a * n1)  # theta falls and the number of the sector rises if > 0
    behind = k - 1 if k > 0 else n_rays - 1
    ray = k if turn > 0.0 else behind
    active = active_side(ray, n_rays // 2) == k
    first = growth_to_ray(a, b, c, nx, n1, rays[ray, XJ], active)
    spent = _spend(first, rapidity)
    e = first if spent < rapidity else _growth_of(rapidity)
    a1, b1, c1 = boost(a, b, c, nx, n1, e)
    if not (c * c1 > 0.0 and turn != 0.0 and ray != left):
        # c changes its sign, so that the path turns back, or it is not known which ray is ahead:
        # try both
        ray, first = _first_ray(a, b, c, k, left, field, rays)
        spent = _spend(first, rapidity)
        e = first if spent < rapidity else _growth_of(rapidity)
        a1, b1, c1 = boost(a, b, c, nx, n1, e)
    return a1, b1, c1, ray, spent


@inlined
def _cell_beyond(a, b, c, k, ray, field, rays):
    """The cell to which a neuron goes that has come to the ray through sector k."""
    sign = _sign(c)
    if sign == 0.0:  # the sign that c is about to have
        sign = _sign(a * field[k, GX] + b * field[k, G1])
    pull_active, pull_inactive = rays[ray, PULL_ACTIVE], rays[ray, PULL_INACTIVE]
    return cell_from_ray(ray, sign, pull_active, pull_inactive, k, True, rays.shape[0] // 2)


@leaf
def meet(a, b, c, k, ray, frozen, tally):
    """Count that a neuron of sector k has come to the ray; returns the cell to which it goes."""
    tally[CROSSINGS] += 1
    return _cell_beyond(a, b, c, k, ray, frozen.field, frozen.rays)


@inlined
def _through_sector(a, b, c, k, time, left, frozen, tally):
    """Move a neuron inside sector k until it meets a ray, or to the end of the time.

    ``left`` is the ray on which the neuron starts, or -1. Returns (a, b, c), the cell, the time
    left, and the ray on which the neuron is then, or -1.
    """
    field, rays, x = frozen
    cell, met = k, -1
    g = field[k, SIZE]
    a1, b1, c1, ray, spent = a, b, c, -1, inf
    if g > 0.0:
        a1, b1, c1, ray, spent = _next_event(a, b, c, k, left, g * time, field, rays)
    if spent < inf:
        ux, u1 = rays[ray, UX], rays[ray, U1]
        length = a1 * ux + b1 * u1
        time -= spent / g
        tally[CROSSINGS] += 1
        # rounding never lets a path end in the origin exactly: a neuron near enough has arrived
        if length * length <= AT_ORIGIN * AT_ORIGIN * (a * a + b * b):
            # the straight path came from the direction of the old (a, b), if that is one
            start = math.sqrt(a * a + b * b)
            if start > 0.0:
                ux, u1 = a / start, b / start
            cell = cell_from_origin(ux, u1, _sign(c1), field, x)
            a1 = b1 = 0.0
            tally[ORIGINS] += 1
        else:
            # put onto the ray to the bit, or rounding decides on which side of it the neuron is
            a1 = length * ux
            b1 = -a1 * rays[ray, XJ]
            cell = _cell_beyond(a1, b1, c1, k, ray, field, rays)
            met = ray
    else:
        tally[FAILURES] += not g * time <= MOST_RAPIDITY
        time = 0.0
    return a1, b1, c1, cell, time, met


@inlined
def ray_of(cell, s):
    """The ray on which a neuron of this cell slides, or -1 if it does not slide."""
    return cell - 2 * s if 2 * s <= cell < origin_cell(s) else -1


@leaf
def _cell_from_origin(r, sign, frozen):
    """The cell to which a neuron goes that has slid on ray r into the origin.

    It is the same for all neurons of the ray, which slide with one sign of c, and found once a
    field. Threads that look for it at the same time write the same value.
    """
    field, rays, x = frozen
    if rays[r, FROM_ORIGIN] == UNKNOWN:
        cell = cell_from_origin(rays[r, UX], rays[r, U1], sign, field, x)
        rays[r, FROM_ORIGIN] = cell
    return int(rays[r, FROM_ORIGIN])


@inlined
def _along_ray(a, b, c, r, time, frozen, tally):
    """Slide a neuron along ray r until c or (a, b) vanishes, or to the end of the time.

    Returns (a, b, c), the cell, the time left, and the ray on which the neuron is then, or -1.
    """
    rays, s = frozen.rays, frozen.x.size
    ux, along = rays[r, UX], rays[r, ALONG]
    sense = _sign(along)
    cell, met = 2 * s + r, r
    length, speed = a / ux, sense * c  # c > 0 in the sense of the field lengthens (a, b)
    rapidity = sense * along * time
    rest = growth_to_standstill(length, speed) if sense != 0.0 else inf
    spent = math.log1p(rest)
    if spent < rapidity:
        time -= spent / (sense * along)
        # what does not vanish follows from delta = c^2 - length^2, which the slide keeps
        if abs(speed) < length:
            length = math.sqrt((length - speed) * (length + speed))
            c = 0.0
            cell = cell_from_ray(
                r, sense, rays[r, PULL_ACTIVE], rays[r, PULL_INACTIVE], cell, True, s
            )
            tally[RELEASES] += 1
        else:
            c = -sense * math.sqrt((-speed - length) * (length - speed))
            length = 0.0
            cell, met = _cell_from_origin(r, -sense, frozen), -1
            tally[ORIGINS] += 1
    else:
        grow, shear = increments(_growth_of(rapidity))
        tally[FAILURES] += not rapidity <= MOST_RAPIDITY
        c += grow * c + sense * shear * length
        length += grow * length + shear * speed
        time = 0.0
    a = length * ux
    b = -a * rays[r, XJ]
    return a, b, c, cell, time, met


@inlined
def recheck(a, c, r, rays):
    """The cell in which a neuron that slid on ray r is in a new field, and whether that repels it.

    Each neuron that is repelled counts in `REPULSORS`.
    """
    s = rays.shape[0] // 2
    sign = _sign(c)
    if sign == 0.0:
        sign = _sign(rays[r, ALONG] * a / rays[r, UX])
    pull_active, pull_inactive = rays[r, PULL_ACTIVE], rays[r, PULL_INACTIVE]
    # where both sides have turned outward since the last field, the faster one counts as the
    # first, which has taken the neuron with it
    cell = cell_from_ray(r, sign, pull_active, pull_inactive, 2 * s + r, False, s)
    return cell, sign * pull_inactive < 0.0 < sign * pull_active


@apart
def go_on(a, b, c, cell, time, left, frozen, tally):
    """Move one neuron for a time through all that it meets.

    Parameters
    ----------
    a, b, c : float
    cell : int
        The neuron's cell or, if it has just come to a ray, the cell to which it goes.
    time : float
    left : int
        The ray to which the neuron has just come or on which it slides, else -1.
    frozen : Frozen
        Where a neuron goes from the origin is noted in its ``rays``, once a ray.
    tally : (>= TALLIES,) integers
        Modified in place.

    Returns
    -------
    a, b, c : float
        On a ray the pre-activation a x_j + b is 0 to the bit.
    cell : int
    """
    s = frozen.x.size
    dead, origin = s, origin_cell(s)
    events = 64 + 16 * s  # a path meets each ray a few times at most; more is an endless loop
    while time > 0.0 and cell != dead and cell != origin and events > 0:
        if cell < 2 * s:
            a, b, c, cell, time, left = _through_sector(a, b, c, cell, time, left, frozen, tally)
        else:
            a, b, c, cell, time, left = _along_ray(a, b, c, cell - 2 * s, time, frozen, tally)
        events -= 1
    if events == 0:
        tally[FAILURES] += 1
    return a, b, c, cell
