"""Making files so that they are whole or not there, and errors of disks in words.

A new file is made under a temporary name beside its target, brought to the disk, and renamed: a
kill or a full disk at any instant leaves either what was there before or the whole new file.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py

from particleflow.errors import TrajectoryError, WriteError

from . import opening
from .locks import Lock, is_locked


def check_target(path: Path, overwrite: bool, is_held: bool = False) -> None:
    """Refuse a path that cannot become a new file.

    ``is_held`` says that the caller has the lock of a file that is there already.

    Raises
    ------
    TrajectoryError
        The folder does not exist or cannot be written, the path is taken, or a run is writing the
        file that is there.
    """
    folder = path.parent
    if not folder.is_dir():
        raise TrajectoryError(f"{path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise TrajectoryError(f"{path}: no permission to write in the folder {folder}")
    if path.is_dir():
        raise TrajectoryError(f"{path}: is a folder, expected a file name")
    if path.exists() and not path.is_file():
        raise TrajectoryError(f"{path}: is a device or a pipe, expected a file name")
    if path.exists() and not overwrite:
        raise TrajectoryError(f"{path}: exists already (--overwrite replaces it)")
    if path.exists() and not is_held:
        require_free(path)


def require_free(path: Path) -> None:
    """Refuse a file that a process is writing.

    Raises
    ------
    TrajectoryError
        A process has the lock of the file.
    """
    if is_locked(path):
        raise TrajectoryError(f"{path}: is being written by another run")


def require_writable(path: Path) -> None:
    """Refuse a file that a process is writing, or that this process has no permission to write.

    Raises
    ------
    TrajectoryError
        Either is the case.
    """
    require_free(path)
    if not os.access(path, os.W_OK):
        raise TrajectoryError(f"{path}: no permission to write it")


def reason(problem: BaseException) -> str:
    """The cause of an error in words: the operating system's, if HDF5's long message quotes it."""
    found = re.search(r"error message = '([^']*)'", str(problem))
    return found[1] if found else str(problem)


def open_existing(path: Path) -> tuple[h5py.File, Lock]:
    """Open an existing file to write to its data, and take its lock.

    Returns
    -------
    file : h5py.File
    lock : Lock
        The lock, which the caller has to release.

    Raises
    ------
    TrajectoryError
        Another process writes the file, a reader in this process that is not of this package has
        it open, there is no permission, or the file is damaged.
    """
    require_writable(path)
    lock = Lock(path)
    try:
        return opening.open_to_write(path), lock
    except BaseException as problem:
        lock.release()
        if isinstance(problem, TrajectoryError) or not isinstance(problem, (OSError, RuntimeError)):
            raise
        why = reason(problem)
        raise TrajectoryError(f"{path}: cannot be opened for writing: {why}") from None


def create(
    path: Path,
    overwrite: bool,
    fill: Callable[[h5py.File], None],
    before: Callable[[], None] = lambda: None,
    then: Callable[[h5py.File], None] | None = None,
    is_held: bool = False,
) -> None:
    """Make a file by ``fill``, reserve its space on the disk, and write its data by ``then``.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Whether an existing file may be replaced.
    fill : callable
        Lays out the new file. HDF5 may crash where a disk refuses data, so that large data belong
        into ``then``.
    before : callable
        Called just before the whole file is renamed to ``path``.
    then : callable, optional
        Writes data into the space that has been reserved.
    is_held : bool
        Whether the caller has the lock of the file that is replaced.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses the file. Nothing is left behind.
    """
    with new_file(path, overwrite, before, is_held) as temporary:
        with opening.open_file(temporary, "w") as file:
            fill(file)
        _reserve_space(temporary, path, temporary.stat().st_size)
        if then is not None:
            with opening.open_file(temporary, "r+") as file:
                then(file)


@contextmanager
def new_file(
    path: Path,
    overwrite: bool,
    before: Callable[[], None] = lambda: None,
    is_held: bool = False,
) -> Iterator[Path]:
    """A context with a temporary file to write, which is renamed to ``path`` when it is whole.

    ``overwrite``, ``before`` and ``is_held`` are as in `create`.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses the file. Nothing is left behind.
    """
    check_target(path, overwrite, is_held)
    with refusals(path, "created"):
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.partial-", dir=path.parent)
        temporary = Path(name)
        try:
            os.close(handle)
            # mkstemp lets nobody else read; the file is to have the rights of any other new file
            os.chmod(temporary, 0o666 & ~_umask())
            yield temporary
            sync(temporary)
            # once more: meanwhile somebody may have made the file, or begun to write it
            check_target(path, overwrite, is_held)
            before()
            rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: Path) -> Iterator[h5py.File]:
    """A context with an existing file open to be written, and locked.

    Raises
    ------
    TrajectoryError
        Another process writes the file, or the file cannot be opened for writing.
    WriteError
        The disk refuses data.
    """
    file, lock = open_existing(path)
    try:
        with refusals(path, "written"):
            yield file
    finally:
        try:
            with refusals(path, "closed"):
                file.close()
        finally:
            lock.release()


@contextmanager
def refusals(path: Path, what: str) -> Iterator[None]:
    """Turn errors of a disk or of HDF5 into one that names the file.

    Raises
    ------
    WriteError
        ``path`` "cannot be ``what``", and the cause.
    """
    try:
        yield
    except TrajectoryError:  # an OSError, too, which names its file already
        raise
    except (OSError, RuntimeError) as problem:
        raise WriteError(f"{path}: cannot be {what}: {reason(problem)}") from None


def rename(source: Path, target: Path) -> None:
    """Rename a file; the new name is on the disk once this returns."""
    os.replace(source, target)
    sync(target.parent)


def remove(path: Path) -> None:
    """Remove a file if it exists; its name is gone from the disk once this returns."""
    if path.exists():
        os.unlink(path)
        sync(path.parent)


def sync(path: Path) -> None:
    """Return when the data of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # some file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)  # the system tells it only to those who set another
    os.umask(mask)
    return mask


def require_room(temporary: Path, path: Path, size: int) -> None:
    """Check that the disk has room for a file of about ``size`` bytes, which is empty still.

    Without this check HDF5 may crash later, where a disk refuses data. ``path`` is the name in
    messages.

    Raises
    ------
    WriteError
        The disk has less space free.
    OSError
        The disk has enough space free, but refuses to reserve it.
    """
    _reserve_space(temporary, path, size)
    os.truncate(temporary, 0)


def _reserve_space(temporary: Path, path: Path, size: int) -> None:
    # blocks that the file has already are not needed once more
    free = shutil.disk_usage(temporary.parent).free + 512 * temporary.stat().st_blocks
    if size > free:
        raise WriteError(
            f"{path}: needs {size / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB free; "
            "lower output.frames or output.neurons"
        )
    if hasattr(os, "posix_fallocate"):
        handle = os.open(temporary, os.O_RDWR)
        try:
            os.posix_fallocate(handle, 0, max(1, size))
        finally:
            os.close(handle)
