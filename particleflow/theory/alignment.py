"""Early alignment: where the neurons of a small start turn to, before f moves.

As long as f is small, the residuals stand still, and a neuron turns by theta' = (c / n) <G, t> in
the field G of its sector: it climbs the function sg <G(theta), (cos theta, sin theta)> of the
circle, with sg the sign of c. Neurons gather in the maxima of that function (Maennel, Bousquet,
Gelly, "Gradient descent quantizes ReLU network features", 2018; Boursier, Flammarion, "Early
alignment in two-layer networks training is a two-edged sword", 2024).
"""

import numpy as np
from numpy.typing import ArrayLike

from particleflow import arguments
from particleflow.arguments import Array
from particleflow.errors import ConfigError, SamplesError
from particleflow.model.coordinates import ray_angles
from particleflow.model.rows import rows_of

_ROUNDING = 1e-12
"""Slopes, in units of the largest sum, and angles below this are 0."""


def extremal_directions(
    x: ArrayLike, residual: ArrayLike, sign: int = 1, weights: ArrayLike | None = None
) -> Array:
    """The angles theta in which neurons of a small start gather, in (-pi, pi], ascending.

    They are the strict local maxima over theta of ``sg sum_j (-w_j rho_j) [<(x_j, 1), d>]_+`` with
    d = (cos theta, sin theta): O(s^2). Some lie inside a sector, others on the ray of a sample.

    Parameters
    ----------
    x : (s,) array_like
        Samples, strictly increasing, as the network sees them.
    residual : (s,) array_like
        Residuals rho_j, at a small start about -y_j.
    sign : {1, -1}
        sg, the sign of c.
    weights : (s,) array_like, optional
        Weights of the samples in the loss, 1 by default.

    Raises
    ------
    SamplesError, ConfigError
        Shapes do not match, x is not increasing, or sign is neither 1 nor -1.
    """
    points = arguments.increasing("x", x, SamplesError)
    rho = arguments.vector("residual", residual, SamplesError)
    if rho.size != points.size:
        raise SamplesError(f"residual: expected {points.size} numbers, found {rho.size}")
    if sign not in (1, -1):
        raise ConfigError(f"sign: expected 1 or -1, found {sign!r}")
    pull = -sign * rho * rows_of(points, rho, weights, None).weights
    rays = np.sort(ray_angles(points))
    ends = np.append(rays[1:], rays[0] + 2.0 * np.pi)
    middle = 0.5 * (rays + ends)
    active = np.outer(np.cos(middle), points) + np.sin(middle)[:, None] > 0.0
    sums = active @ (pull[:, None] * np.stack([points, np.ones(points.size)], axis=1))
    size = np.hypot(*sums.T)
    rounding = _ROUNDING * max(float(size.max()), np.finfo(float).tiny)
    # inside a sector the function is <S, d>, whose only maximum is in the direction of S
    toward = np.arctan2(sums[:, 1], sums[:, 0])
    way = np.mod(toward - rays, 2.0 * np.pi)
    apart = np.minimum(way, ends - rays - way) > _ROUNDING
    inside = (way < ends - rays) & apart & (size > rounding)
    # on a ray the slopes to either side decide; where a slope is 0, the curvature -<S, d>
    along = np.stack([np.cos(rays), np.sin(rays)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    falls = []
    for side, sector in ((-1.0, np.roll(sums, 1, axis=0)), (1.0, sums)):
        slope = side * np.einsum("ij,ij->i", sector, across)
        curves = np.einsum("ij,ij->i", sector, along) > rounding
        falls.append((slope < -rounding) | ((slope <= rounding) & curves))
    found = np.concatenate([toward[inside], rays[falls[0] & falls[1]]])
    return np.sort(found)
