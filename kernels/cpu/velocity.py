"""Velocity of every neuron in the field of its sector."""

from .._jit import parallel, prange
from ..flow import velocity as velocity_of
from .arrays import read


@parallel
def velocity(neurons, field, slots, metric, out):
    """Compute the rate of the three state variables of every neuron, O(m).

    Parameters
    ----------
    neurons : Neurons
        Neurons in no sector, which slide or are in the origin (cells >= 2 s), get the rate 0.
    field : (2 s, 2) float64
        G_k.
    slots : (n_slots + 1,) int64
    metric : int
        The metric's number.
    out : (3, m) float64
        Overwritten with the rates.
    """
    a, b, c, cell = neurons
    n_sectors = field.shape[0]
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            k = cell[n]
            an, bn, cn = read(a, b, c, n)
            if k >= n_sectors:
                va = vb = vc = 0.0
            else:
                va, vb, vc = velocity_of(metric, an, bn, cn, field[k, 0], field[k, 1])
            out[0, n] = va
            out[1, n] = vb
            out[2, n] = vc
