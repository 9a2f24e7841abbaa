"""Repacking: the data of a trajectory in a new file of another layout or with another filter.

In the layout "frames", which runs write, a chunk holds neurons of one frame. In the layout
"particles" a chunk holds the frames of some neurons, so that the path of one neuron is read at
once.
"""

import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import h5py
import numpy as np

from particleflow.arguments import PathLike
from particleflow.errors import TrajectoryError, WriteError
from particleflow.files import disk, hdf5
from particleflow.files.locks import Lock
from particleflow.files.opening import open_to_read
from particleflow.files.slabs import slabs

from . import checkpoint, parts
from .reader import open_trajectory
from .schema import PARTICLES, SCHEMA_OF_PARTS, SCHEMA_VERSION, chunk_width, path_chunk

Layout = Literal["frames", "particles"]
Filter = Literal["none", "gzip"]
LAYOUTS, FILTERS = get_args(Layout), get_args(Filter)

_ROWS = (f"/{PARTICLES}/position/value", f"/{PARTICLES}/cell/value")
_BYTES = 1 << 26
"""Bytes of observables that are copied at a time."""
_PROGRESS = "/parameters/progress"
_OF_SCALES = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}
"""Attributes by which HDF5 ties scales to dimensions: it makes them itself in the new file."""

Copied = tuple[str, tuple[slice, ...], bytes]
"""A piece of a dataset that was copied: name of the dataset, place in it, digest of its bytes."""


def repack(
    source: PathLike,
    target: PathLike,
    layout: Layout | None = None,
    filter: Filter | None = None,
    overwrite: bool = False,
) -> None:
    """Write a trajectory anew into one file, and check every value in it against the source.

    Parts of several ranks are gathered. Frames that a run has not recorded yet have no data in the
    new file either. If the run is made longer afterwards, the file gets the layout of the run's
    configuration.

    Parameters
    ----------
    source, target : path
        If both are the same path, the file is replaced once the new one is whole.
    layout : {"frames", "particles"}, optional
        Layout of the new file; by default that of the source.
    filter : {"none", "gzip"}, optional
        Filter of the new file; by default that of the source.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    TrajectoryError
        The source is no trajectory, or the target is taken.
    WriteError
        The disk refuses the new file, or a value was read back differently. Nothing is left
        behind.
    """
    path = Path(os.path.realpath(target))  # renaming onto a link would replace the link
    is_in_place = path.exists() and path.samefile(source)
    with _held(path, is_in_place), open_trajectory(source) as trajectory:
        stored = trajectory.storage()
        to = _NewFile(
            path,
            _choice("layout", layout or stored["layout"], LAYOUTS),
            _choice("filter", filter or stored["filter"], FILTERS),
        )
        frames, observed = trajectory.acknowledged()
        with open_to_read(trajectory.path) as file:

            def copy(new: h5py.File) -> None:
                copied = to.copy(file, new, (frames, observed))
                new.flush()
                to.check(new, copied)

            disk.create(
                path, overwrite, lambda new: to.lay_out(file, new), then=copy, is_held=is_in_place
            )
    checkpoint.remove_stale_parts(path)


def to_planned_layout(path: PathLike) -> None:
    """Give the file of a run that has ended the layout and the filter of its configuration.

    Raises
    ------
    TrajectoryError, WriteError
        As in `repack`; the file stays as it was.
    """
    with open_trajectory(path) as trajectory:
        stored = trajectory.storage()
        try:
            output = tomllib.loads(trajectory.config).get("output", {})
            wanted = {name: output.get(name, stored[name]) for name in ("layout", "filter")}
        except (ValueError, AttributeError) as problem:
            raise TrajectoryError(f"{path}: its configuration is damaged: {problem}") from None
    if any(wanted[name] != stored[name] for name in wanted):
        repack(path, path, overwrite=True, **wanted)


@contextmanager
def _held(path: Path, is_in_place: bool) -> Iterator[None]:
    """Hold the lock of a file that is being replaced, so that no run goes on in it meanwhile."""
    lock = Lock(path) if is_in_place else None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise TrajectoryError(f"{name}: expected one of {', '.join(choices)}, found {value!r}")
    return value


