"""Integrators by name.

An integrator is a class in a file of its own that states everything about itself (see
`Integrator`). The decorator `register` enters the class here, where configurations, resumed files
and the command line find it.
"""

import dataclasses
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from particleflow.errors import ConfigError

from .contract import Integrator

_INTEGRATORS: dict[str, type[Integrator]] = {}
_KEYS = (
    "metric", "integrator", "t_end", "stop", "learning_rate", "epochs", "loss", "state_dtype",
)  # fmt: skip
"""Keys of ``[flow]`` that no setting of an integrator may be named like."""
_Kind = TypeVar("_Kind", bound=type[Integrator])


def register(kind: _Kind) -> _Kind:
    """Make an integrator known by its name; a decorator for the class of the integrator.

    Raises
    ------
    ConfigError
        A setting has no default, or has the name of another key of ``[flow]``, or differs in type
        from the setting with the same name of another integrator.
    """
    hints = get_type_hints(kind)
    # a class of the same name may replace one, as when its module is loaded again
    others = {name: one for name, one in _INTEGRATORS.items() if name != kind.name}
    for name, default in _defaults(kind).items():
        if default is dataclasses.MISSING:
            raise ConfigError(f"integrator {kind.name}: the setting {name} has no default")
        if name in _KEYS:
            raise ConfigError(f"integrator {kind.name}: {name} is another key of flow")
        for other in others.values():
            if name in settings_of(other) and _kinds(get_type_hints(other)[name]) != _kinds(
                hints[name]
            ):
                raise ConfigError(
                    f"integrator {kind.name}: the setting {name} has another type in {other.name}"
                )
    _INTEGRATORS[kind.name] = kind
    return kind


def names() -> tuple[str, ...]:
    """Names of all integrators, in the order in which they were registered."""
    return tuple(_INTEGRATORS)


def of_name(name: str) -> type[Integrator]:
    """The integrator of this name.

    Raises
    ------
    ConfigError
        No integrator has this name.
    """
    if name not in _INTEGRATORS:
        raise ConfigError(f"integrator: expected one of {', '.join(names())}, found {name!r}")
    return _INTEGRATORS[name]


def default_in(metric: str) -> type[Integrator]:
    """The integrator of a run in this metric that names none."""
    return next(kind for kind in _INTEGRATORS.values() if metric in kind.default_in)


def those_for(metric: str) -> tuple[str, ...]:
    """Names of the integrators that can run in a metric, the default of the metric first."""
    fitting = [name for name, kind in _INTEGRATORS.items() if metric in kind.metrics]
    return tuple(sorted(fitting, key=lambda name: metric not in _INTEGRATORS[name].default_in))


def those_with(key: str) -> tuple[str, ...]:
    """Names of the integrators that have a setting of this name."""
    return tuple(name for name, kind in _INTEGRATORS.items() if key in settings_of(kind))


def settings_of(kind: type[Integrator]) -> tuple[str, ...]:
    """Names of the settings of an integrator, which are keys of ``[flow]`` and stored in files."""
    return tuple(_defaults(kind))


def types_of_settings() -> dict[str, Any]:
    """The type of every setting of every integrator, by the name of the setting."""
    found: dict[str, Any] = {}
    for kind in _INTEGRATORS.values():
        hints = get_type_hints(kind)
        found |= {name: hints[name] for name in settings_of(kind)}
    return found


def default_settings(kind: type[Integrator]) -> dict[str, Any]:
    """Defaults of the settings of an integrator; settings whose default is None are left out."""
    return {key: value for key, value in _defaults(kind).items() if value is not None}


def _kinds(hint: Any) -> set[Any]:
    """The types that a type hint allows, except None."""
    return set(get_args(hint) or (hint,)) - {NoneType}


def _defaults(kind: type[Integrator]) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
