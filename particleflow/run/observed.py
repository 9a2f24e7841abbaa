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
    name : str
    evaluate : callable
        Computes the present value.
    group : str
        Its group in the file, below /observables.
    axes : tuple of str
        Name of each axis: "sample", "mode", "sector", "ray", or "component".
    every : int
        Stride: 1 records the quantity at all observable times, 2 at every second one.
    """

    name: str
    evaluate: Callable[[], Any]
    group: str = ""
    axes: tuple[str, ...] = ()
    every: int = 1

    @property
    def path(self) -> str:
        """Name of the quantity below /observables in the file, its group included."""
        return f"{self.group}/{self.name}" if self.group else self.name


class Quantities(Protocol):
    """Observables of one run, in the order in which they are recorded."""

    def __iter__(self) -> Iterator[Quantity]: ...


class Observed(Protocol):
    """What writers, observables and the loop may ask of a `Simulation` that they see between steps.

    `Simulation` documents the attributes and methods. Writers depend on this protocol, so that
    ``trajectory`` does not depend on how a simulation is run.
    """

    @property
    def samples(self) -> Samples: ...

    @property
    def state(self) -> State: ...

    @property
    def integrator(self) -> Integrator: ...

    @property
    def notes(self) -> list[str]: ...

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
    def decay(self) -> float: ...

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
