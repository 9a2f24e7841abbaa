"""Sweeps: a configuration run over a grid of settings and seeds, into one table."""

from .axes import Axis, axis_of, parse
from .run import sweep, sweep_tables

__all__ = ["Axis", "axis_of", "parse", "sweep", "sweep_tables"]
