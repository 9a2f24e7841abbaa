"""The values of a column of text, as they come."""

from collections.abc import Callable

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import ParticleflowError

from .columns import Column, Kind
from .dates import days_since_first, instant, is_time, plain_dates
from .layout import counts
from .numerals import OFTEN_MISSING, Decimal, Numerals, is_missing, is_number

Refuse = Callable[[int, str, str, str], ParticleflowError]
"""Makes the error of a field: of its line, its column, what was expected, and what was found."""


def column_of(name: str, words: list[str]) -> Column:
    """What the first words of a column tell about it."""
    there = [word for word in words if not is_missing(word)]
    numbers = sum(map(is_number, there))
    dates = sum(instant(word) is not None for word in there)
    kind: Kind
    if not there:
        kind = "empty"
    elif dates > 0 and 2 * dates >= len(there):
        kind = "date"
    elif all(is_time(word) for word in there):
        kind = "time"
    else:
        kind = "number" if numbers > 0 and 2 * numbers >= len(there) else "text"
    return Column(name, kind, kind == "number" and counts(words))


class Values:
    """The values of a column, as they come."""

    def __init__(
        self, refuse: Refuse, role: str, column: Column, numerals: Numerals, is_given: bool
    ) -> None:
        self._refuse, self._column, self._numerals = refuse, column, numerals
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
            raise self._refuse(line, self._name, "a finite number", word)
        if is_missing(word):
            return np.nan
        expected = "a number"
        if not self._is_given and is_number(word):
            expected += f" with a decimal {'point' if self._numerals.decimal == '.' else 'comma'}"
            expected += " (decimal = says which)"
        elif instant(word) is not None:
            expected += " as in the lines before"
        raise self._refuse(line, self._name, expected, word)

    def _moment(self, word: str, line: int) -> np.datetime64:
        found = instant(word)
        if found is None:
            if is_missing(word):
                return np.datetime64("NaT", "us")
            raise self._refuse(line, self._name, "a date as 2001-12-31", word)
        moment, zoned = found
        if self._zoned is not None and zoned != self._zoned:
            expected = "a time zone" if self._zoned else "no time zone"
            raise self._refuse(line, self._name, f"{expected} as before", word)
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
