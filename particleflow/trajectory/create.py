"""Making trajectory files, in one piece or in the parts of several ranks, and making them anew."""

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
from .schema import PARTICLES
from .skeleton import Plan

if TYPE_CHECKING:
    from collections.abc import Callable


_OF_A_PLAN = ("parameters/plan", "parameters/config", parts.GROUP)
_DELTA = f"{PARTICLES}/delta"
_ROWS = (f"{PARTICLES}/position/value", f"{PARTICLES}/cell/value")


def make(
    path: Path, overwrite: bool, sim: Observed, plan: Plan, values: list[np.ndarray]
) -> Parts | None:
    """Make the file of a run, and the parts of its ranks; collective.

    Returns
    -------
    Parts or None
        None if all is in one file.

    Raises
    ------
    TrajectoryError
        The path cannot become a new file, or a rank does not see its folder.
    WriteError
        The disk refuses it. Nothing is left behind.
    """
    return _make(path, overwrite, sim, plan, values, lambda: checkpoint.remove(path))


def remake(
    path: Path,
    sim: Observed,
    plan: Plan,
    values: list[np.ndarray],
    position: tuple[int, int],
) -> Parts | None:
    """Replace a file by one of another plan, or of other ranks, with all that both have room for.

    ``position``, frames and observable times, is what of them counts. Collective.

    Raises
    ------
    WriteError
        The disk refuses it; the file stays as it was.
    TrajectoryError
        The file is damaged.
    """

    def copy(file: h5py.File) -> None:
        with _whole(path) as whole:
            hdf5.copy_beginnings(whole, file, skip=_OF_A_PLAN)
            file["parameters"].attrs["run"] = whole["parameters"].attrs["run"]
        file["parameters/progress"][:] = position

    def copy_rows(file: h5py.File, first: int, last: int) -> None:
        with _whole(path) as whole:
            if _DELTA in file:
                file[_DELTA][:] = whole[_DELTA][first:last]
            for name in _ROWS:
                hdf5.copy_rows(whole[name], file[name], position[0], first)

    return _make(path, True, sim, plan, values, copy=copy, copy_rows=copy_rows)


class _whole:
    """The file that is replaced, for reading; names it where it is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> h5py.File:
        self._file = open_to_read(self._path)
        return self._file

    def __exit__(self, kind: object, problem: BaseException | None, traceback: object) -> None:
        self._file.close()
        if isinstance(problem, (OSError, RuntimeError)):  # most likely of the disk
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
            with suppress(OSError):  # others are in it
                own.parent.rmdir()
        raise
    if ranks.is_first:
        checkpoint.remove_stale_parts(path)
    return new


def _is_named(path: Path, made: Parts) -> bool:
    """Whether a file shows these parts: it may, when what went wrong came later."""
    with suppress(*hdf5.DAMAGE), open_to_read(path) as file:
        found = Parts.of(path, file)
        return found is not None and found.tag == made.tag
    return False
