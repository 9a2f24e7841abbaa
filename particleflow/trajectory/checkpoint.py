"""Checkpoints beside a trajectory: what a run goes on from, to the bit.

``FILE.h5.ckpt`` is the last checkpoint and ``FILE.h5.ckpt.1`` the one before. Both are HDF5 files
with one dataset for each array, and sums of its words as an attribute, so that damage is found. A
run and its checkpoints share an identifier: a checkpoint of a file that was replaced is not taken
for one of the new file.

In a run of several ranks each rank writes its neurons to a part, a file of the same kind in the
folder of the trajectory's parts. The checkpoint itself is written last and names the parts. Any
number of ranks can go on from it.
"""

import glob
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.backend import Part, joined, trimmed
from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.kinds import CHECKPOINT
from particleflow.files.opening import open_to_read
from particleflow.ranks.world import ALONE, Ranks

from . import parts

CHECKPOINT_VERSION = 1
_PIECE = 1 << 20
"""Numbers of an array that are read at a time to check them."""

Arrays = Mapping[str, np.ndarray]


def path_of(trajectory: Path) -> Path:
    """Path of the last checkpoint of a trajectory."""
    return trajectory.with_name(f"{trajectory.name}.ckpt")


def path_before(trajectory: Path) -> Path:
    """Path of the checkpoint before the last one."""
    return trajectory.with_name(f"{trajectory.name}.ckpt.1")


def save(trajectory: Path, run: str, arrays: Arrays, ranks: Ranks = ALONE) -> None:
    """Write the arrays as the last checkpoint, on the disk once this returns; collective.

    Parameters
    ----------
    trajectory : path
    run : str
        Identifier of the run.
    arrays : mapping of str to array
        The snapshot of this rank's share of the neurons.
    ranks : Ranks

    Raises
    ------
    WriteError
        The disk refuses the checkpoint; an earlier one is kept.
    """
    last = path_of(trajectory)

    # called just before the new file is renamed: a kill between the two leaves `path_before`
    def rotate() -> None:
        if last.exists():
            disk.rename(last, path_before(trajectory))

    if ranks.size == 1:
        disk.create(last, True, lambda file: _fill(file, run, arrays), rotate)
        remove_stale_parts(trajectory)
        return
    tag = parts.shared_folder(trajectory, ranks)
    own = _part(trajectory, tag, ranks.rank)
    bounds = ranks.all_of((int(arrays["bounds"][0]), int(arrays["bounds"][-1])))
    edges = [*(first for first, _ in bounds), bounds[-1][1]]
    ranks.together(lambda: disk.create(own, False, lambda file: _fill(file, run, arrays)))

    def name_parts(file: h5py.File) -> None:
        _fill(file, run, {})
        file.attrs["tag"], file.attrs["edges"] = hdf5.text(tag), edges

    def finish() -> None:
        if ranks.is_first:
            disk.create(last, True, name_parts, rotate)
            remove_stale_parts(trajectory)

    ranks.together(finish)


def _fill(file: h5py.File, run: str, arrays: Arrays) -> None:
    file.attrs[CHECKPOINT] = CHECKPOINT_VERSION
    file.attrs["run"] = hdf5.text(run)
    file.attrs["arrays"] = len(arrays)
    for name, values in arrays.items():
        dataset = hdf5.store(file, name, np.asarray(values, order="C"))
        check = _Check(name, values)
        check.add(values)
        dataset.attrs["check"] = check.sums


def _part(trajectory: Path, tag: str, rank: int) -> Path:
    return parts.folder_of(trajectory) / f"{tag}-{rank}.ckpt"


def _found_part(trajectory: Path, tag: str, rank: int) -> Path:
    """The path of a rank's part of a checkpoint.

    If the trajectory was renamed, the part lies in the folder that has the old name.
    """
    path = _part(trajectory, tag, rank)
    if path.exists() or not trajectory.exists():
        return path
    with open_to_read(trajectory) as file:
        own = parts.Parts.of(trajectory, file)
    return path if own is None else trajectory.parent / own.folder / path.name


