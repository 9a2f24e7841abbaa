"""Where the knots of a network are: beside the samples, and beside those of another network.

A knot counts by the mass ``|c a| / m`` of f'' that it carries (Lemma 7), or each alike.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, finite, increasing
from particleflow.errors import ConfigError, NeuronsError, SamplesError
from particleflow.model.coordinates import knots as knots_of

from ._network import hat_parameters


class NearSamples(NamedTuple):
    """Of the knots: by their number, and by |c a|."""

    share: float
    share_of_mass: float


def near_samples(x: ArrayLike, a: ArrayLike, b: ArrayLike, c: ArrayLike, gap: float) -> NearSamples:
    """Share of the knots in the samples' interval that lie within a gap of a sample.

    Parameters
    ----------
    x : (s,) array_like
        Increasing.
    a, b, c : (m,) array_like
        Hat parameters.
    gap : float
        At least 0.

    Returns
    -------
    NearSamples
        0 where no knot lies in [x_0 - gap, x_{s-1} + gap].

    Raises
    ------
    SamplesError, NeuronsError, ConfigError
        Shapes differ, or a number is not finite, or the gap is negative.
    """
    points = increasing("x", x, SamplesError)
    width = finite("gap", gap, ConfigError)
    if width < 0.0:
        raise ConfigError(f"gap: expected at least 0, found {width:g}")
    e, mass = _knots_and_masses(a, b, c)
    inside = (e >= points[0] - width) & (e <= points[-1] + width)
    e, mass = e[inside], mass[inside]
    if e.size == 0:
        return NearSamples(0.0, 0.0)
    after = np.clip(np.searchsorted(points, e), 1, max(points.size - 1, 1))
    beside = points[np.minimum(np.stack([after - 1, after]), points.size - 1)]
    near = np.abs(beside - e).min(axis=0) <= width
    total = mass.sum()
    return NearSamples(float(near.mean()), float(mass[near].sum() / total) if total > 0.0 else 0.0)


def _knots_and_masses(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> tuple[Array, Array]:
    """Knots, and |c a|, of the neurons that have one."""
    slopes, offsets, weights = hat_parameters(a, b, c)
    e = knots_of(slopes, offsets)
    has = np.isfinite(e)
    return e[has], np.abs(weights[has] * slopes[has])


def knot_distance(
    one: tuple[ArrayLike, ArrayLike, ArrayLike], two: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> float:
    """Wasserstein-1 distance between the normalised measures |c a| on the knots of two networks.

    Parameters
    ----------
    one, two : tuple of three (m,) array_like
        Hat parameters (a, b, c); their sizes may differ.

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


def activation_distance(cell: np.ndarray, other: np.ndarray, s: int) -> float:
    """Share of the pairs of a neuron and a sample that are active in one state and not the other.

    From sector to sector one sample changes, so that the number of them is the way between two
    sectors around the circle: O(m).

    Parameters
    ----------
    cell, other : (m,) int
        Cells as in a trajectory: sector k, 2 s + r on ray r, 4 s in the origin.
    s : int
        Number of samples.

    Raises
    ------
    ConfigError
        Shapes differ, or there is no such cell.
    """
    count("s", s, ConfigError)
    sectors = [_sector(name, values, s) for name, values in (("cell", cell), ("other", other))]
    if sectors[0].shape != sectors[1].shape:
        raise ConfigError(
            f"cell, other: expected equal shapes, found {sectors[0].shape} and {sectors[1].shape}"
        )
    steps = np.abs(sectors[0] - sectors[1])
    return float(np.minimum(steps, 2 * s - steps).mean() / s)


def _sector(name: str, values: np.ndarray, s: int) -> np.ndarray:
    """Sector with the same active samples; a sample at the knot is inactive."""
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise ConfigError(f"{name}: expected integers, found {given.dtype}")
    cells = given.astype(np.int64)
    if cells.size == 0 or cells.min() < 0 or cells.max() > 4 * s:
        raise ConfigError(f"{name}: expected cells from 0 to {4 * s}")
    rays = cells - 2 * s
    sector = np.where(cells < 2 * s, cells, np.where(rays < s, rays + 1, rays))
    return np.where(cells == 4 * s, s, sector)
