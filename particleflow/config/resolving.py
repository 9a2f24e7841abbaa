"""Defaults that depend on other keys, and combinations of keys that are refused."""

import math
from pathlib import Path

import msgspec

from particleflow.errors import ConfigError
from particleflow.integrators import registry
from particleflow.model.initialisation import default_alpha
from particleflow.run.stopping import DEFAULT_STOP

from .tables import (
    DEFAULT_COUNT,
    DEFAULT_FIRST,
    DEFAULT_T_END,
    OF_FILES,
    Config,
    FlowTable,
    NeuronsTable,
    OutputTable,
    SamplesTable,
)


def resolve(file: Path, config: Config) -> Config:
    """The configuration with all its defaults; keys that cannot go together are refused.

    Raises
    ------
    ConfigError
        A combination of keys is impossible, or a number is out of range.
    """
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
    """Refuse a table, called ``name``, in which one of these keys was given."""
    for key in keys:
        if getattr(table, key) is not None:
            raise ConfigError(f"{name}.{key}: {reason}")


def _resolve_samples(table: SamplesTable) -> SamplesTable:
    if (table.file is None) == (table.kind is None):
        found = "neither" if table.file is None else "both"
        raise ConfigError(f"samples: expected either file or kind, found {found}")
    if table.file is not None:
        _refuse(table, "samples", ("count", "noise", "seed"), "goes with samples.kind, not file")
        if table.weights is not None and table.sigma is not None:
            raise ConfigError("samples: expected weights or sigma, found both")
        return table
    _refuse(table, "samples", OF_FILES, "goes with samples.file, not kind")
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
        if table.sampling not in (None, "random"):
            raise ConfigError('neurons.sampling: init = "file" has none')
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
    if table.init == "grid":
        if table.sampling not in (None, "random"):
            raise ConfigError('neurons.sampling: init = "grid" draws nothing')
    elif table.sampling is None:
        table = msgspec.structs.replace(table, sampling="random")
    if table.init == "reduced" and table.delta is None:
        table = msgspec.structs.replace(table, delta=1.0)
    return msgspec.structs.replace(
        table,
        count=DEFAULT_COUNT if table.count is None else table.count,
        alpha=default_alpha(table.init) if table.alpha is None else table.alpha,
    )


def _resolve_flow(table: FlowTable) -> FlowTable:
    if table.integrator is None:
        default = registry.default_in(table.metric).name
        table = msgspec.structs.replace(table, integrator=default)
    assert table.integrator is not None
    kind = registry.of_name(table.integrator)
    if table.metric not in kind.metrics:
        others = " or ".join(f'"{name}"' for name in registry.those_for(table.metric))
        raise ConfigError(
            f'flow.integrator: "{kind.name}" needs metric = "{kind.metrics[0]}"; with '
            f'"{table.metric}" use {others}'
        )
    for key in registry.types_of_settings():
        if key not in registry.settings_of(kind):
            fitting = " or ".join(f'"{name}"' for name in registry.those_with(key))
            _refuse(table, "flow", (key,), f"goes with integrator = {fitting}")
    defaults = registry.default_settings(kind)
    if table.learning_rate is not None or table.epochs is not None:
        table = _resolve_epochs(table, kind.counts_steps)
        if kind.counts_steps:  # its step in tau needs alpha, which a file of neurons may hold
            defaults.pop("step", None)
    else:
        if table.weight_decay is None:
            _refuse(table, "flow", ("loss",), "goes with learning_rate or weight_decay")
        table = _resolve_end(table)
    if table.learning_rate is not None or table.weight_decay is not None:
        table = msgspec.structs.replace(table, loss=table.loss or "half_sum")
    _check_decay(table)
    if table.step is not None:
        _refuse(table, "flow", ("tolerance",), f'"{kind.name}" with a step has a fixed step')
        defaults.pop("tolerance", None)
    missing = {key: value for key, value in defaults.items() if getattr(table, key) is None}
    return msgspec.structs.replace(table, **missing)


def _resolve_epochs(table: FlowTable, counts_steps: bool) -> FlowTable:
    """A table of a run that is set by epochs; of ``counts_steps`` they are the steps, too."""
    if table.learning_rate is None or table.epochs is None:
        found = "epochs" if table.learning_rate is None else "learning_rate"
        raise ConfigError(f"flow: learning_rate and epochs go together, found only {found}")
    said = ("t_end", *(("step",) if counts_steps else ()))
    _refuse(table, "flow", said, "learning_rate and epochs say it already")
    _refuse(table, "flow", ("stop",), "goes with t_end = inf")
    return table


def _check_decay(table: FlowTable) -> None:
    if table.decay is not None and table.weight_decay is not None:
        raise ConfigError("flow: expected decay or weight_decay, found both")
    for key in ("decay", "weight_decay"):
        rate = getattr(table, key)
        if rate is not None and not 0.0 <= rate < math.inf:
            raise ConfigError(f"flow.{key}: expected a finite number of at least 0, found {rate}")
        if rate and table.metric != "network":
            raise ConfigError(
                f'flow.{key}: needs metric = "network": it shrinks (a, b, c), and '
                "(rhat, theta) alone do not say how these move"
            )


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
    if endless and table.spacing not in (None, "geometric"):
        raise ConfigError(f'output.spacing: t_end = inf needs "geometric", found "{table.spacing}"')
    if endless and table.frames < 3:
        raise ConfigError(f"output.frames: t_end = inf needs at least 3, found {table.frames}")
    if table.spacing is None:
        table = msgspec.structs.replace(table, spacing="geometric" if endless else "linear")
    if table.spacing == "linear":
        _refuse(table, "output", ("first",), 'goes with spacing = "geometric" or "power"')
    elif table.first is None and table.spacing == "geometric":
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
