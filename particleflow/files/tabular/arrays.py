"""Named arrays as a table: .npy, .npz, HDF5 and netCDF files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import ParticleflowError

from .columns import Choice, Column, Kind, Table, chosen, doubtful, without_missing
from .dates import days_since_first

Columns = dict[str, np.ndarray]


class Found(NamedTuple):
    """The arrays of a file or an object.

    Attributes
    ----------
    columns : dict of arrays by name
    units : dict of str by name
    along : str
        The array over which the others are given, a coordinate; empty if none is known.
    is_ordered : bool
        Whether the arrays have an order that somebody has chosen.
    """

    columns: Columns
    units: Mapping[str, str] = MappingProxyType({})
    along: str = ""
    is_ordered: bool = True


_ONLY_TEXT = ("delimiter", "decimal")


def read_arrays(file: Path, choice: Choice, error: type[ParticleflowError]) -> Table:
    """The arrays of a file that a choice names, or that are plain.

    Raises
    ------
    error
        The file cannot be read, or it is not plain which arrays are x and y; lists them.
    """
    for key in _ONLY_TEXT:
        if getattr(choice, key) is not None:
            raise error(f"{file}: {key}: goes with a file of text")
    read = READERS[file.suffix.lower()]
    try:
        found = read(file)
    except Exception as problem:
        # a damaged file raises whatever the readers of zip, npy and netCDF stumble on
        raise error(f"{file}: cannot be read: {problem}") from None
    return table_of(str(file), found, choice, error)


def table_of(where: str, found: Found, choice: Choice, error: type[ParticleflowError]) -> Table:
    """A table of named arrays (n,)."""
    columns = {name: array for name, array in found.columns.items() if array.ndim == 1}
    if not columns:
        raise error(f"{where}: expected arrays of one dimension, found none")
    if found.along in columns and choice.x is None and choice.y != found.along:
        choice = choice._replace(x=found.along)
    names, units = list(columns), found.units
    known = [Column(name, kind_of(columns[name])) for name in names]
    places, notes = chosen(where, known, choice, error, is_ordered=found.is_ordered)
    labels = {role: names[n] for role, n in places.items()}
    arrays, dates = {}, {}
    for role, name in labels.items():
        arrays[role], dates[role] = _numbers(columns[name])
    sizes = {name: columns[name].size for name in labels.values()}
    if len(set(sizes.values())) > 1:
        unequal = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
        raise error(f"{where}: expected arrays of one length, found {unequal}")
    with_dates = {role for role, unit in dates.items() if unit}
    kept, left_out = without_missing(where, arrays, with_dates, None, choice, error)
    shown = {role: dates[role] or _labelled(labels[role], units) for role in ("x", "y")}
    return Table(
        kept["x"], kept["y"], kept.get("weights"), kept.get("sigma"), shown["x"], shown["y"],
        [f"{arrays['x'].size} rows of arrays", *notes, *left_out, *doubtful(kept)],
    )  # fmt: skip


def _labelled(name: str, units: Mapping[str, str]) -> str:
    unit = units.get(name, "")
    return f"{name} ({unit})" if unit and unit != "1" else name


def kind_of(values: np.ndarray) -> Kind:
    """The kind of column that an array is, by its dtype."""
    if values.dtype.kind in "mM":
        return "date"
    return "number" if values.dtype.kind in "iuf" else "text"


def _numbers(values: np.ndarray) -> tuple[Array, str]:
    """The numbers of an array as float64, and the unit that they have if they were dates."""
    if values.dtype.kind == "M":
        return days_since_first(values.astype("datetime64[us]"))
    if values.dtype.kind == "m":
        microseconds = values.astype("timedelta64[us]")
        days = microseconds.astype(np.int64) / 86_400_000_000
        return np.where(np.isnat(microseconds), np.nan, days), "days"
    return values.astype(np.float64), ""


def _of_npy(file: Path) -> Found:
    array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("expected an array, found an archive")
    if array.dtype.names is not None:
        return Found({name: array[name].ravel() for name in array.dtype.names})
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(f"expected one row a sample, shape (n, 2), found shape {array.shape}")
    return Found({f"[:, {n}]": array[:, n] for n in range(array.shape[1])})


def _of_npz(file: Path) -> Found:
    # numpy does not close what it has opened if that is no archive
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return Found(arrays)


def _of_hdf5(file: Path) -> Found:
    import h5py  # which takes longer than all else that samples need

    with file.open("rb") as stream:
        if stream.read(3) == b"CDF":
            return _of_classic_netcdf(file)
    columns: Columns = {}
    units: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind in "iuf":
            columns[name] = _scaled(item[()], dict(item.attrs))
            units[name] = _text(item.attrs.get("units", ""))
            if item.is_scale:
                scales.append(name)

    scales: list[str] = []
    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return Found(columns, units, scales[0] if len(scales) == 1 else "", is_ordered=False)


def _of_classic_netcdf(file: Path) -> Found:
    from scipy.io import netcdf_file

    columns: Columns = {}
    units: dict[str, str] = {}
    with netcdf_file(file, "r", mmap=False) as opened:
        dimensions = set(opened.dimensions)
        for name, variable in opened.variables.items():
            values = np.asarray(variable[:])
            if values.ndim == 1 and values.dtype.kind in "iuf":
                attributes = {
                    key: getattr(variable, key)
                    for key in ("_FillValue", "missing_value", "scale_factor", "add_offset")
                    if hasattr(variable, key)
                }
                columns[name] = _scaled(values.astype(values.dtype.newbyteorder("=")), attributes)
                units[name] = _text(getattr(variable, "units", ""))
    along = [name for name in columns if name in dimensions]
    return Found(columns, units, along[0] if len(along) == 1 else "", is_ordered=False)


def _scaled(values: np.ndarray, attributes: Mapping[str, Any]) -> np.ndarray:
    """The numbers that a variable of netCDF stands for, by its attributes."""
    marks = [
        number
        for key in ("_FillValue", "missing_value")
        if key in attributes
        for number in np.ravel(attributes[key])
    ]
    gone = np.isin(values.astype(np.float64), np.array(marks, np.float64))
    if not gone.any() and not {"scale_factor", "add_offset"} & attributes.keys():
        return values
    scale = float(np.ravel(attributes.get("scale_factor", 1.0))[0])
    shift = float(np.ravel(attributes.get("add_offset", 0.0))[0])
    out = values.astype(np.float64)
    out = out if (scale, shift) == (1.0, 0.0) else out * scale + shift
    out[gone] = np.nan
    return out


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


READERS: dict[str, Callable[[Path], Found]] = {
    ".npy": _of_npy, ".npz": _of_npz,
    ".h5": _of_hdf5, ".hdf5": _of_hdf5, ".nc": _of_hdf5, ".nc4": _of_hdf5, ".cdf": _of_hdf5,
}  # fmt: skip
"""Readers by the ending of a file's name; each returns arrays of one dimension, and their units."""
