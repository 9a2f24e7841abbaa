"""Velocity of every neuron in the field of its sector."""

from ..flow import velocity as velocity_of
from ._jit import blocks_for, cuda, kernel, long, neurons, reals
from .arrays import upload


@kernel(neurons, reals(2), long, reals(2), blocks_a_processor=4)
def _velocity(neurons, field, metric, out):
    a, b, c, cell = neurons
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        k = cell[n]
        an, bn, cn = a[n], b[n], c[n]
        if k >= field.shape[0]:
            va = vb = vc = an - an
        else:
            va, vb, vc = velocity_of(metric, an, bn, cn, field[k, 0], field[k, 1])
        out[0, n], out[1, n], out[2, n] = va, vb, vc


def velocity(neurons, field, slots, metric, out):
    """Write the rate of the three state variables into ``out`` (3, m), as ``cpu.velocity`` does."""
    blocks, precision = blocks_for(slots.m), neurons.a.dtype
    _velocity(blocks, neurons, upload(field, precision), metric, out)
