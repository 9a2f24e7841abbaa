"""The second derivative of a network, a measure on its knots (Williams et al. 2019, Lemma 7).

The second derivative of ``f(x) = (1/m) sum c_i [a_i x + b_i]_+`` has the mass
``(1/m) c_i |a_i|`` at the knot ``e_i = -b_i / a_i``. It is the sum c+ + c- of a measure c+ from the
neurons with a > 0 and a measure c- from those with a < 0. A neuron with a = 0 has no knot.
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
    """The second derivative f'' of a network, as masses on its knots.

    Attributes
    ----------
    knots : (k,) float64
        The distinct knots, increasing.
    rightwards, leftwards : (k,) float64
        Masses of c+ and of c- at the knots: of neurons that are active to the right of their knot,
        and to the left.
    """

    knots: Array
    rightwards: Array
    leftwards: Array

    @property
    def masses(self) -> Array:
        """Masses of f'' at the knots, (k,), which are the changes of slope of f there."""
        return self.rightwards + self.leftwards


def curvature(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, knots: ArrayLike | None = None
) -> Curvature:
    """The measure f'' of a network, equal knots merged: O(m log m).

    Parameters
    ----------
    a, b, c : (m,) array_like
        Hat parameters.
    knots : (m,) array_like, optional
        The knots of the neurons if they are known better than by -b/a, which rounds: x_j for a
        neuron that slides on x_j.

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
    """TV(f') over the real line: the sum of |mass| over distinct knots (Williams et al., Lemma 7).

    Parameters
    ----------
    a, b, c : (m,) array_like
        Hat parameters.
    weight : callable, optional
        The function w of the weighted variation ``int w |f''|``; it takes an array of knots.
    knots : (m,) array_like, optional
        The knots of the neurons, as in `curvature`.
    """
    measure = curvature(a, b, c, knots)
    sizes = np.abs(measure.masses)
    return float(sizes.sum() if weight is None else (weight(measure.knots) * sizes).sum())


def smoothed_curvature(measure: Curvature, x: ArrayLike, width: float) -> Array:
    """The density of f'' at points if each mass is spread over a triangle: O((k + n) log k).

    With h the width, this density is the second difference
    ``(f(x + h) - 2 f(x) + f(x - h)) / h^2``. If many neurons approach a smooth f'', it differs from
    f''(x) by O(h^2).

    Parameters
    ----------
    measure : Curvature
    x : (n,) array_like
    width : float
        Half the width of the triangles.

    Returns
    -------
    (n,) float64

    Raises
    ------
    ConfigError
        The width is no finite number above 0, or a point is not finite.
    """
    h = positive("width", width, ConfigError)
    points = vector("x", x, ConfigError)
    knots = measure.knots
    # sums of masses and of mass times knot before each knot: O(log k) for any interval of knots
    zero, first = (
        np.concatenate([[0.0], np.cumsum(values)])
        for values in (measure.masses, measure.masses * knots)
    )
    lo, at, hi = (np.searchsorted(knots, points + shift) for shift in (-h, 0.0, h))
    before = (h - points) * (zero[at] - zero[lo]) + (first[at] - first[lo])
    after = (h + points) * (zero[hi] - zero[at]) - (first[hi] - first[at])
    return (before + after) / h**2
