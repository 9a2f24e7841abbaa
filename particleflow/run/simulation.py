"""`Simulation`: neurons on samples, with the settings of their run."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import copy
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, positive
from particleflow.backend import (
    Hessian,
    Metric,
    Precision,
    State,
    free_memory,
    resolve_device,
    resolve_threads,
    room_for,
    share_of,
    threads_in_use,
    use_device_of,
)
from particleflow.errors import ConfigError, CopyError, IntegrationError, TrajectoryError
from particleflow.integrators import Integrator, registry
from particleflow.model.cells import Cells
from particleflow.model.neurons import Neurons, NeuronSource
from particleflow.model.samples import Samples
from particleflow.ranks.world import ranks_of

from .card import simulation_card
from .ingredients import check_choices, check_parts, checked_decay, described, start_of
from .loop import Loop, Writer
from .observables import UserObservables
from .outcome import Begin, outcome
from .particle_velocity import Surroundings, velocity_at
from .progress import Show, shown
from .stopping import DEFAULT_STOP, Settling, check_times, checked_end


class Simulation:
    """Neurons that move by gradient flow on samples.

    Parameters
    ----------
    samples : Samples
        What the network is to fit.
    neurons : Neurons or Initialisation
        Initial state; copied.
    integrator : Boost, GradientDescent or RungeKutta, optional
        ``Boost()`` by default, ``RungeKutta()`` in the euclidean metric.
    metric : {"network", "euclidean"}
        Flow of (a, b, c), or the mean-field flow of (rhat, theta) of the paper.
    device : {"auto", "cpu", "cuda"}
        "auto" is CUDA where numba-cuda, a driver and a device are found, else the CPU.
    state_dtype : {"float64", "float32"}
        Precision of the neurons; field, residuals and sums are float64. float32 halves the memory,
        also rounds the samples' x, and costs about 1e-7 of the neurons' size.
    threads : int, optional
        Threads of the kernels; by default as many as numba uses, but at most this rank's share of
        the machine's processors. Results do not depend on the number.
    comm : mpi4py.MPI.Comm, optional
        The ranks that share the neurons: by default all that a launcher of MPI has started;
        ``MPI.COMM_SELF`` is this rank alone. All have to make the same simulation and call the same
        methods: results of all neurons are collective, the same on every rank.
    decay : float
        Rate lambda of weight decay in tau: the flow is that of the loss plus (lambda / (2 m)) times
        the sum of a^2 + b^2 + c^2, in the network metric. See ``pf.decay_in_tau``.

    Attributes
    ----------
    ranks : Ranks
        The ranks that share the neurons, with the number of this rank among them.
    writers : list of TrajectoryWriter
        What records the simulation during `run`.
    observables : UserObservables
        ``observables.add(name, function, every=1)`` adds one.
    stop : float
        The ``stop`` of the last `run`, at which a loss counts as settled.
    provenance : dict
        What writers store beside the data, such as "config" (TOML text) and "seed".
    notes : list of str
        What a user should know of the last `run`: ``particleflow.run.outcome``, and its writers'.

    Raises
    ------
    ConfigError, DeviceError
        An argument is out of range, or ranks are too many, or differ in version or arguments.
    """

    def __init__(  # noqa: PLR0913 (public: its options are keywords)
        self,
        samples: Samples,
        neurons: NeuronSource,
        integrator: Integrator | None = None,
        metric: Metric = "network",
        device: str = "auto",
        threads: int | None = None,
        state_dtype: Precision = "float64",
        comm: Any = None,
        decay: float = 0.0,
    ) -> None:
        check_parts(samples, neurons, integrator)
        check_choices(metric, state_dtype)
        self.decay = checked_decay(decay, metric)
        self.ranks = ranks = ranks_of(comm)
        use_device_of(ranks, device)
        self.device = ranks.together(lambda: resolve_device(device))
        self.threads = ranks.together(lambda: resolve_threads(threads, ranks.threads()))
        self.samples = samples
        self.alpha = neurons.alpha
        if integrator is None:
            integrator = registry.default_in(metric)()
        self.integrator: Integrator = integrator
        self.metric: Metric = metric
        if ranks.size > 1:
            ranks.require_same(
                samples=[column.tolist() for column in (samples.network_x, *samples.rows)],
                neurons=described(neurons),
                alpha=neurons.alpha, integrator=integrator, metric=metric, device=self.device,
                state_dtype=state_dtype, decay=self.decay,
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
        self.notes: list[str] = []

    def _room(self, m: int, dtype: str) -> AbstractContextManager[None]:
        """A context in which a device without enough memory says how many neurons would fit."""
        words, indices = self.integrator.memory
        need = words * np.dtype(dtype).itemsize + 4.0 * indices
        return room_for(m, need, self.device, self._free)

    def _begin(self, neurons: NeuronSource, metric: Metric, dtype: Precision) -> None:
        samples, ranks = self.samples, self.ranks
        share = share_of(neurons.size, samples.size, ranks.rank, ranks.size)
        own = ranks.together(
            lambda: start_of(neurons, share, self.integrator.slides, dtype, self.decay > 0.0)
        )
        self.state = State(
            samples.network_x,
            samples.y,
            own,
            metric,
            run_length=self.integrator.run_length,
            sorted_from=self.integrator.sorted_from,
            device=self.device,
            dtype=dtype,
            share=share,
            ranks=ranks,
            weights=samples.weights,
            decay=self.decay,
        )
        del own  # frees the drawn neurons before the integrator makes its buffers
        if not np.isfinite(self.residual).all():
            raise IntegrationError(
                "step 0 (tau = 0): f(x_j) is not finite; start from smaller parameters"
            )
        self._motion = self.integrator.start(self.state)

    _repr_html_ = simulation_card

    def __repr__(self) -> str:
        return (
            f"Simulation(m={self.size}, s={self.samples.size}, {self.metric}, "
            f"{self.integrator.name}, tau={self.time:g})"
        )

    def __copy__(self) -> "Simulation":
        """An independent simulation in the same state, without the writers of this one."""
        twin = Simulation(self.samples, self.neurons, self.integrator, self.metric, self.device,
                          self.threads, self.state.dtype, self.ranks, self.decay)  # fmt: skip
        twin.restore({name: np.array(values) for name, values in self.snapshot().items()})
        twin._settling, twin._goes_on = copy(self._settling), self._goes_on
        twin.stop, twin.provenance = self.stop, dict(self.provenance)
        twin.observables.take(self.observables)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> "Simulation":
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        raise CopyError(
            "Simulation: cannot be serialised; keep sim.snapshot(), sim.samples and sim.neurons, "
            "make a Simulation of those and let it restore() the snapshot; or record checkpoints "
            "with TrajectoryWriter(checkpoint_every=) and pf.resume"
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
        """Number of steps taken."""
        return self._motion.step

    @property
    def rejected(self) -> int:
        """Number of trial steps that were thrown away."""
        return self._motion.rejected

    @property
    def residual(self) -> Array:
        """Residuals rho_j = f(x_j) - y_j, (s,); a copy."""
        return self.state.errors()

    @property
    def loss(self) -> float:
        """Loss L = 1/2 sum w rho^2 over all rows of the samples."""
        return self.state.loss() + self.samples.loss_within

    @property
    def neurons(self) -> Neurons:
        """All present neurons in the original order, in hat units; collective.

        In the euclidean metric (a, b, c) is (cos theta, sin theta, rhat), which represents the same
        function; the ``delta`` of such neurons means nothing.
        """
        cells = Cells(self.samples.network_x, self.state.cells())
        a, b, c = self.state.parameters()
        weights = self.state.weights_of_all()
        return Neurons(a, b, c, alpha=self.alpha, cells=cells, weights=weights)

    def sector_covariances(self) -> Array:
        """Second moments Sigma_k of each sector (2 s, 3): xx, x1, 11 (Williams et al., eq. 32)."""
        return self.state.covariances()[: 2 * self.samples.size]

    def ray_covariances(self) -> Array:
        """Second moments of the neurons that slide on each ray as (xx, x1, 11), (2 s, 3).

        In the tangent kernel they may count in sector r or r + 1: at the ray's sample they are 0.
        """
        return self.state.covariances()[2 * self.samples.size :]

    def residual_rate(self) -> Array:
        """Rate of the residuals, (s,): -H W rho - 2 lambda f (Williams et al., eq. 32)."""
        return self.state.residual_rate() / self.state.samples.xt[:, 1]

    def predict(self, x: ArrayLike) -> Array:
        """The network function f at points, in the shape of ``x``; O((m + n) log n) for n points.

        ``x`` is the x of the samples, also where the network sees it through a map.

        Raises
        ------
        ConfigError
            A point is not finite or is masked, or there are no numbers.
        """
        return self.state.predict(self.samples.to_network(x))

    def field(
        self, u: ArrayLike, v: ArrayLike, sign: int = 1, delta: float | None = None
    ) -> tuple[Array, Array]:
        """Velocity of a particle at (u, v) = |rhat| (cos theta, sin theta) in the present field.

        If the samples are normalised, theta refers to ``samples.network_x``.

        Network: ``(u, v)' = sg [D d d^T + c^2 t t^T] G``, D = hypot(delta, 2 rhat); euclidean:
        ``sg [d d^T + rhat^2 t t^T] G`` (appendix E.1, with the one Jacobian of the chain rule).
        Weight decay adds ``-2 lambda (u, v)``.

        Parameters
        ----------
        u, v : array_like
            Shapes that broadcast; a particle whose knot is on a sample is on the inactive side.
        sign : {1, -1}
            sg, the sign of rhat.
        delta : float, optional
            c^2 - a^2 - b^2 of the particle; by default the one that all neurons have in common.

        Returns
        -------
        tuple of two arrays of the broadcast shape
            NaN at the origin, where the velocity depends on the direction.

        Raises
        ------
        ConfigError
            Shapes do not fit, ``sign`` is neither 1 nor -1, or ``delta`` is not finite, or missing
            where neurons differ in it.
        """
        return velocity_at(Surroundings.of(self.state), u, v, sign, delta)

    @property
    def hessian(self) -> Hessian:
        """The Hessian of the loss in units of tau, in the present state; network metric."""
        return Hessian(self.state)

    @property
    def motion(self) -> Any:
        """The `Motion` of the integrator; that of gradient descent can begin a new stage."""
        return self._motion

    def reachable(self, times: Array) -> Array:
        """Distinct times, nearest to the given ones, at which the integrator can show the state."""
        return self._motion.reachable(times)

    def run(
        self,
        until: float,
        progress: Callable[["Simulation"], None] | bool | None = None,
        stop: float = DEFAULT_STOP,
    ) -> None:
        """Run to the time ``until`` and let the writers record on the way.

        Parameters
        ----------
        until : float
            Time tau above the present one, of gradient descent the nearest step; if infinite, the
            run ends when the loss has settled, at tau = 1e12 at the latest.
        progress : callable or bool, optional
            True shows a bar (tqdm), in a terminal or a notebook. A function is called with the
            simulation about ten times a second, and after each recorded time.
        stop : float
            Relative change of the loss per unit of ln tau up to which the loss has settled (see
            ``particleflow.run.stopping``).

        Raises
        ------
        IntegrationError
            The run failed. What was recorded so far is kept.
        TrajectoryError
            A writer could not write.
        """
        self.stop = positive("stop", stop, ConfigError)
        self.ranks.require_same(
            time=self.time, until=until, stop=stop, writers=[described(w) for w in self.writers],
            observables=[quantity.path for quantity in self.observables],
        )  # fmt: skip
        if not self._goes_on:
            self._settling = Settling(self.stop, self.time)
        self._goes_on = False
        if np.ndim(until) == 0 and until == math.inf:
            assert self._settling is not None
            ends = self.reachable(check_times(self._settling.begin, self.samples.weights.mean()))
            with shown(progress, self, until) as show:
                self._run(math.inf, ends[ends > self.time], show)
            return
        end = checked_end(until, self.time, self.reachable)
        with shown(progress, self, end) as show:
            self._run(end, np.array([end]), show)

    def _run(self, end: float, ends: Array, show: Show | None) -> None:
        assert self._settling is not None
        loop = Loop(self, self._motion, self.writers, self._settling, show)
        self.notes = []
        threads = min(self.threads, self.state.most_threads)
        with threads_in_use(threads), self._room(self.size, self.state.dtype):
            begin = Begin.of(self.state, self.integrator, self.samples.loss_within)
            has_settled = loop.run(end, ends)
            self.notes = [
                *outcome(begin, self.state, self.time, self.stop, loop.before, has_settled),
                *([] if has_settled or end < math.inf else [self._settling.note(self.time)]),
                *(note for writer in self.writers for note in getattr(writer, "notes", [])),
            ]

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues: of neurons, this rank's share.

        The arrays are valid until the next step.
        """
        arrays = self._motion.snapshot()
        if self._settling is not None:
            arrays["settling"] = self._settling.to_array()
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray], stop: float = DEFAULT_STOP) -> None:
        """Take over the state of a simulation of the same samples and settings from its `snapshot`.

        ``arrays`` hold the share of this rank. The next `run` continues the interrupted one to the
        bit, or within rounding on another device.

        Raises
        ------
        TrajectoryError
            Arrays are missing or have other shapes.
        """
        try:
            with threads_in_use(self.threads), self._room(self.size, self.state.dtype):
                self._motion.restore(arrays)
            if "settling" in arrays:
                self._settling = Settling.from_array(stop, arrays["settling"])
                self._goes_on = True
        except (KeyError, ValueError, TypeError, IndexError) as problem:
            raise TrajectoryError(f"checkpoint: is not of this run: {problem}") from None
