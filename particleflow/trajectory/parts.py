"""Part files: the rows of a trajectory that each of several ranks writes, shown as one.

The parts of ``FILE.h5`` lie in the folder ``FILE.h5.parts`` beside it. Datasets over all neurons
are virtual there: any HDF5 tool reads them as if they were in the file itself. A part has the name
of its *tag*, which ties it to one file: parts of a file that was replaced have others.
"""

import re
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.kinds import PART
from particleflow.files.opening import open_to_read
from particleflow.ranks.world import Ranks

from .schema import PARTICLES, chunk_width

if TYPE_CHECKING:
    from particleflow.backend import Share

GROUP = "parameters/parts"
_NAME = re.compile(r"([0-9a-f]{12})(-\d+\.(h5|ckpt)(\.partial-.*)?|\.probe)")
MOST_FILLED = 1 << 22
"""Bytes of positions and cells up to which they are NaN and -1 from the start. To fill them costs
as much as to write them once more, which a large run would feel; a small one spends its time
elsewhere (bench/NOTES.md). Beyond it positions that were not recorded are zeros at times NaN."""
_SECONDS_TO_SEE = 10.0
"""How long a folder that rank 0 has made may take until the other ranks see it."""


def folder_of(trajectory: Path) -> Path:
    """Where the parts of a trajectory and of its checkpoints lie."""
    return trajectory.with_name(f"{trajectory.name}.parts")


def shared_folder(trajectory: Path, ranks: Ranks) -> str:
    """Make the folder of parts; returns a new tag. Collective.

    Raises
    ------
    TrajectoryError
        A rank cannot see it.
    WriteError
        It cannot be made.
    """
    folder, tag = folder_of(trajectory), ranks.first_of(uuid.uuid4().hex[:12])
    probe = folder / f"{tag}.probe"

    def make() -> None:
        if ranks.is_first:
            with disk.refusals(folder, "made"):
                folder.mkdir(exist_ok=True)
                probe.touch()

    def see() -> None:
        deadline = time.monotonic() + _SECONDS_TO_SEE
        while not probe.exists():
            if time.monotonic() > deadline:
                raise TrajectoryError(
                    f"{folder}: is not seen from this rank, though rank 0 has made it: expected a "
                    "folder on a file system that all ranks share"
                )
            time.sleep(0.05)

    ranks.together(make)
    try:
        ranks.together(see)
    except BaseException:
        if ranks.is_first:
            probe.unlink(missing_ok=True)
            with suppress(OSError):  # it holds more than this
                folder.rmdir()
        raise
    if ranks.is_first:
        probe.unlink(missing_ok=True)
    return tag


