"""Kinds of HDF5 files, each of which has an attribute at the root that no other kind has."""

from pathlib import Path

import h5py

from particleflow.errors import TrajectoryError

from . import hdf5
from .opening import open_to_read

TRAJECTORY = "schema_version"
SWEEP = "particleflow_sweep"
CHECKPOINT = "particleflow_checkpoint"
LIMIT = "particleflow_limit"
PART = "particleflow_part"
_NETCDF = "_NCProperties"
_VTKHDF = "VTKHDF"  # a group


def kind_of(path: Path) -> str:
    """The kind of an HDF5 file; "" for a file of none of these kinds.

    The kinds are "trajectory", "sweep", "limit", "checkpoint", "part", "netCDF" and "VTKHDF".

    Raises
    ------
    TrajectoryError
        The file is no HDF5 file, or is damaged.
    """
    with hdf5.naming(path), open_to_read(path) as file:
        for kind, name in (
            ("trajectory", TRAJECTORY),
            ("sweep", SWEEP),
            ("limit", LIMIT),
            ("checkpoint", CHECKPOINT),
            ("part", PART),
            ("netCDF", _NETCDF),
        ):
            if name in file.attrs:
                return kind
        return "VTKHDF" if _VTKHDF in file else ""


def is_of_kind(path: Path, kind: str) -> bool:
    """Whether a file is of a kind; False for a file that cannot be read."""
    try:
        return kind_of(path) == kind
    except TrajectoryError:
        return False


def require(file: h5py.File, path: Path, kind: str, what: str, newest: int) -> None:
    """Refuse an open file that is not of the kind whose attribute is ``kind``, or is too new.

    Raises
    ------
    TrajectoryError
        The file is no ``what``, or its version is above ``newest``.
    """
    if kind not in file.attrs:
        raise TrajectoryError(f"{path}: is an HDF5 file but no {what}")
    version = int(file.attrs[kind])
    if version > newest:
        raise TrajectoryError(
            f"{path}: has version {version}, this one reads up to {newest}; "
            f"{hdf5.string(file.attrs['creator'])} or newer reads it"
        )


NEURONS_TABLE = ("frame", "time", "id", "rhat", "theta", "cell", "knot")
OBSERVABLES_TABLE = ("name", "time", "i", "j", "value")
"""Columns of the tables (.csv) that `particleflow export` writes."""
