"""Checkpoints beside a trajectory: what a run goes on from, to the bit.

``FILE.h5.ckpt`` is the last one and ``FILE.h5.ckpt.1`` the one before. Both are HDF5 files with
one dataset for each array, and sums of its words as an attribute, so that damage is found. A run
and its checkpoints share an identifier: those of a file that was replaced are not the new one's.

Of a run of several ranks each writes what is its own to a part, a file of the same kind in the
folder of the trajectory's parts; the checkpoint itself, which is written last, names them. Any
number of ranks can go on from it.
"""

import glob
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from particleflow.backend import Part, joined, trimmed
from particleflow.errors import TrajectoryError
from particleflow.parallel import ALONE, Ranks

from . import disk, layout, parts

CHECKPOINT_VERSION = 1
_MAGIC = "particleflow_checkpoint"

Arrays = Mapping[str, np.ndarray]


def path_of(trajectory: Path) -> Path:
    """The last checkpoint of a trajectory."""
    return trajectory.with_name(f"{trajectory.name}.ckpt")


def path_before(trajectory: Path) -> Path:
    """The one before it."""
    return trajectory.with_name(f"{trajectory.name}.ckpt.1")


def save(trajectory: Path, run: str, arrays: Arrays, ranks: Ranks = ALONE) -> None:
    """Write the arrays as the last checkpoint, on the disk once this returns; collective.

    Parameters
    ----------
    trajectory : path
    run : str
        Identifier of the run.
    arrays : mapping of str to array
        Of this rank's share of the neurons.
    ranks : Ranks

    Raises
    ------
    WriteError
        The disk refuses it; earlier checkpoints are kept.
    """
    last = path_of(trajectory)

    def rotate() -> None:
        if last.exists():
            disk.rename(last, path_before(trajectory))

    if ranks.size == 1:
        disk.create(last, True, lambda file: _fill(file, run, arrays), rotate)
        if parts.folder_of(trajectory).exists():
            _sweep_parts(trajectory)
        return
    tag = parts.shared_folder(trajectory, ranks)
    own = _part(trajectory, tag, ranks.rank)
    bounds = arrays["bounds"]
    edges = [*(int(b[0]) for b in ranks.all_of(bounds[:1])), *ranks.all_of(int(bounds[-1]))[-1:]]
    ranks.together(lambda: disk.create(own, False, lambda file: _fill(file, run, arrays)))

    def name_parts(file: h5py.File) -> None:
        _fill(file, run, {})
        file.attrs["tag"], file.attrs["edges"] = layout.text(tag), edges

    def finish() -> None:
        if ranks.is_first:
            disk.create(last, True, name_parts, rotate)
            _sweep_parts(trajectory)

    ranks.together(finish)


def _fill(file: h5py.File, run: str, arrays: Arrays) -> None:
    file.attrs[_MAGIC] = CHECKPOINT_VERSION
    file.attrs["run"] = layout.text(run)
    file.attrs["arrays"] = len(arrays)
    for name, values in arrays.items():
        dataset = layout.store(file, name, np.asarray(values, order="C"))
        dataset.attrs["check"] = _check(name, values)


def _part(trajectory: Path, tag: str, rank: int) -> Path:
    return parts.folder_of(trajectory) / f"{tag}-{rank}.ckpt"


def tags(trajectory: Path) -> list[str]:
    """Tags of the parts that the checkpoints of a trajectory have."""
    found = []
    for path in (path_of(trajectory), path_before(trajectory)):
        with suppress(*layout.DAMAGE), h5py.File(path, "r", locking=False) as file:
            if "tag" in file.attrs:
                found.append(layout.string(file.attrs["tag"]))
    return found


def _sweep_parts(trajectory: Path) -> None:
    """Remove the parts of checkpoints that are no more."""
    with disk.open_to_read(trajectory) as file:
        own = parts.Parts.of(trajectory, file)
    parts.sweep(trajectory, [*tags(trajectory), *([] if own is None else [own.tag])])


def remove(trajectory: Path) -> None:
    """Remove all checkpoints of a trajectory that is about to be replaced."""
    for path in (path_of(trajectory), path_before(trajectory)):
        disk.remove(path)


def sweep(trajectory: Path) -> None:
    """Remove what a kill in the middle of a checkpoint has left."""
    for path in trajectory.parent.glob(f"{glob.escape(path_of(trajectory).name)}.partial-*"):
        disk.remove(path)


def load(
    trajectory: Path, run: str, ranks: Ranks = ALONE, share: tuple[int, int] | None = None
) -> tuple[dict[str, np.ndarray] | None, list[str]]:
    """The last checkpoint of a run that is whole, None if there is none; collective.

    Parameters
    ----------
    trajectory : path
    run : str
        Identifier of the run.
    ranks : Ranks
    share : tuple of int, optional
        First and last + 1 of the neurons that this rank needs, whatever ranks have written them;
        by default all.

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
        It is no checkpoint, of a newer version, of another run, or damaged; or one of its parts is
        missing.
    """
    with layout.naming(path, "checkpoint"), h5py.File(path, "r", locking=False) as file:
        _check_kind(path, file, run)
        if "tag" not in file.attrs:
            arrays = dict(_arrays(path, file, share))
        else:
            edges, tag = np.asarray(file.attrs["edges"]), layout.string(file.attrs["tag"])
            first, last = share or (edges[0], edges[-1])
            needed = np.flatnonzero((edges[:-1] < last) & (edges[1:] > first))
            trajectory = path.with_name(path.name.removesuffix(".1").removesuffix(".ckpt"))
            arrays = joined(
                _read_part(_part(trajectory, tag, int(rank)), run, edges[rank : rank + 2], share)
                for rank in needed
            )
        return arrays if share is None else trimmed(arrays, *share)


def _read_part(
    path: Path, run: str | None, edges: np.ndarray, share: tuple[int, int] | None
) -> dict[str, np.ndarray]:
    if not path.exists():
        raise TrajectoryError(f"{path}: is missing, a part of a checkpoint")
    own = None if share is None else (max(share[0], int(edges[0])), min(share[1], int(edges[1])))
    with layout.naming(path, "checkpoint"), h5py.File(path, "r", locking=False) as file:
        _check_kind(path, file, run)
        return dict(_arrays(path, file, own))


def _check_kind(path: Path, file: h5py.File, run: str | None) -> None:
    if _MAGIC not in file.attrs:
        raise TrajectoryError(f"{path}: is an HDF5 file but no particleflow checkpoint")
    version = int(file.attrs[_MAGIC])
    if version != CHECKPOINT_VERSION:
        raise TrajectoryError(
            f"{path}: is a checkpoint of version {version}, expected {CHECKPOINT_VERSION}"
        )
    if run is not None and layout.string(file.attrs["run"]) != run:
        raise TrajectoryError(f"{path}: is a checkpoint of another run")
    if len(file) != int(file.attrs["arrays"]):
        raise TrajectoryError(f"{path}: is damaged: holds {len(file)} arrays")


def _arrays(
    path: Path, file: h5py.File, share: tuple[int, int] | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Checked arrays of one file, of the slots that hold a share of the neurons."""
    chosen = {
        name.removesuffix("bounds"): Part(layout.read_all(file, name), *share)
        for name in file
        if share is not None and name.endswith("bounds")
    }
    for name in file:
        values = layout.read_all(file, name)
        if not np.array_equal(_check(name, values), file[name].attrs["check"]):
            raise TrajectoryError(f"{path}: is damaged: {name} is not what was written")
        prefix = max((p for p in chosen if name.startswith(p)), key=len, default=None)
        yield name, values if prefix is None else chosen[prefix].of(name, values)


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
