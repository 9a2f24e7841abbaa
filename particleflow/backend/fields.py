"""The network function, the field and sums over cells, from neurons and residuals on the host."""

from collections.abc import Callable

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import ConfigError
from particleflow.kernels import cpu
from particleflow.kernels.host import field as host
from particleflow.kernels.records import Neurons
from particleflow.model.measure import scale_of

from .metrics import Metric, metric_code


def predict(a: Array, b: Array, c: Array, x: Array) -> Array:
    """f(x_j) = (1/m) sum_i c_i [a_i x_j + b_i]_+ in O(m log n + n).

    Parameters
    ----------
    a, b, c : (m,) float64
        Hat parameters, or (cos theta, sin theta, rhat).
    x : (n,) float64
        Points, strictly increasing.

    Returns
    -------
    (n,) float64
    """
    moments = cpu.first_moments_at(a, b, c, x, cpu.slot_bounds(a.size, x.size))
    return prediction(moments, x, a.size)


def extended(x: Array, weights: Array | None = None) -> Array:
    """xt_j = sqrt(w_j) (x_j, 1), (n, 2): see ``kernels.records.Samples``. By default w_j is 1."""
    xt = np.ones((x.size, 2)) if weights is None else np.sqrt(np.stack([weights, weights], axis=1))
    xt[:, 0] *= x
    return xt


def prediction(moments: Array, x: Array, m: float) -> Array:
    """f(x_j) of m neurons, (n,), from the first moments of their sectors."""
    f = np.empty(x.size)
    host.prediction(moments, extended(x), 1.0 / m, f)
    return f


def predict_at(a: Array, b: Array, c: Array, points: Array) -> Array:
    """The network function f at points of any shape and order, which may repeat.

    Raises
    ------
    ConfigError
        A point is not finite.
    """
    return at_sorted(lambda x: predict(a, b, c, x), points)


def at_sorted(function: Callable[[Array], Array], points: Array) -> Array:
    """Values at points of any shape and order of a function that takes strictly increasing points.

    Raises
    ------
    ConfigError
        A point is not finite.
    """
    if not np.isfinite(points).all():
        raise ConfigError("x: expected finite numbers")
    x, where = np.unique(points, return_inverse=True)
    if x.size == 0:
        return np.zeros(points.shape)
    return function(x)[where].reshape(points.shape)


def field(residual: Array, x: Array, weights: Array | None = None) -> Array:
    """G_k = - sum_{j in C_k} w_j rho_j (x_j, 1), (2 s, 2). By default w_j is 1."""
    out = np.empty((2 * x.size, 2))
    xt = extended(x, weights)
    host.field(xt[:, 1] * residual, xt, out)
    return out


def field_at(field: Array, x: Array, a: Array, b: Array) -> Array:
    """G of the sector of each (a, b), (n, 2); 0 in the origin."""
    # cells found by signs are sectors or the origin, 4 s, for which a row of zeros is added
    cell = np.empty(a.size, np.int32)
    cpu.locate_all(a, b, x.copy(), cell, np.array([0, a.size]))
    padded = np.concatenate([field, np.zeros((1, 2))])
    return padded[np.minimum(cell, field.shape[0])]


def cell_sums(
    neurons: tuple[Array, Array, Array],
    cell: np.ndarray,
    x: Array,
    metric: Metric,
    relative_mass: Array | None = None,
) -> tuple[Array, Array, np.ndarray]:
    """First moments (4 s, 2), covariances (4 s, 3) and counts (4 s + 1,) of neurons in cells.

    Moments are those of `State.first_moments` and `State.covariances`, for each sector, then for
    each ray, but not divided by m.

    Parameters
    ----------
    neurons : tuple of three (n,) float64
        (a, b, c) or (cos theta, sin theta, rhat).
    cell : (n,) int32
    x : (s,) float64
    metric : {"network", "euclidean"}
    relative_mass : (n,) float64, optional
        The neurons' m w; 1 by default.
    """
    code = metric_code(metric, relative_mass is not None)
    a, b, c = neurons
    if relative_mass is not None:
        scale = scale_of(relative_mass, 1)
        a, b, c = a * scale, b * scale, c * scale
    slots, variables = cpu.slot_bounds(cell.size, x.size), Neurons(a, b, c, cell)
    first = cpu.first_moments(variables, slots, x.size)
    second = cpu.second_moments(variables, slots, x, code)
    return first, second, cpu.cell_counts(cell, slots, x.size)
