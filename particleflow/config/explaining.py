"""Errors of a configuration in words: where they are, and what the user may have meant."""

import difflib
import re
from typing import Any

import msgspec

from particleflow.errors import ConfigError
from particleflow.integrators import registry

from .tables import config_type


def explain(problem: str, text: str) -> str:
    """The message of msgspec as ``, line n: table.key: what``, to stand behind a file name.

    For an unknown key it suggests one that exists. ``text`` is the TOML in which to look for lines.
    """
    message, _, where = problem.partition(" - at ")
    keys = re.findall(r"\w+", where)
    unknown = re.search(r"unknown field `(.*)`", message)
    missing = re.search(r"missing required field `(.*)`", message)
    if unknown:
        keys.append(unknown[1])
        message = "unknown key" + _suggest(keys)
    elif missing:
        keys.append(missing[1])
        message = "is missing"
    else:
        message = re.sub(r"^(Expected|Invalid)", lambda m: m[0].lower(), message)
        message = message.replace(", got ", ", found ").replace("`", "").replace(" | null", "")
        if message.startswith("invalid enum value"):
            message += _choices(keys)
    return f"{_place(keys, text)}: {message}"


def explain_integrator(name: str, text: str) -> str:
    """The message that there is no integrator of this name, in the form of `explain`."""
    place = _place(["flow", "integrator"], text)
    return f"{place}: expected one of {', '.join(registry.names())}, found {name!r}"


def _place(keys: list[str], text: str) -> str:
    """The place of a key as ``, line n: table.key``; without the line if the text lacks the key."""
    line = _line_of(keys, text)
    return f"{f', line {line}' if line else ''}: {'.'.join(keys)}"


def fields_of(keys: list[str]) -> dict[str, Any]:
    """The fields, types by name, of the table that the last of these keys stands in.

    ``keys`` lead from the whole configuration to the last key, as in ``["flow", "step"]``; behind
    the name of an unknown table the fields are those of the whole configuration.
    """
    table: Any = config_type()
    for key in keys[:-1]:
        table = {f.name: f.type for f in msgspec.structs.fields(table)}.get(key, config_type())
    return {f.name: f.type for f in msgspec.structs.fields(table)}


def type_of(name: str) -> Any:
    """The type of the values of a key, named ``section.key``.

    Raises
    ------
    ConfigError
        There is no such key.
    """
    keys = name.split(".")[:2]
    for depth in range(1, len(keys) + 1):
        if keys[depth - 1] not in fields_of(keys[:depth]):
            raise ConfigError(f"{name}: unknown key{_suggest(keys[:depth])}")
    if len(keys) < 2 or name.count(".") != 1:
        raise ConfigError(f"{name}: expected section.key")
    return fields_of(keys)[keys[1]]


def _suggest(keys: list[str]) -> str:
    near = difflib.get_close_matches(keys[-1], list(fields_of(keys)), 3, 0.5)
    # names with the same letters in another order come first
    near.sort(key=lambda name: sorted(name) != sorted(keys[-1]))
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(fields_of(keys))}"


def _choices(keys: list[str]) -> str:
    kind = fields_of(keys).get(keys[-1])
    words = re.findall(r"'(\w+)'", str(kind))
    return f"; expected one of {', '.join(words)}" if words else ""


def _line_of(keys: list[str], text: str) -> int | None:
    """The number of the line of a key in a TOML text; None if no line in its table has it."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := re.match(r"\[\s*(\w+)\s*\]", stripped):
            section = header[1]
            if keys == [section]:
                return number
        elif re.match(rf"[\"']?{re.escape(keys[-1])}[\"']?\s*=", stripped) and keys[:-1] == (
            [section] if section else []
        ):
            return number
    return None
