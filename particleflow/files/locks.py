"""Who writes a file: one process at a time, which other tools may watch.

HDF5 itself locks a whole file (flock): readers share it and a writer has it alone, so that no tool
could open a file that a run is writing. Here files are opened without HDF5's lock. A writer takes
two others: it *shares* the whole file, which keeps out those who would change it and lets readers
in, and it has one byte, far behind the end of any file, to itself, which tells it from readers.
"""

import errno
import os
import struct
from pathlib import Path
from typing import Any

from particleflow.errors import TrajectoryError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BYTE = 1 << 62
_FLOCK = "@hhqqi0q"
"""struct flock: type, whence, first byte, bytes, process."""
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Errors of file systems without locks."""


class Lock:
    """The lock of a file that this process writes.

    Parameters
    ----------
    path : Path
        Exists, and may be written.

    Attributes
    ----------
    problem : str or None
        Why there is none: the file system has no locks.

    Raises
    ------
    TrajectoryError
        Another process writes the file.
    """

    def __init__(self, path: Path) -> None:
        self.problem: str | None = None
        self._handle: int | None = None
        if fcntl is None:
            return
        self._handle = os.open(path, os.O_RDWR)
        try:
            self._take(self._handle)
        except (BlockingIOError, PermissionError):
            self.release()
            raise TrajectoryError(f"{path}: is being written by another run") from None
        except OSError as problem:
            self.release()
            if problem.errno not in _NO_LOCKS:
                raise
            self.problem = (
                f"{path}: its file system has no locks ({problem.strerror}): see to it that no "
                "other process writes the file"
            )

    def _take(self, handle: int) -> None:
        if not hasattr(fcntl, "F_OFD_SETLK"):  # only Linux has both kinds of lock
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _of_byte())

    def release(self) -> None:
        """Give the lock back; once is enough."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _of_byte() -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _BYTE, 1, 0)


def is_locked(path: Path) -> bool:
    """Whether a process writes a file; False where there are no locks."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if not hasattr(fcntl, "F_OFD_GETLK"):
            return False
        found: Any = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, _of_byte())
        return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
