"""HDF5 files that are open for reading.

A reader lets go of its file while this process writes it, and errors name the file.
"""

import os
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import h5py
import numpy as np

from particleflow.errors import TrajectoryError
from particleflow.files import hdf5, opening

_PATIENCE = 0.05
"""Seconds that a writer waits for a busy reader before it tries again.

Waiting for ever would be a deadlock where the reader waits for the writer.
"""
P = ParamSpec("P")
R = TypeVar("R")


def reading(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method of `Readable` that reads its file.

    The file is opened again if it was released, and errors of a damaged file name it.
    """

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        readable: Any = args[0]
        with readable.lock:
            readable.require_open()
            try:
                with np.errstate(all="ignore"):  # frames may hold NaN and infinities
                    return method(*args, **kwargs)
            except Exception:
                # raised again in there, an error of h5py becomes one that names the file
                with hdf5.naming(readable.path):
                    raise

    return wrapped


class Readable:
    """An HDF5 file that is open for reading; use it as a context manager.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    path : Path
    lock : RLock
        A method that reads holds this lock meanwhile.
    identities : set of (int, int)
        The device and inode of each file that is open, by which writers find this reader.
    """

    _file: h5py.File

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = Path(os.path.realpath(path))  # parts lie beside the file that a link shows
        self.lock = threading.RLock()
        self._is_released = self._is_closed = False
        with opening.by_one_thread():
            self._open()
            opening.register(self)

    def _open(self) -> None:
        with hdf5.naming(self.path):
            self._file = opening.open_to_read(self._real)
        self.identities = {opening.identity(self._real)}
        try:
            with hdf5.naming(self.path):
                self._load()
            self.identities = {opening.identity(file) for file in self.files()}
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        """Read what a subclass keeps in memory, each time the file has been opened."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """The files that are read: the file itself, and its parts if there are any."""
        return [self._real]

    def require_open(self) -> None:
        """Open the file again if it was released.

        Raises
        ------
        TrajectoryError
            The reader was closed, or the file was replaced since it was released.
        """
        if self._is_closed:
            raise TrajectoryError(f"{self.path}: is closed; open it again to read")
        if self._is_released:
            if opening.identity(self._real) not in self.identities:
                raise TrajectoryError(f"{self.path}: was replaced; open it again to read")
            self._is_released = False  # first: `_load` calls methods that come back to here
            try:
                self._open()
            except BaseException:
                self._is_released = True
                raise

    def release(self) -> bool:
        """Close the file until it is read again; returns False if another thread is reading it."""
        if not self.lock.acquire(timeout=_PATIENCE):
            return False
        try:
            if not self._is_closed:
                self._file.close()
                self._is_released = True
            return True
        finally:
            self.lock.release()

    def close(self) -> None:
        """Close the file for good: later reads raise a TrajectoryError."""
        with self.lock:
            self._is_closed = True
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
