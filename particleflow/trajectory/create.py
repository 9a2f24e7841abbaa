"""Making trajectory files and replacing them, in one file or in the parts of several ranks."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from particleflow.errors import TrajectoryError
from particleflow.files import disk, hdf5
from particleflow.files.opening import open_to_read
from particleflow.run.observed import Observed

from . import checkpoint, parts, skeleton
from .parts import Parts
from .schema import CONSTANTS, PARTICLES
from .skeleton import Plan

if TYPE_CHECKING:
    from collections.abc import Callable


# what `remake` does not copy: the new file has it from its own plan
_OF_A_PLAN = ("parameters/plan", "parameters/config", parts.GROUP)
_ROWS = (f"{PARTICLES}/position/value", f"{PARTICLES}/cell/value")


def make(
    path: Path, overwrite: bool, sim: Observed, plan: Plan, values: list[np.ndarray]
) -> Parts | None:
    """Make the file of a run, and the parts of its ranks; collective.

    Returns
    -------
    Parts or None
        The parts that were made; None if all data are in one file.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file, or a rank does not see the folder of parts.
    WriteError
        The disk refuses a file. Nothing is left behind.
    """
    # checkpoints of the file that is replaced go with it, but not before the new file is whole
    return _make(path, overwrite, sim, plan, values, lambda: checkpoint.remove(path))


def remake(
    path: Path,
    sim: Observed,
    plan: Plan,
    values: list[np.ndarray],
    position: tuple[int, int],
) -> Parts | None:
    """Replace a file by one of another plan, or of other ranks, and copy its data; collective.

    Every dataset is copied as far as the new one has room. ``position`` is how many frames and
    observable times count as recorded in the new file. Checkpoints are kept, as is the identifier
    of the run, which they share.

    Returns
    -------
    Parts or None
        The parts that were made; None if all data are in one file.

    Raises
    ------
    WriteError
        The disk refuses the new file; the old one stays as it was.
    TrajectoryError
        The old file is damaged.
    """

    def copy(file: h5py.File) -> None:
        with _whole(path) as whole:
            hdf5.copy_beginnings(whole, file, skip=_OF_A_PLAN)
            file["parameters"].attrs["run"] = whole["parameters"].attrs["run"]
        file["parameters/progress"][:] = position

    def copy_rows(file: h5py.File, first: int, last: int) -> None:
        with _whole(path) as whole:
            for name in (f"{PARTICLES}/{constant}" for constant in CONSTANTS):
                if name in file and name in whole:
                    file[name][:] = whole[name][first:last]
            for name in _ROWS:
                hdf5.copy_rows(whole[name], file[name], position[0], first)

    return _make(path, True, sim, plan, values, copy=copy, copy_rows=copy_rows)


class _whole:
    """A context in which the file that is replaced is open for reading.

    Errors that come from its damage name it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> h5py.File:
        self._file = open_to_read(self._path)
        return self._file

    def __exit__(self, kind: object, problem: BaseException | None, traceback: object) -> None:
        self._file.close()
        # most likely of the disk that the new file goes to: `disk.create` names that file
        if isinstance(problem, (OSError, RuntimeError)):
            return
        if isinstance(problem, hdf5.DAMAGE):
            raise TrajectoryError(f"{self._path}: is damaged: {problem}") from None


def _make(
    path: Path,
    overwrite: bool,
    sim: Observed,
    plan: Plan,
    values: list[np.ndarray],
    before: "Callable[[], None]" = lambda: None,
    copy: "Callable[[h5py.File], None] | None" = None,
    copy_rows: "Callable[[h5py.File, int, int], None] | None" = None,
) -> Parts | None:
    """Do what `make` and `remake` have in common; ``copy`` and ``copy_rows`` fill in old data."""
    ranks = sim.ranks

    def complete(file: h5py.File) -> None:
        hdf5.mark_unrecorded(file)
        if copy is not None:
            copy(file)

    if ranks.size == 1:
        disk.create(
            path, overwrite, lambda file: skeleton.fill(file, sim, plan, values), before, complete
        )
        checkpoint.remove_stale_parts(path)
        return None
    ranks.together(lambda: disk.check_target(path, overwrite))
    new = Parts.new(path, sim.state.share, plan.neurons, ranks)
    own, rows = new.path(ranks.rank), new.rows_of(ranks.rank)

    def make_own() -> None:
        if rows[0] < rows[1]:

            def complete_part(file: h5py.File) -> None:
                hdf5.mark_unrecorded(file)
                if copy_rows is not None:
                    copy_rows(file, *rows)

            disk.create(
                own,
                False,
                lambda file: skeleton.fill_own_part(file, sim, plan, new),
                then=complete_part,
            )

    def make_file() -> None:
        if ranks.is_first:
            disk.create(
                path,
                overwrite,
                lambda file: skeleton.fill(file, sim, plan, values, new),
                before,
                complete,
            )

    try:
        ranks.together(make_own)
        ranks.together(make_file)
    except BaseException:
        if not _is_named(path, new):
            own.unlink(missing_ok=True)
            with suppress(OSError):  # other parts may be in it
                own.parent.rmdir()
        raise
    if ranks.is_first:
        checkpoint.remove_stale_parts(path)
    return new


def _is_named(path: Path, made: Parts) -> bool:
    """Whether a file shows these parts: it does if something went wrong after it was made."""
    with suppress(*hdf5.DAMAGE), open_to_read(path) as file:
        found = Parts.of(path, file)
        return found is not None and found.tag == made.tag
    return False
