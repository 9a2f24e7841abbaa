"""Tables of a configuration, with the defaults that do not depend on other keys.

A key whose default does depend on others is None here if it was not given; `resolving` fills it in.
"""

from functools import cache
from typing import Any, Literal, cast

import msgspec

from particleflow.backend import Metric, Precision
from particleflow.files.tabular import Missing
from particleflow.integrators import registry
from particleflow.model.conventions import Loss
from particleflow.model.generated import SampleKind
from particleflow.model.initialisation import InitKind, Sampling
from particleflow.run.observables import DEFAULT
from particleflow.trajectory import Filter, Layout, Spacing

DEFAULT_CHECKPOINT_EVERY = 600.0


class SamplesTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The table ``[samples]``: a file, or samples of one of the built-in functions."""

    file: str | None = None
    x: str | int | None = None
    y: str | int | None = None
    weights: str | int | None = None
    sigma: str | int | None = None
    missing: Missing | None = None
    missing_values: tuple[float, ...] | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    kind: SampleKind | None = None
    count: int | None = None
    noise: float | None = None
    seed: int | None = None
    normalise: bool = False


OF_FILES = (
    "x", "y", "weights", "sigma", "missing", "missing_values", "delimiter", "decimal"
)  # fmt: skip
"""Keys of ``[samples]`` that say how its file is read: options of ``Samples.from_file``."""


class NeuronsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The table ``[neurons]``: how many neurons there are and how they start."""

    count: int | None = None
    init: InitKind | Literal["file"] = "reduced"
    alpha: float | Literal["m"] | None = None
    delta: float | None = None
    scale: float | str | None = None
    margin: float | None = None
    antisymmetric: bool = False
    sampling: Sampling | None = None
    seed: int = 0
    file: str | None = None
    frame: int | None = None


class FlowTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The table ``[flow]``: metric, integrator and its settings, and time.

    `config_type` adds the settings of integrators that have no field here.
    """

    metric: Metric = "network"
    integrator: str | None = None
    t_end: float | None = None
    stop: float | None = None
    tolerance: float | None = None
    step: float | None = None
    learning_rate: float | None = None
    epochs: int | None = None
    loss: Loss | None = None
    decay: float | None = None
    weight_decay: float | None = None
    state_dtype: Precision = "float64"


class OutputTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The table ``[output]``: the trajectory file, and a picture of the run."""

    file: str | None = None
    frames: int = 201
    spacing: Spacing | None = None
    first: float | None = None
    precision: Literal["float32", "float64"] | None = None
    neurons: int | Literal["all"] = "all"
    layout: Layout = "frames"
    filter: Filter = "none"
    observables: tuple[str, ...] = DEFAULT
    figure: str | None = None
    checkpoint_every: float = DEFAULT_CHECKPOINT_EVERY


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """All tables of a configuration."""

    samples: SamplesTable
    neurons: NeuronsTable = NeuronsTable()
    flow: FlowTable = FlowTable()
    output: OutputTable = OutputTable()


def config_type() -> type[Config]:
    """A `Config` whose ``[flow]`` takes every setting of the integrators registered by now."""
    others = {
        name: kind
        for name, kind in registry.types_of_settings().items()
        if name not in FlowTable.__struct_fields__
    }
    return _config_with(tuple(others.items()))


@cache
def _config_with(settings: tuple[tuple[str, Any], ...]) -> type[Config]:
    if not settings:
        return Config
    options: dict[str, Any] = {"forbid_unknown_fields": True, "frozen": True, "kw_only": True}
    fields = [(name, kind | None, None) for name, kind in settings]
    flow: Any = msgspec.defstruct("FlowTable", fields, bases=(FlowTable,), **options)
    own = [("flow", flow, flow())]
    config: Any = msgspec.defstruct("Config", own, bases=(Config,), **options)
    return cast(type[Config], config)


DEFAULT_COUNT = 1000
DEFAULT_T_END = 20.0
DEFAULT_FIRST = 1e-3
