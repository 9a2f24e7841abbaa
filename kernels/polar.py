"""Length and angle of a vector, without calls of a mathematical library: so loops vectorise."""

import math
from math import inf, nan

from ._jit import inlined

PI, HALF, QUARTER = math.pi, 0.5 * math.pi, 0.25 * math.pi
TAN_EIGHTH = math.tan(0.125 * math.pi)

# atan(t) = t + t z P(z) / Q(z), z = t^2, |t| <= tan(pi/8): S. L. Moshier, Cephes, to 2e-16
P0, P1, P2, P3, P4 = (
    -8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
    -1.228866684490136173410e2, -6.485021904942025371773e1,
)  # fmt: skip
Q0, Q1, Q2, Q3, Q4 = (
    2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
    4.853903996359136964868e2, 1.945506571482613964425e2,
)  # fmt: skip


@inlined
def polar(x, y):
    """The length of (x, y), and its angle in (-pi, pi], 0 for the origin; NaN if x or y is NaN.

    Both are within 4 units in the last place of double precision.
    """
    # the angle in the first octant, from a polynomial in |t| <= tan(pi/8); then mirrored into place
    ax, ay = abs(x), abs(y)
    large, small = max(ax, ay), min(ax, ay)
    ratio = small / large if large > 0.0 else ax - ax
    is_far = ratio > TAN_EIGHTH
    t = (ratio - 1.0) / (ratio + 1.0) if is_far else ratio
    z = t * t
    p = (((P0 * z + P1) * z + P2) * z + P3) * z + P4
    q = ((((z + Q0) * z + Q1) * z + Q2) * z + Q3) * z + Q4
    angle = t + t * (z * p / q) + (QUARTER if is_far else 0.0)
    angle = HALF - angle if ay > ax else angle
    angle = PI - angle if x < 0.0 else angle
    angle = -angle if y < 0.0 and angle < PI else angle
    length = large * math.sqrt(1.0 + ratio * ratio)
    is_number = ax + ay <= inf
    return (length if is_number else nan), (angle if is_number else nan)
