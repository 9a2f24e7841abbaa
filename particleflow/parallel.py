"""Ranks of MPI, or the serial stand-in where there is one process.

All ranks run the same program; what a function here calls collective has to be called by all of
them. A program that no launcher of MPI has started is alone: mpi4py is then not even imported.
"""

import hashlib
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

import numpy as np

from . import launcher
from ._cast import Array
from ._version import __version__
from .errors import DeviceError, ParticleflowError

T = TypeVar("T")

_PORTABLE = (ParticleflowError, OSError, MemoryError, KeyboardInterrupt)
_SHORT = 160
GRACE_SECONDS = 5.0
"""How long a rank that has failed waits for the others to fail, too, before it ends them."""


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
        """What rank 0 has; collective."""
        return value

    def all_of(self, value: T) -> list[T]:
        """What each rank has; collective."""
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

    def problem_of_any(self, problem: BaseException | None) -> BaseException | None:
        """This rank's problem, or else that of the first rank that has one; collective."""
        return problem

    def together(self, action: Callable[[], T]) -> T:
        """Do something that calls nothing collective; if one rank fails, all do; collective."""
        return action()

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

    def abort(self, code: int) -> NoReturn:
        """End the job, all ranks of it."""
        raise SystemExit(code)


ALONE = Ranks()


