"""Explicit Euler steps of chunks of neurons: members of a sector, or guests of its region.

Members move in the field of their sector. Guests are in this sector or in one of the two next to
it, and move in the field of one of the three, which two signs choose. Both loops count the neurons
that leave, and add up the moments of the others.
"""

import numpy as np

from .._jit import block, driver, leaf, sums
from ..flow import euler_euclidean, euler_network, euler_weighted
from ..sectors import first_bound, neighbours, outside, second_bound
from .arrays import read

X1, X2, OUTER1, OUTER2, ACTIVE1, ACTIVE2, OUTER_ACTIVE1, OUTER_ACTIVE2, FIELD = range(9)
"""Columns of the table of sectors: the two bounds of the sector; the other bound of the sector
beyond each; whether these samples are active there, 1 if so and -1 if not; and, from `FIELD` on,
h G of the sector, of the one beyond the first bound and of the one beyond the second."""
COLUMNS = FIELD + 6
HOME, BEYOND1, BEYOND2, AWAY = range(4)
"""Where a neuron of a region is: in its sector, beyond one of the two bounds, or further away."""


# functions of their own, so that what moves neurons and what decides on sectors stays strict
# floating point in the loops below, whose sums are not
@leaf
def _moved(a, b, c, hx, h1):
    return euler_network(a, b, c, hx, h1)


@leaf
def crossed(a, b, x, active):
    """Whether (a, b) is on the wrong side of sample x, which is active in the sector if 1."""
    return (a * x + b > 0.0) != (active > 0.0)


@leaf
def side_of(a, b, sector):
    """Where (a, b) is, seen from the sector of this row: `HOME`, `BEYOND1`, `BEYOND2` or `AWAY`."""
    beyond1 = crossed(a, b, sector[X1], sector[ACTIVE1])
    beyond2 = crossed(a, b, sector[X2], sector[ACTIVE2])
    side = HOME
    if beyond1 and beyond2:
        side = AWAY
    elif beyond1:
        side = AWAY if crossed(a, b, sector[OUTER1], sector[OUTER_ACTIVE1]) else BEYOND1
    elif beyond2:
        side = AWAY if crossed(a, b, sector[OUTER2], sector[OUTER_ACTIVE2]) else BEYOND2
    return side


@driver
def sector_table(x):
    """The table of sectors, (2 s, COLUMNS), without its fields, which `set_fields` fills in."""
    s = x.size
    table = np.zeros((2 * s, COLUMNS))
    for k in range(2 * s):
        table[k, X1], table[k, X2] = first_bound(k, x), second_bound(k, x)
        table[k, ACTIVE1], table[k, ACTIVE2] = 1.0 if k != s else -1.0, 1.0 if k == 0 else -1.0
        beyond = neighbours(k, s)
        for i in range(2):
            n = beyond[i]
            first, second = first_bound(n, x), second_bound(n, x)
            # one bound of the next sector is the one that was crossed; the outer one is the other
            is_first = first != table[k, X1 + i]
            table[k, OUTER1 + i] = first if is_first else second
            active = n != s if is_first else n == 0
            table[k, OUTER_ACTIVE1 + i] = 1.0 if active else -1.0
    return table


@driver
def set_fields(table, field, h):
    """Write the fields h G_k of a step into the table of sectors, those of neighbours with them."""
    s = table.shape[0] // 2
    for k in range(2 * s):
        beyond1, beyond2 = neighbours(k, s)
        for i, n in enumerate((k, beyond1, beyond2)):
            table[k, FIELD + 2 * i] = h * field[n, 0]
            table[k, FIELD + 2 * i + 1] = h * field[n, 1]


@sums
def push_members(a, b, c, sector):
    """Move a chunk of members; returns how many left, and the moments of those that did not."""
    x1, x2 = sector[X1], sector[X2]
    active1, active2 = sector[ACTIVE1], sector[ACTIVE2]
    hx, h1 = sector[FIELD], sector[FIELD + 1]
    left = 0
    sx = s1 = 0.0
    for i in range(a.size):
        an, bn, cn = read(a, b, c, i)
        a[i], b[i], c[i] = _moved(an, bn, cn, hx, h1)
        # what decides is what was stored, which is rounded if the state is float32
        an, bn, cn = read(a, b, c, i)
        gone = crossed(an, bn, x1, active1) | crossed(an, bn, x2, active2)
        left += gone
        cn = 0.0 if gone else cn
        sx += cn * an
        s1 += cn * bn
    return left, sx, s1


