"""A file that is open for reading: closed while this process writes it, named where it fails."""

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
"""Seconds that a writer waits for a reader at a time: the reader may be waiting for the writer."""
P = ParamSpec("P")
R = TypeVar("R")


def reading(method: Callable[P, R]) -> Callable[P, R]:
    """A method that reads the file: opened again if it was released, named where it is damaged."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        readable: Any = args[0]
        with readable.lock:
            readable.require_open()
            try:
                with np.errstate(all="ignore"):  # of numbers that are none
                    return method(*args, **kwargs)
            except Exception:
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
        Held by methods that read.
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
        """Read what is kept, of the file that has been opened, for the first time or again."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """The files that it reads: itself, and parts if there are any."""
        return [self._real]

    def require_open(self) -> None:
        """Open the file again if it was released.

        Raises
        ------
        TrajectoryError
            It was closed.
        """
        if self._is_closed:
            raise TrajectoryError(f"{self.path}: is closed; open it again to read")
        if self._is_released:
            if opening.identity(self._real) not in self.identities:
                raise TrajectoryError(f"{self.path}: was replaced; open it again to read")
            self._is_released = False  # what is loaded is read
            try:
                self._open()
            except BaseException:
                self._is_released = True
                raise

    def release(self) -> bool:
        """Close the file until it is read again; False if another thread is reading it."""
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
        """Close the file."""
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
