"""Cells of all neurons, and sums over the neurons of each sector and of each ray.

A run of neurons of one sector is added up in registers: adding each to its bin in memory would wait
for the previous addition to the same bin wherever the neurons are in sector order.
"""

import numpy as np

from .._jit import driver, parallel, prange, sums
from ..flow import EUCLIDEAN
from ..rays import ray_direction
from ..sectors import locate
from .slots import PAD, tree_sum


@parallel
def locate_all(a, b, x, cell, slots):
    """Write the cell of every neuron, by the signs of a x_j + b, into ``cell`` (m,) int32."""
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            cell[n] = locate(a[n], b[n], x)


@sums
def _add_first(a, b, c, cell, acc, n_cells):
    run = -1
    sx = s1 = 0.0
    for n in range(a.size):
        k = cell[n]
        if k != run:
            if 0 <= run < n_cells:
                acc[run, 0] += sx
                acc[run, 1] += s1
            run = k
            sx = s1 = 0.0
        sx += c[n] * a[n]
        s1 += c[n] * b[n]
    if 0 <= run < n_cells:
        acc[run, 0] += sx
        acc[run, 1] += s1


@sums
def _add_second(a, b, c, cell, acc, n_cells):
    run = -1
    aa = ab = bb = cc = 0.0
    for n in range(a.size + 1):
        k = cell[n] if n < a.size else -1
        if k != run:
            if 0 <= run < n_cells:
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
def _add_covariance_euclidean(a, b, c, cell, acc, n_cells):
    n_sectors = n_cells // 2
    run = -1
    xx = x1 = oo = 0.0
    for n in range(a.size + 1):
        k = cell[n] if n < a.size else -1
        if k != run:
            if 0 <= run < n_cells:
                acc[run, 0] += xx
                acc[run, 1] += x1
                acc[run, 2] += oo
            run = k
            xx = x1 = oo = 0.0
        if n < a.size:
            cc = c[n] * c[n] if k < n_sectors else 0.0  # no sliding neuron turns
            xx += cc * b[n] * b[n] + a[n] * a[n]
            x1 += a[n] * b[n] - cc * a[n] * b[n]
            oo += cc * a[n] * a[n] + b[n] * b[n]


@parallel
def _first(a, b, c, cell, slots, acc, n_cells):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _add_first(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_cells)


@parallel
def _second(a, b, c, cell, slots, acc, n_cells, metric):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        if metric == EUCLIDEAN:
            _add_covariance_euclidean(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_cells)
        else:
            _add_second(a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i], n_cells)


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
    """Sums of c (a, b) over the neurons of each sector and then of each ray, (4 s, 2).

    Divided by m, and those of ray r added to sector r (or r + 1, its sample counts nothing), they
    are the M_k of the network function.
    """
    n_slots, n_cells = slots.size - 1, 4 * s
    acc = np.zeros((n_slots, n_cells + PAD, 2))
    _first(a, b, c, cell, slots, acc, n_cells)
    tree_sum(acc.reshape((n_slots, -1)))
    return acc[0, :n_cells].copy()


@driver
def first_moments_at(a, b, c, x, slots):
    """The same with the sectors of other points ``x`` (n,), strictly increasing: (2 n, 2)."""
    n_slots, n_sectors = slots.size - 1, 2 * x.size
    acc = np.zeros((n_slots, n_sectors + PAD, 2))
    _first_at(a, b, c, x, slots, acc)
    tree_sum(acc.reshape((n_slots, -1)))
    return acc[0, :n_sectors].copy()


@driver
def second_moments(a, b, c, cell, slots, x, metric):
    """Covariances m Sigma of each sector and then of each ray as (xx, x1, 11), shape (4 s, 3).

    Network metric: sum of c^2 I + (a,b)(a,b)^T. Euclidean: sum of rhat^2 t t^T + d d^T, eq. (32).
    On a ray only the direction u along it counts: c^2 u u^T instead of c^2 I, and no t t^T. The
    dead sector counts nothing.
    """
    s = x.size
    n_slots, n_cells = slots.size - 1, 4 * s
    acc = np.zeros((n_slots, n_cells + PAD, 4))
    _second(a, b, c, cell, slots, acc, n_cells, metric)
    tree_sum(acc.reshape((n_slots, -1)))
    out = np.zeros((n_cells, 3))
    for k in range(n_cells):
        if k == s:
            continue
        cc = 0.0 if metric == EUCLIDEAN else acc[0, k, 3]
        xx, x1, oo = cc, 0.0, cc
        if k >= 2 * s:
            ux, u1 = ray_direction(k - 2 * s, x)
            xx, x1, oo = cc * ux * ux, cc * ux * u1, cc * u1 * u1
        out[k, 0] = acc[0, k, 0] + xx
        out[k, 1] = acc[0, k, 1] + x1
        out[k, 2] = acc[0, k, 2] + oo
    return out


@driver
def cell_counts(cell, slots, s):
    """Number of neurons in each cell, (4 s + 1,) int64."""
    n_slots, n_cells = slots.size - 1, 4 * s + 1
    acc = np.zeros((n_slots, n_cells + 2 * PAD), np.int64)
    _count(cell, slots, acc)
    tree_sum(acc)
    return acc[0, :n_cells].copy()
