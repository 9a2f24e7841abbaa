"""The protocols that an integrator and its motion have to follow."""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import Metric, State
from particleflow.ranks.world import Ranks

SLICE_SECONDS = 0.1
"""Seconds after which `Motion.advance` returns, so that the loop can serve signals and progress."""


class Motion(Protocol):
    """A state that an integrator moves in time; `Integrator.start` makes it.

    The simulation advances a motion and reads the state that it shows.
    """

    @property
    def time(self) -> float:
        """Mean-field time tau."""
        ...

    @property
    def step(self) -> int:
        """Number of steps taken."""
        ...

    @property
    def rejected(self) -> int:
        """Number of trial steps that were thrown away."""
        ...

    def reachable(self, times: Array) -> Array:
        """The distinct times at which the state can be shown, nearest to ascending ``times``."""
        ...

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues, those of the state among them."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from the arrays of a `snapshot`: to the bit, or within rounding on a new device.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        ...

    def advance(self, until: float) -> None:
        """Move to a reachable time, or less far if that takes longer than `SLICE_SECONDS`.

        Raises
        ------
        IntegrationError
            The state is no longer finite, or the step shrank below rounding.
        """
        ...


class Memory(NamedTuple):
    """Memory that a run takes for each neuron on a device, the work space of a sort included."""

    words: int
    """Numbers in the precision of the state."""
    indices: int
    """Integers of 32 bits."""


class Integrator(Protocol):
    """A method with its settings; immutable, so that many simulations may use the same object.

    An integrator is a frozen dataclass whose fields are the settings, each with a default, and
    `register` makes it known. The fields are keys of ``[flow]`` in a configuration. Trajectory
    files store them as JSON, from which `pf.resume` makes the integrator again. A configuration may
    set only one of ``step`` and ``tolerance``.
    """

    name: ClassVar[str]
    """Name of the integrator in ``flow.integrator``."""
    metrics: ClassVar[tuple[Metric, ...]]
    """Metrics in which the integrator can run."""
    default_in: ClassVar[tuple[Metric, ...]]
    """Metrics in which the integrator is the default."""
    counts_steps: ClassVar[bool]
    """Whether steps of the integrator are epochs of training. ``learning_rate`` then sets its step,
    and the motion has ``time_of(step)`` and ``begin_stage(step, time)``."""
    stability: ClassVar[float]
    """For an explicit method with fixed steps the largest stable step times lambda_max of the
    tangent kernel; infinite for a method of which users set no step, or whose steps that does not
    bound."""
    memory: ClassVar[Memory]
    """Memory for each neuron, by which a device that is too small says how many would fit."""
    run_length: ClassVar[float]
    """Average number of neurons in a sector of a slot from which the integrator's kernels are
    faster if slots are sorted by sector; infinite if they never are."""
    sorted_from: ClassVar[int]
    """Number of neurons from which slots are sorted at all."""

    slides: ClassVar[bool]
    """Whether the integrator lets neurons slide on samples; else they chatter around them."""

    def start(self, state: State) -> Motion:
        """A motion of this state from tau = 0, which modifies the state in place."""
        ...


class StepCounter(Integrator, Protocol):
    """An integrator that counts its steps, all of the same length ``step`` in tau."""

    step: float


class Slices:
    """The number of steps that a call may take to last about `SLICE_SECONDS`.

    The number follows the clock of rank 0, since all ranks have to take the same steps.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self._most = ranks, 1

    def take(self, wanted: int, steps: Callable[[int], int]) -> None:
        """Call ``steps(n)``, which returns how many steps it has taken, with n <= ``wanted``."""
        begin = time.perf_counter()
        done = steps(min(wanted, self._most))
        seconds = max(time.perf_counter() - begin, 1e-9)
        # a call of few steps tells little about the time of many: at most twice as many next
        most = max(1, min(2 * self._most, int(done * SLICE_SECONDS / seconds)))
        self._most = self._ranks.first_of(most)
