"""Between the engine's order of neurons and the original one, in which the world sees them."""

import math

import numpy as np

from .._jit import driver, parallel, prange
from ..flow import invariant
from ..sectors import origin_cell


@parallel
def to_direction(a, b, c, slots):
    """Turn (a, b, c) into (cos theta, sin theta, rhat), in place; (a, b) = 0 has rhat = 0."""
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            norm = math.hypot(a[n], b[n])
            if norm > 0.0:
                a[n] /= norm
                b[n] /= norm
            c[n] *= norm


@parallel
def unpack_state(a, b, c, ident, slots, out):
    """Write the three state variables in the original order into ``out`` (3, m)."""
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            k = lo + ident[n]
            out[0, k] = a[n]
            out[1, k] = b[n]
            out[2, k] = c[n]


@parallel
def pack_frame(a, b, c, cell, ident, slots, position, cells):
    """Write (rhat, theta) and the cell of an evenly spread subset, in the original order.

    Parameters
    ----------
    a, b, c : (m,) float64
    cell, ident : (m,) int32
    slots : (n_slots + 1,) int64
    position : (n, 2) float32 or float64
        Overwritten; row j is neuron ``j m // n``. theta is in (-pi, pi].
    cells : (n,) int32
        Overwritten.
    """
    m, n_out = a.size, cells.size
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            k = lo + ident[n]
            j = (k * n_out + m - 1) // m
            if j < n_out and j * m // n_out == k:
                theta = math.atan2(b[n], a[n])
                if theta == -math.pi:
                    theta = math.pi
                position[j, 0] = c[n] * math.hypot(a[n], b[n])
                position[j, 1] = theta
                cells[j] = cell[n]


@parallel
def pack_delta(a, b, c, ident, slots, out):
    """Write delta = c^2 - a^2 - b^2 in the original order into ``out`` (m,)."""
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            out[lo + ident[n]] = invariant(a[n], b[n], c[n])


@parallel
def _drift(a, b, c, cell, ident, slots, s, delta0, out):
    for i in prange(slots.size - 1):
        lo = slots[i]
        worst = 0.0
        for n in range(lo, slots[i + 1]):
            size = a[n] * a[n] + b[n] * b[n] + c[n] * c[n]
            if size > 0.0 and cell[n] != origin_cell(s):
                drift = abs(invariant(a[n], b[n], c[n]) - delta0[lo + ident[n]]) / size
                if not (math.isnan(worst) or drift <= worst):  # NaN stays
                    worst = drift
        out[i] = worst


@driver
def largest_drift(a, b, c, cell, ident, slots, s, delta0):
    """Largest |delta - delta0| / (a^2 + b^2 + c^2) ; ``delta0`` (m,) in original order."""
    worst = np.empty(slots.size - 1)
    _drift(a, b, c, cell, ident, slots, s, delta0, worst)
    return worst.max()
