"""Cells of all neurons, and sums over the neurons of each sector and of each ray.

A run of neurons of one cell is added up in vectors: to add each neuron to the sum of its cell in
memory would mean to wait for the previous addition to the same sum.
"""

import numpy as np

from .._jit import float64, parallel, prange, sums
from ..flow import EUCLIDEAN, NETWORK
from ..host.arrivals import covariances_of
from ..host.sums import PAD, sum_slots
from ..sectors import locate
from .arrays import read
from .prefetch import AHEAD, LINE, prefetch
from .runs import run_end

FIRST, SECOND, COVARIANCE_EUCLIDEAN, COVARIANCE_WEIGHTED = range(4)
"""Kinds of sums over the neurons of a cell: c (a, b); a a, a b, b b, c c; covariances of the
euclidean metric without and with weights."""


@parallel
def locate_all(a, b, x, cell, slots):
    """Write the cell of every neuron, by the signs of a x_j + b, into ``cell`` (m,) int32."""
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            cell[n] = locate(float64(a[n]), float64(b[n]), x)


@sums
def _add_first(a, b, c, acc):
    sx = s1 = 0.0
    for i in range(a.size):
        ci = float64(c[i])
        sx += ci * a[i]
        s1 += ci * b[i]
    acc[0] += sx
    acc[1] += s1


@sums
def _add_second(a, b, c, acc):
    aa = ab = bb = cc = 0.0
    for i in range(a.size):
        ai, bi, ci = read(a, b, c, i)
        aa += ai * ai
        ab += ai * bi
        bb += bi * bi
        cc += ci * ci
    acc[0] += aa
    acc[1] += ab
    acc[2] += bb
    acc[3] += cc


@sums
def _add_covariance_euclidean(cosine, sine, rhat, turns, acc):
    """Add rhat^2 t t^T + d d^T as (xx, x1, 11), without the first term where ``turns`` is 0."""
    xx = x1 = oo = 0.0
    for i in range(rhat.size):
        x, y, r = float64(cosine[i]), float64(sine[i]), float64(rhat[i])
        square = turns * r * r
        xx += square * y * y + x * x
        x1 += (1.0 - square) * x * y
        oo += square * x * x + y * y
    acc[0] += xx
    acc[1] += x1
    acc[2] += oo


@sums
def _add_covariance_weighted(a, b, c, turns, acc):
    """Add what `_add_covariance_euclidean` adds, of neurons u (cos theta, sin theta, rhat).

    A neuron adds u^2 times as much: d d^T and rhat^2 t t^T have the factors u^2 already.
    """
    xx = x1 = oo = 0.0
    for i in range(c.size):
        x, y, r = read(a, b, c, i)
        square = turns * r * r / (x * x + y * y)
        xx += square * y * y + x * x
        x1 += (1.0 - square) * x * y
        oo += square * x * x + y * y
    acc[0] += xx
    acc[1] += x1
    acc[2] += oo


@sums
def _add_cell(kind, a, b, c, k, acc):
    """Add the sums over some neurons of cell k to row k."""
    if kind == FIRST:
        _add_first(a, b, c, acc[k])
    elif kind == SECOND:
        _add_second(a, b, c, acc[k])
    else:
        turns = 1.0 if k < acc.shape[0] // 2 else 0.0  # no sliding neuron turns
        if kind == COVARIANCE_EUCLIDEAN:
            _add_covariance_euclidean(a, b, c, turns, acc[k])
        else:
            _add_covariance_weighted(a, b, c, turns, acc[k])


@sums
def _add_slot(kind, a, b, c, cell, acc):
    lo = np.int64(0)
    while lo < cell.size:
        k, hi = cell[lo], run_end(cell, lo)
        # as many neurons far ahead as are now added up: the memory works meanwhile (`prefetch`)
        for i in range(lo + AHEAD, hi + AHEAD, LINE):
            prefetch(a, i)
            prefetch(b, i)
            prefetch(c, i)
        if k < acc.shape[0]:
            _add_cell(kind, a[lo:hi], b[lo:hi], c[lo:hi], k, acc)
        lo = hi


@parallel
def _add_slots(kind, neurons, slots, acc, n_cells):
    a, b, c, cell = neurons
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _add_slot(kind, a[lo:hi], b[lo:hi], c[lo:hi], cell[lo:hi], acc[i, :n_cells])


@parallel
def _first_at(a, b, c, x, slots, acc):
    for i in prange(slots.size - 1):
        for n in range(slots[i], slots[i + 1]):
            an, bn, cn = read(a, b, c, n)
            k = locate(an, bn, x)
            if k < 2 * x.size:
                acc[i, k, 0] += cn * an
                acc[i, k, 1] += cn * bn


