"""Sweeps: a configuration run over a grid of settings and seeds, into one table."""

from .axes import Axis, axis_of, parse
from .run import sweep, sweep_tables
from .table import Sweep, open_sweep

__all__ = ["Axis", "Sweep", "axis_of", "open_sweep", "parse", "sweep", "sweep_tables"]
