"""Files of neurons, ``.npz`` and ``.csv``: raw parameters a, b, c, and weights if there are any."""

from pathlib import Path

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import NeuronsError
from particleflow.files.csv import read_columns, write_columns

_COLUMNS, _OPTIONAL = ("a", "b", "c"), ("weights",)
"""Names of the columns that a file has, and of those that it may have."""

_SLIPS = ("mass", "weight", "w")
"""Names under which weights would be passed over, though they were meant."""

Parameters = tuple[Array, Array, Array]


def read(file: Path) -> tuple[Parameters, Array | None]:
    """The parameters of a file, (m,) each, and its weights, (m,), None if it has none.

    Raises
    ------
    NeuronsError
        The ending is another, or the file is damaged or lacks an array.
    """
    ending = file.suffix.lower()
    if ending == ".csv":
        columns = read_columns(file, _COLUMNS, NeuronsError, optional=_OPTIONAL)
    elif ending == ".npz":
        columns = _read_npz(file)
    else:
        raise NeuronsError(f"expected a file ending in .npz, .csv or .h5, found {ending!r}")
    a, b, c, *weights = columns
    return (a, b, c), weights[0] if weights else None


def write(file: Path, parameters: Parameters, weights: Array | None) -> None:
    """Write parameters, and weights if there are any, in the format of the file's ending.

    Raises
    ------
    NeuronsError
        The ending is another.
    """
    names = _COLUMNS if weights is None else (*_COLUMNS, *_OPTIONAL)
    columns = [*parameters, *(() if weights is None else (weights,))]
    ending = file.suffix.lower()
    if ending == ".npz":
        np.savez(file, **dict(zip(names, columns, strict=True)))
    elif ending == ".csv":
        write_columns(file, names, columns)
    else:
        raise NeuronsError(f"{file}: expected a file ending in .npz or .csv")


def _read_npz(file: Path) -> list[Array]:
    """The arrays of `_COLUMNS`, and those of `_OPTIONAL` that the archive has."""
    try:
        # numpy does not close what it has opened if that is no archive
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            missing = [name for name in _COLUMNS if name not in archive.files]
            if missing:
                raise NeuronsError(f"expected arrays a, b, c, found {', '.join(archive.files)}")
            slip = next((name for name in _SLIPS if name in archive.files), None)
            if slip is not None and _OPTIONAL[0] not in archive.files:
                raise NeuronsError(
                    f"expected the array of weights to be called weights, not {slip}"
                )
            names = (*_COLUMNS, *(name for name in _OPTIONAL if name in archive.files))
            return [archive[name] for name in names]
    except NeuronsError:
        raise
    except Exception as problem:
        # a damaged archive raises whatever the zip and npy readers stumble on
        raise NeuronsError(f"expected a NumPy .npz archive, found {problem}") from None
