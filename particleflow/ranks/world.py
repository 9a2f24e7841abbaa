"""The ranks that a program was started with: those of MPI, or one process by itself.

All ranks run the same program. A program that no launcher of MPI has started is alone: mpi4py is
then not even imported.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from particleflow.errors import DeviceError

from . import launcher
from .serial import ALONE, Ranks, affinity

__all__ = ["ALONE", "One", "Ranks", "failed", "rank", "ranks_of", "use", "versions"]


class One(Ranks):
    """One process by itself, of several that a launcher has started on the machine."""

    def __init__(self) -> None:
        self.local_rank = launcher.local_rank()

    def threads(self) -> int | None:
        own = len(affinity())
        is_bound = own < (os.cpu_count() or 1)
        return own if is_bound else max(1, own // launcher.local_size())


_world: Ranks | None = None
"""All ranks that the program was started with, once they are known."""


def ranks_of(comm: Any = None) -> Ranks:
    """The ranks of an mpi4py communicator; by default all that the program was started with.

    Collective over these ranks. `Ranks` are returned as they are.

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
    """Make these the ranks that `ranks_of` returns by default."""
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
                "installed; pip install mpi4py"
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
"""The key of MPI under which a communicator keeps its `Ranks`."""


def _ranks_on(comm: Any) -> Ranks:
    """The ranks of a communicator, made once for each.

    They take two communicators of their own, and a library of MPI has a limited number of those.
    """
    global _key  # noqa: PLW0603
    if comm.Get_size() == 1:
        return One() if launcher.local_size() > 1 else ALONE
    if _key is None:
        _key = type(comm).Create_keyval()
    ranks: Ranks | None = comm.Get_attr(_key)
    if ranks is None:
        ranks = importlib.import_module("particleflow.ranks.mpi").MpiRanks(comm)
        comm.Set_attr(_key, ranks)
        _watch(ranks)
    return ranks


def _watch(ranks: Ranks) -> None:
    """See to it that an exception that the program does not catch on one rank ends all ranks."""
    if not _watched:
        sys.excepthook = _end_of_all(sys.excepthook)
    _watched.append(ranks)


_watched: list[Ranks] = []
"""Ranks that have to learn when this process fails."""


def failed(problem: BaseException, tell: Callable[[], Any] | None = None) -> None:
    """Report that this process has failed: returns if all ranks fail, else ends the job.

    Before the job ends ``tell`` is called, and the message of ``problem`` is printed.
    """
    if _watched:
        # the largest group, since any rank in it may wait for this process
        max(_watched, key=lambda ranks: ranks.size).failed(problem, tell)


def _end_of_all(before: Callable[..., Any]) -> Callable[..., Any]:
    """A hook for exceptions that the program does not catch, by which no rank is left waiting.

    ``before`` is the hook that was there, and prints the exception.
    """

    def hook(kind: type[BaseException], problem: BaseException, traceback: Any) -> None:
        failed(problem, lambda: before(kind, problem, traceback))
        if rank() == 0:  # all ranks have failed: one of them says so
            before(kind, problem, traceback)

    return hook


def rank() -> int:
    """The number of this process; asking for it does not start MPI."""
    return launcher.rank() if _world is None else _world.rank


def versions() -> str:
    """The versions, in words, of mpi4py and of the library of MPI that it finds."""
    try:
        mpi4py = importlib.import_module("mpi4py")
    except ModuleNotFoundError:
        return "mpi4py is not installed"
    if not launcher.is_launched():  # importing mpi4py.MPI, to ask the library, would start MPI
        return f"mpi4py {mpi4py.__version__}"
    library = importlib.import_module("mpi4py.MPI").Get_library_version().split("\n")[0]
    return f"mpi4py {mpi4py.__version__}, {' '.join(library.split())}"
