"""The state of all neurons, and what is computed from it without moving it."""

from typing import Literal, get_args

import numpy as np

from particleflow._cast import Array
from particleflow.errors import ConfigError
from particleflow.kernels import cpu, flow

from .tangent import kernel_product

Metric = Literal["network", "euclidean"]
METRICS: tuple[str, ...] = get_args(Metric)

_METRIC_CODE = {"network": flow.NETWORK, "euclidean": flow.EUCLIDEAN}


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
    f = np.empty(x.size)
    cpu.prediction(moments, x, 1.0 / a.size, f)
    return f


def predict_at(a: Array, b: Array, c: Array, points: Array) -> Array:
    """`predict` at points of any shape and order, repeated ones too.

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
    return predict(a, b, c, x)[where].reshape(points.shape)


def field(residual: Array, x: Array) -> Array:
    """G_k = - sum_{j in C_k} rho_j (x_j, 1), (2 s, 2)."""
    out = np.empty((2 * x.size, 2))
    cpu.field(residual, x, out)
    return out


def field_at(field: Array, x: Array, a: Array, b: Array) -> Array:
    """G of the sector of each (a, b), (n, 2); 0 in the origin."""
    cell = np.empty(a.size, np.int32)
    cpu.locate_all(a, b, x, cell, np.array([0, a.size]))
    padded = np.concatenate([field, np.zeros((1, 2))])
    return padded[np.minimum(cell, field.shape[0])]


class State:
    """Neurons and residuals, the cells and order tables that belong to them, and the samples.

    Parameters
    ----------
    x, y : (s,) float64
        Samples, x strictly increasing; kept, not copied.
    parameters : tuple of three (m,) float64
        Hat parameters a, b, c; copied.
    metric : {"network", "euclidean"}
    run_length : float
        Average neurons a sector of a slot from which sector order pays; infinite: never.
    sorted_from : int
        Fewest neurons with which it does.

    Attributes
    ----------
    variables : (3, m) float64
        Network: (a, b, c). Euclidean: (cos theta, sin theta, rhat).
    cell : (m,) int32
        Sector 0 .. 2s-1, or 2s + r sliding on ray r, or 4s at rest in the origin.
    ident : (m,) int32
        Original index, counted from the begin of the neuron's slot.
    residual : (s,) float64
        f(x_j) - y_j of the present state.
    crossings : (n_slots,) int64
        Rays met so far, all slots together.
    releases, repulsors, origins : int
        How often so far a neuron has done what is not unique: see ``kernels.advance``.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        parameters: tuple[Array, Array, Array],
        metric: Metric,
        run_length: float,
        sorted_from: int = 0,
    ) -> None:
        self.x, self.y = x, y
        self.metric = metric
        self.metric_code = _METRIC_CODE[metric]
        m, s = parameters[0].size, x.size
        self.slots = cpu.slot_bounds(m, s)
        self.variables = np.empty((3, m))
        for row, values in zip(self.variables, parameters, strict=True):
            row[:] = values
        self.cell = np.empty(m, np.int32)
        # before the directions are rounded: a knot on a sample starts on the inactive side
        cpu.locate_all(*self.variables[:2], x, self.cell, self.slots)
        if metric == "euclidean":
            cpu.to_direction(*self.variables, self.slots)
        n_slots = self.slots.size - 1
        sort = cpu.wants_order(m, s, n_slots, run_length, sorted_from)
        self.ident, self.start, self.members = cpu.identity_order(self.slots, s, sort)
        if sort:
            cpu.sort_slots(
                *self.variables, self.cell, self.ident, self.slots, self.start, self.members
            )
        self.guests = np.zeros_like(self.members)
        self.stray_work = np.zeros(n_slots)
        self.crossings = np.zeros(n_slots, np.int64)
        self.releases = self.repulsors = self.origins = 0
        self.residual = np.empty(s)
        self.update_residual()

    @property
    def size(self) -> int:
        """Number of neurons m."""
        return self.cell.size

    def first_moments(self) -> Array:
        """(1/m) sum of c (a, b) over the neurons of each sector, then of each ray, (4 s, 2)."""
        moments = cpu.first_moments(*self.variables, self.cell, self.slots, self.x.size)
        return np.asarray(moments) / self.size

    def covariances(self) -> Array:
        """Sigma of each sector, then of each ray, as (xx, x1, 11), (4 s, 3): eq. (32)."""
        sums = cpu.second_moments(*self.variables, self.cell, self.slots, self.x, self.metric_code)
        return np.asarray(sums) / self.size

    def kernel_covariances(self) -> Array:
        """Sigma_k of the tangent kernel, (2 s, 3): those of ray r count in sector r."""
        both = self.covariances()
        return both[: both.shape[0] // 2] + both[both.shape[0] // 2 :]

    def cell_counts(self) -> np.ndarray:
        """Neurons in each cell, (4 s + 1,) int64."""
        return np.asarray(cpu.cell_counts(self.cell, self.slots, self.x.size))

    def rounding(self) -> float:
        """About what rounding makes of the residuals: that of what the sectors contribute to f."""
        sizes = np.hypot(*self.first_moments().T)
        return float(8.0 * np.finfo(float).eps * sizes.sum() * np.hypot(1.0, np.abs(self.x).max()))

    def update_residual(self) -> None:
        """Compute the residuals of the present state from its sector moments."""
        moments = self.first_moments()
        n_sectors = 2 * self.x.size
        cpu.prediction(moments[:n_sectors] + moments[n_sectors:], self.x, 1.0, self.residual)
        self.residual -= self.y

    def field(self) -> Array:
        """G_k of the present residuals, (2 s, 2)."""
        return field(self.residual, self.x)

    def velocity(self) -> Array:
        """Rate of the three variables in the present field, (3, m), in the engine's order."""
        out = np.empty((3, self.size))
        cpu.velocity(*self.variables, self.cell, self.field(), self.slots, self.metric_code, out)
        return out

    def residual_rate(self) -> Array:
        """rho' = -H rho of the present state, (s,)."""
        return -kernel_product(self.kernel_covariances(), self.residual, self.x)

    def predict(self, points: Array) -> Array:
        """f at any points, the same shape."""
        a, b, c = self.variables
        return predict_at(a, b, c, points)

    def parameters(self) -> Array:
        """The three variables in the original order, (3, m)."""
        out = np.empty_like(self.variables)
        cpu.unpack_state(*self.variables, self.ident, self.slots, out)
        return out

    def cells(self) -> np.ndarray:
        """The cell of every neuron in the original order, (m,) int32."""
        out = np.empty_like(self.cell)
        out[np.repeat(self.slots[:-1], np.diff(self.slots)) + self.ident] = self.cell
        return out

    def pack_frame(self, position: np.ndarray, cells: np.ndarray) -> None:
        """Fill ``position`` (n, 2) with (rhat, theta) and ``cells`` (n,) int32, original order."""
        cpu.pack_frame(*self.variables, self.cell, self.ident, self.slots, position, cells)

    def delta(self) -> Array:
        """delta = c^2 - a^2 - b^2 in the original order, (m,)."""
        out = np.empty(self.size)
        cpu.pack_delta(*self.variables, self.ident, self.slots, out)
        return out

    def largest_drift(self, delta0: Array) -> float:
        """Largest |delta - delta0| / (a^2 + b^2 + c^2); ``delta0`` (m,) in the original order."""
        return float(
            cpu.largest_drift(
                *self.variables, self.cell, self.ident, self.slots, self.x.size, delta0
            )
        )

    def gradient_descent(self, step: float, n_steps: int) -> int:
        """Take explicit Euler steps, in place; returns how many were taken (see the kernel)."""
        return int(
            cpu.gradient_descent(
                *self.variables,
                self.cell,
                self.ident,
                self.slots,
                self.start,
                self.members,
                self.guests,
                self.stray_work,
                self.crossings,
                self.x,
                self.y,
                self.metric_code,
                step,
                n_steps,
                self.residual,
            )
        )
