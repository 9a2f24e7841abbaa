"""One neuron through a frozen field by whatever is fastest: its cell's map, legs, or events.

Every target tries the ways of a neuron in the same sequence: the map of its cell, which is enough
for most (``maps``); a map again, if a slide lets it go or it turns back (`look_closer`); legs, if
the neuron meets rays and as long as they let it through (``legs``); ``events`` for what is left of
the time. A device does all but the last with `set_out`, neuron by neuron. The CPU does them in
vectors (``cpu.pass_slot``, ``cpu.march``), where `set_out` would come to the same bits, and takes
only `look_closer` from here.
"""

from ._jit import inlined, leaf
from .boost import N1, NX, SIZE
from .events import CROSSINGS, REPULSORS, meet, ray_of, recheck
from .legs import leg_to_end, leg_to_ray, slide
from .maps import mapped, turns_back
from .rays import ALONG, PASSES, U1, UX, XJ, sector_beyond


@inlined
def _try_to_slide(a, b, c, k, time, rays):
    """Slide a neuron of cell k to the end of the time, if it slides and nothing happens on the way.

    Returns (a, b, c), unchanged if not, and whether the neuron has arrived.
    """
    slid, r = False, ray_of(k, rays.shape[0] // 2)
    if r >= 0:
        a1, b1, c1, slid = slide(a, c, time, rays[r, UX], rays[r, XJ], rays[r, ALONG])
        if slid:
            a, b, c = a1, b1, c1
    return a, b, c, slid


@inlined
def look_closer(a, b, c, k, frozen, maps, tally):
    """Where a neuron of cell k goes for which the map of its cell does not suffice, if a map does.

    One that slides may be let go; most of these end in the sector to which they go. One whose c
    changes its sign may turn back inside its sector. Returns (a, b, c) and the cell, as the map of
    that cell leads, and whether more has to be looked at.
    """
    s = frozen.x.size
    left, an, bn, cn, doubt = ray_of(k, s), a, b, c, True
    if left >= 0:
        k, is_repelled = recheck(a, c, left, frozen.rays)
        tally[REPULSORS] += is_repelled
    if k < 2 * s:
        an, bn, cn, doubt = mapped(a, b, c, k, maps, s)
        if doubt:
            doubt = not turns_back((a, b, c), (an, bn, cn), k, frozen.field, maps.sectors)
    return an, bn, cn, k, doubt


@inlined
def leaves(a, b, c, k, left, field):
    """Whether it is known which ray is ahead of a neuron of sector k, and whether it goes up.

    It is not if the neuron does not turn, or if the ray ahead is the ray ``left`` on which it is
    (-1 if on none).
    """
    turn = c * (b * field[k, NX] - a * field[k, N1])
    up = turn > 0.0
    return (turn != 0.0) & ((left < 0) | (sector_beyond(left, up, field.shape[0] // 2) == k)), up


@leaf
def _pass_rays(a, b, c, k, left, up, time, frozen):
    """Move a neuron of sector k by legs, up to the first leg that does not pass its ray.

    ``left`` is the ray on which the neuron starts, or -1; ``up`` whether it goes to higher sectors.
    Returns (a, b, c), the sector, the time left, the ray on which the neuron is (-1 if on none),
    the number of rays passed, whether the neuron has just met that ray, and whether it has arrived.
    """
    field, rays, x = frozen
    s = x.size
    r, passed = left, -1
    passes, arrived, meets = True, False, False
    while passes:
        passed += 1
        left = r
        if left >= 0:
            k = sector_beyond(left, up, s)
        r = k if up else (k - 1 if k > 0 else 2 * s - 1)
        way = field[k, NX], field[k, N1], field[k, SIZE]
        ray = rays[r, UX], rays[r, U1], rays[r, XJ]
        an, bn, cn, rest, meets, good = leg_to_ray(a, b, c, time, 1.0 if up else -1.0, way, ray)
        if not meets:
            rest = 0.0
            an, bn, cn, good = leg_to_end(a, b, c, time, way)
            arrived = good
        if good:
            a, b, c, time = an, bn, cn, rest
        meets = meets and good
        passes = meets and rays[r, PASSES] > 0.0
    return a, b, c, k, time, r if meets else left, passed, meets, arrived


@leaf
def by_legs(neuron, k, left, up, time, frozen, tally):
    """Move a neuron (a, b, c) of sector k by legs while rays let it pass, and a slide.

    ``left`` is the ray on which the neuron starts, or -1; ``up`` whether it goes to higher sectors.
    Returns what `set_out` does.
    """
    a, b, c = neuron
    a, b, c, k, time, left, passed, meets, arrived = _pass_rays(a, b, c, k, left, up, time, frozen)
    tally[CROSSINGS] += passed
    if meets:
        k = meet(a, b, c, k, left, frozen, tally)
    if not arrived:
        a, b, c, arrived = _try_to_slide(a, b, c, k, time, frozen.rays)
    return a, b, c, k, time, left, arrived


@leaf
def set_out(a, b, c, k, h, frozen, maps, tally):
    """Move one neuron of cell k by its cell's map, or by legs while rays let it pass, and a slide.

    Parameters
    ----------
    a, b, c : float
    k : int
    h : float
    frozen : Frozen
    maps : Maps
        The maps of this field for the time h.
    tally : (>= TALLIES,) integers
        Modified in place (see ``events``).

    Returns
    -------
    a, b, c : float
    cell : int
    time : float
        The part of h that is left, if the neuron has not arrived.
    left : int
        The ray on which the neuron is; -1 if on none.
    arrived : bool
        Whether the neuron has moved for all of h; else `go_on` does the rest.
    """
    field, rays, x = frozen
    s = x.size
    left, time = -1, h
    an, bn, cn, doubt = mapped(a, b, c, k, maps, s)
    if doubt:
        left = ray_of(k, s)
        an, bn, cn, k, doubt = look_closer(a, b, c, k, frozen, maps, tally)
    arrived, goes, up = not doubt, False, False
    if doubt:
        if k < 2 * s:
            goes, up = leaves(a, b, c, k, left, field)
        if goes:
            an, bn, cn, k, time, left, arrived = by_legs((a, b, c), k, left, up, h, frozen, tally)
        else:
            an, bn, cn, arrived = _try_to_slide(a, b, c, k, time, rays)
    return an, bn, cn, k, time, left, arrived
