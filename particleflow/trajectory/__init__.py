"""Trajectory files in H5MD: the writer, the reader and the schema they share.

Together with checkpoints the only importer of h5py.
"""

from .arrays import save_arrays
from .layout import check_target
from .reader import Trajectory, open_trajectory
from .writer import TrajectoryWriter

__all__ = ["Trajectory", "TrajectoryWriter", "check_target", "open_trajectory", "save_arrays"]
