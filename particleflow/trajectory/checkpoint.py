"""Checkpoints beside a trajectory: what a run goes on from, to the bit.

``FILE.h5.ckpt`` is the last one and ``FILE.h5.ckpt.1`` the one before. Both are HDF5 files with
one dataset for each array, and sums of its words as an attribute, so that damage is found. A run
and its checkpoints share an identifier: those of a file that was replaced are not the new one's.
"""

import glob
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from particleflow.errors import TrajectoryError

from . import disk, layout

CHECKPOINT_VERSION = 1
_MAGIC = "particleflow_checkpoint"

Arrays = Mapping[str, np.ndarray]


def path_of(trajectory: Path) -> Path:
    """The last checkpoint of a trajectory."""
    return trajectory.with_name(f"{trajectory.name}.ckpt")


def path_before(trajectory: Path) -> Path:
    """The one before it."""
    return trajectory.with_name(f"{trajectory.name}.ckpt.1")


def save(trajectory: Path, run: str, arrays: Arrays) -> None:
    """Write the arrays as the last checkpoint, on the disk once this returns.

    Parameters
    ----------
    trajectory : path
    run : str
        Identifier of the run.
    arrays : mapping of str to array

    Raises
    ------
    WriteError
        The disk refuses it; earlier checkpoints are kept.
    """

    def fill(file: h5py.File) -> None:
        file.attrs[_MAGIC] = CHECKPOINT_VERSION
        file.attrs["run"] = layout.text(run)
        file.attrs["arrays"] = len(arrays)
        for name, values in arrays.items():
            dataset = layout.store(file, name, np.asarray(values, order="C"))
            dataset.attrs["check"] = _check(name, values)

    last = path_of(trajectory)

    def rotate() -> None:
        if last.exists():
            disk.rename(last, path_before(trajectory))

    disk.create(last, True, fill, rotate)


def remove(trajectory: Path) -> None:
    """Remove all checkpoints of a trajectory that is about to be replaced."""
    for path in (path_of(trajectory), path_before(trajectory)):
        disk.remove(path)


def sweep(trajectory: Path) -> None:
    """Remove what a kill in the middle of a checkpoint has left."""
    for path in trajectory.parent.glob(f"{glob.escape(path_of(trajectory).name)}.partial-*"):
        disk.remove(path)


def load(trajectory: Path, run: str) -> tuple[dict[str, np.ndarray] | None, list[str]]:
    """The last checkpoint of a run that is whole, None if there is none.

    Returns
    -------
    arrays : dict or None
    problems : list of str
        What is wrong with those that were passed over.
    """
    problems: list[str] = []
    for path in (path_of(trajectory), path_before(trajectory)):
        if path.exists():
            try:
                return read(path, run), problems
            except TrajectoryError as problem:
                problems.append(str(problem))
    return None, problems


def read(path: Path, run: str | None = None) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint file.

    Raises
    ------
    TrajectoryError
        It is no checkpoint, of a newer version, of another run, or damaged.
    """
    with layout.naming(path, "checkpoint"), h5py.File(path, "r", locking=False) as file:
        return dict(_arrays(path, file, run))


def _arrays(path: Path, file: h5py.File, run: str | None) -> Iterator[tuple[str, np.ndarray]]:
    if _MAGIC not in file.attrs:
        raise TrajectoryError(f"{path}: is an HDF5 file but no particleflow checkpoint")
    version = int(file.attrs[_MAGIC])
    if version != CHECKPOINT_VERSION:
        raise TrajectoryError(
            f"{path}: is a checkpoint of version {version}, expected {CHECKPOINT_VERSION}"
        )
    if run is not None and layout.string(file.attrs["run"]) != run:
        raise TrajectoryError(f"{path}: is a checkpoint of another run")
    names = list(file)
    if len(names) != int(file.attrs["arrays"]):
        raise TrajectoryError(f"{path}: is damaged: holds {len(names)} arrays")
    for name in names:
        values = layout.read_all(file, name)
        if not np.array_equal(_check(name, values), file[name].attrs["check"]):
            raise TrajectoryError(f"{path}: is damaged: {name} is not what was written")
        yield name, values


def _check(name: str, values: np.ndarray) -> np.ndarray:
    """Sum and exclusive-or of the words of eight bytes, what is left over; what and how many."""
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    whole = data[: data.size // 8 * 8].view(np.uint64)
    rest = np.zeros(8, np.uint8)
    rest[: data.size - whole.nbytes] = data[whole.nbytes :]
    last = rest.view(np.uint64)[0]
    total = np.add.reduce(whole, initial=np.uint64(0))
    mixed = np.bitwise_xor.reduce(whole, initial=np.uint64(0))
    what = zlib.crc32(f"{name} {values.dtype.str} {values.shape}".encode())
    return np.array([total, mixed, last, what], np.uint64)
