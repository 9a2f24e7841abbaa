"""`State`: all neurons on a device, their residuals, and what can be computed from them."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels import cpu
from particleflow.kernels.host.field import field
from particleflow.kernels.host.field import prediction as predict_at_samples
from particleflow.kernels.records import Descent, Neurons
from particleflow.model.samples import spread
from particleflow.ranks.world import ALONE, Ranks

from .devices import cpu_threads, kernels_of
from .exchange import Share, share_of, wholes
from .fields import at_sorted, prediction
from .frame import Frame
from .metrics import METRIC_CODE, Metric
from .snapshot import like, original_order
from .start import Precision, Start, samples_in
from .tangent import kernel_matrix, kernel_product

_LAYOUT = ("bounds", "homes", "pace")
"""Arrays of an order by which `State.restore` tells whether a snapshot has the slots and the kind
of device of a state; the other arrays of an order mean nothing elsewhere."""

_MOST_BINS = 2**20
"""Number of points times number of slots up to which f is added up over the slots of the state, to
the same bits for any number of ranks; more would take too much memory."""


class State:
    """Neurons with their cells, order and residuals on the samples; integrators modify it in place.

    Parameters
    ----------
    x, y : (s,) float64
        Samples, x strictly increasing. Both are copied, and x is rounded to ``dtype``.
    neurons : Start, or its first three arrays
        The neurons of this rank; copied.
    metric : {"network", "euclidean"}
    run_length : float
        Average number of neurons in a sector of a slot from which slots of the CPU are sorted by
        sector; infinite if never.
    sorted_from : int
        Number of neurons from which slots of the CPU are sorted at all.
    device : {"cpu", "cuda"}
        Where the kernels run and the arrays by neuron are; arrays by sample are on the host.
    dtype : {"float64", "float32"}
        Precision of the neurons; field, residuals and sums are float64.
    share : Share, optional
        Which of all neurons this rank has: all by default. Arrays by neuron and by slot are the
        share's; whatever is computed from all neurons is collective, and the same on every rank.
    ranks : Ranks
        The ranks that share the neurons.
    weights : (s,) float64, optional
        Weights of the samples, 1 by default.

    Attributes
    ----------
    kernels : module
        The kernels of the device.
    variables : (3, m) array of the device
        Network: (a, b, c). Euclidean: (cos theta, sin theta, rhat).
    cell : (m,) int32
        Sector 0 .. 2s-1, or 2s + r sliding on ray r, or 4s at rest in the origin.
    order : Order
        How the neurons lie: ``kernels.records.Order`` on the CPU, ``DeviceOrder`` on CUDA.
    x, y, weights : (s,) float64
    samples : kernels.records.Samples
        The samples in the form that kernels take.
    residual : (s,) float64
        sqrt(w_j) (f(x_j) - y_j) of the present state, with which every formula of the flow has the
        form that it has without weights; `errors` are f(x_j) - y_j.
    spread : float
        The unit of tolerances of the root mean square of such residuals: the spread of y times
        sqrt(mean of the weights).
    releases, repulsors, origins : int
        How often neurons have met each of the events whose outcome is not unique: see
        ``kernels.events``.

    Raises
    ------
    ConfigError
        Two samples have the same x in single precision.
    """

    def __init__(  # noqa: PLR0913 (where it lives, in what order, and with whom: keywords)
        self,
        x: Array,
        y: Array,
        neurons: Start | tuple[Array, Array, Array],
        metric: Metric,
        run_length: float,
        sorted_from: int = 0,
        device: str = "cpu",
        dtype: Precision = "float64",
        share: Share | None = None,
        ranks: Ranks = ALONE,
        weights: Array | None = None,
    ) -> None:
        self.kernels = kernels = kernels_of(device)
        self.weights = np.ones(x.size) if weights is None else weights
        self.samples = samples_in(dtype, x, y, self.weights)
        self.x, self.y = self.samples.x, y.copy()
        self._rms_weight = math.sqrt(self.weights.sum() / x.size)
        self.spread = spread(y, self.weights) * self._rms_weight
        self.metric = metric
        self.metric_code = METRIC_CODE[metric]
        s = x.size
        self.share = share_of(neurons[0].size, s) if share is None else share
        self.ranks = ranks
        self.whole, self._whole_by_rank = wholes(self.share, ranks, s, device)
        self._dtype = np.dtype(dtype)
        if device == "cuda":
            self._is_sorted = True
            own = self.share.last - self.share.first
            self._new_order = partial(kernels.order_of, kernels.split_of(own, s))
        else:
            self._is_sorted = kernels.wants_order(
                self.share.m, s, int(self.share.edges[-1]), run_length, sorted_from
            )
            self._new_order = partial(kernels.order_of, self.share.slots, s, self._is_sorted)
        self.releases = self.repulsors = self.origins = 0
        self.residual = np.empty(s)
        self._place(*Start(*neurons).placed(x, metric, self.share.slots))
        self.update_residual()

    def _place(self, variables: Array, cell: np.ndarray) -> None:
        """Make variables (3, m) and cells (m,), in the original order, those of the state.

        The arrays may be used without a copy, and are sorted in place.
        """
        kernels = self.kernels
        self.variables = kernels.upload(variables, self._dtype)
        self.cell = kernels.upload(cell, np.dtype(np.int32))
        self.order = self._new_order()
        if self._is_sorted:
            kernels.sort_slots(self.neurons, self.order)

    def snapshot(self, neurons: bool = True) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` makes this state again, its order included.

        Variables and cells are left out if ``neurons`` is False.
        """
        download = self.kernels.download
        own = {"variables": self.variables, "cell": self.cell} if neurons else {}
        arrays = {name: np.asarray(download(array)) for name, array in own.items()}
        arrays |= self.kernels.arrays_of(self.order)
        arrays["bounds"] = arrays["bounds"] + self.share.first
        arrays["residual"] = self.residual
        arrays["counts"] = np.array([self.releases, self.repulsors, self.origins])
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Make this state that of a `snapshot`.

        Returns
        -------
        bool
            Whether the order of the neurons is that of the snapshot, too, so that the state goes on
            to the same bits. It is not if the snapshot is of another device or of other slots.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        same = self._has_order_of(arrays)
        if same:
            for name in ("variables", "cell"):
                now = getattr(self, name)
                setattr(self, name, self.kernels.upload(like(now, arrays, name), now.dtype))
            self.restore_order(arrays)
        else:
            self._place(*original_order(arrays))
            self.crossings[0] = arrays["crossings"].sum()
        self.residual = like(self.residual, arrays, "residual").copy()
        self.releases, self.repulsors, self.origins = (int(n) for n in arrays["counts"])
        return same

    def restore_order(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Make the order of the neurons that of a snapshot of a state with the same slots.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        own = self.kernels.arrays_of(self.order)
        found = {name: like(now, arrays, name) for name, now in own.items() if name != "bounds"}
        self.order = self.kernels.restored(self.order, found)

    def _has_order_of(self, arrays: Mapping[str, np.ndarray]) -> bool:
        own = self.kernels.arrays_of(self.order)
        return all(
            (name in arrays) == (name in own)
            and (name not in own or arrays[name].shape == own[name].shape)
            for name in _LAYOUT
        ) and np.array_equal(arrays["bounds"], own["bounds"] + self.share.first)

    @property
    def size(self) -> int:
        """Number of all neurons m."""
        return self.share.m

    @property
    def dtype(self) -> Precision:
        """Precision of the neurons."""
        return "float32" if self.variables.dtype == np.float32 else "float64"

    @property
    def neurons(self) -> Neurons:
        """Views of the three variables, and the cells, in the form that kernels take."""
        return Neurons(self.variables[0], self.variables[1], self.variables[2], self.cell)

    @property
    def crossings(self) -> np.ndarray:
        """Crossings of this rank so far, (n_slots,) int64; only the sum over the slots has meaning.

        `gd` and `rk` count neurons that a step has moved to another cell, the exact flow ends of
        legs in a sector (``kernels.events``).
        """
        crossings: np.ndarray = self.order.crossings
        return crossings

    def first_moments(self) -> Array:
        """(1/m) sum of c (a, b) over the neurons of each sector, then of each ray, (4 s, 2)."""
        moments = self.kernels.first_moments(
            self.neurons, self.order.slots, self.x.size, self.whole
        )
        return np.asarray(moments) / self.size

    def covariances(self) -> Array:
        """Sigma of each sector, then of each ray, as (xx, x1, 11), (4 s, 3): eq. (32)."""
        sums = self.kernels.second_moments(
            self.neurons, self.order.slots, self.x, self.metric_code, self.whole
        )
        return np.asarray(sums) / self.size

    def kernel_covariances(self) -> Array:
        """Sigma_k of the tangent kernel, (2 s, 3); sliding neurons of ray r count in sector r."""
        both = self.covariances()
        return both[: both.shape[0] // 2] + both[both.shape[0] // 2 :]

    def cell_counts(self) -> np.ndarray:
        """Number of neurons in each cell, (4 s + 1,) int64."""
        if self.kernels is cpu and self.whole is None and self.crossings.size == 1:
            # a single slot has so few neurons that a parallel region costs more than the counting
            return np.bincount(self.cell, minlength=4 * self.x.size + 1)
        counts = self.kernels.cell_counts(self.cell, self.order.slots, self.x.size, self.whole)
        return np.asarray(counts)

    def all_crossings(self) -> int:
        """Crossings of all neurons so far, as `crossings` counts them; collective."""
        return self.ranks.total(int(self.crossings.sum()))

    def set_crossings(self, n: int) -> None:
        """Set the number of crossings of all neurons so far, the same n on every rank."""
        self.crossings[:] = 0
        self.crossings[0] = n if self.ranks.is_first else 0  # `all_crossings` adds up the ranks

    def repulsor_starts(self) -> int:
        """Number of neurons whose knot lies on a sample that repels it in the present field."""
        own = self.kernels.repulsor_starts(self.neurons, self.field(), self.x)
        return self.ranks.total(int(own))

    def rounding(self) -> float:
        """Estimated rounding error of a residual: 8 eps times the sectors' summed contributions."""
        sizes = np.hypot(*self.first_moments().T)
        eps = float(np.finfo(self.dtype).eps)
        if self.dtype == "float32":  # each neuron is rounded by itself
            eps /= math.sqrt(self.size)
        return float(
            8.0 * eps * sizes.sum() * np.hypot(1.0, np.abs(self.x).max()) * self._rms_weight
        )

    @property
    def most_threads(self) -> int:
        """Number of threads that the kernels have work for; more would be woken for nothing."""
        return self.crossings.size if self.kernels is cpu else cpu_threads()

    def loss(self) -> float:
        """Loss L = 1/2 sum w_j (f(x_j) - y_j)^2 of the samples."""
        return 0.5 * float(np.dot(self.residual, self.residual))

    def errors(self) -> Array:
        """f(x_j) - y_j of the present state, (s,); a copy."""
        return self.residual / self.samples.xt[:, 1]

    def update_residual(self) -> None:
        """Compute the residuals of the present state from its sector moments."""
        moments = self.first_moments()
        n_sectors = 2 * self.x.size
        # at its own sample a neuron on ray r is 0, so that it may count in sector r as well
        both = moments[:n_sectors] + moments[n_sectors:]
        predict_at_samples(both, self.samples.xt, 1.0, self.residual)
        self.residual -= self.samples.y

    def field(self) -> Array:
        """Field G_k = - sum w_j (f(x_j) - y_j) (x_j, 1) of the present state, (2 s, 2)."""
        out = np.empty((2 * self.x.size, 2))
        field(self.residual, self.samples.xt, out)
        return out

    def velocity(self) -> Array:
        """Rate of the share's variables in the present field, (3, m), in the order of the state."""
        out = self.kernels.empty(self.variables.shape, self.variables.dtype)
        self.kernels.velocity(self.neurons, self.field(), self.order.slots, self.metric_code, out)
        return np.asarray(self.kernels.download(out))

    def residual_rate(self) -> Array:
        """Rate rho' = -H rho of the residuals in the present state, (s,)."""
        return -kernel_product(self.kernel_covariances(), self.residual, self.samples.xt)

    def tangent_kernel(self) -> Array:
        """The tangent kernel of the present state, (s, s); with weights it is W^1/2 H W^1/2."""
        return kernel_matrix(self.kernel_covariances(), self.x, self.weights)

    def predict(self, points: Array) -> Array:
        """The network function f at any points, in the shape of ``points``."""
        return at_sorted(self._predict_at, points)

    def _predict_at(self, x: Array) -> Array:
        slots, whole = self.order.slots, self.whole
        if x.size * int(self.share.edges[-1]) > _MOST_BINS:
            slots, whole = self.kernels.split_of(self.cell.size, x.size), self._whole_by_rank
        a, b, c, _ = self.neurons
        moments = self.kernels.first_moments_at(a, b, c, x, slots, whole)
        return prediction(moments, x, self.size)

    def parameters(self) -> Array:
        """The three variables of all neurons in the original order, (3, m)."""
        out = np.empty((3, self.cell.size))
        self.kernels.unpack_state(self.neurons, self.order.ident, self.order.slots, out)
        return self.ranks.joined(out)

    def cells(self) -> np.ndarray:
        """The cell of every neuron in the original order, (m,) int32."""
        out = np.empty(self.cell.size, np.int32)
        self.kernels.unpack_cells(self.cell, self.order.ident, self.order.slots, out)
        return self.ranks.joined(out)

    def new_frame(self, n: int, dtype: np.dtype[Any] | str) -> Frame:
        """Arrays for the share's rows of a frame of n neurons, with positions of this precision."""
        first, last = self.share.rows(n)
        chosen = self.size, n, self.share.first, first
        frame: Frame = self.kernels.Frame(last - first, np.dtype(dtype), chosen)
        return frame

    def pack_frame(self, frame: Frame) -> None:
        """Fill a frame with (rhat, theta) and cells in the original order.

        The frame may be read after its ``wait``.
        """
        self.kernels.pack_frame(self.neurons, self.order.ident, self.order.slots, frame)

    def own_delta(self) -> Array:
        """delta = c^2 - a^2 - b^2 of the share's neurons in the original order."""
        out = np.empty(self.cell.size)
        self.kernels.pack_delta(self.neurons, self.order.ident, self.order.slots, out)
        return out

    def delta(self) -> Array:
        """delta = c^2 - a^2 - b^2 of all neurons in the original order, (m,)."""
        return self.ranks.joined(self.own_delta())

    def drift_from_here(self) -> Callable[[], float]:
        """A function that returns `largest_drift` from the present delta of the neurons."""
        delta0 = self.kernels.upload(self.own_delta(), np.dtype(self.dtype))
        return lambda: self.largest_drift(delta0)

    def largest_drift(self, delta0: Any) -> float:
        """Largest |delta - delta0| / (a^2 + b^2 + c^2) of all neurons.

        ``delta0`` is an array of the device with an earlier `own_delta` of the share.
        """
        own = self.kernels.largest_drift(
            self.neurons, self.order.ident, self.order.slots, self.x.size, delta0
        )
        return float(self.ranks.most(np.array(own)))

    def gradient_descent(self, step: float, n_steps: int) -> int:
        """Take explicit Euler steps in place; returns their number.

        It is less than ``n_steps`` if the residuals ceased to be finite.
        """
        descent = Descent(self.metric_code, step, n_steps)
        taken = self.kernels.gradient_descent(
            self.neurons, self.order, self.samples, descent, self.residual, self.whole
        )
        return int(taken)
