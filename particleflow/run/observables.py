"""Observables that a run records beside its frames: built-in ones and those that users add."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import count
from particleflow.backend import Hessian
from particleflow.errors import TrajectoryError

from .diagnostics import BUILDERS
from .observed import Observed, Quantity


class Moment:
    """Values, mostly sums over all neurons, that several observables of one moment share."""

    def __init__(self, sim: Observed) -> None:
        self._sim = sim
        self._at: tuple[int, float] | None = None
        self._sums: dict[Callable[..., Any], Any] = {}

    def of(self, total: Callable[..., Any], *arguments: Any) -> Any:
        """The value of a function, which is called once a moment.

        All observables have to pass the same arguments: values are kept by function alone.
        """
        now = self._sim.step, self._sim.time
        if now != self._at:
            self._at = now
            self._sums.clear()
        if total not in self._sums:
            self._sums[total] = total(*arguments)
        return self._sums[total]


class BuiltIn(NamedTuple):
    """A built-in observable.

    Attributes
    ----------
    make : callable
        ``make(sim, moment)`` returns the function that computes the observable. An observable that
        compares with a start takes the present state of the simulation as its start.
    axes : tuple of str
        Names of its axes as in `Quantity`; none for a number.
    group : str
        Its group in the file, below /observables.
    from_start : bool
        Whether it compares with the start of the recording, which checkpoints then keep.
    """

    make: Callable[[Observed, Moment], Callable[[], Any]]
    axes: tuple[str, ...] = ()
    group: str = ""
    from_start: bool = False


def _of_sim(value: Callable[[Observed], Any], *axes: str) -> BuiltIn:
    """An observable that is a function of the simulation."""
    return BuiltIn(lambda sim, moment: partial(value, sim), axes)


def _sums(value: Callable[[Observed, Moment], Any], *axes: str) -> BuiltIn:
    """An observable that consists of sums over the neurons of each sector or ray."""
    return BuiltIn(lambda sim, moment: partial(value, sim, moment), axes, "neurons")


def _counts(sim: Observed, moment: Moment) -> np.ndarray:
    return np.asarray(moment.of(sim.state.cell_counts))


def _covariances(sim: Observed, moment: Moment) -> np.ndarray:
    return np.asarray(moment.of(sim.state.covariances))


def _share(sim: Observed, moment: Moment, cells: slice | list[int]) -> float:
    """The share of all neurons, by their weights, that are in these cells."""
    if sim.state.mass is not None:
        return float(moment.of(sim.state.cell_masses)[cells].sum())
    return float(_counts(sim, moment)[cells].sum()) / sim.size


def _dead_fraction(sim: Observed, moment: Moment) -> float:
    """The share of neurons that never move again: the dead ones and those at rest in the origin."""
    s = sim.samples.size
    return _share(sim, moment, [s, 4 * s])


def _delta_drift(sim: Observed, moment: Moment) -> Callable[[], float]:
    if sim.metric != "network":
        raise TrajectoryError("observables: delta_drift exists in the network metric only")
    return sim.state.drift_from_here()


def _sharpness(sim: Observed) -> float:
    """The largest eigenvalue of the Hessian in units of tau; NaN in the euclidean metric."""
    return Hessian(sim.state).largest() if sim.metric == "network" else math.nan


def _edge_of_stability(sim: Observed) -> float:
    """2 / step of gradient descent, whose steps are unstable where the sharpness is above; NaN."""
    step = getattr(sim.integrator, "step", None) if sim.integrator.counts_steps else None
    return math.nan if step is None else 2.0 / step


def _diagnostic(name: str) -> BuiltIn:
    make, axes, from_start = BUILDERS[name]
    return BuiltIn(lambda sim, moment: make(sim.state, moment.of), axes, "", from_start)


BUILT_IN = {
    "loss": _of_sim(lambda sim: sim.state.loss() + sim.samples.loss_within),
    "loss_within": _of_sim(lambda sim: sim.samples.loss_within),
    "penalty": _of_sim(lambda sim: sim.state.penalty()),
    "residual": _of_sim(lambda sim: sim.state.errors(), "sample"),
    "prediction": _of_sim(lambda sim: sim.state.errors() + sim.state.y, "sample"),
    "delta_drift": BuiltIn(_delta_drift, from_start=True),
    "sharpness": _of_sim(_sharpness),
    "edge_of_stability": _of_sim(_edge_of_stability),
    "dead_fraction": BuiltIn(lambda sim, moment: partial(_dead_fraction, sim, moment)),
    "sliding_fraction": BuiltIn(lambda sim, moment: partial(
        _share, sim, moment, slice(2 * sim.samples.size, 4 * sim.samples.size)
    )),
    "steps": _of_sim(lambda sim: sim.step),
    "rejected": _of_sim(lambda sim: sim.rejected),
    "crossings": _of_sim(lambda sim: sim.state.all_crossings()),
    "releases": _of_sim(lambda sim: sim.state.releases),
    "repulsors": _of_sim(lambda sim: sim.state.repulsors),
    "origins": _of_sim(lambda sim: sim.state.origins),
    "sector_first_moments": _sums(
        lambda sim, moment: sim.state.first_moments()[: 2 * sim.samples.size],
        "sector", "component",
    ),
    "sector_covariances": _sums(
        lambda sim, moment: _covariances(sim, moment)[: 2 * sim.samples.size],
        "sector", "component",
    ),
    "sector_counts": _sums(
        lambda sim, moment: _counts(sim, moment)[: 2 * sim.samples.size], "sector"
    ),
    "ray_counts": _sums(
        lambda sim, moment: _counts(sim, moment)[2 * sim.samples.size : 4 * sim.samples.size],
        "ray",
    ),
    "ray_covariances": _sums(
        lambda sim, moment: _covariances(sim, moment)[2 * sim.samples.size :], "ray", "component"
    ),
    **{name: _diagnostic(name) for name in BUILDERS},
}  # fmt: skip
"""All built-in observables by name. A new one is an entry here or of ``diagnostics.BUILDERS``."""
DEFAULT = ("loss", "residual", "dead_fraction", "steps", "rejected", "crossings")


def compares_with_start(name: str) -> bool:
    """Whether an observable compares with the start of the recording; no user's observable does."""
    return name in BUILT_IN and BUILT_IN[name].from_start


