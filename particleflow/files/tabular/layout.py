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
PIECE = 1000
"""Rows that are split at once; more would keep the garbage collector busy."""
DELIMITERS = ("\t", ";", ",", "|", BLANKS)
NAMES_OF_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", BLANKS: "blanks"}
COMMENTS = ("#", "%", "//", "!")
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_RULER = re.compile(r"[-=+:_ ]*")
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
    comments : int
        Number of comments before the first row of data.
    torn : Row or None
        A row before the data, or a header, that has numbers but words where numbers follow.
    """

    delimiter: str
    names: list[str]
    header: int
    first: int
    skipped: list[int]
    units: int
    comments: int = 0
    torn: Row | None = None


class Piece(NamedTuple):
    """Some rows that follow each other.

    Attributes
    ----------
    lines : (n,) int64
        The line in which each row ends.
    rows : list of list of str
        The fields of each; none of a blank line.
    broken : tuple of int
        Lines of the rows that go over several lines.
    """

    lines: np.ndarray
    rows: list[list[str]]
    broken: tuple[int, ...] = ()


def pieces_of(lines: Iterable[str], delimiter: str, strict: bool = True) -> Iterator[Piece]:
    """What `rows_of` yields, `PIECE` rows at a time; blank lines are rows without fields.

    If ``strict``, quotes have to be closed and followed by a delimiter.

    Raises
    ------
    csv.Error
        They are not, or a field has no end.
    """
    if delimiter == BLANKS:
        source = iter(lines)
        begin = 1
        while some := list(itertools.islice(source, PIECE)):
            rows = [_words(line) for line in some]
            yield Piece(np.arange(begin, begin + len(some)), rows)
            begin += len(some)
        return
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)
    last = 0
    while rows := list(itertools.islice(reader, PIECE)):
        ends = last + np.arange(1, len(rows) + 1)
        broken: tuple[int, ...] = ()
        if reader.line_num != ends[-1]:  # fields go over several lines
            breaks = np.array([sum(text.count("\n") for text in fields) for fields in rows])
            ends += np.cumsum(breaks)
            broken = tuple(ends[breaks > 0].tolist())
        last = reader.line_num
        yield Piece(ends, rows, broken)


def _words(line: str) -> list[str]:
    if '"' in line:
        return [quoted or plain for quoted, plain in _WORD.findall(line)]
    words = line.split()
    if "#" in line and not line.lstrip().startswith(COMMENTS):  # a comment at the end of a row
        return list(itertools.takewhile(lambda word: word[0] != "#", words))
    return words


def rows_of(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """The rows of a text, split at its delimiter; blank lines are passed over."""
    for piece in pieces_of(lines, delimiter, strict=False):
        for line, fields in zip(piece.lines.tolist(), piece.rows, strict=True):
            if any(text.strip() for text in fields):
                yield Row(line, fields)


def is_comment(fields: list[str]) -> bool:
    """Whether the row is a comment."""
    return fields[0].lstrip().startswith(COMMENTS) and not is_missing(fields[0])


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


class Candidate(NamedTuple):
    """A text as one delimiter splits it.

    Attributes
    ----------
    rows : list of Row
    length : int
        The number of fields that most rows of data have.
    rank : tuple
        How well it fits: whether a row above has a name for each field; the number of rows of data
        of this length; and minus the share of their fields that are no values.
    """

    delimiter: str
    rows: list[Row]
    length: int
    rank: tuple[bool, int, float]


def find(lines: list[str], delimiter: str | None, names: Iterable[str]) -> Layout | str | None:
    """The layout of a text that begins with these lines.

    Parameters
    ----------
    lines : list of str
    delimiter : str or None
        The delimiter, if it is known.
    names : iterable of str
        Names of columns that a header has, in lower case, by which it is told from other lines.

    Returns
    -------
    Layout, str or None
        None if no row holds two values; a text if two delimiters fit equally well, what to say.
    """
    own = given_delimiter(lines)
    if own is not None:
        lines = ["\n", *lines[1:]]
        delimiter = delimiter or own
    # between tabs blanks are part of what stands there
    has_tabs = 2 * sum("\t" in line for line in lines) > len(lines)
    among = [one for one in DELIMITERS if not (has_tabs and one == BLANKS)]
    found = [
        candidate
        for one in (among if delimiter is None else [delimiter])
        if (candidate := _candidate(lines, one)) is not None
    ]
    if not found:
        return None
    best = max(found, key=lambda candidate: candidate.rank)  # of equals the first
    for other in found:
        if other is not best and other.rank[:2] == best.rank[:2] and best.rank[2] < 0.0:
            both = (NAMES_OF_DELIMITERS[one.delimiter] for one in (best, other))
            return f"may be separated by {' or by '.join(both)}; delimiter = says which"
    return _with_header(best, frozenset(names))


def _candidate(lines: list[str], delimiter: str) -> Candidate | None:
    try:
        rows = list(rows_of(lines, delimiter))
    except csv.Error:
        return None
    data = [row.fields for row in rows if not is_comment(row.fields) and is_data(row.fields)]
    if not data:
        return None
    length, _ = Counter(map(len, data)).most_common(1)[0]
    alike = [fields for fields in data if len(fields) == length]
    others = sum(not (is_value(t) or is_missing(t)) for fields in alike for t in fields)
    above = itertools.takewhile(lambda row: not is_data(row.fields), rows)
    has_names = any(
        len(row.fields) == length and not any(map(is_value, row.fields)) for row in above
    )
    rank = (has_names, len(alike), -others / (length * len(alike)))
    return Candidate(delimiter, rows, length, rank)


def _with_header(found: Candidate, wanted: frozenset[str]) -> Layout:
    delimiter, rows, length, _ = found
    first = _first_of_data(rows, length)
    before = rows[:first]
    plain = [row for row in before if not is_comment(row.fields)]
    comments = len(before) - len(plain)
    named = [row for row in plain if _fits(row.fields, length)]
    torn = next((row for row in named if _is_torn(row.fields, rows[first].fields)), None)
    named = named or [
        row
        for row in map(_uncommented, before)
        if _fits(row.fields, length) and not any(map(is_number, row.fields))
    ]
    names_rows = [row for row in named if not _are_units(row.fields)] or named
    last = names_rows[-1] if names_rows else None
    header = next((row for row in names_rows if _words_of(row.fields) & wanted), last)
    if header is None:
        skipped = [row.line for row in plain]
        return Layout(delimiter, [""] * length, 0, rows[first].line, skipped, 0, comments, torn)
    units = next(
        (row.line for row in named if row.line > header.line and _are_units(row.fields)), 0
    )
    names = _names(header.fields, length, [row.fields for row in rows[first:] if row.fields])
    if names is None:
        torn = torn or header
        names = [""] * length
    skipped = [row.line for row in plain if row.line not in (header.line, units)]
    comments -= sum(row.line in (header.line, units) for row in before if is_comment(row.fields))
    return Layout(delimiter, names, header.line, rows[first].line, skipped, units, comments, torn)


def _words_of(fields: list[str]) -> set[str]:
    return {text.strip().lower() for text in fields}


def _names(fields: list[str], length: int, data: list[list[str]]) -> list[str] | None:
    """A name for each column; None if it is not plain which column has none."""
    names = [name.strip() for name in fields]
    if len(names) == length + 1 and names[0].endswith(":"):
        return names[1:]  # as in "Data: y x"
    if len(names) == length + 1:
        return names[:-1]  # a delimiter at the end
    if len(names) == length:
        return names
    alike = [row for row in data if len(row) == length]
    if all(not row[-1].strip() for row in alike):
        return [*names, ""]
    # names of rows, which R writes, have no name themselves
    heads = [row[0] for row in alike]
    return ["", *names] if counts(heads) or not any(map(is_value, heads)) else None


def counts(words: list[str]) -> bool:
    """Whether the words are whole numbers from 0 or 1 on, each one more than that before."""
    try:
        values = [int(word) for word in words]
    except ValueError:
        return False
    return values[:1] in ([0], [1]) and all(b == a + 1 for a, b in itertools.pairwise(values))


def _first_of_data(rows: list[Row], length: int) -> int:
    """Index of the first row of data."""
    data = [
        n
        for n, row in enumerate(rows)
        if not is_comment(row.fields)
        and is_data(row.fields)
        # a title may hold numbers among words
        and (len(row.fields) == length or all(map(is_value, row.fields)))
    ]
    first, fields = data[0], rows[data[0]].fields
    # a header as ",0", which names a column by its number: no other row begins with an empty field
    if (
        len(data) > 1
        and first == 0
        and not fields[0].strip()
        and all(text.strip().isdigit() for text in fields[1:])
        and all(rows[n].fields[0].strip() for n in data[1:])
    ):
        return data[1]
    while first > 0 and _has_no_value(rows[first - 1].fields, fields):
        first -= 1
    return first


def _has_no_value(fields: list[str], data: list[str]) -> bool:
    """Whether a row is one of data in which all is missing that a row of data has."""
    return len(fields) == len(data) and all(
        is_missing(text) for text, below in zip(fields, data, strict=True) if is_value(below)
    )


def _uncommented(row: Row) -> Row:
    head = row.fields[0].lstrip()
    for mark in COMMENTS:
        if head.startswith(mark):
            head = head[len(mark) :].strip()
            # with blanks as delimiter the mark may be a field of its own
            return Row(row.line, [head, *row.fields[1:]] if head else row.fields[1:])
    return row


def _fits(fields: list[str], length: int) -> bool:
    """Whether a row above the data may name its columns."""
    if len(fields) < 2 or not any(text.strip() for text in fields):
        return False
    if all(_RULER.fullmatch(text.strip()) for text in fields):
        return False
    extra = len(fields) == length + 1 and (fields[0].endswith(":") or not fields[-1].strip())
    return len(fields) in (length, length - 1) or extra


def _is_torn(fields: list[str], data: list[str]) -> bool:
    """Whether a row above the data has numbers among words, or numbers that we cannot read."""
    if any(_has_number_only(text) for text in fields):
        return True
    if len(fields) != len(data) or not any(map(is_number, fields)):
        return False
    return any(
        is_value(below) and not is_value(text) and not is_missing(text)
        for text, below in zip(fields, data, strict=True)
    )


def _has_number_only(text: str) -> bool:
    """Whether a text has digits and no letter, and is yet no number."""
    return (
        any(map(str.isdigit, text))
        and not any(map(str.isalpha, text))
        and not is_value(text)
        and not text.strip().startswith(("(", "["))
    )


def _are_units(fields: list[str]) -> bool:
    words = [text.strip() for text in fields]
    return all(_UNIT.fullmatch(word) or word.lower() in _UNITS for word in words) and any(words)
