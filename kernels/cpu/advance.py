"""All neurons through a frozen field for a given time, and the moments of where they arrive."""

import numpy as np

from .._jit import driver, parallel, prange
from ..advance import FAILURES, TALLIES
from ..maps import tables_of
from ..origin import largest_field
from ..rays import SIGN, XJ, ray_table
from .advance_slot import Neurons, advance_slot, make_scratch, part
from .arrays import read
from .arrivals import MOMENTS
from .field import prediction
from .slots import PAD, SERIAL, sum_slots, tree_sum


@parallel
def _advance_slots(z, to, slots, start, keep, h, tables, x, acc, tally, changes):
    for i in prange(slots.size - 1):
        lo, hi = slots[i], slots[i + 1]
        changes[i] = advance_slot(
            part(z, lo, hi), part(to, lo, hi), start[i], keep, h, tables, x, acc[i], tally[i],
            *make_scratch(z.a),
        )  # fmt: skip


@driver
def _advance_all(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, h, tally, changes
):  # fmt: skip
    """All slots of this process; returns their moments, (n_slots, 2 s + PAD, MOMENTS)."""
    n_slots = slots.size - 1
    z, to = Neurons(a, b, c, cell), Neurons(a1, b1, c1, cell1)
    tables = tables_of(field, x, h)
    acc = np.empty((n_slots, 2 * x.size + PAD, MOMENTS))
    acc[:, 2 * x.size :] = 0.0
    tallies = np.zeros((n_slots, TALLIES + 2 * PAD), np.int64)
    if a.size <= SERIAL // 4:
        for i in range(n_slots):
            lo, hi = slots[i], slots[i + 1]
            changes[i] = advance_slot(
                part(z, lo, hi), part(to, lo, hi), start[i], keep, h, tables, x, acc[i],
                tallies[i], *make_scratch(z.a),
            )  # fmt: skip
    else:
        _advance_slots(z, to, slots, start, keep, h, tables, x, acc, tallies, changes)
    tree_sum(tallies)
    tally[:] = tallies[0, :TALLIES]
    return acc


@driver
def can_advance(field, h):
    """Whether field and time are finite."""
    return largest_field(field) < np.inf and h < np.inf


@driver
def arrivals(sums, x, y, m, tally, residual, covariances):
    """Residuals and Sigma_k of the new state from its moments; returns whether all is finite."""
    prediction(sums[:, :2], x, 1.0 / m, residual)
    finite = tally[FAILURES] == 0
    for j in range(x.size):
        residual[j] -= y[j]
        finite &= np.isfinite(residual[j])
    for k in range(2 * x.size):
        for l in range(3):
            covariances[k, l] = sums[k, 2 + l] / m
            finite &= np.isfinite(covariances[k, l])
    return finite


@driver
def advance_alone(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, y, h, residual, covariances,
    tally, changes,
):  # fmt: skip
    """`advance` of all neurons."""
    tally[:] = 0
    if not can_advance(field, h):
        return False
    acc = _advance_all(
        a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, h, tally, changes
    )
    tree_sum(acc.reshape((acc.shape[0], -1)))
    return arrivals(acc[0], x, y, a.size, tally, residual, covariances)


def sum_arrivals(acc, tally, changes, x, y, whole, residual, covariances):
    """`arrivals` of all parts from the moments of this one, (n_slots, 2 s + PAD, MOMENTS).

    Tallies and changes of cell, also overwritten, travel with them, in the rows behind the sectors.
    """
    counts = acc[0, 2 * x.size :].reshape(-1)
    counts[:TALLIES], counts[TALLIES] = tally, changes.sum()
    counts = sum_slots(acc, whole)[2 * x.size :].reshape(-1)
    tally[:] = counts[:TALLIES]
    changes[:] = 0
    changes[0] = counts[TALLIES]
    return bool(arrivals(acc[0], x, y, whole.m, tally, residual, covariances))


def advance(
    a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, y, h, residual, covariances,
    tally, changes, whole=None,
):  # fmt: skip
    """Move every neuron exactly for the time h in a field that is frozen.

    Parameters
    ----------
    a, b, c : (m,) float64
        State, network metric, in the order of ``start``.
    cell : (m,) int32
    a1, b1, c1 : (m,) float64
        Overwritten with the new state if ``keep``.
    cell1 : (m,) int32
        The same for the cells.
    slots : (n_slots + 1,) int64
    start : (n_slots, n_regions + 1) int64
        Regions of one cell each, 4 s + 1 of them, which may hold strays; or one region of any.
    keep : bool
        Whether to store the new state, or to compute its moments only.
    field : (2 s, 2) float64
        G_k.
    x, y : (s,) float64
    h : float
    residual : (s,) float64
        Overwritten with the residuals of the new state.
    covariances : (2 s, 3) float64
        Overwritten with its Sigma_k; those of sliding neurons count in sector r of their ray r.
    tally : (TALLIES,) int64
        Overwritten with the numbers of events (see ``kernels.advance``).
    changes : (n_slots,) int64
        Overwritten with the numbers of neurons that change their cell.
    whole : Whole, optional
        Where the arrays are a part of the neurons; all numbers are those of the whole.

    Returns
    -------
    bool
        Whether the new state is finite and every neuron arrived.
    """
    if whole is None:
        return advance_alone(
            a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, y, h, residual,
            covariances, tally, changes,
        )  # fmt: skip
    tally[:] = 0
    if not can_advance(field, h):
        return False
    acc = _advance_all(
        a, b, c, cell, a1, b1, c1, cell1, slots, start, keep, field, x, h, tally, changes
    )
    return sum_arrivals(acc, tally, changes, x, y, whole, residual, covariances)


@driver
def repulsor_starts(a, b, c, cell, field, x):
    """Number of neurons whose knot lies on a sample that repels it, on the inactive side.

    The motion is not unique there; they stay on that side.
    """
    s = x.size
    rays = ray_table(field, x)
    count = 0
    for n in range(a.size):
        k = cell[n]
        an, bn, cn = read(a, b, c, n)
        if 0 < k < 2 * s and k != s:
            r = k - 1 if k < s else k  # whose inactive side is k
            sign = cn if cn != 0.0 else an * field[k, 0] + bn * field[k, 1]
            if an * rays[r, XJ] + bn == 0.0 and rays[r, SIGN] * sign < 0.0:
                count += 1
    return count
