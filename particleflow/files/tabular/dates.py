"""Dates in text: ISO 8601, year-month, and 31.12.2001, as days since the first of them."""

import re
from datetime import UTC, datetime

import numpy as np

from particleflow.arguments import Array

_DATE = re.compile(
    r"(\d{4})([-/])(\d{1,2})(?:\2(\d{1,2}))?"
    r"(?:[T ](\d{1,2})(?::(\d{2}))?(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
_PLAIN = re.compile(r"\d{4}-\d{2}-\d{2}(\n\d{4}-\d{2}-\d{2})*", re.ASCII)
_MONTH = re.compile(r"(\d{4})[mM](\d{1,2})")
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?=[T ]|$)")
_OTHER = re.compile(r"\d{1,2}([/-]\d{1,2}[/-]\d{2,4}|\.\d{1,2}\.\d{2})(\s.*)?")
_MICROSECONDS_A_DAY = 86_400_000_000


def plain_dates(words: list[str]) -> np.ndarray | None:
    """The days that the words say, if all are written as 2001-12-31; this is the fast way."""
    if _PLAIN.fullmatch("\n".join(words)) is None:
        return None
    try:
        return np.array(words, "datetime64[D]").astype("datetime64[us]")
    except ValueError:
        return None


def instant(text: str) -> tuple[np.datetime64, bool] | None:
    """The date that the text says in UTC, and whether it names its time zone; None if it says none.

    A year and month stand for the first day of the month. Dots are between day, month and year in
    this order, in every country that writes dates with dots.
    """
    word = _DOTTED.sub(r"\3-\2-\1", text.strip(), count=1)
    month = _MONTH.fullmatch(word)
    if month is not None:
        parts: tuple[str | None, ...] = (month[1], month[2], None, None, None, None, None, None)
    else:
        found = _DATE.fullmatch(word)
        if found is None:
            return None
        parts = (found[1], *found.groups()[2:])
    year, mon, day, hour, minute, second, fraction, zone = parts
    if day is None and hour is not None:
        return None
    micro = int((fraction or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(int(year or 0), int(mon or 0), int(day or 1), int(hour or 0),
                          int(minute or 0), int(second or 0), micro)  # fmt: skip
    except ValueError:
        return None
    if zone is None:
        return np.datetime64(moment, "us"), False
    sign = "+0000" if zone == "Z" else zone.replace(":", "")
    try:
        aware = datetime.strptime(sign, "%z").tzinfo
        moment = moment.replace(tzinfo=aware).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return np.datetime64(moment, "us"), True


def is_time(text: str) -> bool:
    """Whether the text is a time of day without a date."""
    return _TIME.fullmatch(text.strip()) is not None


def is_other_date(text: str) -> bool:
    """Whether the text is a date whose day and month cannot be told apart, as 3/4/2001."""
    return _OTHER.fullmatch(text.strip()) is not None


def days_since_first(moments: np.ndarray) -> tuple[Array, str]:
    """Days since the first of the moments, NaN for those that are not there, and their unit."""
    there = ~np.isnat(moments)
    if not there.any():
        return np.full(moments.size, np.nan), "days"
    since = moments[there].min().astype("datetime64[D]")
    apart = (moments[there] - since.astype("datetime64[us]")).astype(np.int64)
    out = np.full(moments.size, np.nan)
    out[there] = apart / _MICROSECONDS_A_DAY
    return out, f"days since {since}"
