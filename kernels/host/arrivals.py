"""New residuals and covariances from the sums over all neurons, after a pass or a step."""

import numpy as np

from .._jit import driver
from ..events import FAILURES, TALLIES
from ..flow import NETWORK
from ..origin import largest_field
from ..rays import ray_direction
from ..records import Arrival
from .decay import SIGMA
from .field import prediction
from .sums import sum_slots

MOMENTS = 6
"""Number of columns of the sums of a pass over each sector and the ray of its number: c a, c b,
Sigma as (xx, x1, 11), and c c of the neurons that slide on the ray."""


def room_to_arrive(s):
    """An `Arrival` for s samples, to be filled by a pass; its tally is 0, its decay factor 1."""
    tally = np.zeros(TALLIES, np.int64)
    sigma = np.array([1.0, 0.0])
    return Arrival(np.empty(s), np.empty((2 * s, 3)), np.empty(2 * s), tally, sigma)


@driver
def can_pass(field, h):
    """Whether field and time are finite, so that a pass makes sense."""
    return largest_field(field) < np.inf and h < np.inf


@driver
def arrive_at(sums, samples, m, arrival):
    """Compute what the neurons of a new state add up to from their moments.

    Parameters
    ----------
    sums : (>= 2 s, MOMENTS) float64
    samples : Samples
    m : int
        Number of all neurons.
    arrival : Arrival
        Holds the tally of the pass and the decay factor; all else is overwritten.

    Returns
    -------
    bool
        Whether all results are finite, and no neuron failed to arrive.
    """
    x, y, xt = samples
    residual, covariances, held, tally, sigma = arrival
    shared = m / (sigma[SIGMA] * sigma[SIGMA])  # sums are those of stored neurons
    prediction(sums, xt, 1.0 / shared, residual)
    finite = tally[FAILURES] == 0
    for j in range(x.size):
        residual[j] -= y[j]
        finite &= np.isfinite(residual[j])
    for k in range(2 * x.size):
        for l in range(3):
            covariances[k, l] = sums[k, 2 + l] / shared
            finite &= np.isfinite(covariances[k, l])
        held[k] = sums[k, 5] / shared  # finite if the covariances are
    return finite


def arrive_together(acc, changes, samples, m, arrival, whole=None):
    """Do what `arrive_at` does, from the moments of the slots; neurons may be shared out.

    The tally and the changes of cell travel with the moments, in the rows behind the sectors: one
    exchange is enough, and all parts come to the same verdict.

    Parameters
    ----------
    acc : (n_slots, 2 s + PAD, MOMENTS) float64
        Moments of the slots of this part, the rows behind the sectors 0; overwritten.
    changes : int
        Neurons of this part that have changed their cell.
    samples : Samples
    m : int
        Number of all neurons.
    arrival : Arrival
        Overwritten but for the decay factor; on entry it holds the tally of this part.
    whole : Whole, optional
        Needed where the slots are a part of all.

    Returns
    -------
    int
        Neurons of all parts that have changed their cell; -1 if not all is finite.
    """
    n_sectors = 2 * samples.x.size
    counts = acc[0, n_sectors:].reshape(-1)
    counts[:TALLIES], counts[TALLIES] = arrival.tally, changes
    counts = sum_slots(acc, whole)[n_sectors:].reshape(-1)
    arrival.tally[:] = counts[:TALLIES]
    return int(counts[TALLIES]) if arrive_at(acc[0], samples, m, arrival) else -1


@driver
def close_step(moments, samples, scale, residual):
    """Write new residuals from the moments of sectors; returns whether they are finite.

    ``moments`` (>= 2 s, >= 2) begin with the sums of c (a, b); ``scale`` is 1/m of all neurons,
    times the square of their decay factor.
    """
    x, y, xt = samples
    prediction(moments, xt, scale, residual)
    finite = True
    for j in range(x.size):
        residual[j] -= y[j]
        finite &= np.isfinite(residual[j])
    return finite


@driver
def covariances_of(sums, x, metric):
    """Covariances of all sectors and rays (4 s, 3) from sums over each cell, (4 s, >= 3).

    In the network metric the sums are those of a a, a b, b b, c c, in the euclidean metric they are
    the covariances already. The dead sector counts nothing.
    """
    s, n_cells = x.size, 4 * x.size
    out = np.zeros((n_cells, 3))
    for k in range(n_cells):
        if k == s:
            continue
        cc = sums[k, 3] if metric == NETWORK else 0.0
        xx, x1, oo = cc, 0.0, cc
        if k >= 2 * s:  # a neuron that slides can only move along its ray u: u u^T in place of I
            ux, u1 = ray_direction(k - 2 * s, x)
            xx, x1, oo = cc * ux * ux, cc * ux * u1, cc * u1 * u1
        out[k, 0] = sums[k, 0] + xx
        out[k, 1] = sums[k, 1] + x1
        out[k, 2] = sums[k, 2] + oo
    return out
