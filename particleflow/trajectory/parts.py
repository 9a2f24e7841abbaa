"""Part files: each of several ranks writes its rows of a trajectory to a file of its own.

The parts of ``FILE.h5`` lie in the folder ``FILE.h5.parts`` beside it. In ``FILE.h5`` the datasets
over all neurons are virtual: any HDF5 tool reads them as if their rows were in the file itself. The
name of a part begins with a *tag*, which ties it to one file: parts of a file that was replaced
have another tag than those of the new one.
"""

import re
import time
import uuid
from collections.abc import Iterable, Mapping
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
"""Names of parts, of parts of checkpoints, of both while they are made, and of a probe."""
MOST_FILLED = 1 << 22
"""Bytes of positions and cells up to which they are filled with NaN and -1 from the start.

To fill them costs as much as to write them once more, which a large run would feel; a small one
spends its time elsewhere (bench/NOTES.md). In a larger file positions and cells that were not
recorded are zeros, at times that are NaN."""
_SECONDS_TO_SEE = 10.0
"""Seconds that a folder which rank 0 has made may take until the other ranks see it."""


def folder_of(trajectory: Path) -> Path:
    """The folder in which the parts of a trajectory and of its checkpoints lie."""
    return trajectory.with_name(f"{trajectory.name}.parts")


def shared_folder(trajectory: Path, ranks: Ranks) -> str:
    """Make the folder of a trajectory's parts and return a new tag for parts in it; collective.

    Raises
    ------
    TrajectoryError
        A rank cannot see the folder.
    WriteError
        The folder cannot be made.
    """
    folder, tag = folder_of(trajectory), ranks.first_of(uuid.uuid4().hex[:12])
    probe = folder / f"{tag}.probe"

    def make() -> None:
        if ranks.is_first:
            with disk.refusals(folder, "made"):
                folder.mkdir(exist_ok=True)
                probe.touch()

    def see() -> None:
        # the folder may be older than this run: only the new file in it tells that disks are shared
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
            with suppress(OSError):  # the folder may hold other parts
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
        First recorded neuron of each rank, and the number of all recorded neurons. A rank
        without recorded neurons has no part.
    folder : str
        Name of the folder beside the trajectory in which the parts lie. It comes from the name
        that the trajectory had when it was made.
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
        """The parts that a trajectory names; None if all its data are in one file."""
        if GROUP not in file:
            return None
        rows = hdf5.read_all(file, f"{GROUP}/rows")
        if rows.ndim != 1 or rows.size < 2 or rows[0] != 0 or (np.diff(rows) < 0).any():
            raise ValueError(f"{GROUP}/rows are damaged")
        tag = hdf5.string(file[GROUP].attrs["tag"])
        return cls(trajectory, tag, rows, _stored_folder(trajectory, file))

    def store(self, file: h5py.File) -> None:
        """Write the tag and the rows of these parts into a trajectory, for `of` to read."""
        group = file.create_group(GROUP)
        group.attrs["tag"] = hdf5.text(self.tag)
        hdf5.store(group, "rows", self.rows)

    def path(self, rank: int) -> Path:
        """The path of the part of a rank."""
        return self.trajectory.parent / self.folder / self._name(rank)

    def _name(self, rank: int) -> str:
        return f"{self.tag}-{rank}.h5"

    @property
    def ranks(self) -> list[int]:
        """The ranks that have a part."""
        return [int(rank) for rank in np.flatnonzero(np.diff(self.rows))]

    def rows_of(self, rank: int) -> tuple[int, int]:
        """First row of a rank, and the row after its last one."""
        return int(self.rows[rank]), int(self.rows[rank + 1])

    def _show(
        self, group: h5py.Group, name: str, source: str, shape: tuple[int, ...], dtype: Any
    ) -> None:
        """Make a virtual dataset over the datasets ``source`` of all parts, joined by rows.

        Rows of neurons are the second axis, or the only one. Parts are named relative to the
        folder of the trajectory, so that the file and its parts can be moved together.
        """
        axis = min(1, len(shape) - 1)
        virtual = h5py.VirtualLayout(shape, dtype)
        for rank in self.ranks:
            first, last = self.rows_of(rank)
            where = (*(slice(None),) * axis, slice(first, last))
            own = (*shape[:axis], last - first, *shape[axis + 1 :])
            # HDF5 takes a % in the name of a source for the number of a block, and %% for a %
            file = f"{self.folder}/{self._name(rank)}".replace("%", "%%")
            virtual[where] = h5py.VirtualSource(file, source, own, dtype)
        group.create_virtual_dataset(name, virtual, fillvalue=hdf5.nothing(np.dtype(dtype)))

    def show_rows(
        self, group: h5py.Group, frames: int, precision: np.dtype[Any], constants: Iterable[str]
    ) -> None:
        """Make virtual datasets in place of ids, other constants and those of `fill_rows`."""
        n = int(self.rows[-1])
        position, cell = f"{PARTICLES}/position/value", f"{PARTICLES}/cell/value"
        self._show(group["position"], "value", position, (frames, n, 2), precision)
        self._show(group["cell"], "value", cell, (frames, n), np.int32)
        self._show(group, "id", f"{PARTICLES}/id", (n,), np.int64)
        for name in constants:
            self._show(group, name, f"{PARTICLES}/{name}", (n,), np.float64)

    def hold(self, *datasets: h5py.Dataset | None) -> None:
        """Let HDF5 open all parts behind virtual datasets, by reading a value of each part.

        From then on the datasets can be read even if somebody removes the parts.

        Raises
        ------
        TrajectoryError
            A part is missing.
        """
        for rank in self.ranks:
            first, _ = self.rows_of(rank)
            for dataset in datasets:
                if dataset is not None:
                    dataset[(0, first) if dataset.ndim > 1 else first]
        # afterwards: HDF5 says nothing of a part that was removed before its value was read
        for rank in self.ranks:
            self._require(rank)

    def check(self) -> None:
        """Check that all parts are there: HDF5 shows fill values where a part is missing.

        Raises
        ------
        TrajectoryError
            A part is missing or damaged, or belongs to another file.
        """
        for rank in self.ranks:
            path = self._require(rank)
            with hdf5.naming(path, "part of a trajectory"), open_to_read(path) as part:
                self._check(path, part, rank)

    def _require(self, rank: int) -> Path:
        """The path of the part of a rank; a part that is missing is a TrajectoryError."""
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
        """Bytes of all parts together."""
        return sum(self.path(rank).stat().st_size for rank in self.ranks)


