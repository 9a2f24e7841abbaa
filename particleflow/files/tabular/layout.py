"""How a delimited text is laid out: its delimiter, its header, where rows of data begin."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .dates import instant
from .numerals import is_missing, is_number

BLANKS = " "
_PIECE = 1000
DELIMITERS = ("\t", ";", ",", "|", BLANKS)
NAMES_OF_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", BLANKS: "blanks"}
COMMENTS = ("#", "%", "//", "!")
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_UNIT = re.compile(r"[(\[].*[)\]]|-|")
_UNITS = frozenset({
    "s", "ms", "min", "h", "d", "day", "days", "year", "years", "yr", "sec", "seconds", "hours",
    "m", "mm", "cm", "km", "nm", "g", "kg", "mg", "v", "mv", "a", "ma", "k", "c", "°c", "degc", "f",
    "pa", "hpa", "bar", "hz", "khz", "mhz", "ev", "j", "w", "n", "%", "ppm", "ppb", "m/s", "m/s^2",
    "km/h", "rad", "deg", "a.u.", "au", "unit", "units", "1", "mol", "l", "counts", "count",
})  # fmt: skip
"""Words in lower case that a line below the header has in place of numbers."""


class Row(NamedTuple):
    """A line that is not blank: its number, counted from 1, and its fields."""

    line: int
    fields: list[str]


class Layout(NamedTuple):
    """The layout of a delimited text.

    Attributes
    ----------
    delimiter : str
        One of `DELIMITERS`, or what the user gave.
    names : list of str
        Names of the columns; empty where the text has none for a column.
    header : int
        Line of the names, 0 if there are none.
    first : int
        Line of the first row of data.
    skipped : list of int
        Lines before the first row that are neither the header nor comments.
    units : int
        Line with units below the header, 0 if there is none.
    torn : Row or None
        A row before the data, or a header, that has numbers but words where numbers follow.
    """

    delimiter: str
    names: list[str]
    header: int
    first: int
    skipped: list[int]
    units: int
    torn: Row | None = None


class Piece(NamedTuple):
    """Some rows that follow each other: their line numbers (n,) int64, and the fields of each."""

    lines: np.ndarray
    rows: list[list[str]]


def pieces_of(lines: Iterable[str], delimiter: str, size: int) -> Iterator[Piece]:
    """What `rows_of` yields, ``size`` rows at a time; blank lines are rows without fields."""
    if delimiter == BLANKS:
        source = iter(lines)
        begin = 1
        while some := list(itertools.islice(source, size)):
            rows = [_words(line) for line in some]
            yield Piece(np.arange(begin, begin + len(some)), rows)
            begin += len(some)
        return
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    last = 0
    while rows := list(itertools.islice(reader, size)):
        ends = last + np.arange(1, len(rows) + 1)
        if reader.line_num != ends[-1]:  # fields go over several lines
            breaks = [sum(text.count("\n") for text in fields) for fields in rows]
            ends += np.cumsum(breaks)
        last = reader.line_num
        yield Piece(ends, rows)


def _words(line: str) -> list[str]:
    if '"' in line:
        return [quoted or plain for quoted, plain in _WORD.findall(line)]
    return line.split()


def rows_of(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """The rows of a text, split at its delimiter; blank lines are passed over."""
    for piece in pieces_of(lines, delimiter, _PIECE):
        for line, fields in zip(piece.lines.tolist(), piece.rows, strict=True):
            if any(text.strip() for text in fields):
                yield Row(line, fields)


def is_comment(fields: list[str]) -> bool:
    """Whether the row is a comment."""
    return fields[0].lstrip().startswith(COMMENTS)


def is_value(text: str) -> bool:
    """Whether the text is a number or a date."""
    return is_number(text) or instant(text) is not None


def is_data(fields: list[str]) -> bool:
    """Whether the row may be one of data: it has two values, or one beside a missing one."""
    values = sum(map(is_value, fields))
    return values >= 2 or (values == 1 and any(is_missing(text) for text in fields))


def given_delimiter(lines: list[str]) -> str | None:
    """The delimiter that a first line as ``sep=;`` names, as spreadsheets write it."""
    found = _SEPARATOR.fullmatch(lines[0].strip().strip('"')) if lines else None
    return found[1] if found else None


def find(lines: list[str], delimiter: str | None) -> Layout | None:
    """The layout of a text that begins with these lines; None if no row holds two values.

    Of the delimiters the one is taken with which most rows of one length are data; of equal ones
    that which leaves the fewest fields that are no value.
    """
    own = given_delimiter(lines)
    if own is not None:
        lines = ["\n", *lines[1:]]
        delimiter = delimiter or own
    best, best_rank = None, (0, 0.0)
    for candidate in DELIMITERS if delimiter is None else (delimiter,):
        try:
            rows = list(rows_of(lines, candidate))
        except csv.Error:
            continue
        data = [row.fields for row in rows if not is_comment(row.fields) and is_data(row.fields)]
        if not data:
            continue
        length, _ = Counter(map(len, data)).most_common(1)[0]
        alike = [fields for fields in data if len(fields) == length]
        others = sum(not (is_value(t) or is_missing(t)) for fields in alike for t in fields)
        rank = (len(alike), -others / (length * len(alike)))
        if rank > best_rank or best is None:
            best, best_rank = (candidate, rows), rank
    return None if best is None else _with_header(*best)


def _with_header(delimiter: str, rows: list[Row]) -> Layout:
    first = _first_of_data(rows)
    length = len(rows[first].fields)
    before = rows[:first]
    plain = [row for row in before if not is_comment(row.fields)]
    block = _block(plain, length) or _block([_uncommented(row) for row in before], length)
    torn = next((row for row in block if _is_torn(row.fields, rows[first].fields)), None)
    units = 0
    if len(block) > 1 and _are_units(block[-1].fields):
        units = block.pop().line
    if not block:
        skipped = [row.line for row in plain]
        return Layout(delimiter, [""] * length, 0, rows[first].line, skipped, 0, torn)
    header = block[-1]
    names = [name.strip() for name in header.fields]
    if len(names) == length + 1 and names[0].endswith(":"):
        del names[0]  # as in "Data: y x"
    if len(names) == length - 1:  # a name for all but the row names, or none for what ends a row
        ends_empty = all(not row.fields[-1].strip() for row in rows[first:] if row.fields)
        names = [*names, ""] if ends_empty else ["", *names]
    skipped = [row.line for row in plain if row.line not in (header.line, units)]
    return Layout(delimiter, names, header.line, rows[first].line, skipped, units, torn)


def _first_of_data(rows: list[Row]) -> int:
    """Index of the first row of data."""
    data = [n for n, row in enumerate(rows) if not is_comment(row.fields) and is_data(row.fields)]
    first, fields = data[0], rows[data[0]].fields
    # a header as ",0", which names a column by its number: no other row begins with an empty field
    if (
        len(data) > 1
        and first == 0
        and not fields[0].strip()
        and all(rows[n].fields[0].strip() for n in data[1:])
    ):
        return data[1]
    return first


def _uncommented(row: Row) -> Row:
    head = row.fields[0].lstrip()
    for mark in COMMENTS:
        if head.startswith(mark):
            head = head[len(mark) :].strip()
            # with blanks as delimiter the mark may be a field of its own
            return Row(row.line, [head, *row.fields[1:]] if head else row.fields[1:])
    return row


def _block(rows: list[Row], length: int) -> list[Row]:
    """The last of these rows that may name columns, without a gap in between."""
    out: list[Row] = []
    for row in reversed(rows):
        fields = row.fields
        fits = len(fields) in (length, length - 1) or (
            len(fields) == length + 1 and (fields[0].endswith(":") or not fields[-1].strip())
        )
        if not fits or len(fields) < 2 or not any(text.strip() for text in fields):
            break
        out.insert(0, Row(row.line, fields[:length] if not fields[-1].strip() else fields))
    return out


def _is_torn(fields: list[str], data: list[str]) -> bool:
    """Whether a row has numbers, and words where the first row of data has numbers."""
    if len(fields) != len(data) or not any(map(is_number, fields)):
        return False
    return any(
        is_value(below) and not is_value(text) and not is_missing(text)
        for text, below in zip(fields, data, strict=True)
    )


def _are_units(fields: list[str]) -> bool:
    words = [text.strip() for text in fields]
    return all(_UNIT.fullmatch(word) or word.lower() in _UNITS for word in words) and any(words)
