"""Axes of a sweep: keys of a configuration, each with the values that it takes."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from particleflow import config
from particleflow.errors import ConfigError

_OWN = ("output.file", "output.figure")
"""Keys that cannot be swept, since the sweep sets them for each run."""
MOST_VALUES = 100_000
LARGEST = 2**63 - 1
"""Largest whole number that the table can hold, in int64."""
_ENDLESS = ("flow.t_end", math.inf)
"""The only infinite value that an axis may have, with its key."""
_GENERATED: dict[str, Any] = {"lin": np.linspace, "log": np.geomspace}


class Axis(NamedTuple):
    """An axis of a sweep: a key, ``section.key``, and the values that it takes."""

    key: str
    values: tuple[Any, ...]


def axis_of(key: str, values: Sequence[Any]) -> Axis:
    """The axis of a key with these values, checked.

    Raises
    ------
    ConfigError
        The key does not exist or cannot be swept; or there are no values, too many, one twice, or
        one that the table cannot hold.
    """
    kinds = get_args(config.type_of(key)) or (config.type_of(key),)
    if key in _OWN:
        raise ConfigError(f"{key}: a sweep names its files itself")
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ConfigError(f"{key}: expected a list of values, found {values!r}")
    given = tuple(_plain(value, kinds) for value in values)
    if not given:
        raise ConfigError(f"{key}: expected at least one value")
    if len(given) > MOST_VALUES:
        raise ConfigError(f"{key}: expected at most {MOST_VALUES:,} values, found {len(given):,}")
    for value in given:
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ConfigError(f"{key}: expected at most {LARGEST}, found {value}")
        if isinstance(value, float) and not math.isfinite(value) and (key, value) != _ENDLESS:
            raise ConfigError(f"{key}: expected a finite number, found {value}")
        if not isinstance(value, (bool, int, float, str)):
            raise ConfigError(f"{key}: expected numbers or words, found {value!r}")
    seen: set[Any] = set()
    for value in given:
        if value in seen:
            raise ConfigError(f"{key}: has the value {value!r} twice")
        seen.add(value)
    return Axis(key, given)


def _plain(value: Any, kinds: tuple[Any, ...]) -> Any:
    """A value as Python's own, not NumPy's, and as a float if the key takes no whole numbers."""
    plain = value.item() if isinstance(value, np.generic) else value
    is_number = isinstance(plain, int) and not isinstance(plain, bool)
    return float(plain) if is_number and float in kinds and int not in kinds else plain


def parse(text: str) -> Axis:
    """The axis that a text ``section.key=VALUES`` describes.

    The values are a list as ``-100,-1,0``, or n values from a to b: ``lin:a:b:n`` with equal
    differences, ``log:a:b:n`` with equal ratios.

    Raises
    ------
    ConfigError
        The text is none of these, or as of `axis_of`.
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    if not (equals and key and values):
        raise ConfigError(f"--over: expected section.key=VALUES, found {text!r}")
    kind, colon, numbers = values.partition(":")
    if colon and kind in _GENERATED:
        return axis_of(key, _generated(key, kind, numbers))
    return axis_of(key, [config.value_of(value) for value in values.split(",")])


def _generated(key: str, kind: str, numbers: str) -> list[float] | list[int]:
    try:
        first, last, count = numbers.split(":")
        begin, end, n = float(first), float(last), int(count)
    except ValueError:
        raise ConfigError(
            f"{key}: expected {kind}:first:last:count, found {kind}:{numbers}"
        ) from None
    if not 1 <= n <= MOST_VALUES or not np.isfinite([begin, end]).all():
        raise ConfigError(
            f"{key}: expected finite ends and a count from 1 to {MOST_VALUES:,}, "
            f"found {kind}:{numbers}"
        )
    if kind == "log" and not begin * end > 0.0:
        raise ConfigError(f"{key}: log needs ends of one sign, not 0, found {first} and {last}")
    values = _GENERATED[kind](begin, end, n)
    kinds = get_args(config.type_of(key))
    if int in kinds and float not in kinds:
        if max(abs(begin), abs(end)) > 2.0**53:  # beyond it floats skip whole numbers
            raise ConfigError(f"{key}: expected ends up to 2^53, found {first} and {last}")
        # neighbours that round to one whole number are one value
        return list(dict.fromkeys(np.rint(values).astype(int).tolist()))
    # 0.3, not the 0.30000000000000004 of linspace
    return [float(f"{value:.12g}") for value in values.tolist()]
