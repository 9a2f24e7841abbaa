"""Stored neurons that have grown by weight decay (``host.decay``) are made smaller by halving."""

from .._jit import driver, parallel, prange
from ..host.decay import LEAST_SIGMA, SIGMA, count_halving, halved, least_of
from .arrays import read


@parallel
def _halve(a, b, c, slots, least):
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            an, bn, cn = read(a, b, c, n)
            factor = halved(an, bn, cn, least)
            a[n], b[n], c[n] = an * factor, bn * factor, cn * factor


@driver
def halve_if_due(neurons, slots, sigma):
    """Halve all neurons, in place, until the decay factor ``sigma`` (2,) is no longer too small."""
    while 0.0 < sigma[SIGMA] < LEAST_SIGMA:
        _halve(neurons.a, neurons.b, neurons.c, slots, least_of(neurons.a.itemsize))
        count_halving(sigma)
