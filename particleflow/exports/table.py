"""Exports as .csv in long form: a row for each frame and neuron, or each value of an observable.

Numbers are written with as many digits as it takes to read the same numbers back.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from particleflow.errors import TrajectoryError
from particleflow.files.kinds import NEURONS_TABLE, OBSERVABLES_TABLE

from .choice import Choice

TABLES = ("neurons", "observables")
_PIECE = 100_000
"""How many rows are turned into text at a time."""


def n_rows(choice: Choice, table: str) -> int:
    """The number of rows that one of the `TABLES` has."""
    if table == "neurons":
        return choice.shape[0] * choice.shape[1]
    return sum(series.values.size for series in choice.series())


def check_rows(choice: Choice, table: str, limit: int) -> None:
    """Refuse a table that has more rows than ``limit``.

    Raises
    ------
    TrajectoryError
    """
    rows = n_rows(choice, table)
    if rows > limit:
        raise TrajectoryError(
            f"{choice.trajectory.path}: the table would have {rows:,} rows, more than the limit of "
            f"{limit:,}; take every Nth frame (--stride), fewer neurons (--neurons) or a higher "
            "--limit"
        )


def write(choice: Choice, target: Path, table: str) -> None:
    """Write one of the `TABLES` into a file."""
    of_neurons = table == "neurons"
    names = NEURONS_TABLE if of_neurons else OBSERVABLES_TABLE
    rows = _of_neurons if of_neurons else _of_observables
    samples, more = choice.trajectory.samples, {}
    if of_neurons and choice.mass is not None:
        names = (*names, "mass")
    if samples.is_mapped:
        more = {"x_shift": repr(samples.x_shift), "x_scale": repr(samples.x_scale)}
    blocks = (
        [*columns, *([value] * len(columns[0]) for value in more.values())]
        for columns in rows(choice)
    )
    with target.open("w", encoding="utf-8", newline="") as file:
        _write_rows(file, (*names, *more), blocks)


def _write_rows(file: IO[str], names: Iterable[str], blocks: Iterator[list[list[str]]]) -> None:
    """Write a line of names, and a line for each row of the blocks, which are lists of columns."""
    file.write(",".join(names) + "\n")
    for columns in blocks:
        file.writelines(f"{row}\n" for row in map(",".join, zip(*columns, strict=True)))


def _of_neurons(choice: Choice) -> Iterator[list[list[str]]]:
    """Columns of text for the table "neurons", some rows at a time."""
    ids, times, mass = choice.ids, choice.trajectory.time, choice.mass
    for block in choice.blocks():
        for k, frame in enumerate(choice.frames[block.where]):
            for lo in range(0, ids.size, _PIECE):
                some = slice(lo, lo + _PIECE)
                n = ids[some].size
                yield [
                    [str(frame)] * n,
                    [repr(float(times[frame]))] * n,
                    _text(ids[some]),
                    _text(block.position[k, some, 0]),
                    _text(block.position[k, some, 1]),
                    _text(block.cell[k, some]),
                    _text(block.knots[k, some]),
                    *([] if mass is None else [_text(mass[some])]),
                ]


def _of_observables(choice: Choice) -> Iterator[list[list[str]]]:
    """Columns of text for the table "observables", one observable at a time."""
    for series in choice.series():
        if series.values.size == 0:
            continue
        shape = series.values.shape
        at = [indices.ravel() for indices in np.indices(shape, sparse=False)]
        blank = [""] * series.values.size
        yield [
            [series.name] * series.values.size,
            _text(series.time[at[0]]),
            _text(at[1]) if len(shape) > 1 else blank,
            _text(_joined(at[2:], shape[2:])) if len(shape) > 2 else blank,
            _text(series.values.ravel()),
        ]


def _joined(indices: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The index j, which counts through all axes after the second as if they were one."""
    return np.ravel_multi_index(indices, shape)


def digits(values: np.ndarray) -> list[str]:
    """Each number in the fewest digits that name it in its own precision."""
    # tolist makes float64 of float32, and repr would print the digits of that
    if values.dtype == np.float32:
        return [str(word) for word in values.astype(str)]
    return list(map(repr, values.tolist()))


def _text(values: np.ndarray) -> list[str]:
    """The `digits` of each number; no text for NaN."""
    return ["" if word == "nan" else word for word in digits(values)]
