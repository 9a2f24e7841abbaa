"""Objects of pandas and xarray as tables, by what they offer: neither package is imported."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from particleflow.arguments import unmasked
from particleflow.errors import ParticleflowError

from .arrays import Columns, Found, kind_of, table_of
from .columns import Choice, Table
from .dates import instant


def read_object(given: Any, choice: Choice, error: type[ParticleflowError]) -> Table:
    """The table of a DataFrame or Series of pandas, a DataArray or Dataset of xarray, or a mapping.

    A series has its index as x, a data array of one dimension its coordinate.

    Raises
    ------
    error
        The object is none of these, or it is not plain which columns are x and y.
    """
    kind = type(given).__name__
    columns = _columns_of(given)
    if columns is None:
        raise error(f"x: expected y beside it, or a table with columns, found {kind}")
    variables = getattr(given, "variables", {})
    units = {str(name): str(item.attrs.get("units", "")) for name, item in variables.items()}
    for name, column in columns.items():
        unmasked(name, column, error)
    along = [str(name) for name in getattr(given, "dims", ()) if str(name) in columns]
    found = Found(columns, units, along[0] if len(along) == 1 else "")
    return table_of(kind, found, choice, error)


def _columns_of(given: Any) -> Columns | None:
    """The columns of an object by name; None if it is of no kind that is known."""
    columns = None
    if hasattr(given, "data_vars"):
        columns = _of_dataset(given)
    elif isinstance(given, Mapping):
        columns = {str(name): np.asanyarray(values) for name, values in given.items()}
    elif hasattr(given, "dims") and hasattr(given, "coords"):
        columns = _of_data_array(given)
    elif hasattr(given, "columns") and hasattr(given, "index"):
        columns = _of_frame(given)
    elif hasattr(given, "index") and hasattr(given, "to_numpy"):
        columns = _of_series(given)
    return columns


def _of_dataset(given: Any) -> Columns:
    names = [name for name, item in given.variables.items() if item.ndim == 1]
    return {str(name): np.asarray(given[name].values) for name in names}


def _of_data_array(given: Any) -> Columns | None:
    if given.ndim != 1 or given.dims[0] not in given.coords:
        return None
    along = given.dims[0]
    own = str(given.name or "value")
    return {str(along): np.asarray(given.coords[along].values), own: np.asarray(given.values)}


def _of_frame(given: Any) -> Columns:
    columns = {str(name): _plain(given[name]) for name in given.columns}
    index = given.index
    # an index that somebody has chosen is data; the default one counts the rows
    is_data = index.name is not None or type(index).__name__ != "RangeIndex"
    if sum(kind_of(column) != "text" for column in columns.values()) > 1 or not (
        is_data or len(columns) == 1
    ):
        return columns
    return {str(index.name or "index"): _plain(index)} | columns


def _of_series(given: Any) -> Columns:
    own = "y" if given.name is None else str(given.name)
    return {str(given.index.name or "x"): _plain(given.index), own: _plain(given)}


def _plain(column: Any) -> np.ndarray:
    """A column of pandas as an array of numpy; values that are not there are NaN.

    Words that are all dates become dates, in UTC if they name their zone.
    """
    kind = getattr(column.dtype, "kind", "O")
    if kind == "M" and getattr(column.dtype, "tz", None) is not None:
        own = getattr(column, "dt", column)
        return np.asarray(own.tz_convert(None).to_numpy())
    array = np.asarray(column.to_numpy())
    if array.dtype.kind in "OSUT" and kind in "iuf":  # numbers of which some are not there
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if array.dtype.kind in "OSUT":
        found = [instant(str(value)) for value in array.tolist()]
        moments = [one[0] for one in found if one is not None]
        if found and len(moments) == len(found):
            return np.array(moments, "datetime64[us]")
    return array
