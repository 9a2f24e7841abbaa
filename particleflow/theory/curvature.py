"""Lemma 7: the second derivative of a network, a measure on its knots.

For ``f(x) = (1/m) sum c_i [a_i x + b_i]_+`` f'' has the mass ``(1/m) c_i |a_i|`` at the knot
``e_i = -b_i / a_i``; f'' = c+ + c- with c+ from the neurons with a > 0 and c- from those with
a < 0. A neuron with a = 0 has no knot.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, positive, vector
from particleflow.errors import ConfigError, NeuronsError
from particleflow.model.coordinates import knots as knots_of

from ._network import hat_parameters


class Curvature(NamedTuple):
    """f'' of a network.

    Attributes
    ----------
    knots : (k,) float64
        Distinct, increasing.
    rightwards, leftwards : (k,) float64
        Masses of c+ and of c- there.
    """

    knots: Array
    rightwards: Array
    leftwards: Array

    @property
    def masses(self) -> Array:
        """Masses of f'', (k,): changes of slope."""
        return self.rightwards + self.leftwards


def curvature(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, knots: ArrayLike | None = None
) -> Curvature:
    """The measure f'' of a network with these hat parameters, equal knots merged: O(m log m).

    Parameters
    ----------
    a, b, c : (m,) array_like
    knots : (m,) array_like, optional
        Where they are known better than -b/a, which rounds: x_j for a neuron that slides on x_j.

    Raises
    ------
    NeuronsError
        Lengths differ, there is no neuron, or a number is not finite.
    """
    slopes, offsets, weights = hat_parameters(a, b, c)
    kink = slopes != 0.0
    known = knots_of(slopes, offsets) if knots is None else np.asarray(knots, np.float64)
    if known.shape != slopes.shape:
        raise NeuronsError(f"knots: expected {slopes.size} numbers, found shape {known.shape}")
    places, where = np.unique(known[kink], return_inverse=True)
    masses = weights * np.abs(slopes) / slopes.size
    right, left = np.zeros(places.size), np.zeros(places.size)
    np.add.at(right, where, np.where(slopes > 0.0, masses, 0.0)[kink])
    np.add.at(left, where, np.where(slopes < 0.0, masses, 0.0)[kink])
    return Curvature(places, right, left)


def slope_variation(
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    weight: Callable[[Array], Array] | None = None,
    knots: ArrayLike | None = None,
) -> float:
    """TV(f') over the real line: the sum of |mass| over distinct knots (Lemma 7).

    Parameters
    ----------
    a, b, c : (m,) array_like
        Hat parameters.
    weight : callable, optional
        w of the weighted variation ``int w |f''|``, of an array of knots.
    knots : (m,) array_like, optional
        As in `curvature`.
    """
    measure = curvature(a, b, c, knots)
    sizes = np.abs(measure.masses)
    return float(sizes.sum() if weight is None else (weight(measure.knots) * sizes).sum())


def smoothed_curvature(measure: Curvature, x: ArrayLike, width: float) -> Array:
    """Density of f'' at points, each mass spread over a triangle of this half-width.

    It is the second difference ``(f(x + h) - 2 f(x) + f(x - h)) / h^2`` with h the width, for a
    smooth limit c(x) of many neurons f''(x) + O(h^2). O((k + n) log k).

    Parameters
    ----------
    measure : Curvature
    x : (n,) array_like
    width : float

    Returns
    -------
    (n,) float64

    Raises
    ------
    ConfigError
        The width is no finite number above 0.
    """
    h = positive("width", width, ConfigError)
    points = vector("x", x, ConfigError)
    knots = measure.knots
    zero, first = (
        np.concatenate([[0.0], np.cumsum(values)])
        for values in (measure.masses, measure.masses * knots)
    )
    lo, at, hi = (np.searchsorted(knots, points + shift) for shift in (-h, 0.0, h))
    before = (h - points) * (zero[at] - zero[lo]) + (first[at] - first[lo])
    after = (h + points) * (zero[hi] - zero[at]) - (first[hi] - first[at])
    return (before + after) / h**2
