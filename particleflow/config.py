"""Configuration of a run: TOML tables, checked as a whole before anything is computed or written.

In the tables, keys that were not given are None where their default depends on other keys.
"""

import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import tomli_w

from ._cast import PathLike, existing_file
from .backend import Metric, Precision
from .errors import ConfigError
from .initialisation import InitKind
from .observables import DEFAULT
from .samples import SampleKind
from .stopping import DEFAULT_STOP
from .trajectory import Filter, Layout

DEFAULT_CHECKPOINT_EVERY = 600.0


class SamplesTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[samples]``: a file, or one of the built-in functions."""

    file: str | None = None
    kind: SampleKind | None = None
    count: int | None = None
    noise: float | None = None
    seed: int | None = None
    normalise: bool = False


class NeuronsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[neurons]``: raw parameters."""

    count: int | None = None
    init: InitKind | Literal["file"] = "reduced"
    alpha: float | Literal["m"] | None = None
    delta: float | None = None
    scale: float | None = None
    margin: float | None = None
    antisymmetric: bool = False
    seed: int = 0
    file: str | None = None
    frame: int | None = None


class FlowTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[flow]``: metric, integrator and time."""

    metric: Metric = "network"
    integrator: Literal["boost", "gd", "rk"] | None = None
    t_end: float | None = None
    stop: float | None = None
    tolerance: float | None = None
    step: float | None = None
    learning_rate: float | None = None
    epochs: int | None = None
    state_dtype: Precision = "float64"


class OutputTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[output]``: the trajectory file and a picture of it."""

    file: str | None = None
    frames: int = 201
    spacing: Literal["linear", "geometric"] | None = None
    first: float | None = None
    precision: Literal["float32", "float64"] = "float32"
    neurons: int | Literal["all"] = "all"
    layout: Layout = "frames"
    filter: Filter = "none"
    observables: tuple[str, ...] = DEFAULT
    figure: str | None = None
    checkpoint_every: float = DEFAULT_CHECKPOINT_EVERY


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """All tables."""

    samples: SamplesTable
    neurons: NeuronsTable = NeuronsTable()
    flow: FlowTable = FlowTable()
    output: OutputTable = OutputTable()


DEFAULT_COUNT = 1000
DEFAULT_T_END = 20.0
DEFAULT_STEP = 1e-3
DEFAULT_TOLERANCE = 1e-4
DEFAULT_FIRST = 1e-3


