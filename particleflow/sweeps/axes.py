"""Axes of a sweep: keys of a configuration, each with its values."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from particleflow import config
from particleflow.errors import ConfigError

_OWN = ("output.file", "output.figure")
"""Keys that a sweep sets itself."""
MOST_VALUES = 100_000
LARGEST = 2**63 - 1
"""Whole number that the table can hold."""
_ENDLESS = ("flow.t_end", math.inf)
_GENERATED: dict[str, Any] = {"lin": np.linspace, "log": np.geomspace}


class Axis(NamedTuple):
    """A key, ``section.key``, and the values that it takes."""

    key: str
    values: tuple[Any, ...]


def axis_of(key: str, values: Sequence[Any]) -> Axis:
    """An axis, if there is such a key.

    Raises
    ------
    ConfigError
        There is no such key, it cannot be swept, or there are no values, or one twice.
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
    """Python's own number for NumPy's, and a float where the key is one."""
    plain = value.item() if isinstance(value, np.generic) else value
    is_number = isinstance(plain, int) and not isinstance(plain, bool)
    return float(plain) if is_number and float in kinds and int not in kinds else plain


def parse(text: str) -> Axis:
    """``section.key=VALUES``: a list ``-100,-1,0``, or ``log:a:b:n`` or ``lin:a:b:n``.

    Raises
    ------
    ConfigError
        It is none of these, or as `axis_of`.
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
        if max(abs(begin), abs(end)) > 2.0**53:
            raise ConfigError(f"{key}: expected ends up to 2^53, found {first} and {last}")
        return list(dict.fromkeys(np.rint(values).astype(int).tolist()))
    return [float(f"{value:.12g}") for value in values.tolist()]
