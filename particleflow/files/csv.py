"""Columns of numbers in CSV files, read with errors that name the line, and written."""

import csv
from pathlib import Path

import numpy as np

from particleflow.arguments import Array, PathLike, existing_file, shortened
from particleflow.errors import ParticleflowError


def read_columns(
    path: PathLike,
    names: tuple[str, ...],
    error: type[ParticleflowError],
    optional: tuple[str, ...] = (),
) -> list[Array]:
    """Read all columns of a CSV file, whose header must be exactly ``names``, in that order.

    The names in ``optional`` may follow, all of them.

    Returns
    -------
    list of (n,) float64
        One array for each column.

    Raises
    ------
    error
        The file is missing, empty or not text; the header differs; a line has another number of
        fields or a field that is no finite number. The message names file and line.
    """
    file = existing_file(path, error)
    wanted = ",".join(names)
    if optional:
        wanted += f" or {','.join((*names, *optional))}"
    try:
        # "-sig" passes over the byte order mark that spreadsheets write
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream, skipinitialspace=True)
            header = next(rows, None)
            if header is None:
                raise error(f"{file}: is empty, expected the header {wanted}")
            if optional and len(header) > len(names):
                names += optional
            if [field.strip() for field in header] != list(names):
                found = shortened(",".join(header))
                raise error(f"{file}, line 1: expected the header {wanted}, found {found}")
            columns: list[list[float]] = [[] for _ in names]
            for row in rows:
                if row:
                    _append(columns, row, names, f"{file}, line {rows.line_num}", error)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise error(f"{file}: expected a text file in UTF-8, found {problem}") from None
    except OSError as problem:
        raise error(f"{file}: {problem.strerror}") from None
    return [np.array(column) for column in columns]


def _append(
    columns: list[list[float]],
    row: list[str],
    names: tuple[str, ...],
    where: str,
    error: type[ParticleflowError],
) -> None:
    if len(row) != len(names):
        raise error(f"{where}: expected {len(names)} fields, found {len(row)}")
    for column, name, text in zip(columns, names, row, strict=True):
        try:
            number = float(text.replace("_", "?"))  # Python would read 1_0 as 10
        except ValueError:
            found = shortened(text)
            raise error(f"{where}, column {name}: expected a number, found {found!r}") from None
        if not np.isfinite(number):
            raise error(f"{where}, column {name}: expected a finite number, found {number}")
        column.append(number)


def write_columns(path: Path, names: tuple[str, ...], columns: list[Array]) -> None:
    """Write columns of numbers to a CSV file, so that `read_columns` returns the same bits."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        # repr of a float has as many digits as it takes to read back the same bits
        writer.writerows(zip(*(map(repr, column.tolist()) for column in columns), strict=True))
