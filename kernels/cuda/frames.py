"""Copies of neurons from the order on a device into the original order, in which users see them."""

import math

import numpy as np

from .._jit import driver
from ..flow import invariant
from ..polar import polar
from ..records import Chosen
from ..sectors import origin_cell
from ._jit import (
    THREADS,
    anything,
    blocks_for,
    composed,
    cuda,
    doubles,
    float64,
    ints,
    kernel,
    long,
    neurons,
    real,
    reals,
)
from .arrays import download, download_into, empty, upload


@kernel(anything(), ints, anything(), blocks_a_processor=4)
def _unpack(values, ident, out):
    for n in range(cuda.grid(1), ident.size, cuda.gridsize(1)):
        out[ident[n]] = values[n]


def unpack_state(neurons, ident, slots, out):
    """Write the three state variables in the original order into the host's ``out`` (3, m)."""
    room = empty(slots.m, neurons.a.dtype)
    for values, row in zip(neurons[:3], out, strict=True):
        _unpack(blocks_for(slots.m), values, ident, room)
        download_into(room, row)


def unpack_cells(cell, ident, slots, out):
    """Write the cells in the original order into the host's ``out`` (m,) int32."""
    room = empty(slots.m, np.int32)
    _unpack(blocks_for(slots.m), cell, ident, room)
    download_into(room, out)


@kernel(
    neurons, ints, composed(Chosen, long, long, long, long), anything(2), ints,
    blocks_a_processor=4,
)  # fmt: skip
def _pack_frame(neurons, ident, chosen, position, cells):
    a, b, c, cell = neurons
    m, n_out, first, row = chosen
    for n in range(cuda.grid(1), ident.size, cuda.gridsize(1)):
        k = j = first + ident[n]
        if n_out < m:
            # row j shows neuron j m // n_out: this j is the only one that might be k's
            j = (k * n_out + m - 1) // m
        if j < n_out and (n_out == m or j * m // n_out == k):
            j -= row
            length, theta = polar(a[n], b[n])
            position[j, 0] = c[n] * length
            position[j, 1] = theta
            cells[j] = cell[n]


def pack_frame(neurons, ident, slots, frame):
    """Have (rhat, theta) and the cell of an evenly spread subset of neurons brought to the host.

    The frame holds them, in the original order, once its ``wait`` has returned.
    """
    position, cells = frame.on_device(neurons.a.dtype)
    chosen = Chosen(*(int(n) for n in frame.chosen))
    _pack_frame(blocks_for(slots.m), neurons, ident, chosen, position, cells)
    frame.fetch()


@driver
def _deltas(variables, out):
    """Compute delta of neurons in host arrays, on the host: a device would round it differently."""
    for n in range(out.size):
        out[n] = invariant(variables[0, n], variables[1, n], variables[2, n])


def pack_delta(neurons, ident, slots, out):
    """Write delta = c^2 - a^2 - b^2 in the original order into the host's ``out`` (m,)."""
    state = np.empty((3, slots.m))
    unpack_state(neurons, ident, slots, state)
    _deltas(state, out)


@kernel(neurons, ints, long, reals(), real, doubles(), blocks_a_processor=4)
def _drift(neurons, ident, s, delta0, least, worst):
    """Write the largest drift among the neurons of each block into ``worst``, one a block."""
    a, b, c, cell = neurons
    values = cuda.shared.array(THREADS, float64)
    t = cuda.threadIdx.x
    largest = 0.0
    for n in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        an, bn, cn = a[n], b[n], c[n]
        size = an * an + bn * bn + cn * cn
        if size > least and cell[n] != origin_cell(s):
            drift = abs(invariant(an, bn, cn) - delta0[ident[n]]) / size
            if not (math.isnan(largest) or drift <= largest):  # NaN becomes the largest, and stays
                largest = drift
    values[t] = largest
    cuda.syncthreads()
    if t == 0:
        for j in range(1, cuda.blockDim.x):
            if not (math.isnan(values[0]) or values[j] <= values[0]):
                values[0] = values[j]
        for j in range(cuda.blockIdx.x, worst.size, cuda.gridDim.x):
            worst[j] = values[0]


def largest_drift(neurons, ident, slots, s, delta0, least=0.0):
    """The largest |delta - delta0| / (a^2 + b^2 + c^2) of all neurons that are not in the origin.

    ``delta0`` (m,) is in the original order. Neurons whose a^2 + b^2 + c^2 is not above ``least``
    are left out.
    """
    blocks = min(blocks_for(slots.m), 1024)
    worst = empty(blocks)
    _drift(blocks, neurons, ident, s, upload(delta0, neurons.a.dtype), least, worst)
    return download(worst).max()
