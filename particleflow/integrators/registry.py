"""Integrators by name.

An integrator is a class in a file of its own that says everything about itself (see `Integrator`)
and is registered with `register`. Configurations, files that are resumed and the command line find
it here.
"""

import dataclasses
from typing import Any, TypeVar, get_type_hints

from particleflow.errors import ConfigError

from .contract import Integrator

_INTEGRATORS: dict[str, type[Integrator]] = {}
_Kind = TypeVar("_Kind", bound=type[Integrator])


def register(kind: _Kind) -> _Kind:
    """Make an integrator known by its name; a decorator of its class."""
    _INTEGRATORS[kind.name] = kind
    return kind


def names() -> tuple[str, ...]:
    """Names of all integrators."""
    return tuple(_INTEGRATORS)


def of_name(name: str) -> type[Integrator]:
    """The integrator of this name.

    Raises
    ------
    ConfigError
        There is none.
    """
    if name not in _INTEGRATORS:
        raise ConfigError(f"integrator: expected one of {', '.join(names())}, found {name!r}")
    return _INTEGRATORS[name]


def default_in(metric: str) -> type[Integrator]:
    """The integrator of a run for which none is named."""
    return next(kind for kind in _INTEGRATORS.values() if metric in kind.default_in)


def those_for(metric: str) -> tuple[str, ...]:
    """Names of the integrators that can run in a metric, its default first."""
    fitting = [name for name, kind in _INTEGRATORS.items() if metric in kind.metrics]
    return tuple(sorted(fitting, key=lambda name: metric not in _INTEGRATORS[name].default_in))


def those_with(key: str) -> tuple[str, ...]:
    """Names of the integrators that take a key of ``[flow]``."""
    return tuple(name for name, kind in _INTEGRATORS.items() if key in keys_of(kind))


def keys_of(kind: type[Integrator]) -> tuple[str, ...]:
    """Keys of ``[flow]`` that an integrator takes, beside the end of the run."""
    return (*_defaults(kind), *(("learning_rate", "epochs") if kind.counts_steps else ()))


def settings_of(kind: type[Integrator]) -> tuple[str, ...]:
    """Names of the settings of an integrator: keys of ``[flow]``, which files store."""
    return tuple(_defaults(kind))


def types_of_settings() -> dict[str, Any]:
    """The type of every setting of every integrator, by its name."""
    found: dict[str, Any] = {}
    for kind in _INTEGRATORS.values():
        hints = get_type_hints(kind)
        found |= {name: hints[name] for name in settings_of(kind)}
    return found


def default_settings(kind: type[Integrator]) -> dict[str, Any]:
    """Its settings where a configuration has none."""
    return {key: value for key, value in _defaults(kind).items() if value is not None}


def _defaults(kind: type[Integrator]) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
