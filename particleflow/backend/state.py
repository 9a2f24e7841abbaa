"""`State`: all neurons on a device, their residuals, and what can be computed from them."""

import math
from collections.abc import Mapping

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels import cpu
from particleflow.kernels.host.field import field
from particleflow.kernels.host.field import prediction as predict_at_samples
from particleflow.kernels.records import Descent
from particleflow.model.samples import spread
from particleflow.ranks.world import ALONE, Ranks

from .devices import cpu_threads
from .exchange import Share, share_of
from .fields import at_sorted, prediction
from .metrics import Metric, metric_code
from .placed import Ordering, Placed
from .snapshot import like
from .start import Precision, Start, samples_in
from .tangent import kernel_matrix, kernel_product

_MOST_BINS = 2**20
"""Number of points times number of slots up to which f is added up over the slots of the state, to
the same bits for any number of ranks; more would take too much memory."""


class State(Placed):
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
    decay : float
        Rate lambda of weight decay, in tau: 0 without.

    Attributes
    ----------
    kernels, variables, cell, order, mass, sigma, whole
        See `Placed`.
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
        decay: float = 0.0,
    ) -> None:
        s = x.size
        if share is None:
            share = share_of(neurons[0].size, s)
        super().__init__(s, device, dtype, share, ranks, Ordering(run_length, sorted_from))
        self.decay, self._decays = decay, decay > 0.0
        self.weights = np.ones(s) if weights is None else weights
        self.samples = samples_in(dtype, x, y, self.weights)
        self.x, self.y = self.samples.x, y.copy()
        self._rms_weight = math.sqrt(self.weights.sum() / s)
        self.spread = spread(y, self.weights) * self._rms_weight
        self.metric = metric
        self.releases = self.repulsors = self.origins = 0
        self.residual = np.empty(s)
        start = Start(*neurons)
        self._place(*start.placed(x, metric, self.share.slots, self.size, dtype))
        self._set_mass(start.mass)
        self.update_residual()

    def snapshot(self, neurons: bool = True) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` makes this state again, its order included.

        Variables and cells are left out if ``neurons`` is False.
        """
        counts = np.array([self.releases, self.repulsors, self.origins])
        return super().snapshot(neurons) | {"residual": self.residual, "counts": counts}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> bool:
        same = super().restore(arrays)
        self._set_mass(self.mass)
        self.residual = like(self.residual, arrays, "residual").copy()
        self.releases, self.repulsors, self.origins = (int(n) for n in arrays["counts"])
        return same

    def _set_mass(self, mass: Array | None) -> None:
        self.mass = mass
        self._effective = float(self.size)
        if mass is not None:
            squares = np.array([np.dot(mass, mass)])
            self.ranks.add(squares)
            self._effective = 1.0 / float(squares[0])
        self.metric_code = metric_code(self.metric, mass is not None)

    def first_moments(self) -> Array:
        """(1/m) sum of c (a, b) over the neurons of each sector, then of each ray, (4 s, 2).

        With weights w it is the sum of w c (a, b).
        """
        moments = self.kernels.first_moments(
            self.neurons, self.order.slots, self.x.size, self.whole
        )
        return np.asarray(moments) / self.shared_by

    def covariances(self) -> Array:
        """Sigma of each sector, then each ray, (4 s, 3): xx, x1, 11 (Williams et al., eq. 32)."""
        sums = self.kernels.second_moments(
            self.neurons, self.order.slots, self.x, self.metric_code, self.whole
        )
        return np.asarray(sums) / self.shared_by

    def moments(self) -> Array:
        """(1/m) sum of z z^T with z = (a, b, c) over the neurons of each cell but the last.

        Network metric; (4 s, 3, 3).
        """
        s = self.x.size
        squares = np.asarray(
            self.kernels.square_sums(self.neurons, self.order.slots, s, self.whole)
        )
        first, out = self.first_moments(), np.empty((4 * s, 3, 3))
        squares = squares[: 4 * s]
        out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = squares[:, [0, 2, 3]].T / self.shared_by
        out[:, 0, 1] = out[:, 1, 0] = squares[:, 1] / self.shared_by
        out[:, 0, 2] = out[:, 2, 0] = first[:, 0]
        out[:, 1, 2] = out[:, 2, 1] = first[:, 1]
        return out

    def kernel_covariances(self) -> Array:
        """Sigma_k of the tangent kernel, (2 s, 3); sliding neurons of ray r count in sector r."""
        both = self.covariances()
        return both[: both.shape[0] // 2] + both[both.shape[0] // 2 :]

    def repulsor_starts(self) -> int:
        """Number of neurons whose knot lies on a sample that repels it in the present field."""
        own = self.kernels.repulsor_starts(self.neurons, self.field(), self.x)
        return self.ranks.total(int(own))

    def rounding(self) -> float:
        """Estimated rounding error of a residual: 8 eps times the sectors' summed contributions."""
        sizes = np.hypot(*self.first_moments().T)
        eps = float(np.finfo(self.dtype).eps)
        if self.dtype == "float32":  # each neuron is rounded by itself
            eps /= math.sqrt(self._effective)
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

    def penalty(self) -> float:
        """What weight decay adds to the loss, (lambda / (2 m)) sum of a^2 + b^2 + c^2."""
        return 0.5 * self.decay * self.mean_square() if self.decay > 0.0 else 0.0

    def objective(self) -> float:
        """What the flow lowers, the loss and the penalty."""
        return self.loss() + self.penalty()

    def power(self) -> float:
        """The rate at which the flow lowers the `objective`, (1/m) sum |z'|^2; collective.

        It is rho^T H rho without weight decay. With it, z' = A z - lambda z, the mean of z^T A z is
        -2 rho^T (rho + y), and that of |A z|^2 is rho^T H rho.
        """
        rho = self.residual
        moved = kernel_product(self.kernel_covariances(), rho, self.samples.xt)
        power = float(np.dot(rho, moved))
        if self.decay > 0.0:
            pull = 4.0 * float(np.dot(rho, rho + self.samples.y))
            power += self.decay * (pull + self.decay * self.mean_square())
        return power

    def fastest_growth(self) -> float:
        """The largest sg <G, d> of all living neurons, the rate at which balanced ones grow.

        Network metric; collective. Neurons of weight 0 are left out.
        """
        s, cell = self.x.size, self.cells()
        a, b, c = self.parameters()
        k = np.where(cell >= 2 * s, cell - 2 * s, cell)  # along a ray both sides pull alike
        moves = (cell != s) & (cell != 4 * s) & (np.hypot(a, b) > 0.0)
        weights = self.weights_of_all()
        if weights is not None:
            moves &= weights > 0.0
        if not moves.any():
            return 0.0
        g, a, b = self.field()[k[moves]], a[moves], b[moves]
        return float((np.sign(c[moves]) * (g[:, 0] * a + g[:, 1] * b) / np.hypot(a, b)).max())

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
        """Rate of the share's variables in the present field, (3, m), in the order of the state.

        The rate of stored variables knows no weight decay.
        """
        out = self.kernels.empty(self.variables.shape, self.variables.dtype)
        self.kernels.velocity(self.neurons, self.field(), self.order.slots, self.metric_code, out)
        return np.asarray(self.kernels.download(out))

    def residual_rate(self) -> Array:
        """Rate of the residuals in the present state, (s,): rho' = -H rho - 2 lambda (rho + y)."""
        rate = -kernel_product(self.kernel_covariances(), self.residual, self.samples.xt)
        if self.decay > 0.0:
            rate -= 2.0 * self.decay * (self.residual + self.samples.y)
        return rate

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
        return prediction(moments, x, self.shared_by)

    def gradient_descent(self, step: float, n_steps: int) -> int:
        """Take explicit Euler steps in place; returns their number.

        It is less than ``n_steps`` if the residuals ceased to be finite.
        """
        keep = 1.0 - self.decay * step
        descent = Descent(self.metric_code, step / keep, n_steps, keep, self.sigma)
        taken = self.kernels.gradient_descent(
            self.neurons, self.order, self.samples, descent, self.residual, self.whole
        )
        return int(taken)
