"""One leg of a neuron, through a sector to the ray ahead, without branches: most crossings are one.

As long as c keeps its sign, the path of a neuron in a constant field is straight, and only the ray
ahead can be met: the way leads to higher sectors if c q > 0 (theta falls), else to lower ones. The
motion is that of ``boost``, with time counted by the *half* ``u = tanh(g t / 2)`` instead of the
growth. The increments

    cosh(g t) - 1 = 2 u^2 / (1 - u^2)        sinh(g t) = 2 u / (1 - u^2)

keep delta exactly, whatever the error of u, and the pre-activation z of the sample ahead vanishes
at a root of ``(2 X p - z) u^2 + 2 X c u + z``. Rapidities g t and halves are turned into each
other by polynomials, so that loops over many neurons vectorise; these hold up to `LONGEST`.

Whatever else may happen (c changes its sign, the neuron comes to the origin, or the way is longer)
is detected here and left to ``events``.
"""

import math

from ._jit import inlined
from .origin import AT_ORIGIN

LONGEST = 1.0
"""Largest rapidity of a leg: up to it the polynomials below are accurate."""
MOST_HALF = 0.4621171572600097
"""The half of the rapidity `LONGEST`, tanh(1/2)."""


# both polynomials are minimax up to LONGEST: relative errors 4e-17 and 2e-17 without rounding
@inlined
def rapidity_of(half):
    """The rapidity 2 atanh(half) of a half, up to `MOST_HALF`."""
    t = half * half
    q = 0.14550659881325326
    q = q * t - 0.029575842960373706
    q = q * t + 0.07370594025770501
    q = q * t + 0.0469656587993197
    q = q * t + 0.05961935153961176
    q = q * t + 0.06659302217494004
    q = q * t + 0.07692752672649526
    q = q * t + 0.09090892144543287
    q = q * t + 0.11111111490221219
    q = q * t + 0.14285714281348313
    q = q * t + 0.2000000000001963
    q = q * t + 0.3333333333333332
    return 2.0 * (half + half * (t * q))


@inlined
def half_of(rapidity):
    """The half tanh(rapidity / 2) of a rapidity, up to `LONGEST`."""
    v = 0.5 * rapidity
    t = v * v
    q = 5.946676439279716e-05
    q = q * t - 0.0002210692487866096
    q = q * t + 0.000584964055598742
    q = q * t - 0.0014549590716245453
    q = q * t + 0.003592033422276869
    q = q * t - 0.008863229266596306
    q = q * t + 0.021869488297078295
    q = q * t - 0.053968253963606584
    q = q * t + 0.13333333333329822
    q = q * t - 0.3333333333333333
    return v + v * (t * q)


@inlined
def _increments(half):
    """The numbers cosh(g t) - 1 and sinh(g t), from the half of g t."""
    shear = 2.0 * half / (1.0 - half * half)
    return half * shear, shear


@inlined
def leg(a, b, c, time, up, way, ray):
    """Move a neuron to the ray ahead or, if that is further away, to the end of the time.

    Parameters
    ----------
    a, b, c : float
    time : float
        Time that is left.
    up : float
        1 if the way is to higher sectors, -1 if to lower ones.
    way : tuple of 3 float
        Direction of the field of the sector, and its size.
    ray : tuple of 3 float
        Direction and sample of the ray ahead.

    Returns
    -------
    a, b, c : float
        On the ray the pre-activation is 0 to the bit.
    time : float
        Time that is left after the leg.
    meets : bool
        Whether the neuron is on the ray.
    good : bool
        Whether the other results are right; if not, ``events`` has to move the neuron.
    """
    nx, n1, g = way
    ux, u1, xj = ray
    # the sign of the pre-activation beyond the ray: a ray with ux > 0 is met from its active side
    # on the way up, from its inactive side on the way down, and one with ux < 0 vice versa
    out = -math.copysign(up, up * ux)
    p, q = a * nx + b * n1, b * nx - a * n1
    across, along = nx * xj + n1, nx - n1 * xj
    z, rate = out * (a * xj + b), out * across * c
    # the discriminant in the one of two forms that cancels less, as in boost.growth_to_ray
    qy, xp = q * along, across * p
    near, far = out * z * (qy - xp), across * across * (p + c) * (p - c)
    rates, qys = rate * rate, qy * qy
    square = rates + near if rates + abs(near) <= qys + abs(far) else qys - far
    half = max(-z, 0.0) / (math.sqrt(max(square, 0.0)) + rate)
    rapidity = g * time
    spent = rapidity_of(half)
    meets = (rate > 0.0) & (square >= 0.0) & (half < MOST_HALF) & (spent < rapidity)
    half = half if meets else half_of(rapidity)
    grow, shear = _increments(half)
    dp = grow * p + shear * c
    an, bn, cn = a + dp * nx, b + dp * n1, c + (grow * c + shear * p)
    length = an * ux + bn * u1
    arrives = (length > 0.0) & (length * length > AT_ORIGIN * AT_ORIGIN * (a * a + b * b))
    good = (rapidity <= LONGEST) & (c * cn > 0.0) & (arrives | (not meets))
    an = length * ux if meets else an
    bn = -(an * xj) if meets else bn
    return an, bn, cn, time - spent / g if meets else 0.0, meets, good


@inlined
def slide(a, c, time, ux, xj, along):
    """Slide a neuron along an attractor ray for a time.

    Parameters
    ----------
    a, c : float
    time : float
    ux, xj, along : float
        Columns `UX`, `XJ` and `ALONG` of the ray in ``rays.ray_table``.

    Returns
    -------
    a, b, c : float
    good : bool
        Whether c and (a, b) vanish nowhere on the way and the rapidity is at most `LONGEST`; else
        the other results are wrong.
    """
    rapidity = abs(along) * time
    half = half_of(rapidity)
    grow, shear = _increments(half)
    shear = math.copysign(shear, along)
    length = a / ux
    cn = c + (grow * c + shear * length)
    length += grow * length + shear * c
    a = length * ux
    return a, -(a * xj), cn, (rapidity <= LONGEST) & (c * cn > 0.0) & (length > 0.0)
