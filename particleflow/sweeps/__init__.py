"""Sweeps: a configuration run over a grid of settings and seeds, into one table."""

from .axes import Axis, axis_of, parse
from .run import sweep

__all__ = ["Axis", "axis_of", "parse", "sweep"]
