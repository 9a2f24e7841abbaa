"""Observables, which a run records beside the frames: built-in ones and those that users add."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from particleflow.arguments import count
from particleflow.errors import TrajectoryError

from .diagnostics import BUILDERS
from .observed import Observed, Quantity

FROM_START = (
    "delta_drift",
    "kernel_distance",
    "activation_distance",
    "spline_distance",
    "parameter_distance",
)
"""Built-in observables that compare with where the recording began."""
DEFAULT = ("loss", "residual", "dead_fraction", "steps", "rejected", "crossings")


class Moment:
    """Sums over all neurons that several observables of one moment share."""

    def __init__(self, sim: Observed) -> None:
        self._sim = sim
        self._at: tuple[int, float] | None = None
        self._sums: dict[Callable[..., Any], Any] = {}

    def of(self, total: Callable[..., Any], *arguments: Any) -> Any:
        """The value of a function, called once at each moment, always with these arguments."""
        now = self._sim.step, self._sim.time
        if now != self._at:
            self._at = now
            self._sums.clear()
        if total not in self._sums:
            self._sums[total] = total(*arguments)
        return self._sums[total]


def _build(name: str, sim: Observed, moment: Moment) -> Quantity:
    state = sim.state
    s, m = state.x.size, state.size

    def counts() -> np.ndarray:
        return np.asarray(moment.of(state.cell_counts))

    def covariances() -> np.ndarray:
        return np.asarray(moment.of(state.covariances))

    if name == "delta_drift":
        if state.metric != "network":
            raise TrajectoryError("observables: delta_drift exists in the network metric only")
        return Quantity(name, state.drift_from_here())
    simple: dict[str, Callable[[], Any]] = {
        "loss": state.loss,
        "dead_fraction": lambda: float(counts()[s] + counts()[4 * s]) / m,
        "sliding_fraction": lambda: counts()[2 * s : 4 * s].sum() / m,
        "steps": lambda: sim.step,
        "rejected": lambda: sim.rejected,
        "crossings": state.all_crossings,
        "releases": lambda: state.releases,
        "repulsors": lambda: state.repulsors,
        "origins": lambda: state.origins,
    }
    if name in simple:
        return Quantity(name, simple[name])
    if name in BUILDERS:
        make, axes = BUILDERS[name]
        return Quantity(name, make(state, moment.of), axes=axes)
    if name == "residual":
        return Quantity(name, lambda: np.array(state.residual), axes=("sample",))
    if name == "prediction":
        return Quantity(name, lambda: state.residual + state.y, axes=("sample",))
    sector = ("sector", "component")
    ray = ("ray", "component")
    sums: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
        "sector_first_moments": (lambda: state.first_moments()[: 2 * s], sector),
        "sector_covariances": (lambda: covariances()[: 2 * s], sector),
        "sector_counts": (lambda: counts()[: 2 * s], sector[:1]),
        "ray_counts": (lambda: counts()[2 * s : 4 * s], ray[:1]),
        "ray_covariances": (lambda: covariances()[2 * s :], ray),
    }
    evaluate, axes = sums[name]
    return Quantity(name, evaluate, group="neurons", axes=axes)


BUILT_IN = (
    "loss",
    "residual",
    "prediction",
    "delta_drift",
    "dead_fraction",
    "sliding_fraction",
    "steps",
    "rejected",
    "crossings",
    "releases",
    "repulsors",
    "origins",
    "sector_first_moments",
    "sector_covariances",
    "sector_counts",
    "ray_counts",
    "ray_covariances",
    *BUILDERS,
)


_ARRAYS = (
    "residual",
    "prediction",
    "sector_first_moments",
    "sector_covariances",
    "sector_counts",
    "ray_counts",
    "ray_covariances",
)


def is_scalar(name: str) -> bool:
    """Whether a built-in observable is a number."""
    return name not in _ARRAYS and not (name in BUILDERS and BUILDERS[name][1])


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, if all are built in.

    Raises
    ------
    TrajectoryError
        There is no list of names, or a name is unknown.
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
    """Built-in observables of a simulation, as of now (drifts are measured from here).

    Raises
    ------
    TrajectoryError
        An observable means nothing in this metric.
    """
    moment = Moment(sim)
    return [_build(name, sim, moment) for name in names]


class UserObservables:
    """Observables that users add: functions of the simulation."""

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
            Call it at every this many observable times of a writer.

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
        """Record what another simulation records, of this one."""
        for name, (function, every) in others._functions.items():
            self.add(name, function, every)

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self._added.values())