class _NewFile:
    """The layout and the filter of the new file, and how it is filled from the source."""

    def __init__(self, path: Path, layout: str, filter: str) -> None:
        self._path, self._layout, self._filter = path, layout, filter

    def lay_out(self, source: h5py.File, new: h5py.File) -> None:
        """Make all groups, attributes, datasets without data, and scales of dimensions."""
        self._lay_out_group(source, new, {})
        if int(source.attrs["schema_version"]) == SCHEMA_OF_PARTS:
            new.attrs["schema_version"] = SCHEMA_VERSION
        # all scales before any is attached: only a dataset that is one can be attached
        for name, old in _datasets(source):
            if old.is_scale:
                hdf5.make_scale(new[name], hdf5.string(old.attrs["NAME"]))
        for name, old in _datasets(source):
            for axis, dimension in enumerate(old.dims):
                for scale in dimension.values():
                    new[name].dims[axis].attach_scale(new[scale.name])

    def _lay_out_group(self, old: h5py.Group, new: h5py.Group, known: dict[int, str]) -> None:
        """Make what a group holds; ``known`` are names by address, to find hard links."""
        _copy_attributes(old, new)
        for name, item in old.items():
            place = h5py.h5o.get_info(item.id).addr
            if item.name == f"/{parts.GROUP}":
                continue
            if place in known:
                new[name] = new.file[known[place]]
                continue
            known[place] = item.name
            if isinstance(item, h5py.Group):
                self._lay_out_group(item, new.create_group(name), known)
            else:
                self._lay_out_dataset(item, new, name)

    def _lay_out_dataset(self, old: h5py.Dataset, group: h5py.Group, name: str) -> None:
        if old.name in _ROWS:
            chunk = self._chunk(*old.shape[:2])
            new = hdf5.reserve(
                group, name, old.shape, old.dtype, (*chunk, *old.shape[2:]), self._filter == "gzip"
            )
        else:
            new = hdf5.reserve(group, name, old.shape, old.dtype)
        _copy_attributes(old, new)

    def _chunk(self, frames: int, n: int) -> tuple[int, int]:
        return path_chunk(frames, n) if self._layout == "particles" else (1, chunk_width(n))

    def copy(self, source: h5py.File, new: h5py.File, counts: tuple[int, int]) -> list[Copied]:
        """Copy all data, but no more frames than ``counts`` says: the source may be growing."""
        copied = []
        for name, old in _datasets(source):
            for where in self._parts(old, counts[0]):
                values = np.asarray(old[where])
                if name == _PROGRESS:  # that of the source may have grown since
                    values = np.array(counts, values.dtype)
                new[name][where] = values
                copied.append((name, where, _digest(values)))
        return copied

    def check(self, new: h5py.File, copied: list[Copied]) -> None:
        """Read back all that was copied and compare its bits, for which NaN equals NaN."""
        for name, where, digest in copied:
            if _digest(np.asarray(new[name][where])) != digest:
                raise WriteError(f"{self._path}: {name} was read back differently")

    def _parts(self, old: h5py.Dataset, frames: int) -> Iterator[tuple[slice, ...]]:
        """The pieces in which to copy a dataset: small enough for memory, and whole chunks."""
        if old.ndim == 0:
            yield ()
            return
        if old.name not in _ROWS:
            rows = max(1, _BYTES * old.shape[0] // max(1, old.nbytes))
            yield from ((slice(lo, lo + rows),) for lo in range(0, old.shape[0], rows))
            return
        chunk = self._chunk(*old.shape[:2])
        yield from slabs(frames, old.shape[1], [(old.chunks or chunk)[:2], chunk])


def _datasets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """Names and datasets of a file, each dataset once, without those that describe its parts."""
    found = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(f"{parts.GROUP}/"):
            found.append((f"/{name}", item))

    file.visititems(visit)
    return found


def _copy_attributes(old: h5py.Group | h5py.Dataset, new: h5py.Group | h5py.Dataset) -> None:
    for name in set(old.attrs) - _OF_SCALES:
        new.attrs.create(name, old.attrs[name], dtype=old.attrs.get_id(name).dtype)