@block
def push_members_euclidean(a, b, c, sector):
    """Move a chunk of members in the euclidean metric; returns what `push_members` returns."""
    x1, x2 = sector[X1], sector[X2]
    active1, active2 = sector[ACTIVE1] > 0.0, sector[ACTIVE2] > 0.0
    hx, h1 = sector[FIELD], sector[FIELD + 1]
    left = 0
    sx = s1 = 0.0
    for i in range(a.size):
        an, bn, cn = read(a, b, c, i)
        a[i], b[i], c[i] = euler_euclidean(an, bn, cn, hx, h1)
        an, bn, cn = read(a, b, c, i)
        gone = outside(an, bn, x1, x2, active1, active2)
        left += gone
        cn = 0.0 if gone else cn
        sx += cn * an
        s1 += cn * bn
    return left, sx, s1


@block
def push_members_weighted(a, b, c, sector):
    """Move a chunk of members in the euclidean metric with weights, as `push_members` does."""
    x1, x2 = sector[X1], sector[X2]
    active1, active2 = sector[ACTIVE1] > 0.0, sector[ACTIVE2] > 0.0
    hx, h1 = sector[FIELD], sector[FIELD + 1]
    left = 0
    sx = s1 = 0.0
    for i in range(a.size):
        an, bn, cn = read(a, b, c, i)
        a[i], b[i], c[i] = euler_weighted(an, bn, cn, hx, h1)
        an, bn, cn = read(a, b, c, i)
        gone = outside(an, bn, x1, x2, active1, active2)
        left += gone
        cn = 0.0 if gone else cn
        sx += cn * an
        s1 += cn * bn
    return left, sx, s1


@sums
def push_guests(a, b, c, sector):
    """Move a chunk of guests.

    Returns how many went away, how many changed their sector, and the moments of the others: in
    the sector, beyond its first bound, and beyond its second bound.
    """
    x1, x2, outer1, outer2 = sector[X1], sector[X2], sector[OUTER1], sector[OUTER2]
    active1, active2 = sector[ACTIVE1], sector[ACTIVE2]
    outer_active1, outer_active2 = sector[OUTER_ACTIVE1], sector[OUTER_ACTIVE2]
    hx, h1, hx1, h11, hx2, h12 = (
        sector[FIELD], sector[FIELD + 1], sector[FIELD + 2], sector[FIELD + 3],
        sector[FIELD + 4], sector[FIELD + 5],
    )  # fmt: skip
    away = changed = 0
    # all three sums take every guest, by selects: a branch for a knot that chatters is a coin's
    # toss, and would keep the loop from vectors
    sx = s1 = sx1 = s11 = sx2 = s12 = 0.0
    for i in range(a.size):
        ai, bi, ci = read(a, b, c, i)
        was1, was2 = crossed(ai, bi, x1, active1), crossed(ai, bi, x2, active2)
        gx = hx1 if was1 else (hx2 if was2 else hx)
        g1 = h11 if was1 else (h12 if was2 else h1)
        a[i], b[i], c[i] = _moved(ai, bi, ci, gx, g1)
        an, bn, cn = read(a, b, c, i)
        is1, is2 = crossed(an, bn, x1, active1), crossed(an, bn, x2, active2)
        gone = (
            (is1 & is2)
            | (is1 & crossed(an, bn, outer1, outer_active1))
            | (is2 & crossed(an, bn, outer2, outer_active2))
        )
        away += gone
        changed += (is1 != was1) | (is2 != was2) | gone
        cn = 0.0 if gone else cn
        c1, c2 = cn if is1 else 0.0, cn if is2 else 0.0
        c0 = 0.0 if is1 | is2 else cn
        sx += c0 * an
        s1 += c0 * bn
        sx1 += c1 * an
        s11 += c1 * bn
        sx2 += c2 * an
        s12 += c2 * bn
    return away, changed, sx, s1, sx1, s11, sx2, s12
