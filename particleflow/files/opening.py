"""Opening HDF5 files, if possible without HDF5's own lock (see ``locks``).

HDF5 does not let a process open a file for writing that the same process has open for reading. A
trajectory that is open in a notebook would keep its own run from being resumed. Readers of this
package therefore register here. When one of their files is to be written, that reader is closed,
and it opens the file again when it is next asked for data. Readers of other packages have to be
closed by whoever opened them.
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
"""Options of h5py that switch off the cache of chunks.

Whole chunks go to the file at once. Where little of a chunk is read, such as one neuron of every
frame, HDF5 then reads no more than that (bench/NOTES.md)."""
_SECONDS = 2.0
"""Seconds to wait for readers in other threads of this process."""


class Reader(Protocol):
    """Something that has files open for reading and can open them again."""

    identities: set[tuple[int, int] | None]
    """Identities of the files that this process has open, whatever names they have now."""

    def release(self) -> bool:
        """Close the files until data are asked for; returns False if a thread is reading now."""
        ...


_opening = threading.RLock()
_readers: WeakSet[Any] = WeakSet()


def by_one_thread() -> AbstractContextManager[Any]:
    """A context in which no other thread enters `open_to_read` or `open_to_write`."""
    return _opening


def register(reader: Reader) -> None:
    """Let a reader be closed when one of its files is to be written."""
    with _opening:
        _readers.add(reader)


def open_file(path: Path, mode: str) -> h5py.File:
    """Open an HDF5 file for writing that nobody else has open; ``mode`` is "w" or "r+"."""
    return h5py.File(path, mode, locking=False, **OPEN_OPTIONS)


def open_to_read(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, even if a process is writing it."""
    with _opening:
        try:
            return h5py.File(path, "r", locking=False, **OPEN_OPTIONS)
        except OSError:
            # a file that this process has open with HDF5's lock can only be opened with it again
            return h5py.File(path, "r", **OPEN_OPTIONS)


def open_to_write(path: Path) -> h5py.File:
    """Open an existing file to write to its data, even if readers of this process have it open.

    Raises
    ------
    TrajectoryError
        This process has the file open by a reader that is busy or not of this package.
    OSError, RuntimeError
        HDF5 cannot open the file.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        with _opening:
            held = [reader for reader in _readers_of(path) if not reader.release()]
            try:
                return open_file(path, "r+")
            except OSError as problem:
                # worth another try: a reader that is busy in another thread may be done soon
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
    """The registered readers that have the file of this path open."""
    own = identity(path)
    for reader in list(_readers):
        if own in reader.identities:
            yield reader


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file that a path names; None if there is no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