@dataclass(frozen=True)
class Parts:
    """The part files of a trajectory.

    Attributes
    ----------
    trajectory : Path
    tag : str
    rows : (n_ranks + 1,) int64
        First recorded neuron of each rank, and their number. A rank without any has no part.
    folder : str
        Where they lie beside the trajectory: called after the name that it had when it was made.
    """

    trajectory: Path
    tag: str
    rows: np.ndarray
    folder: str

    @classmethod
    def new(cls, trajectory: Path, share: "Share", n: int, ranks: Ranks) -> "Parts":
        """Parts for n recorded neurons, in a folder that all ranks see; collective."""
        tag = shared_folder(trajectory, ranks)
        first = [rows[0] for rows in ranks.all_of(share.rows(n))]
        return cls(trajectory, tag, np.array([*first, n]), folder_of(trajectory).name)

    @classmethod
    def of(cls, trajectory: Path, file: h5py.File) -> "Parts | None":
        """The parts that a trajectory names; None if all is in one file."""
        if GROUP not in file:
            return None
        rows = hdf5.read_all(file, f"{GROUP}/rows")
        if rows.ndim != 1 or rows.size < 2 or rows[0] != 0 or (np.diff(rows) < 0).any():
            raise ValueError(f"{GROUP}/rows are damaged")
        tag = hdf5.string(file[GROUP].attrs["tag"])
        return cls(trajectory, tag, rows, _stored_folder(trajectory, file))

    def store(self, file: h5py.File) -> None:
        """Name these parts in a trajectory."""
        group = file.create_group(GROUP)
        group.attrs["tag"] = hdf5.text(self.tag)
        hdf5.store(group, "rows", self.rows)

    def path(self, rank: int) -> Path:
        """The part of a rank."""
        return self.trajectory.parent / self.folder / self._name(rank)

    def _name(self, rank: int) -> str:
        return f"{self.tag}-{rank}.h5"

    @property
    def ranks(self) -> list[int]:
        """The ranks that have a part."""
        return [int(rank) for rank in np.flatnonzero(np.diff(self.rows))]

    def rows_of(self, rank: int) -> tuple[int, int]:
        """First row of a rank, and that after its last."""
        return int(self.rows[rank]), int(self.rows[rank + 1])

    def _show(
        self, group: h5py.Group, name: str, source: str, shape: tuple[int, ...], dtype: Any
    ) -> None:
        """A virtual dataset over one of all parts, whose rows are the second axis or the only one.

        Parts are named relative to the folder of the trajectory, so that all can be moved.
        """
        axis = min(1, len(shape) - 1)
        virtual = h5py.VirtualLayout(shape, dtype)
        for rank in self.ranks:
            first, last = self.rows_of(rank)
            where = (*(slice(None),) * axis, slice(first, last))
            own = (*shape[:axis], last - first, *shape[axis + 1 :])
            # a % means blocks to HDF5
            file = f"{self.folder}/{self._name(rank)}".replace("%", "%%")
            virtual[where] = h5py.VirtualSource(file, source, own, dtype)
        group.create_virtual_dataset(name, virtual, fillvalue=hdf5.nothing(np.dtype(dtype)))

    def show_rows(
        self, group: h5py.Group, frames: int, precision: np.dtype[Any], has_delta: bool
    ) -> None:
        """Virtual datasets in the place of those of `fill_rows`, ids and deltas."""
        n = int(self.rows[-1])
        position, cell = f"{PARTICLES}/position/value", f"{PARTICLES}/cell/value"
        self._show(group["position"], "value", position, (frames, n, 2), precision)
        self._show(group["cell"], "value", cell, (frames, n), np.int32)
        self._show(group, "id", f"{PARTICLES}/id", (n,), np.int64)
        if has_delta:
            self._show(group, "delta", f"{PARTICLES}/delta", (n,), np.float64)

    def hold(self, *datasets: h5py.Dataset | None) -> None:
        """Let HDF5 open all parts behind virtual datasets, which it does when it first reads them.

        They can be read from then on, whoever removes the parts.
        """
        for rank in self.ranks:
            first, _ = self.rows_of(rank)
            for dataset in datasets:
                if dataset is not None:
                    dataset[(0, first) if dataset.ndim > 1 else first]
        for rank in self.ranks:
            self._require(rank)

    def check(self) -> None:
        """See that all parts are there: HDF5 would show numbers without a meaning instead.

        Raises
        ------
        TrajectoryError
            One is missing, damaged, or another one's.
        """
        for rank in self.ranks:
            path = self._require(rank)
            with hdf5.naming(path, "part of a trajectory"), open_to_read(path) as part:
                self._check(path, part, rank)

    def _require(self, rank: int) -> Path:
        """The part of a rank, which is there."""
        path = self.path(rank)
        if not path.exists():
            raise TrajectoryError(
                f"{self.trajectory}: its part {path} is missing; the folder {self.folder} belongs "
                "beside the file under this name, whatever the file is called now (particleflow "
                "repack gathers all in one file, where the parts are)"
            )
        return path

    def _check(self, path: Path, part: h5py.File, rank: int) -> None:
        found = hdf5.string(part.attrs[PART]), tuple(int(row) for row in part.attrs["rows"])
        if found != (self.tag, self.rows_of(rank)):
            raise TrajectoryError(f"{self.trajectory}: {path} is a part of another file")

    def size(self) -> int:
        """Bytes of all parts."""
        return sum(self.path(rank).stat().st_size for rank in self.ranks)


def _stored_folder(trajectory: Path, file: h5py.File) -> str:
    """The folder in which HDF5 looks for the parts, which a file that was renamed does not tell."""
    shown = file[f"{PARTICLES}/position/value"]
    if shown.is_virtual:
        for source in shown.virtual_sources():
            return Path(source.file_name.replace("%%", "%")).parent.name
    return folder_of(trajectory).name


def fill_rows(group: h5py.Group, frames: int, n: int, precision: np.dtype[Any]) -> None:
    """Datasets of positions and cells of n neurons; NaN and -1 until written, if they are small."""
    width = chunk_width(n)
    is_filled = frames * n * (2 * precision.itemsize + 4) <= MOST_FILLED
    for name, axes, dtype in (("position", (2,), precision), ("cell", (), np.dtype(np.int32))):
        hdf5.reserve(
            group.require_group(name), "value", (frames, n, *axes), dtype, (1, width, *axes),
            is_filled=is_filled,
        )  # fmt: skip


def fill_part(
    file: h5py.File,
    parts: Parts,
    rank: int,
    frames: int,
    precision: np.dtype[Any],
    ids: np.ndarray,
    delta: np.ndarray | None,
) -> None:
    """Lay out the part of a rank."""
    file.attrs[PART] = hdf5.text(parts.tag)
    file.attrs["rows"] = np.array(parts.rows_of(rank))
    group = file.create_group(PARTICLES)
    hdf5.store(group, "id", ids)
    if delta is not None:
        hdf5.store(group, "delta", delta)
    fill_rows(group, frames, ids.size, precision)


def remove_others(trajectory: Path, keep: Iterable[str]) -> None:
    """Remove all parts but those of these tags, and the folder if it is empty then.

    What cannot be removed stays: no run depends on it.
    """
    folder, tags = folder_of(trajectory), set(keep)
    with suppress(OSError):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found and found[1] not in tags:
                with suppress(OSError):
                    path.unlink()
        folder.rmdir()