class One(Ranks):
    """A process by itself among others on its machine, which a launcher has started."""

    def __init__(self) -> None:
        self.local_rank = launcher.local_rank()

    def threads(self) -> int | None:
        own = len(_affinity())
        is_bound = own < (os.cpu_count() or 1)
        return own if is_bound else max(1, own // launcher.local_size())


class MpiRanks(Ranks):
    """The ranks of a communicator.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        Duplicated, so that messages of others are not mistaken.
    """

    def __init__(self, comm: Any) -> None:
        self._mpi = importlib.import_module("mpi4py.MPI")
        self.comm = comm.Dup()
        self._failures = comm.Dup()
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        local = comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        self.local_rank = local.Get_rank()
        self.machines = comm.allreduce(int(self.local_rank == 0))
        self._threads = _share_of_processors(local.allgather(_affinity()), self.local_rank)
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

    def problem_of_any(self, problem: BaseException | None) -> BaseException | None:
        others = enumerate(self.comm.allgather(_portable(problem)))
        first = next((_of_rank(rank, other) for rank, other in others if other is not None), None)
        return first if problem is None else problem

    def together(self, action: Callable[[], T]) -> T:
        problem: Exception | None = None
        try:
            result = action()
        except Exception as mine:
            problem = mine
        for rank, found in enumerate(self.comm.allgather(_portable(problem))):
            if found is not None:
                raise _of_rank(rank, found)
        return result

    def threads(self) -> int | None:
        return self._threads

    def require_same(self, **values: Any) -> None:
        own = {"versions": _versions(), **values}
        found = self.all_of(({name: _digest(value) for name, value in own.items()}, _host()))
        for name, value in own.items():
            for rank, (digests, host) in enumerate(found):
                if digests[name] != found[0][0][name]:
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
                self.abort(_code_of(problem))
            time.sleep(0.01)

    def abort(self, code: int) -> NoReturn:
        self.comm.Abort(code)
        raise SystemExit(code)


def _say(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def _code_of(problem: BaseException) -> int:
    """Exit code of a job that a failure of one rank has ended."""
    if isinstance(problem, KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(problem, SystemExit) and isinstance(problem.code, int) and problem.code:
        return problem.code
    return int(getattr(problem, "exit_code", 3))


def _portable(problem: BaseException | None) -> BaseException | None:
    """An exception that another rank can raise."""
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
    """Two texts, no more of them than shows where they differ."""
    if max(len(one), len(two)) <= _SHORT:
        return one, two
    same = next(i for i, (a, b) in enumerate(zip(f"{one}\0", f"{two}\0", strict=False)) if a != b)
    first, last = max(0, same - _SHORT // 4), same + _SHORT // 4
    cut = [f"{'...' if first else ''}{text[first:last]}..." for text in (one, two)]
    return cut[0], cut[1]


def _host() -> str:
    return socket.gethostname()


def _versions() -> str:
    """Of what decides the bits of a run."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numba", "numpy", "scipy"))
    return f"particleflow {__version__}, {packages}"


def _affinity() -> list[int]:
    """The processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _share_of_processors(affinities: list[list[int]], rank: int) -> int:
    """Threads of a rank: its processors, each shared out evenly to the ranks that may use it."""
    users: dict[int, int] = {}
    for processors in affinities:
        for processor in processors:
            users[processor] = users.get(processor, 0) + 1
    share = sum(1.0 / users[processor] for processor in affinities[rank])
    return max(1, int(share + 1e-6))


_world: Ranks | None = None


def ranks_of(comm: Any = None) -> Ranks:
    """The ranks of an mpi4py communicator; by default all that the program was started with.

    Collective over them.

    Raises
    ------
    DeviceError
        A launcher has started several processes, but mpi4py is not installed or finds no library
        of MPI; or ``comm`` is no communicator.
    """
    if isinstance(comm, Ranks):
        return comm
    if comm is not None:
        if not hasattr(comm, "Split_type"):
            raise DeviceError(f"comm: expected an mpi4py communicator, found {comm!r}")
        return _ranks_on(comm)
    if _world is None:
        use(_launched() if launcher.is_launched() else ALONE)
    assert _world is not None
    return _world


def use(ranks: Ranks) -> None:
    """Let these be the ranks that the program was started with."""
    global _world  # noqa: PLW0603
    _world = ranks


def _launched() -> Ranks:
    try:
        mpi = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as problem:
        if launcher.size() == 1:
            return ALONE
        if isinstance(problem, ModuleNotFoundError):
            raise DeviceError(
                "ranks: a launcher of MPI has started several processes, but mpi4py is not "
                "installed; pip install 'particleflow[mpi]'"
            ) from None
        raise DeviceError(
            "ranks: mpi4py finds no library of MPI; load the module of your cluster's MPI, or "
            f"pip install mpich ({' '.join(str(problem).split())})"
        ) from None
    world, started = mpi.COMM_WORLD, launcher.size()
    if world.Get_size() == 1 < started:
        library = " ".join(mpi.Get_library_version().split()[:3])
        raise DeviceError(
            f"ranks: the launcher has started {started} processes, but mpi4py's library of MPI "
            f"({library}) sees 1: they are of different kinds of MPI"
        )
    return _ranks_on(world)


_key: int | None = None


def _ranks_on(comm: Any) -> Ranks:
    """Made once for a communicator: a library of MPI has a limited number of them."""
    global _key  # noqa: PLW0603
    if comm.Get_size() == 1:
        return One() if launcher.local_size() > 1 else ALONE
    if _key is None:
        _key = type(comm).Create_keyval()
    ranks: Ranks | None = comm.Get_attr(_key)
    if ranks is None:
        ranks = MpiRanks(comm)
        comm.Set_attr(_key, ranks)
        _watch(ranks)
    return ranks


def _watch(ranks: Ranks) -> None:
    """Let an exception that the program does not catch on one of these ranks end them all."""
    if not _watched:
        sys.excepthook = _end_of_all(sys.excepthook)
    _watched.append(ranks)


_watched: list[Ranks] = []


def failed(problem: BaseException, tell: Callable[[], Any] | None = None) -> None:
    """This process fails: returns if all ranks do, else ends the job with its message."""
    if _watched:
        max(_watched, key=lambda ranks: ranks.size).failed(problem, tell)


def _end_of_all(before: Callable[..., Any]) -> Callable[..., Any]:
    """What to do with an exception that a program does not catch: no rank is left waiting."""

    def hook(kind: type[BaseException], problem: BaseException, traceback: Any) -> None:
        failed(problem, lambda: before(kind, problem, traceback))
        if rank() == 0:
            before(kind, problem, traceback)

    return hook


def _are_several() -> bool:
    """Whether the launcher says that there is more than one process."""
    sizes = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS")
    return any(os.environ.get(name, "1") not in ("", "0", "1") for name in sizes)


def rank() -> int:
    """The number of this process; starts no MPI."""
    return launcher.rank() if _world is None else _world.rank


def versions() -> str:
    """mpi4py and the library of MPI that it finds, in words."""
    try:
        mpi4py = importlib.import_module("mpi4py")
    except ModuleNotFoundError:
        return "mpi4py is not installed"
    if not launcher.is_launched():  # to ask the library would start it
        return f"mpi4py {mpi4py.__version__}"
    library = importlib.import_module("mpi4py.MPI").Get_library_version().split("\n")[0]
    return f"mpi4py {mpi4py.__version__}, {' '.join(library.split())}"
