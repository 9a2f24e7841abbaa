"""The processes that share the neurons of a run: one by itself.

What a method calls collective has to be called by all ranks alike.
"""

import os
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

import numpy as np

from particleflow.arguments import Array

S = TypeVar("S")
T = TypeVar("T")


class Ranks:
    """One process by itself.

    Attributes
    ----------
    rank, size : int
        0 and 1.
    local_rank : int
        Number among the ranks of this machine.
    machines : int
        On how many all ranks are.
    """

    rank = local_rank = 0
    size = machines = 1

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that talks and that writes what is written once."""
        return self.rank == 0

    def first_of(self, value: T) -> T:
        """The value of rank 0, on all of them; collective."""
        return value

    def all_of(self, value: T) -> list[T]:
        """The values of all ranks, in their order; collective."""
        return [value]

    def least(self, values: np.ndarray) -> np.ndarray:
        """Elementwise least over all ranks; collective."""
        return values

    def most(self, values: np.ndarray) -> np.ndarray:
        """Elementwise largest over all ranks, NaN if there is one; collective."""
        return values

    def total(self, number: int) -> int:
        """Sum of a whole number over all ranks; collective."""
        return number

    def joined(self, array: np.ndarray) -> np.ndarray:
        """The ranks' arrays one behind the other along the last axis, on all ranks; collective."""
        return array

    def add(self, array: Array) -> None:
        """Sum over all ranks, in place and in an order of MPI's own; collective."""

    def spread(self, array: Array) -> None:
        """Overwrite with what rank 0 has; collective."""

    def send(self, array: Array, to: int) -> None:
        """Send to another rank, which calls `receive`."""

    def receive(self, array: Array, source: int) -> None:
        """Overwrite with what another rank sends."""

    def agree(self, value: T, problem: BaseException | None = None) -> list[T]:
        """The values of all ranks; if one has a problem instead, all raise it. Collective."""
        if problem is not None:
            raise problem
        return [value]

    def together(self, action: Callable[[], T]) -> T:
        """Do something that calls nothing collective; if one rank fails, all do; collective."""
        return action()

    def hand_out(self, tasks: Iterable[S], work: Callable[[S], T]) -> Generator[T, None, None]:
        """Results of work on tasks, on rank 0 in the order in which they come; collective.

        Of several ranks rank 0 hands out and collects, the others work and get no results. What
        ``work`` raises ends all ranks.
        """
        yield from map(work, tasks)

    def threads(self) -> int | None:
        """Threads for this rank, None if it has the machine to itself."""
        return None

    def require_same(self, **values: Any) -> None:
        """Refuse to go on where ranks have different versions, or different values; collective.

        Raises
        ------
        DeviceError
        """

    def failed(self, problem: BaseException, tell: Callable[[], Any] | None = None) -> None:
        """A run has failed on this rank: returns if it has on all, else tells and ends the job."""


ALONE = Ranks()


def affinity() -> list[int]:
    """The processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