def tags(trajectory: Path) -> list[str] | None:
    """Tags of the parts of a trajectory's checkpoints; None if a checkpoint cannot be read."""
    found = []
    for path in (path_of(trajectory), path_before(trajectory)):
        if not path.exists():
            continue
        try:
            with open_to_read(path) as file:
                if "tag" in file.attrs:
                    found.append(hdf5.string(file.attrs["tag"]))
        except hdf5.DAMAGE:
            return None
    return found


def remove_stale_parts(trajectory: Path) -> None:
    """Remove parts whose file or checkpoint does not exist any more.

    Where a checkpoint cannot be read, nothing is removed: its parts are not known.
    """
    saved = tags(trajectory) if parts.folder_of(trajectory).exists() else None
    if saved is None:
        return
    with open_to_read(trajectory) as file:
        own = parts.Parts.of(trajectory, file)
    kept = [*saved, *([] if own is None else [own.tag]), *_tags_of_renamed(trajectory)]
    parts.remove_others(trajectory, kept)


def _tags_of_renamed(trajectory: Path) -> Iterator[str]:
    """Tags of files that had this trajectory's name once and still have parts in its folder."""
    folder = parts.folder_of(trajectory).name
    for other in trajectory.parent.iterdir():
        if other == trajectory or other.suffix.lower() not in (".h5", ".hdf5"):
            continue
        with suppress(*hdf5.DAMAGE, TrajectoryError), open_to_read(other) as file:
            found = parts.Parts.of(other, file)
            if found is not None and found.folder == folder:
                yield found.tag
                yield from tags(other) or []


def remove(trajectory: Path) -> None:
    """Remove all checkpoints of a trajectory that is about to be replaced."""
    for path in (path_of(trajectory), path_before(trajectory)):
        disk.remove(path)


def remove_leftovers(trajectory: Path) -> None:
    """Remove temporary files that a kill left where a checkpoint or the file was being made."""
    for name in (trajectory.name, path_of(trajectory).name):
        for path in trajectory.parent.glob(f"{glob.escape(name)}.partial-*"):
            disk.remove(path)


def load(
    trajectory: Path, run: str, ranks: Ranks = ALONE, share: tuple[int, int] | None = None
) -> tuple[dict[str, np.ndarray] | None, list[str]]:
    """Read the last undamaged checkpoint of a run; collective.

    Parameters
    ----------
    trajectory : path
    run : str
        Identifier of the run.
    ranks : Ranks
    share : tuple of int, optional
        First and last + 1 of the neurons that this rank needs, whatever ranks have written them;
        by default all neurons.

    Returns
    -------
    arrays : dict or None
        The snapshot in the checkpoint; None if there is no undamaged checkpoint.
    problems : list of str
        What is wrong with checkpoints that were passed over.
    """
    problems: list[str] = []
    for path in (path_of(trajectory), path_before(trajectory)):
        if path.exists():
            try:
                return ranks.together(lambda: read(path, run, share)), problems  # noqa: B023
            except TrajectoryError as problem:
                problems.append(str(problem))
    return None, problems


