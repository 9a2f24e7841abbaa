"""Trajectory files in H5MD: the writer, the reader and the schema they share.

Together with checkpoints the only importer of h5py.
"""

from . import checkpoint
from .contents import BEGAN
from .continuation import Recorded
from .disk import check_target, new_file, refusals, require_room, require_writable
from .kinds import facts_of_checkpoint, facts_of_netcdf, facts_of_part, is_sweep, kind_of
from .layout import hdf5_version
from .locks import is_locked
from .reader import Moments, Trajectory, open_trajectory
from .repacking import FILTERS, LAYOUTS, Filter, Layout, repack, settle
from .stored import Axes
from .sweep_table import (
    DONE,
    FAILED,
    SEED,
    TO_DO,
    Design,
    Sweep,
    SweepWriter,
    create_sweep,
    open_sweep,
)
from .writer import TrajectoryWriter

__all__ = [
    "BEGAN",
    "DONE",
    "FAILED",
    "FILTERS",
    "LAYOUTS",
    "SEED",
    "TO_DO",
    "Axes",
    "Design",
    "Filter",
    "Layout",
    "Moments",
    "Recorded",
    "Sweep",
    "SweepWriter",
    "Trajectory",
    "TrajectoryWriter",
    "check_target",
    "checkpoint",
    "create_sweep",
    "facts_of_checkpoint",
    "facts_of_netcdf",
    "facts_of_part",
    "hdf5_version",
    "is_locked",
    "is_sweep",
    "kind_of",
    "new_file",
    "open_sweep",
    "open_trajectory",
    "refusals",
    "repack",
    "require_room",
    "require_writable",
    "settle",
]
