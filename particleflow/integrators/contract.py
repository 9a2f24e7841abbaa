"""What the simulation asks of an integrator."""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

import numpy as np

from particleflow._cast import Array
from particleflow.backend import State
from particleflow.parallel import Ranks

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


class Integrator(Protocol):
    """Settings of a method; immutable, may be used by many simulations."""

    name: ClassVar[str]
    run_length: ClassVar[float]
    """Average neurons a sector of a slot from which sector order pays its kernels."""
    sorted_from: ClassVar[int]
    """Fewest neurons with which it does."""

    slides: ClassVar[bool]
    """Whether neurons slide on samples, rather than chatter around them."""

    def start(self, state: State) -> Motion:
        """A motion of this state from tau = 0; ``state`` is modified in place by it."""
        ...


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
