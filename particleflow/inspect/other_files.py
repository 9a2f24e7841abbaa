"""Facts about the files beside a trajectory: checkpoints, parts, and exports."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.errors import TrajectoryError
from particleflow.files import hdf5
from particleflow.files.kinds import PART
from particleflow.files.opening import open_to_read
from particleflow.trajectory.schema import PARTICLES


def facts_of_checkpoint(path: Path) -> dict[str, Any]:
    """Facts about a checkpoint: its run, how far that had come, and how many neurons it holds.

    Raises
    ------
    TrajectoryError
        The checkpoint is damaged.
    """
    with hdf5.naming(path, "checkpoint"), open_to_read(path) as file:
        facts: dict[str, Any] = {"run": hdf5.string(file.attrs["run"])}
        if "tag" in file.attrs:
            edges = np.asarray(file.attrs["edges"])
            return facts | {"neurons": int(edges[-1]), "parts": int(edges.size - 1)}
        first, last = (int(bound) for bound in hdf5.read_all(file, "bounds")[[0, -1]])
        position = hdf5.read_all(file, "position").tolist()
        facts |= {"neurons": last - first, "parts": 0}
        if "reached" in file:
            time, step = hdf5.read_all(file, "reached").tolist()
            facts |= {"time": time, "step": int(step)}
        else:  # older versions have no `reached`: integrators kept time and step as they liked
            for name, array in (("time", "time"), ("time", "control"), ("step", "step")):
                if array in file:
                    facts[name] = np.ravel(hdf5.read_all(file, array))[0].item()
        return facts | {"frames": position[0], "observed": position[1]}


def facts_of_part(path: Path) -> dict[str, Any]:
    """Facts about a part file: which rows of its trajectory it holds, for how many frames.

    Raises
    ------
    TrajectoryError
        The part is damaged.
    """
    with hdf5.naming(path, "part of a trajectory"), open_to_read(path) as file:
        rows = [int(row) for row in file.attrs["rows"]]
        position = file[f"{PARTICLES}/position/value"]
        return {
            "tag": hdf5.string(file.attrs[PART]),
            "rows": rows,
            "planned_frames": int(position.shape[0]),
            "dtype": position.dtype.name,
        }


def facts_of_netcdf(path: Path) -> dict[str, Any]:
    """Facts about a netCDF file: its source, and its variables with their shapes.

    Raises
    ------
    TrajectoryError
        The file is damaged or has no variables.
    """
    with hdf5.naming(path, "netCDF file"), open_to_read(path) as file:
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        if not datasets:
            raise TrajectoryError(f"{path}: has no variables")
        return {
            "source": hdf5.string(file.attrs.get("source", "")),
            "variables": [
                f"{name} {'x'.join(map(str, item.shape))}" for name, item in datasets.items()
            ],
        }


def facts_of_vtkhdf(path: Path) -> dict[str, Any]:
    """Facts about a VTKHDF file: its type, its steps, and the arrays of its points.

    Raises
    ------
    TrajectoryError
        The file is damaged.
    """
    with hdf5.naming(path, "VTKHDF file"), open_to_read(path) as file:
        root = file["VTKHDF"]
        facts = {
            "type": hdf5.string(root.attrs["Type"]),
            "points": int(root["NumberOfPoints"][0]),
            "arrays": sorted(root.get("PointData", ())),
        }
        if "Steps" in root:
            facts["steps"] = int(root["Steps"].attrs["NSteps"])
        if "chosen" in file.attrs:
            facts["chosen"] = hdf5.string(file.attrs["chosen"])
        return facts


def facts_of_xyz(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind and facts of a file of atoms as text, from its first frame.

    Raises
    ------
    TrajectoryError
        It does not begin with a number of particles.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        number, comment = file.readline().strip(), file.readline()
    if not number.isdecimal():
        raise TrajectoryError(f"{path}: line 1: expected a number of particles, found {number!r}")
    columns = comment.partition("Properties=")[2].split(" ")[0].split(":")[::3]
    return "XYZ", {"particles": int(number), "columns": columns}
