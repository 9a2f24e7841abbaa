"""A run of neurons on samples: its state, its settings, its end."""

import math
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._cast import Array, finite, positive
from .backend import (
    METRICS,
    PRECISIONS,
    Metric,
    Precision,
    State,
    field_at,
    free_memory,
    resolve_device,
    resolve_threads,
    room_for,
    share_of,
    threads_in_use,
    use_device_of,
)
from .coordinates import output_weight_squared
from .errors import ConfigError, IntegrationError, TrajectoryError
from .integrators import Boost, Integrator, RungeKutta
from .loop import Loop, Writer
from .neurons import Neurons, NeuronSource
from .observables import UserObservables
from .parallel import ranks_of
from .samples import Samples
from .stopping import DEFAULT_STOP, Settling, check_times


class Simulation:
    """Neurons that move by gradient flow on samples.

    Parameters
    ----------
    samples : Samples
    neurons : Neurons or Initialisation
        Initial state; copied into the engine's own layout.
    integrator : Boost, GradientDescent or RungeKutta, optional
        ``Boost()`` by default, ``RungeKutta()`` in the euclidean metric.
    metric : {"network", "euclidean"}
        Flow of (a, b, c), or the appendix's mean-field flow of (rhat, theta).
    device : {"auto", "cpu", "cuda"}
        Auto: CUDA where numba-cuda, a driver and a device are found, else the processor's cores.
    state_dtype : {"float64", "float32"}
        Precision of the neurons; field, residuals and sums are float64. Single precision halves
        the memory, rounds the samples' x to it as well, and costs about 1e-7 of the neurons' size.
    threads : int, optional
        Threads of the kernels during `run`; as numba has them by default, or this rank's share of
        the machine's processors. Results do not depend on it.
    comm : mpi4py.MPI.Comm, optional
        The ranks over which the neurons are spread; by default all that a launcher of MPI has
        started, ``MPI.COMM_SELF`` for a simulation of this rank alone. All ranks make the same
        simulation and call the same methods; what they compute from all neurons is collective, and
        the same on every rank.

    Attributes
    ----------
    ranks : Ranks
        Those, with this one's number.
    writers : list of TrajectoryWriter
        Called during `run`.
    observables : UserObservables
        ``observables.add(name, function, every=1)``.
    stop : float
        Argument of the last `run`.
    provenance : dict
        What a writer shall store beside the data: "config" (TOML text) and "seed".

    Raises
    ------
    ConfigError, DeviceError
        An argument is not one of the choices, there are more ranks than slots of neurons, or ranks
        differ in version or arguments.
    """

    def __init__(
        self,
        samples: Samples,
        neurons: NeuronSource,
        integrator: Integrator | None = None,
        metric: Metric = "network",
        device: str = "auto",
        threads: int | None = None,
        state_dtype: Precision = "float64",
        comm: Any = None,
    ) -> None:
        if metric not in METRICS:
            raise ConfigError(f"metric: expected one of {', '.join(METRICS)}, found {metric!r}")
        if state_dtype not in PRECISIONS:
            raise ConfigError(
                f"state_dtype: expected one of {', '.join(PRECISIONS)}, found {state_dtype!r}"
            )
        self.ranks = ranks = ranks_of(comm)
        use_device_of(ranks, device)
        self.device = ranks.together(lambda: resolve_device(device))
        self.threads = ranks.together(lambda: resolve_threads(threads, ranks.threads()))
        self.samples = samples
        self.alpha = neurons.alpha
        if integrator is None:
            integrator = Boost() if metric == "network" else RungeKutta()
        self.integrator: Integrator = integrator
        self.metric: Metric = metric
        if ranks.size > 1:
            ranks.require_same(
                samples=(samples.x.tolist(), samples.y.tolist()), neurons=_identified(neurons),
                alpha=neurons.alpha, integrator=integrator, metric=metric, device=self.device,
                state_dtype=state_dtype,
            )  # fmt: skip
        self._free = free_memory(self.device)
        with threads_in_use(self.threads), self._room(neurons.size, state_dtype):
            self._begin(neurons, metric, state_dtype)
        self.stop = DEFAULT_STOP
        self._settling: Settling | None = None
        self._goes_on = False
        self.writers: list[Writer] = []
        self.observables = UserObservables(self)
        self.provenance: dict[str, Any] = {}

    def _room(self, m: int, dtype: str) -> AbstractContextManager[None]:
        """Names the neurons that would fit where a device has no memory for these.

        A run needs a few words and indices a neuron, with the work space of a sort.
        """
        words, indices = {"gd": (4, 7), "boost": (11, 10)}.get(self.integrator.name, (13, 8))
        need = words * np.dtype(dtype).itemsize + 4.0 * indices
        return room_for(m, need, self.device, self._free)

    def _begin(self, neurons: NeuronSource, metric: Metric, dtype: Precision) -> None:
        samples, ranks = self.samples, self.ranks
        share = share_of(neurons.size, samples.size, ranks.rank, ranks.size)
        own = ranks.together(lambda: neurons.part(share.first, share.last))
        self.state = State(
            samples.x,
            samples.y,
            (own.a, own.b, own.c),
            metric,
            run_length=self.integrator.run_length,
            sorted_from=self.integrator.sorted_from,
            device=self.device,
            dtype=dtype,
            share=share,
            ranks=ranks,
        )
        del own
        if not np.isfinite(self.residual).all():
            raise IntegrationError(
                "step 0 (tau = 0): f(x_j) is not finite; start from smaller parameters"
            )
        self._motion = self.integrator.start(self.state)

    def __repr__(self) -> str:
        return (
            f"Simulation(m={self.size}, s={self.samples.size}, {self.metric}, "
            f"{self.integrator.name}, tau={self.time:g})"
        )

    @property
    def size(self) -> int:
        """Number of neurons m."""
        return self.state.size

    @property
    def time(self) -> float:
        """Mean-field time tau."""
        return self._motion.time

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._motion.step

    @property
    def rejected(self) -> int:
        """Trial steps thrown away by an adaptive integrator."""
        return self._motion.rejected

    @property
    def residual(self) -> Array:
        """rho_j = f(x_j) - y_j, (s,); a copy."""
        return self.state.residual.copy()

    @property
    def loss(self) -> float:
        """L = 1/2 sum rho_j^2."""
        with np.errstate(over="ignore"):
            return 0.5 * float(np.dot(self.state.residual, self.state.residual))

    @property
    def neurons(self) -> Neurons:
        """The present neurons in the original order, hat units; all of them, on every rank.

        In the euclidean metric a and b are cos theta and sin theta, and c is rhat: the same
        function, without a meaning of delta.
        """
        a, b, c = self.state.parameters()
        return Neurons(a, b, c, alpha=self.alpha)

    def sector_covariances(self) -> Array:
        """Sigma_k as (xx, x1, 11), (2 s, 3): second moments of each sector, eq. (32)."""
        return self.state.covariances()[: 2 * self.samples.size]

    def ray_covariances(self) -> Array:
        """The same sums over the neurons that slide on each ray, (2 s, 3).

        In the tangent kernel those of ray r count in either neighbouring sector, r or r + 1.
        """
        return self.state.covariances()[2 * self.samples.size :]

    def residual_rate(self) -> Array:
        """rho' = -H rho with the tangent kernel H of the present state, (s,): eq. (32)."""
        return self.state.residual_rate()

    def predict(self, x: ArrayLike) -> Array:
        """f at any points, in the shape of ``x``; O((m + n) log n) for n points."""
        return self.state.predict(np.asarray(x, dtype=np.float64))

    def field(
        self, u: ArrayLike, v: ArrayLike, sign: int = 1, delta: float | None = None
    ) -> tuple[Array, Array]:
        """Velocity of a particle at (u, v) = |rhat| (cos theta, sin theta) in the present field.

        Network: ``(u, v)' = sg [D d d^T + c^2 t t^T] G``, D = hypot(delta, 2 rhat); euclidean:
        ``sg [d d^T + rhat^2 t t^T] G`` (appendix E.1, with the one Jacobian of the chain rule).

        Parameters
        ----------
        u, v : array_like
            Of one shape; a knot on a sample counts to the inactive side.
        sign : {1, -1}
            sg, the sign of rhat.
        delta : float, optional
            c^2 - a^2 - b^2 of the particle; that of the neurons if they have one in common.

        Returns
        -------
        tuple of two arrays of that shape
            NaN at the origin, where the velocity depends on the direction.

        Raises
        ------
        ConfigError
            Shapes differ, ``sign`` is neither 1 nor -1, ``delta`` is not finite or is left to
            neurons that differ.
        """
        if sign not in (1, -1):
            raise ConfigError(f"sign: expected 1 or -1, found {sign!r}")
        try:
            u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        except ValueError as problem:
            raise ConfigError(f"u, v: expected numbers of one shape, found {problem}") from None
        at_u, at_v = u.ravel(), v.ravel()
        g = field_at(self.state.field(), self.state.x, at_u, at_v)
        r = np.hypot(at_u, at_v)
        with np.errstate(invalid="ignore"):
            d = np.stack([at_u, at_v]) / r
        t = np.stack([-d[1], d[0]])
        if self.metric == "network":
            delta = self._common_delta() if delta is None else finite("delta", delta, ConfigError)
            radial, turning = np.hypot(delta, 2.0 * r), output_weight_squared(r, delta)
        else:
            radial, turning = np.ones_like(r), r * r
        velocity = radial * np.einsum("in,ni->n", d, g) * d
        velocity += turning * np.einsum("in,ni->n", t, g) * t
        return (sign * velocity[0]).reshape(u.shape), (sign * velocity[1]).reshape(u.shape)

    def _common_delta(self) -> float:
        deltas, ranks = self.state.own_delta(), self.ranks
        least, most = float(ranks.least(deltas.min())), float(ranks.most(deltas.max()))
        if most - least > 1e-6 * max(1.0, abs(least), abs(most)):
            raise ConfigError(
                f"delta: the neurons differ, from {least:g} to {most:g}; say which one is meant"
            )
        return 0.5 * (least + most)

    def reachable(self, times: Array) -> Array:
        """The distinct times nearest to these at which the integrator can show the state."""
        return self._motion.reachable(times)

    def run(
        self,
        until: float,
        progress: Callable[["Simulation"], None] | None = None,
        stop: float = DEFAULT_STOP,
    ) -> None:
        """Run to the time ``until`` and let the writers record on the way.

        Parameters
        ----------
        until : float
            Mean-field time tau above the present one; gradient descent ends on the nearest step.
            Infinite: until the loss has settled.
        progress : callable, optional
            Called with the simulation about ten times a second.
        stop : float
            The loss has settled when its relative change per unit of ln tau is no larger (see
            ``particleflow.stopping``).

        Raises
        ------
        IntegrationError
            The run failed, or the loss has not settled at tau = 1e12. What was recorded so far is
            kept.
        TrajectoryError
            A writer could not write.
        """
        self.stop = positive("stop", stop, ConfigError)
        self.ranks.require_same(
            time=self.time, until=until, stop=stop, writers=[_described(w) for w in self.writers],
            observables=[quantity.path for quantity in self.observables],
        )  # fmt: skip
        if not self._goes_on:
            self._settling = Settling(self.stop, self.time)
        self._goes_on = False
        if until == math.inf:
            assert self._settling is not None
            ends = self.reachable(check_times(self._settling.begin))
            self._run(math.inf, ends[ends > self.time], progress)
            return
        until = finite("until", until, ConfigError)
        end = float(self.reachable(np.array([until]))[-1])
        if not end > self.time:
            raise ConfigError(
                f"until: expected a time after tau = {self.time:g}"
                + (
                    f" by at least half a step, found {until:g}"
                    if until > self.time
                    else f", found {until:g}"
                )
            )
        self._run(end, np.array([end]), progress)

    def _run(
        self, end: float, ends: Array, progress: Callable[["Simulation"], None] | None
    ) -> None:
        assert self._settling is not None
        loop = Loop(self, self._motion, self._settling, progress)
        with threads_in_use(self.threads), self._room(self.size, self.state.dtype):
            loop.run(end, ends)

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that `restore` goes on from, as host arrays, this rank's share of the neurons.

        Valid until the next step.
        """
        arrays = self._motion.snapshot()
        if self._settling is not None:
            arrays["settling"] = np.array([self._settling.begin, self._settling.has_moved])
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray], stop: float = DEFAULT_STOP) -> None:
        """Go on from what `snapshot` gave: another simulation of the same samples and settings.

        ``arrays`` hold the share of this rank.

        The next `run` goes on with the one that was interrupted. The state is the same to the bit,
        on another device within rounding.

        Raises
        ------
        TrajectoryError
            Arrays are missing or have other shapes.
        """
        try:
            with threads_in_use(self.threads), self._room(self.size, self.state.dtype):
                self._motion.restore(arrays)
            if "settling" in arrays:
                begin, has_moved = arrays["settling"]
                self._settling = Settling(stop, float(begin), bool(has_moved))
                self._goes_on = True
        except (KeyError, ValueError, TypeError, IndexError) as problem:
            raise TrajectoryError(f"checkpoint: is not of this run: {problem}") from None


def _described(thing: object) -> str:
    """What it is and, if it says so, what it does."""
    kind = type(thing)
    return kind.__name__ if kind.__repr__ is object.__repr__ else repr(thing)


def _identified(neurons: NeuronSource) -> str:
    """What tells neurons from others."""
    if not isinstance(neurons, Neurons):
        return _described(neurons)
    parameters = neurons.a, neurons.b, neurons.c
    checks = [f"{zlib.crc32(values.data):08x}" for values in parameters]
    return f"{neurons} with the checksums {', '.join(checks)}"
