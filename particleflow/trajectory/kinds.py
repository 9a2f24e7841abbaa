"""What kind of HDF5 file one is, and facts of those that are no trajectories."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from particleflow.errors import TrajectoryError

from . import checkpoint, layout, parts, sweep_table
from .opening import open_to_read
from .schema import PARTICLES


def kind_of(path: Path) -> str:
    """One of "trajectory", "sweep", "checkpoint", "part", "netCDF", or "" for another HDF5 file.

    Raises
    ------
    TrajectoryError
        It is no HDF5 file, or damaged.
    """
    with layout.naming(path), open_to_read(path) as file:
        for kind, name in (
            ("trajectory", "schema_version"),
            ("sweep", sweep_table.MAGIC),
            ("checkpoint", checkpoint.MAGIC),
            ("part", parts.TAG),
            ("netCDF", "_NCProperties"),
        ):
            if name in file.attrs:
                return kind
        return ""


def is_sweep(path: Path) -> bool:
    """Whether a file is the table of a sweep; not if it cannot be read."""
    try:
        return kind_of(path) == "sweep"
    except TrajectoryError:
        return False


def facts_of_checkpoint(path: Path) -> dict[str, Any]:
    """Of which run it is, where in it, and what it holds.

    Raises
    ------
    TrajectoryError
        It is damaged.
    """
    with layout.naming(path, "checkpoint"), open_to_read(path) as file:
        facts: dict[str, Any] = {"run": layout.string(file.attrs["run"])}
        if "tag" in file.attrs:
            edges = np.asarray(file.attrs["edges"])
            return facts | {"neurons": int(edges[-1]), "parts": int(edges.size - 1)}
        first, last = (int(bound) for bound in layout.read_all(file, "bounds")[[0, -1]])
        position = layout.read_all(file, "position").tolist()
        facts |= {"neurons": last - first, "parts": 0}
        for name, array in (("time", "time"), ("time", "control"), ("step", "step")):
            if array in file:  # as the integrator keeps it
                facts[name] = np.ravel(layout.read_all(file, array))[0].item()
        return facts | {"frames": position[0], "observed": position[1]}


def facts_of_part(path: Path) -> dict[str, Any]:
    """Which rows of a trajectory it holds.

    Raises
    ------
    TrajectoryError
        It is damaged.
    """
    with layout.naming(path, "part of a trajectory"), open_to_read(path) as file:
        rows = [int(row) for row in file.attrs["rows"]]
        position = file[f"{PARTICLES}/position/value"]
        return {
            "tag": layout.string(file.attrs[parts.TAG]),
            "rows": rows,
            "planned_frames": int(position.shape[0]),
            "dtype": position.dtype.name,
        }


def facts_of_netcdf(path: Path) -> dict[str, Any]:
    """Dimensions and variables.

    Raises
    ------
    TrajectoryError
        It is damaged.
    """
    with layout.naming(path, "netCDF file"), open_to_read(path) as file:
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        if not datasets:
            raise TrajectoryError(f"{path}: has no variables")
        return {
            "source": layout.string(file.attrs.get("source", "")),
            "variables": [
                f"{name} {'x'.join(map(str, item.shape))}" for name, item in datasets.items()
            ],
        }
