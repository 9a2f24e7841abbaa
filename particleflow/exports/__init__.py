"""Exports of trajectories to other tools: NumPy's .npz, .csv in long form, netCDF for xarray."""

from .by_ending import ENDINGS, ROWS, check, export
from .table import TABLES

__all__ = ["ENDINGS", "ROWS", "TABLES", "check", "export"]
