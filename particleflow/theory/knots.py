"""How knots lie to the samples and to those of another network, and how activations differ.

Knots are counted, or weighted by the mass ``|c a| / m`` of f'' that they carry (Williams et al.
2019, Lemma 7).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, finite, increasing, positive, vector
from particleflow.errors import ConfigError, NeuronsError, SamplesError
from particleflow.model.coordinates import knots as knots_of
from particleflow.model.measure import weights_of

from ._network import hat_parameters


class NearSamples(NamedTuple):
    """The share of the knots that lie near samples.

    Attributes
    ----------
    share : float
        By the number of knots.
    share_of_mass : float
        By their masses |c a|.
    """

    share: float
    share_of_mass: float


def near_samples(
    x: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    gap: float,
    *,
    weights: ArrayLike | None = None,
) -> NearSamples:
    """The share of the knots around the samples that lie within a gap of a sample.

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    a, b, c : (m,) array_like
        Hat parameters.
    gap : float
        The largest distance from a sample that counts as near, at least 0.
    weights : (m,) array_like, optional
        Weights of the neurons, of any sum; all are equal by default.

    Returns
    -------
    NearSamples
        Shares among the knots in [x_0 - gap, x_{s-1} + gap]; 0 if there is none.

    Raises
    ------
    SamplesError, NeuronsError, ConfigError
        Shapes differ, or a number is not finite, or the gap is negative.
    """
    points = increasing("x", x, SamplesError)
    width = finite("gap", gap, ConfigError)
    if width < 0.0:
        raise ConfigError(f"gap: expected at least 0, found {width:g}")
    slopes, offsets, outputs = hat_parameters(a, b, c)
    e = knots_of(slopes, offsets)
    inside = (e >= points[0] - width) & (e <= points[-1] + width)  # not where there is no knot
    shares = _shares(weights, e.size)[inside]
    mass, e = shares * np.abs(outputs * slopes)[inside], e[inside]
    if not shares.any():
        return NearSamples(0.0, 0.0)
    # the nearest sample is one of the two beside the knot, which are the same if there is only one
    after = np.clip(np.searchsorted(points, e), 1, max(points.size - 1, 1))
    beside = points[np.minimum(np.stack([after - 1, after]), points.size - 1)]
    near = np.abs(beside - e).min(axis=0) <= width
    all_shares, all_mass = shares.sum(), mass.sum()
    return NearSamples(
        float(shares[near].sum() / all_shares),
        float(mass[near].sum() / all_mass) if all_mass > 0.0 else 0.0,
    )


def _shares(weights: ArrayLike | None, m: int) -> Array:
    """Weights that are handed in, (m,), or else as many ones."""
    checked = weights_of(weights, m)
    return np.ones(m) if checked is None else checked


def _knots_and_masses(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> tuple[Array, Array]:
    """The knots of the neurons that have one, and the masses |c a| of these neurons."""
    slopes, offsets, outputs = hat_parameters(a, b, c)
    e = knots_of(slopes, offsets)
    has = np.isfinite(e)
    return e[has], np.abs(outputs[has] * slopes[has])


def knot_distance(
    one: tuple[ArrayLike, ArrayLike, ArrayLike], two: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> float:
    """The distance of the knots of two networks, weighted by the share of each in all |c a|.

    It is the Wasserstein-1 distance of the two normalised measures, in units of x.

    Parameters
    ----------
    one, two : tuple of three (m,) array_like
        Hat parameters (a, b, c); the two networks may differ in size.

    Raises
    ------
    NeuronsError
        Shapes differ, a number is not finite, or a network has no knot of positive mass.
    """
    from scipy.stats import wasserstein_distance  # takes long to import

    (e, mass), (other, weight) = _knots_and_masses(*one), _knots_and_masses(*two)
    if not (mass.sum() > 0.0 and weight.sum() > 0.0):
        raise NeuronsError("a network without knots: expected some neuron with a and c not 0")
    return float(wasserstein_distance(e, other, mass, weight))


class Clusters(NamedTuple):
    """Places at which masses have gathered.

    Attributes
    ----------
    places : (k,) float64
        Their centres, each the mean of its members by the size of their masses, ascending.
    masses : (k,) float64
        The sums of the masses.
    """

    places: Array
    masses: Array


def gap_of(x: ArrayLike) -> float:
    """A thousandth of the mean distance of samples: knots that are nearer count as one.

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    """
    points = increasing("x", x, SamplesError)
    return 1e-3 * float(points[-1] - points[0]) / max(points.size - 1, 1)


def clusters(places: ArrayLike, masses: ArrayLike, gap: float, least: float = 1e-3) -> Clusters:
    """Groups of masses between which there are gaps: O(n log n).

    Parameters
    ----------
    places, masses : (n,) array_like
        For instance knots and the masses of f'', or angles and the rhat of neurons. Places that are
        NaN or infinite, and masses of 0, are left out.
    gap : float
        The distance of neighbouring places from which on they belong to two groups.
    least : float
        The share of the sum of all sizes of masses up to which a group is left out.

    Raises
    ------
    ConfigError
        The numbers of places and masses differ, or a number is out of range.
    """
    where, sizes = np.asarray(places, np.float64), vector("masses", masses, ConfigError)
    if where.shape != sizes.shape:
        raise ConfigError(f"masses: expected {where.size} numbers, found {sizes.size}")
    wide = positive("gap", gap, ConfigError)
    has = np.isfinite(where) & (sizes != 0.0)
    order = np.argsort(where[has])
    e, mass = where[has][order], sizes[has][order]
    if e.size == 0:
        return Clusters(e, mass)
    starts = np.flatnonzero(np.diff(e, prepend=-np.inf) > wide)
    weight = np.add.reduceat(np.abs(mass), starts)
    centres = np.add.reduceat(np.abs(mass) * e, starts) / weight
    sums = np.add.reduceat(mass, starts)
    keep = weight > least * weight.sum()
    return Clusters(centres[keep], sums[keep])


def activation_distance(
    cell: np.ndarray, other: np.ndarray, s: int, *, weights: ArrayLike | None = None
) -> float:
    """The share of the pairs of a neuron and a sample that are active in just one of two states.

    From a sector to the next one sample changes. The number of samples in which two sectors differ
    is therefore the number of steps between them, the shorter way around the circle: O(m).

    Parameters
    ----------
    cell, other : (m,) int
        Cells in the two states, as in a trajectory: k in sector k, 2 s + r on ray r, 4 s in the
        origin.
    s : int
        Number of samples.
    weights : (m,) array_like, optional
        Weights of the neurons, of any sum; all are equal by default.

    Raises
    ------
    NeuronsError
        A weight is below 0 or not finite, all are 0, or their number is another.
    ConfigError
        Shapes differ, or a number is no cell.
    """
    count("s", s, ConfigError)
    sectors = [_sector(name, values, s) for name, values in (("cell", cell), ("other", other))]
    if sectors[0].shape != sectors[1].shape:
        raise ConfigError(
            f"cell, other: expected equal shapes, found {sectors[0].shape} and {sectors[1].shape}"
        )
    steps = np.abs(sectors[0] - sectors[1])
    shares = weights_of(weights, steps.size)
    shorter = np.minimum(steps, 2 * s - steps)
    return float((shorter.mean() if shares is None else shorter @ shares) / s)


def _sector(name: str, values: np.ndarray, s: int) -> np.ndarray:
    """For each cell the sector with the same active samples; a sample on a knot is inactive."""
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise ConfigError(f"{name}: expected integers, found {given.dtype}")
    cells = given.astype(np.int64)
    if cells.size == 0 or cells.min() < 0 or cells.max() > 4 * s:
        raise ConfigError(f"{name}: expected cells from 0 to {4 * s}")
    # the inactive side of ray r is the sector r + 1 for r < s, else r; s is the dead sector
    rays = cells - 2 * s
    sector = np.where(cells < 2 * s, cells, np.where(rays < s, rays + 1, rays))
    return np.where(cells == 4 * s, s, sector)
