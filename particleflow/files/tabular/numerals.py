"""Numbers and missing values as they are written in text."""

import math
import re
from typing import Literal, NamedTuple

Decimal = Literal[".", ","]

MISSING = frozenset({
    "", ".", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "nil",
    "missing", "#value!", "#div/0!", "#num!", "nat",
})  # fmt: skip
"""Words in lower case that stand for a value that is not there."""
OFTEN_MISSING = frozenset({"", "NA", "N/A", "NULL", "null", "None", "-", "?", "."})
"""Some of them as they are mostly written, for the fast way."""

_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+(,\d+)?|,\d+)([eEdD][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_THOUSANDS = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?"),
}
"""Numbers with groups of thousands, by the decimal sign that goes with them."""
_EXPONENT = str.maketrans("dD", "ee")
_MINUS = "−"  # which spreadsheets and word processors write


class Numerals(NamedTuple):
    """How numbers are written.

    Attributes
    ----------
    decimal : {".", ","}
    grouped : bool
        Whether the other sign may separate groups of three digits.
    """

    decimal: Decimal = "."
    grouped: bool = False

    def number(self, text: str) -> float | None:
        """The number that the text says, infinite ones too; None if it says none."""
        if self.decimal == ".":
            value = _plain(text)
            if value is not None:
                return value
        word = text.strip()
        if word.startswith(_MINUS):
            word = "-" + word[1:]
        if not word.isascii():
            return None
        pattern = _POINT if self.decimal == "." else _COMMA
        if pattern.fullmatch(word):
            return float(word.replace(",", ".").translate(_EXPONENT))
        if self.grouped and _THOUSANDS[self.decimal].fullmatch(word):
            other = "," if self.decimal == "." else "."
            return float(word.replace(other, "").replace(",", "."))
        return float(word) if _INFINITE.fullmatch(word) else None


def _plain(text: str) -> float | None:
    """The finite number that Python reads, which is most of what there is; else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_0 as 10, and digits of any alphabet
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None


def is_missing(text: str) -> bool:
    """Whether the text stands for a value that is not there."""
    word = text.strip().lower()
    return word in MISSING or set(word) == {"*"}


def is_number(text: str) -> bool:
    """Whether the text is a number, with a decimal point or a decimal comma."""
    return Numerals(".", True).number(text) is not None or (
        Numerals(",", True).number(text) is not None
    )


def signs(words: list[str]) -> tuple[bool, bool, str]:
    """What numbers with a comma say about the decimal sign.

    Returns
    -------
    needs_comma, needs_point : bool
        Whether a word is a number with a decimal comma only, or with a decimal point only.
    doubtful : str
        A word that is a number with either, to another value; empty if there is none.
    """
    needs_comma = needs_point = False
    doubtful = ""
    for text in words:
        word = text.strip()
        if "," not in word and "." not in word:
            continue
        comma, point = Numerals(",").number(word), Numerals(".").number(word)
        if "," in word:
            as_groups = _THOUSANDS["."].fullmatch(word) is not None
            if comma is not None and not as_groups:
                needs_comma = True
            elif comma is not None:
                doubtful = doubtful or word
            elif as_groups:
                needs_point = True
            elif _THOUSANDS[","].fullmatch(word):
                needs_comma = True
        elif point is not None and _THOUSANDS[","].fullmatch(word) is None:
            needs_point = True
    return needs_comma, needs_point, doubtful
