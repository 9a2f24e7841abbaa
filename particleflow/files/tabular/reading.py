"""Delimited text, read as its layout says."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import ParticleflowError

from . import layout as layouts
from .columns import Choice, Column, Kind, Table, chosen, doubtful, without_missing
from .dates import days_since_first, instant, is_other_date, plain_dates
from .layout import BLANKS, NAMES_OF_DELIMITERS, Layout, Piece, is_comment
from .numerals import OFTEN_MISSING, Decimal, Numerals, is_missing, is_number, signs
from .text import opened

_HEAD = 1000
"""Lines from which the layout is found."""
_PIECE = 1000
_MARKS = {" ", "", *(mark[0] for mark in layouts.COMMENTS)}
"""First characters of rows that may be comments or blank."""
_DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "blanks": " ", "blank": " ", "space": " "}


def read_text(file: Path, choice: Choice, error: type[ParticleflowError]) -> Table:
    """The columns of a file of delimited text that a choice names, or that are plain.

    Raises
    ------
    error
        The file cannot be read, or what it holds is not plain; names the line, what was expected
        and found, and the key that would settle it.
    """
    with opened(file, error) as (text, notes):
        lines = list(itertools.islice(text, _HEAD))
        if not any(line.strip() for line in lines):
            raise error(f"{file}: is empty, expected columns of numbers")
        found = layouts.find(lines, _delimiter(file, choice, error))
        if found is None:
            raise error(_nothing(file, lines))
        if found.torn is not None:
            raise error(
                f"{file}, line {found.torn.line}: expected names or numbers, found both: "
                f"{_shorten(', '.join(found.torn.fields))!r}"
            )
        reader = _Reader(file, found, choice, error)
        try:
            return reader.read(lines, text, notes)
        except csv.Error as problem:
            raise error(f"{file}: expected a table, found {problem}") from None


def _delimiter(file: Path, choice: Choice, error: type[ParticleflowError]) -> str | None:
    given = choice.delimiter
    if given is None:
        return None
    word = _DELIMITER_WORDS.get(given.lower(), given)
    if len(word) != 1 or word in '"\r\n.' or word.isalnum():
        raise error(
            f'{file}: delimiter: expected one character, "tab" or "blanks", found {given!r}'
        )
    return word


def _nothing(file: Path, lines: list[str]) -> str:
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 1 and is_number(words[0]):
            return f"{file}, line {number}: expected two columns of numbers, found one"
        if any(is_other_date(word) for word in line.replace(",", " ").replace(";", " ").split()):
            found = _shorten(line.strip())
            return f"{file}, line {number}: expected dates as 2001-12-31, found {found!r}"
    there = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    number, line = next((row for row in there if any(map(str.isdigit, row[1]))), there[0])
    return f"{file}, line {number}: expected two or more numbers, found {_shorten(line)!r}"


def _shorten(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


class _Reader:
    """Reads a text of known layout."""

    def __init__(
        self, file: Path, layout: Layout, choice: Choice, error: type[ParticleflowError]
    ) -> None:
        self._file, self._layout, self._choice, self._error = file, layout, choice, error
        self._notes: list[str] = []
        self._comments = 0

    def read(self, head: list[str], rest: TextIO, notes: list[str]) -> Table:
        """The table of a text whose first lines are ``head``."""
        own = layouts.given_delimiter(head) is not None
        lines = itertools.chain(["\n", *head[1:]] if own else head, rest)
        pieces = self._pieces(lines)
        first = next(pieces)
        sample = first.rows[:_HEAD]
        columns = [
            _column(name, [fields[n] for fields in sample])
            for n, name in enumerate(self._layout.names)
        ]
        places, told = chosen(str(self._file), columns, self._choice, self._error)
        words = [
            fields[n] for fields in sample for n in places.values() if columns[n].kind == "number"
        ]
        numerals = self._numerals(words)
        parts = {
            role: _Values(self, role, columns[n], numerals, self._choice.decimal is not None)
            for role, n in places.items()
        }
        line_of: np.ndarray | None = None
        bulk = self._in_bulk(columns, numerals) if len(head) == _HEAD else None
        if bulk is not None:
            arrays = {role: bulk[:, n].copy() for role, n in places.items()}
        else:
            line_of = _fill(parts, places, itertools.chain([first], pieces))
            arrays = {role: values.array() for role, values in parts.items()}
        kept, left_out = without_missing(
            str(self._file), arrays, line_of, self._choice, self._error
        )
        described = self._described(numerals, arrays["x"].size)
        return Table(
            kept["x"], kept["y"], kept.get("weights"), kept.get("sigma"),
            parts["x"].label(), parts["y"].label(),
            [*notes, *described, *told, *left_out, *doubtful(kept)],
        )  # fmt: skip

    def _in_bulk(self, columns: list[Column], numerals: Numerals) -> Array | None:
        """All columns as numpy reads them, (n, n_columns); None if there is more than numbers.

        This is three times as fast as reading in pieces, which finds out what and where it is.
        """
        if numerals.decimal != "." or any(column.kind != "number" for column in columns):
            return None
        delimiter = None if self._layout.delimiter == BLANKS else self._layout.delimiter
        with opened(self._file, self._error) as (text, _):
            try:
                found = np.loadtxt(
                    text, delimiter=delimiter, skiprows=self._layout.first - 1, comments=None,
                    quotechar='"', ndmin=2,
                )  # fmt: skip
            except ValueError:
                return None
        fits = found.shape[1] == len(columns) and np.isfinite(found).all()
        if not fits or np.isin(found, self._choice.missing_values).any():
            return None
        return np.asarray(found)

    def _pieces(self, lines: Iterator[str]) -> Iterator[Piece]:
        """Pieces of rows of data, each row with as many fields as there are columns."""
        length, begin = len(self._layout.names), self._layout.first
        for piece in layouts.pieces_of(lines, self._layout.delimiter, _PIECE):
            if piece.lines[-1] < begin:
                continue
            lengths = set(map(len, piece.rows))
            marks = {fields[0][:1] for fields in piece.rows if fields}
            is_plain = piece.lines[0] >= begin and lengths == {length} and not marks & _MARKS
            checked = piece if is_plain else self._checked(piece, length, begin)
            if checked.rows:
                yield checked

    def _checked(self, piece: Piece, length: int, begin: int) -> Piece:
        """The rows of data of a piece that holds other rows, too."""
        lines, rows = [], []
        for line, found in zip(piece.lines.tolist(), piece.rows, strict=True):
            if line < begin or not any(text.strip() for text in found):
                continue
            if is_comment(found):
                self._comments += 1
                continue
            ends = len(found) == length + 1 and not found[-1].strip()
            fields = found[:-1] if ends else found
            if len(fields) != length:
                raise self._error(
                    f"{self._file}, line {line}: expected {length} fields, found "
                    f"{len(fields)}: {_shorten(self._layout.delimiter.join(fields))!r}"
                )
            lines.append(line)
            rows.append(fields)
        return Piece(np.array(lines, np.int64), rows)

    def _numerals(self, words: list[str]) -> Numerals:
        given = self._choice.decimal
        if given is not None:
            if given not in (".", ","):
                raise self._error(f'{self._file}: decimal: expected "." or ",", found {given!r}')
            decimal: Decimal = "." if given == "." else ","
            return Numerals(decimal, grouped=True)
        needs_comma, needs_point, doubtful = signs(words)
        if needs_comma and needs_point:
            raise self._error(
                f"{self._file}: numbers with a decimal point and with a decimal comma; "
                'decimal = "." or "," says which it is'
            )
        if doubtful and not needs_comma:
            raise self._error(
                f"{self._file}: {doubtful!r} may be {doubtful.replace(',', '.')} or "
                f'{doubtful.replace(",", "")}; decimal = "," or "." says which'
            )
        return Numerals("," if needs_comma else ".")

    def _described(self, numerals: Numerals, n: int) -> list[str]:
        layout = self._layout
        delimiter = NAMES_OF_DELIMITERS.get(layout.delimiter, repr(layout.delimiter))
        comma = " and decimal commas" if numerals.decimal == "," else ""
        header = f"names in line {layout.header}" if layout.header else "no names"
        notes = [f"{n} rows, separated by {delimiter}{comma}, {header}"]
        if layout.units:
            notes.append(f"line {layout.units} has units and is passed over")
        if layout.skipped:
            lines = ", ".join(map(str, layout.skipped[:5])) + (
                ", ..." if len(layout.skipped) > 5 else ""
            )
            notes.append(f"passed over before the table: line {lines}")
        if self._comments:
            notes.append(f"{self._comments} comments passed over")
        return notes

    def refuse(self, line: int, column: str, expected: str, found: str) -> ParticleflowError:
        """The error of a field."""
        return self._error(
            f"{self._file}, line {line}, column {column}: expected {expected}, "
            f"found {_shorten(found.strip())!r}"
        )


def _column(name: str, words: list[str]) -> Column:
    there = [word for word in words if not is_missing(word)]
    numbers = sum(map(is_number, there))
    dates = sum(instant(word) is not None for word in there)
    kind: Kind
    if not there:
        kind = "empty"
    elif dates > 0 and 2 * dates >= len(there):
        kind = "date"
    else:
        kind = "number" if numbers > 0 and 2 * numbers >= len(there) else "text"
    return Column(name, kind, kind == "number" and _counts(words))


def _counts(words: list[str]) -> bool:
    """Whether the words are whole numbers, each one more than that before."""
    try:
        values = [int(word) for word in words]
    except ValueError:
        return False
    return all(two == one + 1 for one, two in itertools.pairwise(values))


def _fill(
    parts: "dict[str, _Values]", places: dict[str, int], pieces: Iterator[Piece]
) -> np.ndarray:
    """Add all rows to the columns; returns the line of each row."""
    lines = []
    for piece in pieces:
        lines.append(piece.lines)
        for role, n in places.items():
            parts[role].add([fields[n] for fields in piece.rows], piece.lines)
    return np.concatenate(lines)


class _Values:
    """The values of a column, as they come."""

    def __init__(
        self, reader: _Reader, role: str, column: Column, numerals: Numerals, is_given: bool
    ) -> None:
        self._reader, self._column, self._numerals = reader, column, numerals
        self._is_given = is_given
        self._name = column.name or role
        self._pieces: list[np.ndarray] = []
        self._zoned: bool | None = None
        self._unit = ""

    def add(self, words: list[str], lines: np.ndarray) -> None:
        """Add the words of some lines."""
        if self._column.kind == "date":
            days = None if self._zoned else plain_dates(words)
            if days is None:
                days = np.array(list(map(self._moment, words, lines)), "datetime64[us]")
            else:
                self._zoned = False
            self._pieces.append(days)
            return
        values = _at_once(words, self._numerals.decimal)
        if values is None:
            values = np.array(list(map(self._number, words, lines)))
        self._pieces.append(values)

    def array(self) -> Array:
        """All values, (n,), NaN where one is missing."""
        if self._column.kind != "date":
            return np.concatenate(self._pieces) if self._pieces else np.empty(0)
        days, self._unit = days_since_first(np.concatenate(self._pieces))
        return days

    def label(self) -> str:
        """What to write beside an axis."""
        return self._unit or self._column.name

    def _number(self, word: str, line: int) -> float:
        value = self._numerals.number(word)
        if value is not None and np.isfinite(value):
            return value
        if value is not None:
            raise self._reader.refuse(line, self._name, "a finite number", word)
        if is_missing(word):
            return np.nan
        expected = "a number"
        if not self._is_given and is_number(word):
            expected += f" with a decimal {'point' if self._numerals.decimal == '.' else 'comma'}"
            expected += " (decimal = says which)"
        elif instant(word) is not None:
            expected += ", as in the lines before,"
        raise self._reader.refuse(line, self._name, expected, word)

    def _moment(self, word: str, line: int) -> np.datetime64:
        found = instant(word)
        if found is None:
            if is_missing(word):
                return np.datetime64("NaT", "us")
            raise self._reader.refuse(line, self._name, "a date as 2001-12-31", word)
        moment, zoned = found
        if self._zoned is not None and zoned != self._zoned:
            expected = "a time zone" if self._zoned else "no time zone"
            raise self._reader.refuse(line, self._name, f"{expected}, as before,", word)
        self._zoned = zoned
        return moment


def _at_once(words: list[str], decimal: Decimal) -> Array | None:
    """The numbers that the words say, NaN where one is missing; None if a word is anything else.

    This is the fast way.
    """
    joined = "\n".join(words)
    # Python reads 1_0 as 10, and digits of any alphabet
    if not joined.isascii() or "_" in joined:
        return None
    if decimal == ",":
        if "." in joined:
            return None
        words = joined.replace(",", ".").split("\n")
    values = _floats(words)
    if values is None:
        values = _floats(["nan" if word in OFTEN_MISSING else word for word in words])
    return values if values is not None and not np.isinf(values).any() else None


def _floats(words: list[str]) -> Array | None:
    try:
        return np.array(list(map(float, words)))
    except ValueError:
        return None
