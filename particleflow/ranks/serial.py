"""The interface of the processes that share the neurons of a run, for one process by itself.

A method that is called collective has to be called by all ranks, in the same order.
"""

import os
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

import numpy as np

from particleflow.arguments import Array

S = TypeVar("S")
T = TypeVar("T")


class Ranks:
    """The ranks of a run: here one process by itself, of several the subclass `MpiRanks`.

    Attributes
    ----------
    rank, size : int
        The number of this rank, and how many there are: here 0 and 1.
    local_rank : int
        The number of this rank among those of its machine.
    machines : int
        The number of machines on which the ranks are.
    """

    rank = local_rank = 0
    size = machines = 1

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which talks to users and writes what is written once."""
        return self.rank == 0

    def first_of(self, value: T) -> T:
        """The value of rank 0, on all ranks; collective."""
        return value

    def all_of(self, value: T) -> list[T]:
        """The values of all ranks in the order of the ranks, on each of them; collective."""
        return [value]

    def least(self, values: np.ndarray) -> np.ndarray:
        """The elementwise least over all ranks, NaN if there is one; collective."""
        return values

    def most(self, values: np.ndarray) -> np.ndarray:
        """The elementwise largest over all ranks, NaN if there is one; collective."""
        return values

    def total(self, number: int) -> int:
        """The sum of a whole number over all ranks; collective."""
        return number

    def joined(self, array: np.ndarray) -> np.ndarray:
        """The ranks' arrays one behind the other along the last axis, on all ranks; collective."""
        return array

    def add(self, array: Array) -> None:
        """Replace the array by its sum over all ranks, in an order of MPI's own; collective."""

    def spread(self, array: Array) -> None:
        """Overwrite the array with that of rank 0; collective."""

    def send(self, array: Array, to: int) -> None:
        """Send the array to another rank, which has to call `receive`."""

    def receive(self, array: Array, source: int) -> None:
        """Overwrite the array with what another rank sends."""

    def agree(self, value: T, problem: BaseException | None = None) -> list[T]:
        """The values of all ranks; if one has a problem instead, all raise it. Collective."""
        if problem is not None:
            raise problem
        return [value]

    def together(self, action: Callable[[], T]) -> T:
        """The result of an action on this rank; if it fails on one, all ranks raise. Collective.

        The action itself must call nothing collective.
        """
        return action()

    def hand_out(self, tasks: Iterable[S], work: Callable[[S], T]) -> Generator[T, None, None]:
        """Results of ``work`` on tasks, on rank 0 in the order in which they come; collective.

        Of several ranks rank 0 hands out tasks and collects results; the others work and get no
        results. An exception in ``work`` is no result: it ends all ranks.
        """
        yield from map(work, tasks)

    def threads(self) -> int | None:
        """The number of threads for this rank; None if it has the machine to itself."""
        return None

    def require_same(self, **values: Any) -> None:
        """Refuse to go on if ranks have different versions or other values by name; collective.

        Raises
        ------
        DeviceError
            Names the first value that differs, and a rank on which it does.
        """

    def failed(self, problem: BaseException, tell: Callable[[], Any] | None = None) -> None:
        """Report that a run has failed on this rank; returns if it fails on all ranks.

        If the others have not failed after a while, ``tell`` is called and the job ended.
        """


ALONE = Ranks()
"""A process that shares its neurons with no other."""


def affinity() -> list[int]:
    """The processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
