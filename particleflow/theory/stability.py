"""What the stability of gradient descent says of a function: a bound of its weighted variation.

A minimum of the loss (1/(2n)) sum of rho^2 at which gradient descent of rate eta is stable has
lambda_max <= 2 / eta. The gradient of the mean of f over the samples has the square

    sum over neurons of c^2 (A^2 + B^2) + a^2 C^2  >=  2 sum of |c a| g(e),

with, over the samples on which a neuron with the knot e is active, B their share, A = B E[x] and
C = B E[|x - e|]; so the integral of |f''| g is at most 1 / eta where residuals are small, with

    g(e) = min over both sides of  B^2 E[|x - e|] sqrt(1 + E[x]^2).

The weight g is that of R. Mulayoff, T. Michaeli and D. Soudry ("The implicit bias of minima
stability: a view from function space", 2021). D. Qiao, K. Zhang, E. Singh, D. Soudry and Y.-X. Wang
("Stable minima cannot overfit in univariate ReLU networks", 2024) have the bound 1/eta - 1/2 with
terms for the residuals; the 1/2 comes from the bias of their second layer, which is missing here.
"""

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, increasing, vector
from particleflow.errors import ConfigError, SamplesError


def stability_weight(x: ArrayLike, at: ArrayLike) -> Array:
    """The weight g at points, (n,): 0 outside of the samples' interval. O((s + n) log s).

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    at : (n,) array_like

    Raises
    ------
    SamplesError, ConfigError
        x is not increasing, or a number is not finite.
    """
    points, e = increasing("x", x, SamplesError), vector("at", at, ConfigError)
    sums = np.concatenate([[0.0], np.cumsum(points)])
    n = points.size
    sides = []
    for first in (True, False):
        # the samples below e, or those above it
        edge = np.searchsorted(points, e, side="left" if first else "right")
        number = edge if first else n - edge
        total = sums[edge] if first else sums[n] - sums[edge]
        mean = np.divide(total, number, out=np.zeros(e.size), where=number > 0)
        distance = np.where(number > 0, np.abs(mean - e), 0.0)
        sides.append((number / n) ** 2 * distance * np.sqrt(1.0 + mean**2))
    return np.minimum(*sides)


def weighted_variation(x: ArrayLike, knots: ArrayLike, masses: ArrayLike) -> float:
    """The integral of |f''| g for point masses of f'' at knots.

    Parameters
    ----------
    x : (s,) array_like
        Samples, increasing.
    knots, masses : (k,) array_like
        As of `Curvature`.

    Raises
    ------
    SamplesError, ConfigError
        As of `stability_weight`, or the numbers of knots and masses differ.
    """
    e, sizes = vector("knots", knots, ConfigError), vector("masses", masses, ConfigError)
    if e.size != sizes.size:
        raise ConfigError(f"masses: expected {e.size} numbers, found {sizes.size}")
    return float(np.abs(sizes) @ stability_weight(x, e))
