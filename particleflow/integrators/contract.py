"""The protocols of an integrator and of its motion."""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import Metric, State
from particleflow.ranks.world import Ranks

SLICE_SECONDS = 0.1
"""`Motion.advance` returns after about this time, so that signals and progress are served."""


class Motion(Protocol):
    """A state on its way: made by `Integrator.start`, moved by the simulation."""

    @property
    def time(self) -> float:
        """Mean-field time tau."""
        ...

    @property
    def step(self) -> int:
        """Steps taken."""
        ...

    @property
    def rejected(self) -> int:
        """Trial steps that were thrown away."""
        ...

    def reachable(self, times: Array) -> Array:
        """The distinct times nearest to ``times`` (ascending) at which the state can be seen."""
        ...

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` goes on, those of the state among them."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `snapshot` gave, to the bit; from another device within rounding.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        ...

    def advance(self, until: float) -> None:
        """Move towards a reachable time: onto it, or less far if that takes long.

        Raises
        ------
        IntegrationError
            The state is no longer finite, or the step shrank below rounding.
        """
        ...


class Memory(NamedTuple):
    """Memory of a run for each neuron on a device, with the work space of a sort."""

    words: int
    """Numbers in the precision of the state."""
    indices: int
    """Integers of 32 bits."""


class Integrator(Protocol):
    """Settings of a method; immutable, may be used by many simulations.

    A dataclass whose fields are the settings, each with a default; `register` makes it known. The
    fields are keys of ``[flow]`` in a configuration, and are stored as JSON in trajectory files,
    from which `pf.resume` makes the integrator again. Of ``step`` and ``tolerance`` a configuration
    may have one.
    """

    name: ClassVar[str]
    """As in ``flow.integrator``."""
    metrics: ClassVar[tuple[Metric, ...]]
    """Metrics in which it can run."""
    default_in: ClassVar[tuple[Metric, ...]]
    """Metrics in which it is the default."""
    counts_steps: ClassVar[bool]
    """Whether its steps are epochs of training: a run may be set by ``learning_rate`` and
    ``epochs``, and its motion has ``time_of(step)`` and ``begin_stage(step, time)``."""
    stability: ClassVar[float]
    """Largest step of an explicit method with fixed steps, times lambda_max of the tangent kernel,
    with which it is stable; infinite if that bounds no step that a user sets."""
    memory: ClassVar[Memory]
    run_length: ClassVar[float]
    """Neurons that a sector of a slot has on average, from which its kernels are faster if slots
    are sorted by sector; infinite if never."""
    sorted_from: ClassVar[int]
    """Fewest neurons of a run whose slots are sorted."""

    slides: ClassVar[bool]
    """Whether neurons slide on samples, rather than chatter around them."""

    def start(self, state: State) -> Motion:
        """A motion of this state from tau = 0; ``state`` is modified in place by it."""
        ...


class StepCounter(Integrator, Protocol):
    """An integrator that counts its steps, all of the same length in tau."""

    step: float


class Slices:
    """How many steps a call may take, so that it lasts about `SLICE_SECONDS`.

    The clock is rank 0's: all ranks take the same number.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self._most = ranks, 1

    def take(self, wanted: int, steps: Callable[[int], int]) -> None:
        """Call ``steps(n)`` with n at most ``wanted``; it returns how many it has taken."""
        begin = time.perf_counter()
        done = steps(min(wanted, self._most))
        seconds = max(time.perf_counter() - begin, 1e-9)
        most = max(1, min(2 * self._most, int(done * SLICE_SECONDS / seconds)))
        self._most = self._ranks.first_of(most)
