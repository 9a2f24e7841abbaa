"""Copies of neurons from the order in slots into the original order, in which users see them."""

import math

import numpy as np

from .._jit import block, driver, parallel, prange
from ..flow import invariant
from ..polar import polar
from ..sectors import origin_cell
from .arrays import read

CHUNK = 512
"""Neurons whose coordinates are computed together, in vectors, before they go to their places."""


@parallel
def to_direction(a, b, c, slots):
    """Turn (a, b, c) into (cos theta, sin theta, rhat) in place; where (a, b) = 0, rhat is 0."""
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            norm = math.hypot(a[n], b[n])
            if norm > 0.0:
                a[n] /= norm
                b[n] /= norm
            c[n] *= norm


@parallel
def unpack_state(neurons, ident, slots, out):
    """Write the three state variables in the original order into ``out`` (3, m)."""
    a, b, c, _ = neurons
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            k = lo + ident[n]
            out[0, k] = a[n]
            out[1, k] = b[n]
            out[2, k] = c[n]


@parallel
def unpack_cells(cell, ident, slots, out):
    """Write the cell of every neuron in the original order into ``out`` (m,) int32."""
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            out[lo + ident[n]] = cell[n]


@block
def _to_cylinder(a, b, c, rhat, theta):
    for n in range(a.size):
        an, bn, cn = read(a, b, c, n)
        length, theta[n] = polar(an, bn)
        rhat[n] = cn * length


@block
def _put(rhat, theta, cell, ident, lo, frame):
    """Store those neurons of a chunk that the frame shows, each in its row."""
    chosen, position, cells = frame
    m, n_out, first, row = chosen
    for n in range(cell.size):
        k = j = first + lo + ident[n]
        if n_out < m:
            # row j shows neuron j m // n_out: this j is the only one that might be k's
            j = (k * n_out + m - 1) // m
            if j >= n_out or j * m // n_out != k:
                continue
        j -= row
        position[j, 0], position[j, 1], cells[j] = rhat[n], theta[n], cell[n]


@parallel
def _pack_frame(neurons, ident, slots, frame):
    a, b, c, cell = neurons
    for i in prange(slots.size - 1):
        rhat, theta = np.empty(CHUNK), np.empty(CHUNK)
        for lo in range(slots[i], slots[i + 1], CHUNK):
            hi = min(lo + CHUNK, slots[i + 1])
            _to_cylinder(a[lo:hi], b[lo:hi], c[lo:hi], rhat, theta)
            _put(rhat, theta, cell[lo:hi], ident[lo:hi], slots[i], frame)


def pack_frame(neurons, ident, slots, frame):
    """Write (rhat, theta) and the cell of an evenly spread subset of neurons, in original order.

    Parameters
    ----------
    neurons : Neurons
        In float32 or float64.
    ident : (m,) int32
        Their indices in the original order, counted from the begin of their slots.
    slots : (n_slots + 1,) int64
    frame : Frame
        Overwritten.
    """
    _pack_frame(neurons, ident, slots, (frame.chosen, frame.position, frame.cells))


@parallel
def pack_delta(neurons, ident, slots, out):
    """Write delta = c^2 - a^2 - b^2 in the original order into ``out`` (m,)."""
    a, b, c, _ = neurons
    for i in prange(slots.size - 1):
        lo = slots[i]
        for n in range(lo, slots[i + 1]):
            an, bn, cn = read(a, b, c, n)
            out[lo + ident[n]] = invariant(an, bn, cn)


@parallel
def _drift(neurons, ident, slots, s, delta0, least, out):
    a, b, c, cell = neurons
    for i in prange(slots.size - 1):
        lo = slots[i]
        worst = 0.0
        for n in range(lo, slots[i + 1]):
            an, bn, cn = read(a, b, c, n)
            size = an * an + bn * bn + cn * cn
            if size > least and cell[n] != origin_cell(s):
                drift = abs(invariant(an, bn, cn) - delta0[lo + ident[n]]) / size
                if not (math.isnan(worst) or drift <= worst):  # NaN becomes the worst, and stays
                    worst = drift
        out[i] = worst


@driver
def largest_drift(neurons, ident, slots, s, delta0, least=0.0):
    """The largest |delta - delta0| / (a^2 + b^2 + c^2) of all neurons that are not in the origin.

    ``delta0`` (m,) is in the original order. Neurons whose a^2 + b^2 + c^2 is not above ``least``
    are left out.
    """
    worst = np.empty(slots.size - 1)
    _drift(neurons, ident, slots, s, delta0, least, worst)
    return worst.max()