class Source(NamedTuple):
    """A configuration and where it came from."""

    path: Path
    config: Config

    @property
    def toml(self) -> str:
        """The resolved configuration."""
        return dump(msgspec.to_builtins(self.config))

    @property
    def portable_toml(self) -> str:
        """The same with the inputs' full paths: it means the same in any folder."""
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
        ``section.key=value`` each, the value in TOML (a bare word is a string); without a value
        the key is left out, as if the file had none.
    output : str, optional
        Instead of ``output.file``.

    Raises
    ------
    ConfigError
        Naming the file, the key or line, what was expected and what was found.
    """
    file = existing_file(path, ConfigError)
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
    return convert(file, tables, text)


def convert(file: Path, tables: dict[str, Any], text: str = "") -> Source:
    """Check tables that stand in a file with this text.

    Raises
    ------
    ConfigError
        As `load`.
    """
    try:
        config = msgspec.convert(tables, Config)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{file}{_explain(str(problem), text)}") from None
    return Source(file, _resolve(file, config))


def _override(tables: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set: expected section.key=value, found {override!r}")
    if not value.strip() and key in _fields([section, key]):
        _table_of(tables, section).pop(key, None)
        return
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        parsed = value.strip()
    _table_of(tables, section)[key] = parsed


def _table_of(tables: dict[str, Any], section: str) -> dict[str, Any]:
    table = tables.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{section}: expected a table, found {table!r}")
    return table


def _explain(problem: str, text: str) -> str:
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
    line = _line_of(keys, text)
    return f"{f', line {line}' if line else ''}: {'.'.join(keys)}: {message}"


def _fields(keys: list[str]) -> dict[str, Any]:
    """Names and types of the fields of the table in which the last key was found."""
    table: Any = Config
    for key in keys[:-1]:
        table = {f.name: f.type for f in msgspec.structs.fields(table)}.get(key, Config)
    return {f.name: f.type for f in msgspec.structs.fields(table)}


def _suggest(keys: list[str]) -> str:
    near = difflib.get_close_matches(keys[-1], list(_fields(keys)), 3, 0.5)
    near.sort(key=lambda name: sorted(name) != sorted(keys[-1]))  # exchanged letters first
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(_fields(keys))}"


def _choices(keys: list[str]) -> str:
    kind = _fields(keys).get(keys[-1])
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


def _resolve(file: Path, config: Config) -> Config:
    """Fill in defaults that depend on other keys, and refuse what cannot go together."""
    try:
        return msgspec.structs.replace(
            config,
            samples=_resolve_samples(config.samples),
            neurons=_resolve_neurons(config.neurons),
            flow=_resolve_flow(config.flow),
            output=_resolve_output(config.output, file, config.flow.t_end == math.inf),
        )
    except ConfigError as problem:
        raise ConfigError(f"{file}: {problem}") from None


def _refuse(table: msgspec.Struct, name: str, keys: tuple[str, ...], reason: str) -> None:
    for key in keys:
        if getattr(table, key) is not None:
            raise ConfigError(f"{name}.{key}: {reason}")


def _resolve_samples(table: SamplesTable) -> SamplesTable:
    if (table.file is None) == (table.kind is None):
        found = "neither" if table.file is None else "both"
        raise ConfigError(f"samples: expected either file or kind, found {found}")
    if table.file is not None:
        _refuse(table, "samples", ("count", "noise", "seed"), "goes with samples.kind, not file")
        return table
    return msgspec.structs.replace(
        table,
        count=10 if table.count is None else table.count,
        noise=0.0 if table.noise is None else table.noise,
        seed=0 if table.seed is None else table.seed,
    )


def _resolve_neurons(table: NeuronsTable) -> NeuronsTable:
    if table.init == "file":
        if table.file is None:
            raise ConfigError('neurons.file: init = "file" needs it')
        _refuse(table, "neurons", ("count",), "the file has its own count")
        _refuse(table, "neurons", ("delta", "scale", "margin"), 'init = "file" has none')
        if table.antisymmetric:
            raise ConfigError('neurons.antisymmetric: init = "file" has none')
        if Path(table.file).suffix.lower() == ".h5":
            _refuse(table, "neurons", ("alpha",), "a trajectory has its own alpha")
        else:
            _refuse(table, "neurons", ("frame",), "only a trajectory (.h5) has frames")
        return table
    _refuse(table, "neurons", ("file", "frame"), 'goes with init = "file"')
    if table.init != "reduced":
        _refuse(table, "neurons", ("delta",), 'goes with init = "reduced"')
    if table.init != "grid":
        _refuse(table, "neurons", ("margin",), 'goes with init = "grid"')
    if table.init in ("pytorch", "paper", "grid"):
        _refuse(table, "neurons", ("scale",), f'init = "{table.init}" has none')
    if table.init == "reduced" and table.delta is None:
        table = msgspec.structs.replace(table, delta=1.0)
    return msgspec.structs.replace(
        table,
        count=DEFAULT_COUNT if table.count is None else table.count,
        alpha="m" if table.alpha is None else table.alpha,
    )


def _resolve_flow(table: FlowTable) -> FlowTable:
    if table.integrator is None:
        default = "boost" if table.metric == "network" else "rk"
        return _resolve_flow(msgspec.structs.replace(table, integrator=default))
    if table.integrator == "boost" and table.metric != "network":
        raise ConfigError(
            'flow.integrator: "boost" needs metric = "network"; with "euclidean" use "rk" or "gd"'
        )
    if table.integrator != "gd":
        _refuse(table, "flow", ("learning_rate", "epochs"), 'goes with integrator = "gd"')
    if table.integrator == "rk":
        _refuse(table, "flow", ("step",), 'integrator = "rk" chooses its own step')
    if table.integrator == "gd" or table.step is not None:
        fixed = '"gd"' if table.integrator == "gd" else '"boost" with a step'
        _refuse(table, "flow", ("tolerance",), f"integrator = {fixed} has a fixed step")
    if table.learning_rate is not None or table.epochs is not None:
        if table.learning_rate is None or table.epochs is None:
            raise ConfigError("flow: learning_rate and epochs go together, found only one")
        _refuse(table, "flow", ("step", "t_end"), "learning_rate and epochs say it already")
        _refuse(table, "flow", ("stop",), "goes with t_end = inf")
        return table
    table = _resolve_end(table)
    if table.integrator == "gd":
        step = DEFAULT_STEP if table.step is None else table.step
        return msgspec.structs.replace(table, step=step)
    if table.tolerance is None and table.step is None:
        return msgspec.structs.replace(table, tolerance=DEFAULT_TOLERANCE)
    return table


def _resolve_end(table: FlowTable) -> FlowTable:
    t_end = DEFAULT_T_END if table.t_end is None else table.t_end
    if not t_end > 0.0:
        raise ConfigError(f"flow.t_end: expected a time above 0, found {t_end}")
    if t_end < math.inf:
        _refuse(table, "flow", ("stop",), "goes with t_end = inf")
        return msgspec.structs.replace(table, t_end=t_end)
    stop = DEFAULT_STOP if table.stop is None else table.stop
    if not 0.0 < stop < math.inf:
        raise ConfigError(f"flow.stop: expected a finite number above 0, found {stop}")
    return msgspec.structs.replace(table, stop=stop)


def _resolve_output(table: OutputTable, file: Path, endless: bool) -> OutputTable:
    if endless and table.spacing == "linear":
        raise ConfigError('output.spacing: t_end = inf needs "geometric", found "linear"')
    if endless and table.frames < 3:
        raise ConfigError(f"output.frames: t_end = inf needs at least 3, found {table.frames}")
    if table.spacing is None:
        table = msgspec.structs.replace(table, spacing="geometric" if endless else "linear")
    if table.spacing == "linear":
        _refuse(table, "output", ("first",), 'goes with spacing = "geometric"')
    elif table.first is None:
        table = msgspec.structs.replace(table, first=DEFAULT_FIRST)
    table = msgspec.structs.replace(
        table, file=f"{file.stem}.h5" if table.file is None else table.file
    )
    if not table.checkpoint_every >= 0.0:
        raise ConfigError(
            f"output.checkpoint_every: expected seconds (0: no checkpoints), found "
            f"{table.checkpoint_every:g}"
        )
    for key in ("file", "figure"):
        name = getattr(table, key)
        if name is not None and (not name or "\0" in name or name.endswith("/")):
            raise ConfigError(f"output.{key}: expected a file name, found {name!r}")
    return table
