"""Delimited text, read as its layout says."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from particleflow.arguments import Array, shortened
from particleflow.errors import ParticleflowError

from . import layout as layouts
from .columns import Choice, Column, Table, chosen, doubtful, without_missing
from .dates import is_other_date
from .layout import BLANKS, NAMES_OF_DELIMITERS, Layout, Piece, is_comment
from .numerals import Decimal, Numerals, is_number, signs
from .text import opened
from .values import Values, column_of

_HEAD = 1000
"""Lines from which the layout is found."""
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
        names = {"x", "y"} | {c.strip().lower() for c in choice[:4] if isinstance(c, str)}
        found = layouts.find(lines, _delimiter(file, choice, error), names)
        if found is None:
            raise error(_nothing(file, lines, choice))
        if isinstance(found, str):
            raise error(f"{file}: {found}")
        problem = _doubt(found, lines, choice)
        if problem is not None:
            raise error(f"{file}, {problem}")
        reader = _Reader(file, found, choice, error)
        try:
            return reader.read(lines, text, notes)
        except csv.Error as problem:
            raise error(
                f"{file}: expected quotes that are closed and followed by a delimiter, found "
                f"{problem}"
            ) from None


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


def _doubt(layout: Layout, lines: list[str], choice: Choice) -> str | None:
    """What makes a layout doubtful, with its line; None if nothing does."""
    if layout.torn is not None:
        row = shortened(", ".join(layout.torn.fields))
        return f"line {layout.torn.line}: expected names or numbers for each column, found {row!r}"
    title = lines[layout.first - 2].strip() if layout.first > 1 else ""
    is_one_word = title.isidentifier() and not layout.header
    if is_one_word and layout.delimiter == "," and len(layout.names) == 2 and not choice.delimiter:
        rows = [row.fields for row in layouts.rows_of(lines, ",") if row.line >= layout.first]
        if all(word.strip().lstrip("+-").isdigit() for fields in rows for word in fields):
            word = ",".join(rows[0])
            return (
                f"line {layout.first}: {word!r} below one name may be one number or two; "
                'delimiter = "," says that it is two'
            )
    return None


def _nothing(file: Path, lines: list[str], choice: Choice) -> str:
    if choice.delimiter is not None:
        return (
            f"{file}: expected two or more numbers in a row, separated as delimiter = "
            f"{choice.delimiter!r} says, found none"
        )
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 1 and is_number(words[0]):
            return f"{file}, line {number}: expected two columns of numbers, found one"
        if any(is_other_date(word) for word in line.replace(",", " ").replace(";", " ").split()):
            found = shortened(line.strip())
            return f"{file}, line {number}: expected dates as 2001-12-31, found {found!r}"
    there = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    number, line = next((row for row in there if any(map(str.isdigit, row[1]))), there[0])
    return f"{file}, line {number}: expected two or more numbers, found {shortened(line)!r}"


class _Reader:
    """Reads a text of known layout."""

    def __init__(
        self, file: Path, layout: Layout, choice: Choice, error: type[ParticleflowError]
    ) -> None:
        self._file, self._layout, self._choice, self._error = file, layout, choice, error
        self._comments = 0
        self._blanks, self._has_begun = 0, False

    def read(self, head: list[str], rest: TextIO, notes: list[str]) -> Table:
        """The table of a text whose first lines are ``head``."""
        own = layouts.given_delimiter(head) is not None
        lines = itertools.chain(["\n", *head[1:]] if own else head, rest)
        pieces = self._pieces(lines)
        first = next(pieces)
        sample = first.rows
        columns = [
            column_of(name, [fields[n] for fields in sample])
            for n, name in enumerate(self._layout.names)
        ]
        places, told = chosen(str(self._file), columns, self._choice, self._error)
        words = [
            fields[n] for fields in sample for n in places.values() if columns[n].kind == "number"
        ]
        numerals = self._numerals(words)
        parts = {
            role: Values(self.refuse, role, columns[n], numerals, self._choice.decimal is not None)
            for role, n in places.items()
        }
        line_of: np.ndarray | None = None
        bulk = self._in_bulk(columns, numerals) if len(head) == _HEAD else None
        if bulk is not None:
            arrays = {role: bulk[:, n].copy() for role, n in places.items()}
        else:
            line_of = _fill(parts, places, itertools.chain([first], pieces))
            arrays = {role: values.array() for role, values in parts.items()}
        dates = {role for role, n in places.items() if columns[n].kind == "date"}
        kept, left_out = without_missing(
            str(self._file), arrays, dates, line_of, self._choice, self._error
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
                    _one_table(text), delimiter=delimiter, skiprows=self._layout.first - 1,
                    comments=None, quotechar='"', ndmin=2,
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
        for piece in layouts.pieces_of(lines, self._layout.delimiter):
            if piece.lines[-1] < begin:
                continue
            lengths = set(map(len, piece.rows))
            marks = {fields[0][:1] for fields in piece.rows if fields}
            broken = [line for line in piece.broken if line >= begin]
            if broken:
                raise self._error(
                    f"{self._file}, line {broken[0]}: expected a row on a line of its own, found a "
                    "line break between quotes"
                )
            is_plain = piece.lines[0] >= begin and lengths == {length} and not marks & _MARKS
            is_plain = is_plain and self._blanks == 0
            checked = piece if is_plain else self._checked(piece, length, begin)
            if checked.rows:
                self._has_begun = True
                yield checked

    def _checked(self, piece: Piece, length: int, begin: int) -> Piece:
        """The rows of data of a piece that holds other rows, too."""
        lines, rows, rows_before = [], [], self._has_begun
        for line, found in zip(piece.lines.tolist(), piece.rows, strict=True):
            if line < begin:
                continue
            if not any(text.strip() for text in found):
                self._blanks += 1
                continue
            if is_comment(found):
                self._comments += 1
                continue
            if self._blanks > 1 and rows_before:
                raise self._error(
                    f"{self._file}, line {line}: expected one table, found another one below "
                    f"{self._blanks} blank lines"
                )
            self._blanks, rows_before = 0, True
            ends = len(found) == length + 1 and not found[-1].strip()
            fields = found[:-1] if ends else found
            if len(fields) != length:
                raise self._error(
                    f"{self._file}, line {line}: expected {length} fields, found "
                    f"{len(fields)}: {shortened(self._layout.delimiter.join(fields))!r}"
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
        comments = layout.comments + self._comments
        if comments:
            notes.append(f"{comments} lines passed over as comments")
        return notes

    def refuse(self, line: int, column: str, expected: str, found: str) -> ParticleflowError:
        """The error of a field."""
        return self._error(
            f"{self._file}, line {line}, column {column}: expected {expected}, "
            f"found {shortened(found.strip())!r}"
        )


def _one_table(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a text.

    Raises
    ------
    ValueError
        Two blank lines follow each other, which may begin another table.
    """
    was_blank = False
    for line in lines:
        is_blank = line == "\n"
        if is_blank and was_blank:
            raise ValueError("two blank lines")
        was_blank = is_blank
        yield line


def _fill(parts: dict[str, Values], places: dict[str, int], pieces: Iterator[Piece]) -> np.ndarray:
    """Add all rows to the columns; returns the line of each row."""
    lines = []
    for piece in pieces:
        lines.append(piece.lines)
        for role, n in places.items():
            parts[role].add([fields[n] for fields in piece.rows], piece.lines)
    return np.concatenate(lines)