def read(
    path: Path, run: str | None = None, share: tuple[int, int] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint file, of all neurons or of a share.

    Raises
    ------
    TrajectoryError
        The file is no checkpoint, of another version, of another run, or damaged; or one of its
        parts is missing.
    """
    with hdf5.naming(path, "checkpoint"), open_to_read(path) as file:
        _check_kind(path, file, run)
        if "tag" not in file.attrs:
            arrays = dict(_arrays(path, file, share))
        else:
            edges, tag = np.asarray(file.attrs["edges"]), hdf5.string(file.attrs["tag"])
            first, last = share or (edges[0], edges[-1])
            needed = np.flatnonzero((edges[:-1] < last) & (edges[1:] > first))
            trajectory = path.with_name(path.name.removesuffix(".1").removesuffix(".ckpt"))
            arrays = joined(
                _read_part(
                    _found_part(trajectory, tag, int(rank)), run, edges[rank : rank + 2], share
                )
                for rank in needed
            )
        return arrays if share is None else trimmed(arrays, *share)


def _read_part(
    path: Path, run: str | None, edges: np.ndarray, share: tuple[int, int] | None
) -> dict[str, np.ndarray]:
    if not path.exists():
        raise TrajectoryError(f"{path}: is missing, a part of a checkpoint")
    own = None if share is None else (max(share[0], int(edges[0])), min(share[1], int(edges[1])))
    with hdf5.naming(path, "checkpoint"), open_to_read(path) as file:
        _check_kind(path, file, run)
        return dict(_arrays(path, file, own))


def _check_kind(path: Path, file: h5py.File, run: str | None) -> None:
    if CHECKPOINT not in file.attrs:
        raise TrajectoryError(f"{path}: is an HDF5 file but no particleflow checkpoint")
    version = int(file.attrs[CHECKPOINT])
    if version != CHECKPOINT_VERSION:
        raise TrajectoryError(
            f"{path}: is a checkpoint of version {version}, expected {CHECKPOINT_VERSION}"
        )
    if run is not None and hdf5.string(file.attrs["run"]) != run:
        raise TrajectoryError(f"{path}: is a checkpoint of another run")
    if len(file) != int(file.attrs["arrays"]):
        raise TrajectoryError(f"{path}: is damaged: holds {len(file)} arrays")


def _arrays(
    path: Path, file: h5py.File, share: tuple[int, int] | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and checked arrays of one file, cut to the slots that hold a share of the neurons."""
    # a snapshot may hold several states, whose arrays begin with the prefix of their "bounds"
    chosen = {
        name.removesuffix("bounds"): Part(hdf5.read_all(file, name), *share)
        for name in file
        if share is not None and name.endswith("bounds")
    }
    for name in file:
        dataset = file[name]
        hdf5.check_size(dataset)
        prefix = max((p for p in chosen if name.startswith(p)), key=len, default=None)
        part = None if prefix is None else chosen[prefix]
        check = _Check(name, dataset)
        if part is not None and part.is_of_neurons(name):
            values = _read_piecewise(dataset, part.neurons, check)
        else:
            values = np.asarray(dataset[()])
            check.add(values)
            values = values if part is None else part.of(name, values)
        if not np.array_equal(check.sums, dataset.attrs["check"]):
            raise TrajectoryError(f"{path}: is damaged: {name} is not what was written")
        yield name, values


def _read_piecewise(dataset: h5py.Dataset, wanted: slice, check: "_Check") -> np.ndarray:
    """Read a part of the last axis of a dataset.

    All of the dataset is read and checked, but in pieces: a rank may lack the memory for all.
    """
    n = dataset.shape[-1]
    out = np.empty((*dataset.shape[:-1], wanted.stop - wanted.start), dataset.dtype)
    for row in np.ndindex(dataset.shape[:-1]):
        for lo in range(0, n, _PIECE):
            piece = dataset[(*row, slice(lo, min(lo + _PIECE, n)))]
            check.add(piece)
            first, last = max(lo, wanted.start), min(lo + piece.size, wanted.stop)
            if first < last:
                out[(*row, slice(first - wanted.start, last - wanted.start))] = piece[
                    first - lo : last - lo
                ]
    return out


class _Check:
    """Checksums of an array that comes in pieces, in the order of its memory.

    They are the sum and the exclusive-or of its words of eight bytes, the bytes left over, and a
    CRC of its name, dtype and shape.
    """

    def __init__(self, name: str, array: Any) -> None:
        what = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode())
        self._what, self._left = np.uint64(what), np.empty(0, np.uint8)
        self._total = self._mixed = np.uint64(0)

    def add(self, values: np.ndarray) -> None:
        """Add the next piece of the array."""
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        if self._left.size:
            data = np.concatenate([self._left, data])
        whole = data[: data.size // 8 * 8].view(np.uint64)
        self._left = data[whole.nbytes :].copy()
        self._total = np.add.reduce(whole, initial=self._total)
        self._mixed = np.bitwise_xor.reduce(whole, initial=self._mixed)

    @property
    def sums(self) -> np.ndarray:
        """The four checksums of all pieces so far, (4,) uint64."""
        rest = np.zeros(8, np.uint8)
        rest[: self._left.size] = self._left
        last = rest.view(np.uint64)[0]
        return np.array([self._total, self._mixed, last, self._what], np.uint64)
