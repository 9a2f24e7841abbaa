"""Errors of a configuration in words: where they are, and what was meant perhaps."""

import difflib
import re
from typing import Any

import msgspec

from particleflow.errors import ConfigError
from particleflow.integrators import registry

from .tables import config_type


def explain(problem: str, text: str) -> str:
    """msgspec's message as ``, line n: table.key: what``, with a suggestion for unknown keys."""
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
    """The error that there is no such integrator, in the form of `explain`."""
    place = _place(["flow", "integrator"], text)
    return f"{place}: expected one of {', '.join(registry.names())}, found {name!r}"


def _place(keys: list[str], text: str) -> str:
    """``, line n: table.key``, without the line where the text does not have the key."""
    line = _line_of(keys, text)
    return f"{f', line {line}' if line else ''}: {'.'.join(keys)}"


def fields_of(keys: list[str]) -> dict[str, Any]:
    """Names and types of the fields of the table in which the last key was found."""
    table: Any = config_type()
    for key in keys[:-1]:
        table = {f.name: f.type for f in msgspec.structs.fields(table)}.get(key, config_type())
    return {f.name: f.type for f in msgspec.structs.fields(table)}


def type_of(name: str) -> Any:
    """The type of ``section.key``.

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
    near.sort(key=lambda name: sorted(name) != sorted(keys[-1]))  # exchanged letters first
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(fields_of(keys))}"


def _choices(keys: list[str]) -> str:
    kind = fields_of(keys).get(keys[-1])
    words = re.findall(r"'(\w+)'", str(kind))
    return f"; expected one of {', '.join(words)}" if words else ""


def _line_of(keys: list[str], text: str) -> int | None:
    """Line of a key in the TOML text, where it stands in its own table."""
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