def is_scalar(name: str) -> bool:
    """Whether a built-in observable is a number rather than an array."""
    return not BUILT_IN[name].axes


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, if all are those of built-in observables.

    Raises
    ------
    TrajectoryError
        The argument is one text instead of a list, or a name is unknown.
    """
    if isinstance(names, str):
        raise TrajectoryError(f"observables: expected a list of names, found {names!r}")
    for name in names:
        if name not in BUILT_IN:
            raise TrajectoryError(
                f"observables: expected some of {', '.join(BUILT_IN)}, found {name!r}"
            )
    return tuple(dict.fromkeys(names))


def build(names: Iterable[str], sim: Observed) -> list[Quantity]:
    """Built-in observables of a simulation; those that compare with a start take its present state.

    Raises
    ------
    TrajectoryError
        An observable is not defined in the metric of the simulation.
    """
    moment = Moment(sim)
    return [
        Quantity(name, one.make(sim, moment), group=one.group, axes=one.axes)
        for name, one in ((name, BUILT_IN[name]) for name in names)
    ]


class UserObservables:
    """Observables that users add to a simulation, each a function of that simulation."""

    def __init__(self, sim: Observed) -> None:
        self._sim = sim
        self._added: dict[str, Quantity] = {}
        self._functions: dict[str, tuple[Callable[[Any], Any], int]] = {}

    def add(self, name: str, function: Callable[[Any], Any], every: int = 1) -> None:
        """Record a function of the simulation as /observables/user/NAME of every writer.

        Parameters
        ----------
        name : str
            An identifier.
        function : callable
            ``function(sim)`` returns a number or an array whose shape never changes; stored as
            float64.
        every : int
            Stride: 1 calls the function at all observable times of a writer, 2 at every second one.

        Raises
        ------
        TrajectoryError
            The name is no identifier or is taken, or ``every`` is below 1.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise TrajectoryError(f"observable: expected an identifier as name, found {name!r}")
        if name in ("value", "step", "time"):
            raise TrajectoryError(f"observable {name}: the name has a meaning in H5MD")
        if name in self._added:
            raise TrajectoryError(f"observable {name}: is there already")
        if not callable(function):
            raise TrajectoryError(
                f"observable {name}: expected a function of the simulation, found {function!r}"
            )
        stride = count("every", every, TrajectoryError)
        self._functions[name] = function, stride
        self._added[name] = Quantity(name, lambda: function(self._sim), group="user", every=stride)

    def take(self, others: "UserObservables") -> None:
        """Add the observables of another simulation, as functions of this simulation."""
        for name, (function, every) in others._functions.items():
            self.add(name, function, every)

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self._added.values())
