"""Weight decay: a factor that all neurons have in common, so that no kernel moves them otherwise.

With decay at the rate lambda a neuron obeys z' = A(G) z - lambda z, with A(G) linear. Neurons are
stored as w with z = sigma w and sigma' = -lambda sigma. Then w' = A(G) w, the equation without
decay, in the field of the residuals sigma^2 f_w - y. Rays, slides and their ends are those of w,
since a common factor turns no neuron.

The decay factor is an array of two numbers, `SIGMA` and `HALVINGS`. As sigma shrinks, w grows:
below `LEAST_SIGMA` all w are multiplied by 2^-`HALVED`, and sigma by 2^`HALVED`, both without
rounding; `HALVINGS` counts the powers of two. A neuron that stays behind the others, as the dead
ones do, would come to numbers that are too small for their precision. No neuron is halved below the
size `least_of`: the contribution to f of one so small vanished long before.
"""

import math

from .._jit import driver, leaf

SIGMA, HALVINGS = range(2)
HALVED = 16
MOST_DECAY = 32.0
"""Longest step, in units of 1 / lambda: a longer one could bring sigma to 0 at once."""
LEAST_SIGMA = 2.0**-HALVED
LEAST_DOUBLE, LEAST_SINGLE = 2.0**-400, 2.0**-62
"""Size of a stored neuron below which none is halved: squares of it are normal numbers."""


@leaf
def least_of(itemsize):
    """The size below which no neuron stored in numbers of so many bytes is halved."""
    return LEAST_DOUBLE if itemsize == 8 else LEAST_SINGLE


@leaf
def halved(a, b, c, least):
    """What a neuron is multiplied by: 2^-`HALVED`, or more if that would leave it too small."""
    size = max(abs(a), abs(b), abs(c))
    factor = LEAST_SIGMA
    while factor < 1.0 and size * factor < least:
        factor *= 2.0
    return factor


@driver
def count_halving(sigma):
    """Let the decay factor be that of stored neurons that were halved."""
    sigma[SIGMA] *= 2.0**HALVED
    sigma[HALVINGS] += HALVED


@driver
def set_sigma(first, last, decay, h):
    """Give ``last`` the decay factor that the one of ``first`` becomes in the time h."""
    last.sigma[SIGMA] = first.sigma[SIGMA] * math.exp(-decay * h)
    last.sigma[HALVINGS] = first.sigma[HALVINGS]
