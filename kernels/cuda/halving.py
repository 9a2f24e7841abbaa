"""Stored neurons that have grown by weight decay are halved, as ``cpu.halving`` does it."""

from ..host.decay import LEAST_SIGMA, SIGMA, count_halving, halved, least_of
from ._jit import blocks_for, cuda, kernel, neurons, real


@kernel(neurons, real, blocks_a_processor=4)
def _halve(neurons, least):
    a, b, c, _ = neurons
    for n in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        factor = halved(a[n], b[n], c[n], least)
        a[n] *= factor
        b[n] *= factor
        c[n] *= factor


def halve_if_due(neurons, slots, sigma):
    """Halve all neurons until the decay factor is no longer too small, as on the CPU."""
    while 0.0 < sigma[SIGMA] < LEAST_SIGMA:
        _halve(blocks_for(slots.m), neurons, least_of(neurons.a.dtype.itemsize))
        count_halving(sigma)
