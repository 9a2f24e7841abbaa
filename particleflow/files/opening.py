"""Opening HDF5 files, none of them with HDF5's own lock (see ``locks``).

A process cannot open a file for writing that it has open for reading: HDF5 refuses. A trajectory
that is open in a notebook would keep its own run from being resumed. Readers of this package
therefore register here; they are closed when one of their files is to be written, and open it
again when they are asked next. Readers of others have to be closed by whoever opened them.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

import h5py

from particleflow.errors import TrajectoryError

OPEN_OPTIONS = {"rdcc_nbytes": 0}
"""No chunk cache. Whole chunks go to the file at once; where little of a chunk is read, such as one
neuron of every frame, HDF5 reads no more than that."""
_SECONDS = 2.0
"""How long to wait for readers in other threads of this process."""


class Reader(Protocol):
    """Something that has files open for reading and can open them again."""

    identities: set[tuple[int, int] | None]
    """Identities of the files that this process has open, whatever names they have now."""

    def release(self) -> bool:
        """Close them until it is asked for something; False if it is being asked right now."""
        ...


_opening = threading.RLock()
_readers: WeakSet[Any] = WeakSet()


def by_one_thread() -> AbstractContextManager[Any]:
    """While it is entered no other thread opens a file for writing."""
    return _opening


def register(reader: Reader) -> None:
    """Let a reader be closed when one of its files is to be written."""
    with _opening:
        _readers.add(reader)


def open_file(path: Path, mode: str) -> h5py.File:
    """An HDF5 file for writing that nobody else has open, "w" or "r+"."""
    return h5py.File(path, mode, locking=False, **OPEN_OPTIONS)


def open_to_read(path: Path) -> h5py.File:
    """A file for reading, whoever writes it."""
    with _opening:
        try:
            return h5py.File(path, "r", locking=False, **OPEN_OPTIONS)
        except OSError:
            # one that this process has open with HDF5's lock can only be opened with it
            return h5py.File(path, "r", **OPEN_OPTIONS)


def open_to_write(path: Path) -> h5py.File:
    """An existing file, for writing to its data, though readers of this process may have it open.

    Raises
    ------
    TrajectoryError
        A reader that is not of this package has it open in this process.
    OSError, RuntimeError
        HDF5 cannot open it.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        with _opening:
            held = [reader for reader in _readers_of(path) if not reader.release()]
            try:
                return open_file(path, "r+")
            except OSError as problem:
                if held or "already open" in str(problem) or "locking flag" in str(problem):
                    why = problem
                else:
                    raise
        if time.monotonic() > deadline:
            raise TrajectoryError(
                f"{path}: this process has it open for reading (by h5py, or a reader that is busy "
                f"in another thread); close that reader first ({why})"
            )
        time.sleep(0.01)


def _readers_of(path: Path) -> Iterator[Any]:
    own = identity(path)
    for reader in list(_readers):
        if own in reader.identities:
            yield reader


def identity(path: Path) -> tuple[int, int] | None:
    """The identity of the file that a path names; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
