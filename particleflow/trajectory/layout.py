"""Making a trajectory file: every dataset at its final shape, its space reserved, then renamed.

Datasets that grow and are flushed once a frame are not safe against a kill between two writes. Here
nothing but raw data is written once the file has its name; a full disk shows before the first step.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.errors import TrajectoryError, WriteError

OPEN_OPTIONS = {"rdcc_nbytes": 0}
"""Whole chunks go to the file at once; a chunk cache would only copy them."""


def reserve(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    chunk: tuple[int, ...] | None = None,
) -> h5py.Dataset:
    """A dataset whose space is allocated now and never filled."""
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    options.set_obj_track_times(False)
    if chunk is not None:
        options.set_chunk(chunk)
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    h5py.h5d.create(group.id, name.encode(), kind, space, options)
    return group[name]


def store(group: h5py.Group, name: str, data: np.ndarray) -> h5py.Dataset:
    """A dataset that is complete from the start."""
    dataset = reserve(group, name, data.shape, data.dtype)
    dataset[...] = data
    return dataset


def text(value: str) -> np.bytes_:
    """A fixed-length string, which every HDF5 tool reads."""
    return np.bytes_(value.encode(errors="replace"))


def copy_beginnings(source: h5py.File, target: h5py.File) -> None:
    """Fill every dataset of ``target`` with the first rows of its namesake in ``source``."""

    def copy(name: str, dataset: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(dataset, h5py.Dataset):
            return
        if dataset.ndim == 0:
            dataset[()] = source[name][()]
        elif dataset.ndim == 1:
            dataset[:] = source[name][: dataset.shape[0]]
        else:
            for row in range(dataset.shape[0]):  # a frame may be as large as the memory allows
                dataset[row] = source[name][row]

    target.visititems(copy)


def make_scale(dataset: h5py.Dataset, name: str) -> h5py.Dataset:
    """Turn a dataset into the scale of a dimension."""
    dataset.make_scale(name)
    return dataset


def attach(dataset: h5py.Dataset, *scales: h5py.Dataset) -> None:
    """Name the axes of a dataset by scales, in order."""
    for axis, scale in enumerate(scales):
        dataset.dims[axis].attach_scale(scale)


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a path that cannot become a new file.

    Raises
    ------
    TrajectoryError
        The folder does not exist or cannot be written, or the path is taken.
    """
    folder = path.parent
    if not folder.is_dir():
        raise TrajectoryError(f"{path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise TrajectoryError(f"{path}: no permission to write in the folder {folder}")
    if path.is_dir():
        raise TrajectoryError(f"{path}: is a folder, expected a file name")
    if path.exists() and not overwrite:
        raise TrajectoryError(f"{path}: exists already (--overwrite replaces it)")


def create(path: Path, overwrite: bool, fill: Callable[[h5py.File], None]) -> h5py.File:
    """Create a file by ``fill``, reserve its space on the disk, name it, and open it for data.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file.
    WriteError
        The disk refuses it. Nothing is left behind.
    """
    check_target(path, overwrite)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.partial-", dir=path.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        os.chmod(temporary, 0o666 & ~_umask())
        with h5py.File(temporary, "w", **OPEN_OPTIONS) as file:
            fill(file)
        _reserve_space(temporary, path)
        check_target(path, overwrite)
        os.replace(temporary, path)
        return h5py.File(path, "r+", **OPEN_OPTIONS)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        if isinstance(problem, TrajectoryError):
            raise
        raise WriteError(f"{path}: cannot be created: {problem}") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _reserve_space(temporary: Path, path: Path) -> None:
    size = temporary.stat().st_size
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
            os.fsync(handle)
        finally:
            os.close(handle)
