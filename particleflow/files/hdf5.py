"""Basics of HDF5 files: datasets of final shape, strings, scales, copies, and errors.

Datasets that grow and are flushed once a frame are not safe against a kill between two writes. Here
every dataset is made at its final shape with its space reserved. Once the file has its name nothing
but raw data is written, and a full disk is found before the first step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.errors import ConfigError, SamplesError, TrajectoryError

from .slabs import slabs

DAMAGE = (OSError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, OverflowError)
"""Errors that h5py raises on damaged files."""
_DEFLATE = 4
"""Level of compression."""
_FILLED_AT_ONCE = 1 << 20
"""Values that `mark_unrecorded` writes at a time."""
_FILTERED = 1100
"""Bytes that a byte of a compressed file stands for at most: deflate reaches 1032."""


def reserve(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    chunk: tuple[int, ...] | None = None,
    is_compressed: bool = False,
    is_filled: bool = False,
) -> h5py.Dataset:
    """Make a dataset whose space is allocated now, but not filled.

    The space of a compressed dataset is allocated as it is written. With ``is_filled`` the dataset
    is one of those that `mark_unrecorded` fills later.
    """
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_obj_track_times(False)
    if chunk is not None:
        options.set_chunk(chunk)
    if is_compressed:
        options.set_shuffle()
        options.set_deflate(_DEFLATE)
    else:
        options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    if is_filled:
        options.set_fill_value(np.array(nothing(np.dtype(dtype)), dtype))
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    h5py.h5d.create(group.id, name.encode(), kind, space, options)
    return group[name]


def nothing(dtype: np.dtype[Any]) -> float | int:
    """The value that marks what was not recorded: NaN, or -1 in whole numbers."""
    return np.nan if dtype.kind == "f" else -1


def mark_unrecorded(file: h5py.File) -> None:
    """Write `nothing` into all datasets that `reserve` has made with ``is_filled``.

    To be called once the disk has reserved the space of the file, since HDF5 may crash where a disk
    refuses data.
    """

    def fill(name: str, dataset: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or not dataset.size:
            return
        options = dataset.id.get_create_plist()
        if options.fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED:
            return
        rows = max(1, _FILLED_AT_ONCE * dataset.shape[0] // dataset.size)
        # whole pieces, since h5py would write a single number row by row (bench/NOTES.md)
        piece = np.full((min(rows, dataset.shape[0]), *dataset.shape[1:]), nothing(dataset.dtype),
                        dataset.dtype)  # fmt: skip
        for lo in range(0, dataset.shape[0], rows):
            dataset[lo : lo + rows] = piece[: dataset.shape[0] - lo]

    file.visititems(fill)


def store(group: h5py.Group, name: str, data: np.ndarray) -> h5py.Dataset:
    """Make a dataset and write all its data."""
    dataset = reserve(group, name, data.shape, data.dtype)
    dataset[...] = data
    return dataset


def hdf5_version() -> str:
    """The version of the HDF5 library."""
    return str(h5py.version.hdf5_version)


def text(value: str) -> np.bytes_:
    """A fixed-length string for an attribute, which every HDF5 tool reads."""
    return np.bytes_(value.encode(errors="replace"))


def copy_beginnings(source: h5py.File, target: h5py.File, skip: tuple[str, ...]) -> None:
    """Copy the first rows of every dataset of ``source`` into that of the same name in ``target``.

    As many rows are copied as both have. In ``target`` datasets are left as they are if their names
    begin with one of ``skip``, if they are virtual, or if the version that wrote ``source`` did not
    have them.
    """

    def copy(name: str, dataset: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(dataset, h5py.Dataset) or name.startswith(skip) or dataset.is_virtual:
            return
        if name not in source:
            return
        if dataset.ndim == 0:
            dataset[()] = source[name][()]
            return
        rows = min(dataset.shape[0], source[name].shape[0])
        if dataset.ndim == 1:
            dataset[:rows] = source[name][:rows]
        else:
            copy_rows(source[name], dataset, rows)

    target.visititems(copy)


def copy_rows(source: h5py.Dataset, target: h5py.Dataset, rows: int, first: int = 0) -> None:
    """Copy the first ``rows`` rows of a dataset into another, in slabs.

    Along the second axis ``target`` holds the part of ``source`` that begins at ``first``.
    """
    chunks = [(d.chunks or (1, d.shape[1]))[:2] for d in (source, target)]
    for when, which in slabs(rows, target.shape[1], chunks):
        target[when, which] = source[when, which.start + first : which.stop + first]


def make_scale(dataset: h5py.Dataset, name: str) -> h5py.Dataset:
    """Turn a dataset into the scale of a dimension, and return it."""
    dataset.make_scale(name)
    return dataset


def attach(dataset: h5py.Dataset, *scales: h5py.Dataset) -> None:
    """Attach scales to the axes of a dataset, from the first axis on."""
    for axis, scale in enumerate(scales):
        dataset.dims[axis].attach_scale(scale)


def string(value: Any) -> str:
    """The value of a string attribute or dataset as a str."""
    return value.decode() if isinstance(value, bytes) else str(value)


def read_all(group: h5py.Group, name: str) -> np.ndarray:
    """Read a whole dataset.

    Raises
    ------
    ValueError
        The dataset claims to hold more than its file can.
    """
    dataset = group[name]
    check_size(dataset)
    return np.asarray(dataset[()])


def check_size(dataset: h5py.Dataset, share: float = 1.0) -> None:
    """Refuse a dataset of a damaged file whose size would take all memory.

    ``share`` is the fraction of a compressed dataset that has been written.

    Raises
    ------
    ValueError
        The dataset claims to hold more than its file can.
    """
    most = _bytes_behind(dataset) * (1 if dataset.compression is None else _FILTERED)
    if dataset.nbytes * share > most:
        raise ValueError(f"{dataset.name} claims {dataset.nbytes:,} bytes, more than the file has")


def _bytes_behind(dataset: h5py.Dataset) -> int:
    """Bytes of the file of a dataset, and of the files that it shows if it is virtual."""
    size = int(dataset.file.id.get_filesize())
    if not dataset.is_virtual:
        return size
    folder = Path(dataset.file.filename).parent
    names = {source.file_name.replace("%%", "%") for source in dataset.virtual_sources()}
    return size + sum((folder / name).stat().st_size for name in names)


@contextmanager
def naming(path: Path, what: str = "trajectory") -> Iterator[None]:
    """Turn errors that h5py raises on a damaged file into a TrajectoryError that names the file."""
    try:
        with np.errstate(all="ignore"):  # damaged files may hold NaN and infinities
            yield
    except (TrajectoryError, ConfigError):
        raise
    except KeyError as problem:
        name = str(problem).strip("\"'")
        raise TrajectoryError(f"{path}: is no complete {what} file: {name}") from None
    except (*DAMAGE, SamplesError) as problem:
        raise TrajectoryError(f"{path}: cannot be read as a {what}: {problem}") from None
