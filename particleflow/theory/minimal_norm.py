"""Interpolants of least path norm: what weight decay that tends to 0 leads to.

With weight decay a neuron has c^2 = a^2 + b^2 in the end, so that the penalty is lambda times the
path norm, (1/m) sum of |c| |(a, b)|. As lambda tends to 0, minima tend to interpolants of the least
path norm. For these it is the integral of sqrt(1 + x^2) |f''|, and what the affine part of f costs
(R. Parhi and R. Nowak, "Banach space representer theorems for neural networks and ridge splines",
2021, have such penalties in general).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, count, increasing, numbers, vector
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.coordinates import ray_angles

_NOTHING = 1e-9
"""Masses, as a share of their sum, that count as 0."""


class MinimalNorm(NamedTuple):
    """An interpolant of least path norm, ``f(x) = sum of mass [<(x, 1), d(theta)>]_+``.

    Attributes
    ----------
    path_norm : float
        The sum of the sizes of the masses.
    theta : (k,) float64
        Angles with a mass, ascending in (-pi, pi].
    mass : (k,) float64
    """

    path_norm: float
    theta: Array
    mass: Array

    def __call__(self, x: ArrayLike) -> Array:
        """The function at points, in the shape of ``x``."""
        points = numbers("x", x, ConfigError)
        directions = np.stack([np.cos(self.theta), np.sin(self.theta)])
        hidden = np.maximum(points[..., None] * directions[0] + directions[1], 0.0)
        return np.asarray(hidden @ self.mass)


def minimal_norm(x: ArrayLike, y: ArrayLike, directions: int = 20_000) -> MinimalNorm:
    """An interpolant of least path norm, by a linear programme over many directions.

    Directions are equispaced on the circle, and those of all rays are among them, on which the
    knots are samples. More than one interpolant may have the least norm. Where knots lie between
    samples, the norm is above the least one by a term of second order in the distance of
    directions, and a knot may have two neighbouring directions.

    Parameters
    ----------
    x, y : (s,) array_like
        Samples, x increasing, as the network sees them.
    directions : int
        Number of equispaced directions, at least 4.

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match, x is not increasing, or a number is out of range.
    """
    from scipy.optimize import linprog  # takes long to import

    points, values = increasing("x", x, SamplesError), vector("y", y, SamplesError)
    if values.size != points.size:
        raise SamplesError(f"y: expected {points.size} numbers, found {values.size}")
    n = count("directions", directions, ConfigError, least=4)
    grid = np.linspace(-np.pi, np.pi, n, endpoint=False)
    theta = np.unique(np.concatenate([grid, ray_angles(points)]))
    hidden = np.maximum(np.outer(points, np.cos(theta)) + np.sin(theta), 0.0)
    found = linprog(
        np.ones(2 * theta.size), A_eq=np.hstack([hidden, -hidden]), b_eq=values, method="highs"
    )
    if not found.success:
        raise ConfigError(f"the linear programme failed: {found.message}")
    mass = found.x[: theta.size] - found.x[theta.size :]
    has = np.abs(mass) > _NOTHING * found.fun
    return MinimalNorm(float(found.fun), theta[has], mass[has])