@sums
def _count_slot(cell, acc):
    lo = np.int64(0)
    while lo < cell.size:
        hi = run_end(cell, lo)
        acc[cell[lo]] += hi - lo
        lo = hi


@parallel
def _count(cell, slots, acc):
    for i in prange(slots.size - 1):
        _count_slot(cell[slots[i] : slots[i + 1]], acc[i])


def first_moments(neurons, slots, s, whole=None):
    """Sums of c (a, b) over the neurons of each sector and then of each ray, (4 s, 2).

    They are the M_k of the network function, after division by m, if those of ray r are added to
    those of sector r; sector r + 1 would do as well, for the ray's sample sees nothing of them.
    """
    n_slots, n_cells = slots.size - 1, 4 * s
    acc = np.zeros((n_slots, n_cells + PAD, 2))
    _add_slots(np.int64(FIRST), neurons, slots, acc, n_cells)
    return sum_slots(acc, whole)[:n_cells].copy()


def first_moments_at(a, b, c, x, slots, whole=None):
    """Sums of c (a, b) over the sectors of other points ``x`` (n,), increasing: (2 n, 2)."""
    n_slots, n_sectors = slots.size - 1, 2 * x.size
    acc = np.zeros((n_slots, n_sectors + PAD, 2))
    _first_at(a, b, c, x, slots, acc)
    return sum_slots(acc, whole)[:n_sectors].copy()


def square_sums(neurons, slots, s, whole=None):
    """Sums of a a, a b, b b, c c over the neurons of each cell, (4 s + 1, 4)."""
    n_slots, n_cells = slots.size - 1, 4 * s + 1
    acc = np.zeros((n_slots, n_cells + PAD, 4))
    _add_slots(np.int64(SECOND), neurons, slots, acc, n_cells)
    return sum_slots(acc, whole)[:n_cells].copy()


def second_moments(neurons, slots, x, metric, whole=None):
    """Covariances m Sigma of each sector and then of each ray as (xx, x1, 11), shape (4 s, 3).

    In the network metric m Sigma is the sum of c^2 I + (a, b) (a, b)^T, in the euclidean metric
    that of rhat^2 t t^T + d d^T (Williams et al., eq. 32); with weights w a neuron counts m w
    times. On a ray only the direction u along it counts: c^2 u u^T instead of c^2 I, and no t t^T.
    The dead sector counts nothing.
    """
    s = x.size
    if metric == NETWORK:
        return covariances_of(square_sums(neurons, slots, s, whole)[:-1], x, metric)
    n_slots, n_cells = slots.size - 1, 4 * s
    acc = np.zeros((n_slots, n_cells + PAD, 4))
    kind = COVARIANCE_EUCLIDEAN if metric == EUCLIDEAN else COVARIANCE_WEIGHTED
    _add_slots(np.int64(kind), neurons, slots, acc, n_cells)
    return covariances_of(sum_slots(acc, whole)[:n_cells], x, metric)


def cell_counts(cell, slots, s, whole=None):
    """Number of neurons in each cell, (4 s + 1,) int64."""
    n_slots, n_cells = slots.size - 1, 4 * s + 1
    acc = np.zeros((n_slots, n_cells + PAD))
    _count(cell, slots, acc)
    return sum_slots(acc, whole)[:n_cells].astype(np.int64)


@sums
def _weigh_slot(cell, ident, mass, acc):
    lo = np.int64(0)
    while lo < cell.size:
        hi = run_end(cell, lo)
        total = 0.0
        for i in range(lo, hi):
            total += mass[ident[i]]
        acc[cell[lo]] += total
        lo = hi


@parallel
def _weigh(cell, ident, mass, slots, acc):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        _weigh_slot(cell[lo:hi], ident[lo:hi], mass[lo:hi], acc[i])


def cell_masses(cell, ident, mass, slots, s, whole=None):
    """Sum of the weights of the neurons in each cell, (4 s + 1,).

    ``mass`` (m,) has the weights in the original order, ``ident`` the indices in it of the neurons
    of ``cell``, counted from the begin of their slots.
    """
    n_slots, n_cells = slots.size - 1, 4 * s + 1
    acc = np.zeros((n_slots, n_cells + PAD))
    _weigh(cell, ident, mass, slots, acc)
    return sum_slots(acc, whole)[:n_cells].copy()


@sums
def _count_different(one, two):
    different = 0
    for i in range(one.size):
        different += one[i] != two[i]
    return different


@parallel
def count_changes(one, two, slots):
    """The number of neurons whose cell differs between two arrays of cells."""
    different = 0
    for i in prange(slots.size - 1):
        different += _count_different(one[slots[i] : slots[i + 1]], two[slots[i] : slots[i + 1]])
    return different
