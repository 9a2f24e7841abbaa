"""Trajectory files in H5MD: the writer, the reader, checkpoints and the schema they share."""

from . import checkpoint
from .continuation import Recorded
from .reader import Moments, Trajectory, open_trajectory
from .recorded_neurons import RecordedNeurons
from .repacking import FILTERS, LAYOUTS, Filter, Layout, repack, to_planned_layout
from .skeleton import BEGAN
from .stored import Axes
from .times import Spacing
from .writer import TrajectoryWriter

__all__ = [
    "BEGAN",
    "FILTERS",
    "LAYOUTS",
    "Axes",
    "Filter",
    "Layout",
    "Moments",
    "Recorded",
    "RecordedNeurons",
    "Spacing",
    "Trajectory",
    "TrajectoryWriter",
    "checkpoint",
    "open_trajectory",
    "repack",
    "to_planned_layout",
]
