"""Sectors of the circle of theta: in each, the same samples are active for all neurons.

With ``s`` samples ``x`` (strictly increasing) there are ``2 s`` sectors, numbered along decreasing
theta. Sample j is active for the neuron (a, b) when ``a x_j + b > 0``:

=================  ==============  =====================
sector             active samples  where
=================  ==============  =====================
``0``              all             holds theta = pi/2
``j``, 0 < j < s   j .. s-1        a > 0, knot in [x_{j-1}, x_j)
``s``              none            holds -pi/2; "dead"
``s+j``, 0<j<s     0 .. j-1        a < 0, knot in (x_{j-1}, x_j]
=================  ==============  =====================

The *cell* of a neuron is its sector ``0 .. 2s-1``, or ``2s + r`` sliding on ray r (the ray between
the sectors r and r+1), or ``4s`` at rest in the origin (a, b) = 0.

Sectors are always found from the signs of ``a x_j + b``, never from the knot -b/a: the two disagree
on some knots that lie on samples. The rounded pre-activation is monotone in x_j, so the active
samples are a run at one end even in floating point.
"""

import math

from ._jit import inlined


@inlined
def origin_cell(s):
    """The cell of a neuron at rest with (a, b) = 0."""
    return 4 * s


@inlined
def locate(a, b, x):
    """The cell of the neuron (a, b), found by bisection over the signs of ``a x_j + b``.

    NaN lands in sector 0, where it reaches every prediction and cannot go unnoticed.
    """
    s = x.size
    first, last = a * x[0] + b, a * x[s - 1] + b
    if math.isnan(first) or math.isnan(last):
        cell = 0
    elif a > 0.0:
        lo, hi = 0, s  # first active sample
        while lo < hi:
            mid = (lo + hi) // 2
            if a * x[mid] + b > 0.0:
                hi = mid
            else:
                lo = mid + 1
        cell = lo
    elif a < 0.0:
        lo, hi = 0, s  # number of active samples
        while lo < hi:
            mid = (lo + hi) // 2
            if a * x[mid] + b > 0.0:
                lo = mid + 1
            else:
                hi = mid
        cell = s + lo
        if cell == 2 * s:  # all samples are active: sector 0, which holds both signs of a
            cell = 0
    elif b < 0.0:
        cell = s
    elif b == 0.0 and a == 0.0:
        cell = 4 * s
    else:
        cell = 0
    return cell


@inlined
def first_bound(k, x):
    """The first of the two samples whose signs say whether a neuron is in sector k.

    The sample must be active for a neuron in the sector; inactive if k = s.
    """
    s = x.size
    if k == 0 or k == s:
        j = 0
    elif k < s:
        j = k
    else:
        j = k - s - 1
    return x[j]


@inlined
def second_bound(k, x):
    """The second of the two samples whose signs say whether a neuron is in sector k.

    The sample must be inactive for a neuron in the sector; active if k = 0.
    """
    s = x.size
    if k == 0 or k == s:
        j = s - 1
    elif k < s:
        j = k - 1
    else:
        j = k - s
    return x[j]


@inlined
def outside(a, b, x1, x2, active1, active2):
    """Whether (a, b) is outside the sector with these two bounds, of which two signs decide.

    ``active1`` and ``active2`` say whether the bounds are active in the sector. The operators do
    not branch, so that loops over neurons vectorise.
    """
    return ((a * x1 + b > 0.0) != active1) | ((a * x2 + b > 0.0) != active2)


@inlined
def neighbours(k, s):
    """The two sectors next to k: beyond its first and beyond its second bound.

    Those of the dead sector k = s come in the opposite order; neurons there do not move.
    """
    up = k + 1 if k < 2 * s - 1 else 0
    down = k - 1 if k > 0 else 2 * s - 1
    return (up, down) if k < s else (down, up)


@inlined
def neighbour(a, b, k, x):
    """The sector next to k across the bound that (a, b) is on the wrong side of.

    For k = s it may be the other one (see `neighbours`); `move_on` checks what it gets.
    """
    s = x.size
    beyond1, beyond2 = neighbours(k, s)
    return beyond1 if (a * first_bound(k, x) + b > 0.0) != (k != s) else beyond2


@inlined
def is_in(a, b, k, x):
    """Whether (a, b) is in sector k; false if a pre-activation is NaN."""
    p, q = a * first_bound(k, x) + b, a * second_bound(k, x) + b
    if k == 0:
        inside = (p > 0.0) & (q > 0.0)
    elif k == x.size:
        inside = (p <= 0.0) & (q <= 0.0)
    else:
        inside = (p > 0.0) & (q <= 0.0)
    return inside


@inlined
def move_on(a, b, k, x):
    """The cell of the neuron (a, b), which has left sector k."""
    # most neurons have gone to the next sector, which two signs confirm; bisection takes log2(s)
    cell = neighbour(a, b, k, x)
    if not is_in(a, b, cell, x):
        cell = locate(a, b, x)
    return cell


@inlined
def relocate(a, b, k, x):
    """The cell of the neuron (a, b), which was in cell k before it moved."""
    cell = k
    if k >= 2 * x.size:
        cell = locate(a, b, x)
    elif not is_in(a, b, k, x):
        cell = move_on(a, b, k, x)
    return cell


@inlined
def region_of(cell, s):
    """The place of a cell in the order of theta: sector 0, ray 0, sector 1, ..., origin last."""
    if cell < 2 * s:
        region = 2 * cell
    elif cell < 4 * s:
        region = 2 * (cell - 2 * s) + 1
    else:
        region = 4 * s
    return region


@inlined
def cell_of(region, s):
    """The cell of a region, the inverse of `region_of`."""
    return region if region == 4 * s else region // 2 + (2 * s if region % 2 == 1 else 0)


@inlined
def row_of(cell, s):
    """The sector in whose sums a neuron of this cell counts: sector r on ray r; -1 if none.

    The dead sector and the origin have none, since no sample is active there.
    """
    if cell == s or cell >= 4 * s:
        row = -1
    elif cell < 2 * s:
        row = cell
    else:
        row = cell - 2 * s
    return row
