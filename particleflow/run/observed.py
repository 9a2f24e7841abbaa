"""The protocol through which observables, writers and the loop see a simulation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import Metric, State
from particleflow.integrators import Integrator
from particleflow.model.samples import Samples
from particleflow.ranks.serial import Ranks


@dataclass(frozen=True)
class Quantity:
    """A number or array of fixed shape that is computed at a moment of a run.

    Attributes
    ----------
    group : str
        Where it goes in the file, below /observables.
    axes : tuple of str
        What its axes are: "sample", "mode", "sector", "ray", or "component".
    every : int
        It is recorded at every this many observable times.
    """

    name: str
    evaluate: Callable[[], Any]
    group: str = ""
    axes: tuple[str, ...] = ()
    every: int = 1

    @property
    def path(self) -> str:
        """Name below /observables."""
        return f"{self.group}/{self.name}" if self.group else self.name


class Quantities(Protocol):
    """Observables of one run, in the order in which they are recorded."""

    def __iter__(self) -> Iterator[Quantity]: ...


class Observed(Protocol):
    """A simulation between two steps, as far as it is recorded; `Simulation` is one.

    The attributes and methods are those of `Simulation`.
    """

    @property
    def samples(self) -> Samples: ...

    @property
    def state(self) -> State: ...

    @property
    def integrator(self) -> Integrator: ...

    @property
    def metric(self) -> Metric: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...

    @property
    def ranks(self) -> Ranks: ...

    @property
    def alpha(self) -> float: ...

    @property
    def size(self) -> int: ...

    @property
    def time(self) -> float: ...

    @property
    def step(self) -> int: ...

    @property
    def rejected(self) -> int: ...

    @property
    def stop(self) -> float: ...

    @property
    def observables(self) -> Quantities: ...

    @property
    def provenance(self) -> Mapping[str, Any]: ...

    def reachable(self, times: Array) -> Array: ...

    def snapshot(self) -> dict[str, np.ndarray]: ...
