"""The configuration of a run: TOML tables, checked as a whole before anything is computed."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomli_w

from particleflow.arguments import PathLike, existing_file
from particleflow.errors import ConfigError
from particleflow.integrators import registry

from .explaining import explain, explain_integrator, fields_of, type_of
from .resolving import resolve
from .tables import (
    DEFAULT_CHECKPOINT_EVERY,
    DEFAULT_FIRST,
    OF_FILES,
    Config,
    FlowTable,
    NeuronsTable,
    OutputTable,
    SamplesTable,
    config_type,
)

__all__ = [
    "DEFAULT_CHECKPOINT_EVERY",
    "DEFAULT_FIRST",
    "OF_FILES",
    "Config",
    "FlowTable",
    "NeuronsTable",
    "OutputTable",
    "SamplesTable",
    "Source",
    "Tables",
    "changed",
    "convert",
    "dump",
    "load",
    "read",
    "settings_of",
    "type_of",
    "value_of",
]


class Tables(NamedTuple):
    """The tables of a configuration file, not checked yet, and the text of the file."""

    file: Path
    tables: dict[str, Any]
    text: str


class Source(NamedTuple):
    """A checked configuration and the path of its file."""

    path: Path
    config: Config

    @property
    def toml(self) -> str:
        """The configuration as TOML, with the defaults of keys that the file leaves out."""
        return dump(msgspec.to_builtins(self.config))

    @property
    def portable_toml(self) -> str:
        """The configuration as `toml`, with full paths of its inputs, so that it holds anywhere."""
        tables = msgspec.to_builtins(self.config)
        for name in ("samples", "neurons"):
            file = tables[name]["file"]
            if file is not None:
                tables[name]["file"] = str((self.path.parent / file).resolve())
        return dump(tables)


def dump(tables: dict[str, Any]) -> str:
    """Tables as TOML, without the keys that have no value."""
    return tomli_w.dumps(
        {
            name: {key: value for key, value in table.items() if value is not None}
            for name, table in tables.items()
        }
    )


def load(path: PathLike, overrides: tuple[str, ...] = (), output: str | None = None) -> Source:
    """Read and check a configuration file.

    Parameters
    ----------
    path : path
    overrides : tuple of str
        Each is ``section.key=value``, the value in TOML (a bare word is a string). Without a value
        the key is left out, as if the file did not have it.
    output : str, optional
        The trajectory file, instead of ``output.file``.

    Raises
    ------
    ConfigError
        The configuration is wrong. The message names the file, the key or line, what was expected
        and what was found.
    """
    return convert(*read(path, overrides, output))


def read(path: PathLike, overrides: tuple[str, ...] = (), output: str | None = None) -> Tables:
    """Read the tables of a configuration file without checking them; arguments as of `load`.

    Raises
    ------
    ConfigError
        The file cannot be read or is no TOML, or an override is not of the form of `load`.
    """
    file = existing_file(path, ConfigError, may_be_pipe=True)
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{file}: expected a TOML file in UTF-8, found {problem}") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"{file}: is no TOML: {problem}") from None
    for override in overrides:
        _override(tables, override)
    if output is not None:
        _table_of(tables, "output")["file"] = output
    return Tables(file, tables, text)


def convert(file: Path, tables: dict[str, Any], text: str = "") -> Source:
    """Check the tables of a configuration file and fill in their defaults.

    The text of the file, if given, serves to name lines in messages.

    Raises
    ------
    ConfigError
        As of `load`.
    """
    try:
        config = msgspec.convert(tables, config_type())
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{file}{explain(str(problem), text)}") from None
    name = config.flow.integrator
    if name is not None and name not in registry.names():
        raise ConfigError(f"{file}{explain_integrator(name, text)}")
    return Source(file, resolve(file, config))


def _override(tables: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set: expected section.key=value, found {override!r}")
    # an unknown key without a value is set to "": `convert` then says that there is no such key
    if not value.strip() and key in fields_of([section, key]):
        _table_of(tables, section).pop(key, None)
        return
    _table_of(tables, section)[key] = value_of(value)


def settings_of(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The values of overrides, each ``section.key=value``, by their ``section.key``.

    Raises
    ------
    ConfigError
        An override has an unknown key or no value.
    """
    found = {}
    for override in overrides:
        name, _, value = override.partition("=")
        if not value.strip():
            raise ConfigError(f"--set: expected section.key=value, found {override!r}")
        type_of(name.strip())
        found[name.strip()] = value_of(value)
    return found


def value_of(text: str) -> Any:
    """The value that a text means in TOML; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text.strip()


def changed(tables: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of tables in which some ``section.key`` have other values."""
    new = {
        name: dict(table) if isinstance(table, dict) else table for name, table in tables.items()
    }
    for name, value in changes.items():
        section, _, key = name.partition(".")
        _table_of(new, section)[key] = value
    return new


def _table_of(tables: dict[str, Any], section: str) -> dict[str, Any]:
    table = tables.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{section}: expected a table, found {table!r}")
    return table
