"""One leg of a neuron, through a sector to the ray ahead, without branches: most crossings are one.

As long as c keeps its sign, the path of a neuron in a constant field is straight, and only the ray
ahead can be met: the way leads to higher sectors if c q > 0 (theta falls), else to lower ones. The
motion is that of ``boost``, with time counted by the *half* ``u = tanh(g t / 2)`` instead of the
growth. The increments

    cosh(g t) - 1 = 2 u^2 / (1 - u^2)        sinh(g t) = 2 u / (1 - u^2)

keep delta exactly, whatever the error of u, and the pre-activation z of the sample ahead vanishes
at a root of ``(2 X p - z) u^2 + 2 X c u + z``. Rapidities g t and halves are turned into each
other by polynomials, so that loops over many neurons vectorise; these hold up to `LONGEST`.

A leg ends at the ray ahead (`leg_to_ray`) or, if that is further away, at the end of the time
(`leg_to_end`). Whatever else may happen (c changes its sign, the neuron comes to the origin, or the
way is longer) is detected here and left to ``events``.
"""

import math

from ._jit import inlined
from .origin import AT_ORIGIN

LONGEST = 1.0
"""Largest rapidity of a leg: up to it the polynomials below are accurate."""
MOST_HALF = 0.4621171572600097
"""The half of the rapidity `LONGEST`, tanh(1/2)."""


# Both polynomials are minimax up to LONGEST: relative errors 4e-17 and 2e-17 without rounding.
# Their terms are added in pairs, and these in pairs: a long chain would be a long wait.
@inlined
def rapidity_of(half):
    """The rapidity 2 atanh(half) of a half, up to `MOST_HALF`."""
    t = half * half
    t2 = t * t
    t4 = t2 * t2
    q = (
        ((0.3333333333333332 + 0.2000000000001963 * t)
         + (0.14285714281348313 + 0.11111111490221219 * t) * t2)
        + ((0.09090892144543287 + 0.07692752672649526 * t)
           + (0.06659302217494004 + 0.05961935153961176 * t) * t2) * t4
        + ((0.0469656587993197 + 0.07370594025770501 * t)
           + (-0.029575842960373706 + 0.14550659881325326 * t) * t2) * (t4 * t4)
    )  # fmt: skip
    return 2.0 * (half + half * (t * q))


@inlined
def half_of(rapidity):
    """The half tanh(rapidity / 2) of a rapidity, up to `LONGEST`."""
    v = 0.5 * rapidity
    t = v * v
    t2 = t * t
    t4 = t2 * t2
    q = (
        ((-0.3333333333333333 + 0.13333333333329822 * t)
         + (-0.053968253963606584 + 0.021869488297078295 * t) * t2)
        + ((-0.008863229266596306 + 0.003592033422276869 * t)
           + (-0.0014549590716245453 + 0.000584964055598742 * t) * t2) * t4
        + (-0.0002210692487866096 + 5.946676439279716e-05 * t) * (t4 * t4)
    )  # fmt: skip
    return v + v * (t * q)


@inlined
def _increments(half):
    """The numbers cosh(g t) - 1 and sinh(g t), from the half of g t."""
    shear = 2.0 * half / (1.0 - half * half)
    return half * shear, shear


@inlined
def _boosted(a, b, c, half, nx, n1):
    """The neuron (a, b, c) after a time with this half in the field of direction (nx, n1)."""
    grow, shear = _increments(half)
    p = a * nx + b * n1
    dp = grow * p + shear * c
    return a + dp * nx, b + dp * n1, c + (grow * c + shear * p)


@inlined
def leg_to_ray(a, b, c, time, up, way, ray):
    """Move a neuron to the ray ahead, if it meets that in time.

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
        Where the neuron meets the ray: the pre-activation is 0 to the bit.
    time : float
        Time that is left then.
    meets : bool
        Whether the neuron meets the ray; if not, `leg_to_end` has to move it.
    good : bool
        Whether the other results are right if it does; if not, ``events`` has to move the neuron.
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
    spent = rapidity_of(half)
    meets = (rate > 0.0) & (square >= 0.0) & (half < MOST_HALF) & (spent < g * time)
    an, bn, cn = _boosted(a, b, c, half, nx, n1)
    length = an * ux + bn * u1
    arrives = (length > 0.0) & (length * length > AT_ORIGIN * AT_ORIGIN * (a * a + b * b))
    an = length * ux
    # spent < g time does not say so of the rounded quotient
    rest = max(time - spent * (1.0 / g), 0.0)
    return an, -(an * xj), cn, rest, meets, (c * cn > 0.0) & arrives


@inlined
def leg_to_end(a, b, c, time, way):
    """Move a neuron that meets no ray to the end of the time.

    Parameters
    ----------
    a, b, c : float
    time : float
    way : tuple of 3 float
        As of `leg_to_ray`.

    Returns
    -------
    a, b, c : float
    good : bool
        Whether c keeps its sign and the rapidity is at most `LONGEST`; if not, ``events`` has to
        move the neuron.
    """
    nx, n1, g = way
    rapidity = g * time
    an, bn, cn = _boosted(a, b, c, half_of(rapidity), nx, n1)
    return an, bn, cn, (rapidity <= LONGEST) & (c * cn > 0.0)


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
