"""Locks of files: one process at a time writes a file, and other tools may read it meanwhile.

HDF5 itself locks a whole file (flock): readers share it and a writer has it alone, so that no tool
could open a file that a run is writing. Here files are opened without HDF5's lock. A writer takes
two locks of its own. One is *shared*, on the whole file: it keeps out tools that would change the
file and lets readers in. The other is exclusive, on a single byte far behind the end of any file:
it tells the writer from readers.
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
"""Position of the byte that a writer locks."""
_FLOCK = "@hhqqi0q"
"""Layout of struct flock: type, whence, first byte, number of bytes, process, padding."""
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Numbers of errors that file systems without locks give."""


class Lock:
    """The lock of a file that this process writes.

    Parameters
    ----------
    path : Path
        A file that exists and that this process may write.

    Attributes
    ----------
    problem : str or None
        A note for the user if the file system has no locks, so that nothing is locked.

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
        """Give the lock back; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _of_byte() -> bytes:
    """A struct flock that asks for the writer's byte."""
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _BYTE, 1, 0)


def is_locked(path: Path) -> bool:
    """Whether a process writes a file; False where the system has no such locks."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # refused if somebody has the whole file alone, as HDF5 itself locks it to write
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
