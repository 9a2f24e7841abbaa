"""Cells of all neurons, and sums over the neurons of each sector.

A run of neurons of one sector is added up in registers: adding each to its bin in memory would wait
for the previous addition to the same bin wherever the neurons are in sector order.
"""

import numpy as np

from .._jit import driver, parallel, prange, sums
from ..flow import EUCLIDEAN
from ..sectors import locate
from .slots import PAD, tree_sum


@parallel
def locate_all(a, b, x, cell, slots):
    """Write the cell of every neuron, by the signs of a x_j + b, into ``cell`` (m,) int32."""
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            cell[n] = locate(a[n], b[n], x)


@sums
def _add_first(a, b, c, cell, acc, n_sectors):
    run = -1
    sx = s1 = 0.0
    for n in range(a.size):
        k = cell[n]
        if k != run:
            if 0 <= run < n_sectors:
                acc[run, 0] += sx
                acc[run, 1] += s1
            run = k
            sx = s1 = 0.0
        sx += c[n] * a[n]
        s1 += c[n] * b[n]
    if 0 <= run < n_sectors:
        acc[run, 0] += sx
        acc[run, 1] += s1


@sums
def _add_second(a, b, c, cell, acc, n_sectors):
    run = -1
    aa = ab = bb = cc = 0.0
    for n in range(a.size + 1):
        k = cell[n] if n < a.size else -1
        if k != run:
            if 0 <= run < n_sectors:
                acc[run, 0] += aa
                acc[run, 1] += ab
                acc[run, 2] += bb
                acc[run, 3] += cc
            run = k
            aa = ab = bb = cc = 0.0
        if n < a.size:
            aa += a[n] * a[n]
            ab += a[n] * b[n]
            bb += b[n] * b[n]
            cc += c[n] * c[n]


@sums
def _add_covariance_euclidean(a, b, c, cell, acc, n_sectors):
    run = -1
    xx = x1 = oo = 0.0
    for n in range(a.size + 1):
        k = cell[n] if n < a.size else -1
        if k != run:
            if 0 <= run < n_sectors:
                acc[run, 0] += xx
                acc[run, 1] += x1
                acc[run, 2] += oo
            run = k
            xx = x1 = oo = 0.0
        if n < a.size:
            cc = c[n] * c[n]
            xx += cc * b[n] * b[n] + a[n] * a[n]
            x1 += a[n] * b[n] - cc * a[n] * b[n]
            oo += cc * a[n] * a[n] + b[n] * b[n]


@parallel
def _first(a, b, c, cell, slots, acc, n_sectors):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _add_first(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_sectors)


@parallel
def _second(a, b, c, cell, slots, acc, n_sectors, metric):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        if metric == EUCLIDEAN:
            _add_covariance_euclidean(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_sectors)
        else:
            _add_second(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_sectors)


@parallel
def _first_at(a, b, c, x, slots, acc):
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            k = locate(a[n], b[n], x)
            if k < 2 * x.size:
                acc[i, k, 0] += c[n] * a[n]
                acc[i, k, 1] += c[n] * b[n]


@parallel
def _count(cell, slots, acc):
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            acc[i, cell[n]] += 1


@driver
def first_moments(a, b, c, cell, slots, s):
    """Sums of c (a, b) over the neurons of each sector, (2 s, 2); divided by m they are M_k."""
    n_slots, n_sectors = slots.size - 1, 2 * s
    acc = np.zeros((n_slots, n_sectors + PAD, 2))
    _first(a, b, c, cell, slots, acc, n_sectors)
    tree_sum(acc.reshape((n_slots, -1)))
    return acc[0, :n_sectors].copy()


@driver
def first_moments_at(a, b, c, x, slots):
    """The same with the sectors of other points ``x`` (n,), strictly increasing: (2 n, 2)."""
    n_slots, n_sectors = slots.size - 1, 2 * x.size
    acc = np.zeros((n_slots, n_sectors + PAD, 2))
    _first_at(a, b, c, x, slots, acc)
    tree_sum(acc.reshape((n_slots, -1)))
    return acc[0, :n_sectors].copy()


@driver
def second_moments(a, b, c, cell, slots, s, metric):
    """Sector covariances m Sigma_k as (xx, x1, 11), shape (2 s, 3).

    Network metric: sum of c^2 I + (a,b)(a,b)^T. Euclidean: sum of rhat^2 t t^T + d d^T, eq. (32).
    The dead sector counts nothing.
    """
    n_slots, n_sectors = slots.size - 1, 2 * s
    acc = np.zeros((n_slots, n_sectors + PAD, 4))
    _second(a, b, c, cell, slots, acc, n_sectors, metric)
    tree_sum(acc.reshape((n_slots, -1)))
    out = np.zeros((n_sectors, 3))
    for k in range(n_sectors):
        if k == s:
            continue
        cc = 0.0 if metric == EUCLIDEAN else acc[0, k, 3]
        out[k, 0] = acc[0, k, 0] + cc
        out[k, 1] = acc[0, k, 1]
        out[k, 2] = acc[0, k, 2] + cc
    return out


@driver
def cell_counts(cell, slots, s):
    """Number of neurons in each cell, (4 s + 1,) int64."""
    n_slots, n_cells = slots.size - 1, 4 * s + 1
    acc = np.zeros((n_slots, n_cells + 2 * PAD), np.int64)
    _count(cell, slots, acc)
    tree_sum(acc)
    return acc[0, :n_cells].copy()
