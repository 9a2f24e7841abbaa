"""The ranks of an MPI communicator. Only this module sends and receives by mpi4py."""

import hashlib
import importlib
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np

from particleflow._version import __version__
from particleflow.arguments import Array
from particleflow.errors import DeviceError, ParticleflowError

from .serial import Ranks, affinity

S = TypeVar("S")
T = TypeVar("T")

_PORTABLE = (ParticleflowError, OSError, MemoryError, KeyboardInterrupt)
"""Errors that another rank can raise as they are."""
_SHORT = 160
"""Most letters of a value that a message shows whole."""
_POLL_SECONDS = 5e-4
GRACE_SECONDS = 5.0
"""Time for which a rank that has failed waits for the others to fail, before it ends the job."""


class MpiRanks(Ranks):
    """The ranks of an MPI communicator; methods as of `Ranks`.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        Duplicated, so that no message of another user of it is taken for one of this object.
    """

    def __init__(self, comm: Any) -> None:
        self._mpi = importlib.import_module("mpi4py.MPI")
        self.comm = comm.Dup()
        self._failures = comm.Dup()  # by itself: a rank may fail while others are in a collective
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        local = comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        self.local_rank = local.Get_rank()
        self.machines = comm.allreduce(int(self.local_rank == 0))
        self._threads = _share_of_processors(local.allgather(affinity()), self.local_rank)
        local.Free()

    def first_of(self, value: T) -> T:
        return self.comm.bcast(value)

    def all_of(self, value: T) -> list[T]:
        return self.comm.allgather(value)

    def least(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.min(self.all_of(values), axis=0))

    def most(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.max(self.all_of(values), axis=0))

    def total(self, number: int) -> int:
        return int(self.comm.allreduce(number))

    def joined(self, array: np.ndarray) -> np.ndarray:
        sizes = self.comm.allgather(array.shape[-1])
        out = np.empty((*array.shape[:-1], sum(sizes)), array.dtype)
        kind = self._mpi.Datatype.fromcode(array.dtype.char)
        for index in np.ndindex(array.shape[:-1]):
            self.comm.Allgatherv(
                np.ascontiguousarray(array[index]), [out[index], (sizes, None), kind]
            )
        return out

    def add(self, array: Array) -> None:
        self.comm.Allreduce(self._mpi.IN_PLACE, array)

    def spread(self, array: Array) -> None:
        self.comm.Bcast(array)

    def send(self, array: Array, to: int) -> None:
        self.comm.Send(array, to)

    def receive(self, array: Array, source: int) -> None:
        self.comm.Recv(array, source)

    def agree(self, value: T, problem: BaseException | None = None) -> list[T]:
        every = self.comm.allgather((value, _portable(problem)))
        # a rank keeps its own foreign error; of this package's all raise that of the first rank
        if problem is not None and not isinstance(problem, ParticleflowError):
            raise problem
        for rank, (_, found) in enumerate(every):
            if found is not None:
                raise _of_rank(rank, found) from problem
        return [value for value, _ in every]

    def together(self, action: Callable[[], T]) -> T:
        try:
            result = action()
        except Exception as problem:
            self.agree(None, problem)
            raise
        self.agree(None)
        return result

    def hand_out(self, tasks: Iterable[S], work: Callable[[S], T]) -> Generator[T, None, None]:
        if self.rank == 0:
            yield from self._collect(iter(tasks))
            return
        while True:
            task = self.comm.recv(source=0)
            if task is None:
                return
            self.comm.send(work(task[0]), 0)

    def _collect(self, tasks: Iterator[S]) -> Iterator[Any]:
        """Results of the other ranks, each of which gets a first task and one for each result."""
        at_work = 0
        for rank in range(1, self.size):
            at_work += self._give(tasks, rank)
        status = self._mpi.Status()
        while at_work:
            while not self.comm.iprobe(status=status):  # waiting in `recv` would keep a core busy
                time.sleep(_POLL_SECONDS)
            rank = status.Get_source()
            result = self.comm.recv(source=rank)
            at_work -= not self._give(tasks, rank)
            yield result

    def _give(self, tasks: Iterator[S], rank: int) -> bool:
        """Send a rank the next task, or None if there is none; returns whether there was one."""
        for task in tasks:
            self.comm.send((task,), rank)  # in a tuple, so that a task may be None
            return True
        self.comm.send(None, rank)
        return False

    def threads(self) -> int | None:
        return self._threads

    def require_same(self, **values: Any) -> None:
        own = {"versions": _versions(), **values}
        found = self.all_of(({name: _digest(value) for name, value in own.items()}, _host()))
        for name, value in own.items():
            for rank, (digests, host) in enumerate(found):
                if digests[name] != found[0][0][name]:
                    # all ranks are here, since all have found the same difference
                    every = self.all_of(repr(value))
                    one, two = _apart(every[0], every[rank])
                    raise DeviceError(
                        f"ranks: rank 0 and rank {rank} on {host} have different {name}: "
                        f"{one} and {two}"
                    )

    def failed(self, problem: BaseException, tell: Callable[[], Any] | None = None) -> None:
        request = self._failures.Ibarrier()
        deadline = time.monotonic() + GRACE_SECONDS
        while not request.Test():
            if time.monotonic() > deadline:
                if tell is not None:
                    tell()
                text = " ".join(str(problem).split()) or type(problem).__name__
                _say(f"particleflow: rank {self.rank} on {_host()}: {text}")
                self.comm.Abort(_code_of(problem))
            time.sleep(0.01)


def _say(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def _code_of(problem: BaseException) -> int:
    """The exit code of a job that this failure of one rank ends."""
    if isinstance(problem, KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(problem, SystemExit) and isinstance(problem.code, int) and problem.code:
        return problem.code
    return int(getattr(problem, "exit_code", 3))


def _portable(problem: BaseException | None) -> BaseException | None:
    """A problem in the form in which it is sent to other ranks, which can raise it."""
    if problem is None or isinstance(problem, _PORTABLE):
        return problem
    return RuntimeError(f"{type(problem).__name__}: {problem}")


def _of_rank(rank: int, problem: BaseException) -> BaseException:
    if rank == 0 or not isinstance(problem, ParticleflowError):
        return problem
    return type(problem)(f"rank {rank}: {problem}")


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _apart(one: str, two: str) -> tuple[str, str]:
    """The pieces of two texts that show where they differ; short texts whole."""
    if max(len(one), len(two)) <= _SHORT:
        return one, two
    same = next(i for i, (a, b) in enumerate(zip(f"{one}\0", f"{two}\0", strict=False)) if a != b)
    first, last = max(0, same - _SHORT // 4), same + _SHORT // 4
    cut = [f"{'...' if first else ''}{text[first:last]}..." for text in (one, two)]
    return cut[0], cut[1]


def _host() -> str:
    return socket.gethostname()


def _versions() -> str:
    """The versions, in words, of the packages on which the bits of a run depend."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numba", "numpy", "scipy"))
    return f"particleflow {__version__}, {packages}"


def _share_of_processors(affinities: list[list[int]], rank: int) -> int:
    """The threads of a rank, where each processor is shared evenly by the ranks that may use it.

    ``affinities`` are the processors of each rank of the machine, ``rank`` is the one asked for.
    """
    users: dict[int, int] = {}
    for processors in affinities:
        for processor in processors:
            users[processor] = users.get(processor, 0) + 1
    share = sum(1.0 / users[processor] for processor in affinities[rank])
    return max(1, int(share + 1e-6))  # shares of 1 / n may add up to less than 1