def _stored_folder(trajectory: Path, file: h5py.File) -> str:
    """Name of the folder in which HDF5 looks for the parts.

    The virtual datasets tell it; the name of the file does not if the file was renamed.
    """
    shown = file[f"{PARTICLES}/position/value"]
    if shown.is_virtual:
        for source in shown.virtual_sources():
            return Path(source.file_name.replace("%%", "%")).parent.name
    return folder_of(trajectory).name


def fill_rows(group: h5py.Group, frames: int, n: int, precision: np.dtype[Any]) -> None:
    """Make datasets for positions and cells of n neurons.

    Up to `MOST_FILLED` bytes they are NaN and -1 until they are written.
    """
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
    constants: Mapping[str, np.ndarray],
) -> None:
    """Lay out the part of a rank, and store its ids and other constants of neurons in it."""
    file.attrs[PART] = hdf5.text(parts.tag)
    file.attrs["rows"] = np.array(parts.rows_of(rank))
    group = file.create_group(PARTICLES)
    hdf5.store(group, "id", ids)
    for name, values in constants.items():
        hdf5.store(group, name, values)
    fill_rows(group, frames, ids.size, precision)


def remove_others(trajectory: Path, keep: Iterable[str]) -> None:
    """Remove all parts but those with a tag in ``keep``, and the folder if it is empty then.

    A part that cannot be removed stays: no run depends on its removal.
    """
    folder, tags = folder_of(trajectory), set(keep)
    with suppress(OSError):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found and found[1] not in tags:
                with suppress(OSError):
                    path.unlink()
        folder.rmdir()
