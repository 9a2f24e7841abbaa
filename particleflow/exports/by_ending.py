"""The export of a trajectory into a format that the ending of the file decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from particleflow.arguments import PathLike, count
from particleflow.errors import TrajectoryError
from particleflow.files.disk import check_target, new_file, require_room
from particleflow.trajectory import Trajectory, open_trajectory, repack

from . import archive, netcdf, table, vtkhdf, xyz
from .choice import PAIRS, Choice

ENDINGS = (".npz", ".csv", ".nc", ".vtkhdf", ".xyz")
ROWS = 1_000_000
"""The number of rows that a .csv or .xyz may have by default."""


def check(target: Path, overwrite: bool) -> None:
    """Refuse a path that cannot become an export.

    Raises
    ------
    TrajectoryError
        The ending is not known, the folder does not exist or cannot be written, the path is taken,
        or h5netcdf is missing.
    """
    if target.suffix.lower() not in ENDINGS:
        raise TrajectoryError(
            f"{target}: expected a name ending in {', '.join(ENDINGS)}, found {target.suffix!r}"
        )
    check_target(target, overwrite)
    if target.suffix.lower() == ".nc":
        netcdf.require()


def export(
    source: PathLike,
    target: PathLike,
    stride: int = 1,
    neurons: int | Literal["all"] = "all",
    contents: Literal["neurons", "observables"] = "neurons",
    limit: int = ROWS,
    overwrite: bool = False,
) -> None:
    """Write a trajectory in a format of another tool, which the ending of ``target`` decides.

    Frames are read some at a time, so that memory for a few million positions suffices.

    ``.npz``
        For ``numpy.load``: time, step (F,), id, delta (k,), rhat, theta, cell (F, k), x, y (s,),
        x_shift, x_scale, m, alpha, metric, integrator, config, chosen (in words, what frames and
        neurons these are), and the observables by name, time_of_NAME with their times unless those
        are the frames'; mass (k,) where neurons have weights.
    ``.csv``
        A table in long form, with a row for each frame and neuron: frame, time, id, rhat, theta,
        cell, knot; or with a row for each value of an observable: name, time, its indices i, j, and
        value. Normalised samples add the columns x_shift and x_scale, and weights of neurons the
        column mass to the table of neurons.
    ``.nc``
        netCDF-4 for xarray: rhat, theta, cell, knot over (time, id), the observables over
        (observable_time, ...), units and long names after CF; attributes x_shift, x_scale, chosen.
    ``.vtkhdf``
        For ParaView and vtk, and for MDAnalysis: points (cos theta, sin theta, rhat) on a cylinder
        over time, with rhat, theta, cell, knot, id, delta, mass as arrays of the points.
    ``.xyz``
        Extended XYZ for OVITO and ASE: the same points and columns, as text, with tau as Time.

    x and knots are in the unit of the samples' x. What else depends on that unit (theta, rhat,
    delta, sums over sectors, slope_variation) is in the unit of (x - x_shift) / x_scale, the x that
    the network sees.

    Parameters
    ----------
    source, target : path
        The trajectory, and the file to write.
    stride : int
        Every ``stride``-th frame is exported, from the first one on.
    neurons : "all" or int
        The number of neurons to export, an evenly spread subset of those recorded.
    contents : {"neurons", "observables"}
        What a .csv holds.
    limit : int
        The number of rows that a .csv, or of lines of neurons that a .xyz may have.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    TrajectoryError
        The source is no trajectory or has no frame, the ending is not known, an argument is out of
        range, the target is taken, the table is too long, or h5netcdf is missing.
    WriteError
        The disk refuses the file. Nothing is left behind.
    """
    path = Path(target)
    check(path, overwrite)
    if contents not in table.TABLES:
        raise TrajectoryError(
            f"contents: expected one of {', '.join(table.TABLES)}, found {contents!r}"
        )
    if contents != "neurons" and path.suffix.lower() != ".csv":
        raise TrajectoryError(f"contents: goes with .csv, found {path.name}")
    ending = path.suffix.lower()
    # wrong arguments are refused before `_by_frames` makes a copy, which may take long
    with open_trajectory(source) as trajectory:
        choice = Choice.of(trajectory, stride, neurons)
        if ending in (".csv", ".xyz"):
            table.check_rows(choice, contents, count("limit", limit, TrajectoryError))
    with _by_frames(Path(source), path.parent) as trajectory:
        choice = Choice.of(trajectory, stride, neurons)
        with new_file(path, overwrite) as temporary:
            if ending == ".npz":
                archive.write(choice, temporary)
            elif ending == ".csv":
                table.write(choice, temporary, contents)
            elif ending == ".xyz":
                xyz.write(choice, temporary)
            else:
                # HDF5, which writes both, may crash where a disk is full
                format = netcdf if ending == ".nc" else vtkhdf
                require_room(temporary, path, format.size(choice))
                format.write(choice, temporary)


@contextmanager
def _by_frames(source: Path, folder: Path) -> Iterator[Trajectory]:
    """Open a trajectory such that its frames can be read one after the other.

    A large file whose chunks hold the paths of few neurons would be read whole for each block of
    frames. It is copied into a temporary folder within ``folder``, with chunks by frames.
    """
    with open_trajectory(source) as trajectory:
        is_by_frames = trajectory.storage()["layout"] == "frames"
        if is_by_frames or trajectory.frames * trajectory.ids.size <= PAIRS:
            yield trajectory
            return
    with TemporaryDirectory(prefix="particleflow-", dir=folder) as temporary:
        copy = Path(temporary) / source.name
        repack(source, copy, "frames", "none")
        with open_trajectory(copy) as trajectory:
            yield trajectory
