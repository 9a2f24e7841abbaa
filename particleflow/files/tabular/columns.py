"""Which columns of a table are x, y, weights and sigma."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from particleflow.arguments import Array, brief, numbers, shortened
from particleflow.errors import ParticleflowError

Missing = Literal["error", "drop"]
Kind = Literal["number", "date", "time", "text", "empty"]
ROLES = ("x", "y", "weights", "sigma")
_INDEX_NAMES = frozenset({"", "index", "rownames", "row.names", "row_names"})
_MOST_LISTED = 20
_WEIGHING = {
    "sigma": frozenset({"sigma", "err", "error", "yerr", "y_err", "dy", "sd", "std", "se"}),
    "weights": frozenset({"w", "weight", "weights"}),
}
"""Names in lower case of columns that may weigh rows, by the key that uses them."""


class Choice(NamedTuple):
    """What a user says about a table.

    Attributes
    ----------
    x, y, weights, sigma : str or int, optional
        Columns by their name, or by their number, counted from 1.
    missing : {"error", "drop"}
        What becomes of rows in which one of these columns has no value.
    missing_values : sequence of float
        Numbers that stand for a value that is not there.
    delimiter, decimal : str, optional
        Where the text leaves a doubt.
    """

    x: str | int | None = None
    y: str | int | None = None
    weights: str | int | None = None
    sigma: str | int | None = None
    missing: Missing = "error"
    missing_values: Sequence[float] = ()
    delimiter: str | None = None
    decimal: str | None = None


def checked(choice: Choice, error: type[ParticleflowError]) -> Choice:
    """The choice, if its options are of the right types; ``missing_values`` become a tuple.

    Raises
    ------
    error
        An option is of a wrong type.
    """
    for name in ROLES:
        column = getattr(choice, name)
        if column is not None and (isinstance(column, bool) or not isinstance(column, str | int)):
            raise error(
                f"{name}: expected the name or the number of a column, found {brief(column)}"
            )
    if choice.missing not in get_args(Missing):
        raise error(f'missing: expected "error" or "drop", found {choice.missing!r}')
    marks = numbers("missing_values", choice.missing_values, error)
    for name in ("delimiter", "decimal"):
        sign = getattr(choice, name)
        if sign is not None and not isinstance(sign, str):
            raise error(f"{name}: expected a text, found {brief(sign)}")
    return choice._replace(missing_values=tuple(marks.ravel().tolist()))


class Table(NamedTuple):
    """The columns that were read.

    Attributes
    ----------
    x, y : (n,) float64
    weights, sigma : (n,) float64 or None
    x_name, y_name : str
        What to write beside axes: the column's name, or of dates their unit; empty if unknown.
    notes : list of str
        Every decision that was taken, one sentence each.
    """

    x: Array
    y: Array
    weights: Array | None
    sigma: Array | None
    x_name: str
    y_name: str
    notes: list[str]


class Column(NamedTuple):
    """What is known of a column before all of it is read.

    Attributes
    ----------
    name : str
    kind : {"number", "date", "time", "text", "empty"}
    counts_rows : bool
        Whether its values are whole numbers from 0 or 1 on, one apart, as those of an index.
    """

    name: str
    kind: Kind
    counts_rows: bool = False


def chosen(
    where: str,
    columns: list[Column],
    choice: Choice,
    error: type[ParticleflowError],
    is_ordered: bool = True,
) -> tuple[dict[str, int], list[str]]:
    """The index of the column of each role, and notes on how they were found.

    Of two columns the first is x if they are ordered.

    Raises
    ------
    error
        A column that is asked for is not there or has no numbers, or it is not plain which columns
        are x and y; lists the columns.
    """
    given = {role: getattr(choice, role) for role in ROLES}
    found = {
        role: _index(where, role, wanted, columns, error)
        for role, wanted in given.items()
        if wanted is not None
    }
    notes = _complete(where, columns, found, error, is_ordered)
    for role, n in found.items():
        # a column that is empty as far as it is known may have numbers further down
        if columns[n].kind in ("text", "time"):
            raise error(
                f"{where}: {role} is {_named(columns, n)}, which has other words than numbers; "
                f"{_listed(columns)}"
            )
    if found["x"] == found["y"]:
        raise error(f"{where}: x and y are the same column; {_listed(columns)}")
    _require_whole_dates(where, columns, found, error)
    used = set(found.values())
    left = [n for n in range(len(columns)) if n not in used and columns[n].kind != "empty"]
    if left:
        names = ", ".join(_named(columns, n) for n in left[:_MOST_LISTED])
        notes.append(f"not used: {names}")
    notes += [
        f"{_named(columns, n)} may be {role}: samples.{role} = {columns[n].name!r} uses it"
        for n in left
        for role, words in _WEIGHING.items()
        if columns[n].name.lower() in words and columns[n].kind == "number"
        and not {"weights", "sigma"} & found.keys()
    ]  # fmt: skip
    return found, notes


def _complete(
    where: str,
    columns: list[Column],
    found: dict[str, int],
    error: type[ParticleflowError],
    is_ordered: bool,
) -> list[str]:
    """Find x and y where they were not named; modifies ``found``; returns notes."""
    for role in ("x", "y"):
        own = [n for n, column in enumerate(columns) if column.name.lower() == role]
        if role not in found and len(own) == 1 and own[0] not in found.values():
            found[role] = own[0]
    wanted = [role for role in ("x", "y") if role not in found]
    if not wanted:
        return []
    free = [
        n
        for n, column in enumerate(columns)
        if column.kind in ("number", "date") and n not in found.values()
    ]
    notes = []
    if len(free) > len(wanted) and free[0] == 0 and _numbers_rows(columns):
        free.remove(0)
        notes.append("the first column numbers the rows")
    if len(free) != len(wanted) or (len(wanted) > 1 and not is_ordered):
        raise error(f"{where}: {_problem(wanted)}; {_listed(columns)}")
    found |= dict(zip(wanted, free, strict=True))
    said = " and ".join(f"{role} is {_named(columns, found[role])}" for role in wanted)
    return [*notes, said]


def _numbers_rows(columns: list[Column]) -> bool:
    """Whether the first column is an index: it counts, and among names it has none of its own."""
    name = columns[0].name
    is_index = name.lower() in _INDEX_NAMES or name.startswith("Unnamed:")
    return columns[0].counts_rows and is_index and any(column.name for column in columns)


def _require_whole_dates(
    where: str, columns: list[Column], found: dict[str, int], error: type[ParticleflowError]
) -> None:
    """Refuse dates beside a column of times of day, which belong to them."""
    for n in found.values():
        beside = [k for k in (n - 1, n + 1) if 0 <= k < len(columns)]
        if columns[n].kind == "date" and any(columns[k].kind == "time" for k in beside):
            raise error(
                f"{where}: {_named(columns, n)} has dates and the one beside it times of day; "
                "expected both in one column, as 2001-12-31T06:00"
            )


def _problem(wanted: list[str]) -> str:
    keys = " and ".join(f"{role} =" for role in wanted)
    return f"expected {keys} to name {'columns' if len(wanted) > 1 else 'a column'}"


def _named(columns: list[Column], n: int) -> str:
    name = shortened(columns[n].name)
    return f"column {n + 1} {name!r}" if name else f"column {n + 1}"


def _listed(columns: list[Column]) -> str:
    numbers = [n for n, c in enumerate(columns) if c.kind in ("number", "date")]
    if not numbers:
        return "no column has numbers"
    parts = [
        f"{n + 1} {shortened(columns[n].name)!r}" if columns[n].name else f"{n + 1}"
        for n in numbers[:_MOST_LISTED]
    ]
    more = f", ... ({len(numbers)} in all)" if len(numbers) > _MOST_LISTED else ""
    return f"columns with numbers: {', '.join(parts)}{more}"


def _index(
    where: str, role: str, wanted: str | int, columns: list[Column], error: type[ParticleflowError]
) -> int:
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(columns):
            raise error(
                f"{where}: {role} = {wanted}: expected a column from 1 to {len(columns)}; "
                f"{_listed(columns)}"
            )
        return wanted - 1
    places = [n for n, column in enumerate(columns) if column.name == wanted.strip()]
    if not places:
        places = [
            n for n, column in enumerate(columns) if column.name.lower() == wanted.strip().lower()
        ]
    if len(places) == 1:
        return places[0]
    if not places:
        raise error(f"{where}: {role} = {wanted!r}: no such column; {_listed(columns)}")
    raise error(
        f"{where}: {role} = {wanted!r}: {len(places)} columns have this name; give its number; "
        f"{_listed(columns)}"
    )


_USUAL = (
    -9.99, -99.0, -99.9, -99.99, -999.0, -999.9, -999.99, -9999.0, -9999.9, -99999.0,
    99.99, 999.9, 999.99, 9999.0, 9999.9, 99999.0,
)  # fmt: skip
"""Numbers that often stand for a value that is not there."""


def doubtful(arrays: dict[str, Array]) -> list[str]:
    """Notes on columns whose least or largest number looks as if it stood for a missing value."""
    notes = []
    for role, values in arrays.items():
        for extreme in sorted({float(values.min()), float(values.max())} & set(_USUAL)):
            others = values[values != extreme]
            # a number that belongs to the data is not farther from all others than they are apart
            if others.size > 1 and np.abs(others - extreme).min() > np.ptp(others):
                n = values.size - others.size
                notes.append(
                    f"{role} = {extreme:g} in {n} rows, far from all others: if it means that "
                    f"there is no value, missing_values = [{extreme:g}]"
                )
    return notes


def without_missing(
    where: str,
    arrays: dict[str, Array],
    dates: set[str],
    lines: np.ndarray | None,
    choice: Choice,
    error: type[ParticleflowError],
) -> tuple[dict[str, Array], list[str]]:
    """The rows in which no column is missing (NaN), and a note on those that are left out.

    Columns of ``dates`` have no numbers that stand for no value.

    Raises
    ------
    error
        Values are missing, and ``choice.missing`` is "error"; or none is left.
    """
    gone = np.zeros(next(iter(arrays.values())).size, bool)
    for role, values in arrays.items():
        gone |= np.isnan(values)
        for sentinel in () if role in dates else choice.missing_values:
            gone |= values == sentinel
    _require_above_0(where, arrays, ~gone, lines, error)
    n = int(gone.sum())
    if n == 0:
        return arrays, []
    place = f"the first in {_place(int(np.flatnonzero(gone)[0]), lines)}"
    if choice.missing == "error":
        raise error(
            f"{where}: {n} of {gone.size} rows have no value in {' or '.join(arrays)}, {place}; "
            'missing = "drop" leaves them out'
        )
    if n == gone.size:
        raise error(f"{where}: none of the {n} rows has a value in each of {', '.join(arrays)}")
    kept = {role: values[~gone] for role, values in arrays.items()}
    return kept, [f"{n} of {gone.size} rows left out for a missing value, {place}"]


def _place(row: int, lines: np.ndarray | None) -> str:
    return f"row {row + 1}" if lines is None else f"line {lines[row]}"


def _require_above_0(
    where: str,
    arrays: dict[str, Array],
    there: np.ndarray,
    lines: np.ndarray | None,
    error: type[ParticleflowError],
) -> None:
    """Refuse weights and standard deviations that are not above 0."""
    for role in ("weights", "sigma"):
        if role in arrays:
            bad = np.flatnonzero(there & ~(arrays[role] > 0.0))
            if bad.size:
                row = int(bad[0])
                raise error(
                    f"{where}, {_place(row, lines)}: {role}: expected a number above 0, found "
                    f"{arrays[role][row]:g}"
                )
