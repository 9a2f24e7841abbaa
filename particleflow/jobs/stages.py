"""Stages of a resumed run: another end, or another step from the last state on."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from particleflow import config
from particleflow.arguments import count
from particleflow.errors import ConfigError, TrajectoryError
from particleflow.integrators import Integrator, StepCounter, registry
from particleflow.run.simulation import Simulation
from particleflow.trajectory import Recorded, open_trajectory

_STEPS = ("flow.learning_rate", "flow.step")


def another_step(
    file: Path, recorded: Recorded, tau_of_rate: float, changes: Mapping[str, Any]
) -> StepCounter | None:
    """The integrator of a run with another step; None if nothing changes.

    Parameters
    ----------
    file : Path
    recorded : Recorded
    tau_of_rate : float
        The step in tau for a learning rate of 1.
    changes : mapping of str to value
        The new value of ``flow.learning_rate`` or of ``flow.step``.

    Raises
    ------
    ConfigError
        Another key or both of these are to change, the value is no number, or the run is none of
        gradient descent.
    """
    if not changes:
        return None
    for key in changes:
        if key not in _STEPS:
            raise ConfigError(
                f"{file}: {key}: expected {' or '.join(_STEPS)}; nothing else can change when a "
                "run is resumed"
            )
    if not registry.of_name(recorded.integrator).counts_steps:
        raise ConfigError(
            f"{file}: {next(iter(changes))}: goes with runs of gradient descent ({_counting()}), "
            f"found {recorded.integrator}"
        )
    if len(changes) > 1:
        raise ConfigError(f"{file}: expected one of {' and '.join(_STEPS)}, found both")
    ((key, value),) = changes.items()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{file}: {key}: expected a number, found {value!r}")
    kind: Any = registry.of_name(recorded.integrator)
    step = value * tau_of_rate if key == "flow.learning_rate" else value
    made: StepCounter = kind(**recorded.settings | {"step": step})
    return made


def _counting() -> str:
    """Names of the integrators whose steps are epochs."""
    return ", ".join(name for name in registry.names() if registry.of_name(name).counts_steps)


def stages_of(
    recorded: Recorded,
    simulation: Simulation,
    arrays: Mapping[str, Any],
    another: Integrator | None,
) -> list[dict[str, Any]]:
    """The stages that have ended, with the present one if ``another`` integrator follows it.

    The motion of the simulation is told at which step and time its stage begins.

    Raises
    ------
    TrajectoryError
        The checkpoint is older than the last stage that the file knows.
    """
    if "step" not in arrays or not registry.of_name(recorded.integrator).counts_steps:
        return recorded.stages
    first, begin = arrays["stage"].tolist() if "stage" in arrays else (0, 0.0)
    step = int(arrays["step"])
    if recorded.stages and first < recorded.stages[-1]["until_step"]:
        # the last stage had begun, but the run was killed before that stage's first checkpoint
        first, begin = recorded.stages[-1]["until_step"], recorded.stages[-1]["until_time"]
        if step < first:
            raise TrajectoryError(
                f"{simulation}: the checkpoint is of step {step}, before the stage that begins at "
                f"step {first}"
            )
    if another is None:
        simulation.motion.begin_stage(int(first), begin)
        return recorded.stages
    time = begin + (step - first) * recorded.settings["step"]
    simulation.motion.begin_stage(step, time)
    return [*recorded.stages, {"until_step": step, "until_time": time, **recorded.settings}]


def epochs_of(
    epochs: int | None, until: float | None, recorded: Recorded, flow: Mapping[str, Any]
) -> int | None:
    """The number of epochs that a run is to have in all; None if its end is set by a time.

    ``flow`` is the table ``[flow]`` of its configuration.

    Raises
    ------
    ConfigError
        Both are given, or the run neither counts steps nor was set by epochs.
    """
    if epochs is None:
        return None
    if until is not None:
        raise ConfigError("epochs: expected one end, found t_end too")
    counts_steps = registry.of_name(recorded.integrator).counts_steps
    if not (counts_steps or "learning_rate" in flow):
        raise ConfigError(
            f"epochs: goes with runs of gradient descent ({_counting()}) and with those that "
            f"flow.epochs has set, found {recorded.integrator}"
        )
    return count("epochs", epochs, ConfigError)


def tables_in(file: Path, toml: str) -> dict[str, Any]:
    """The tables of the configuration, as TOML, that a trajectory file holds.

    Raises
    ------
    TrajectoryError
        The configuration is damaged.
    """
    try:
        return tomllib.loads(toml)
    except (ValueError, RecursionError) as problem:
        raise TrajectoryError(f"{file}: its configuration is damaged: {problem}") from None


def reconfigured(
    file: Path,
    toml: str,
    until: float | None,
    epochs: int | None = None,
    step: float | None = None,
    tau_of_rate: float = 1.0,
) -> str:
    """A configuration, as TOML, with another end and another step, set by the keys that it has.

    A configuration with ``learning_rate`` and ``epochs`` keeps these keys, another one ``step``
    and ``t_end``. An empty one stays empty.

    Raises
    ------
    ConfigError
        The configuration has epochs, but the other end is given as a time.
    """
    if not toml or (until is None and step is None):
        return toml
    tables = tables_in(file, toml)
    flow = tables.setdefault("flow", {})
    if step is not None and "learning_rate" in flow:
        flow["learning_rate"] = step / tau_of_rate
    elif step is not None:
        flow["step"] = step
    by_epochs = "epochs" in flow
    if by_epochs and epochs is not None:
        flow["epochs"] = epochs
    elif by_epochs and until is not None:
        raise ConfigError(
            f"{file}: t_end: the run was configured by epochs; --epochs N, counted from its start, "
            "makes it longer"
        )
    elif until is not None:
        flow["t_end"] = until
    return config.dump(tables)


def require_repeatable(file: Path, recorded: Recorded, notes: list[str], begin_again: bool) -> None:
    """Refuse to begin a run again if frames would be lost by that, unless that is wanted.

    Raises
    ------
    TrajectoryError
        Frames would be lost, or there is no one configuration from which to begin again.
    """
    problems = "".join(f"; {note}" for note in notes)
    if not recorded.config:
        raise TrajectoryError(
            f"{file}: has no checkpoint, and no configuration to begin again from{problems}; "
            "pf.TrajectoryWriter(checkpoint_every=) writes checkpoints"
        )
    if recorded.stages:
        raise TrajectoryError(
            f"{file}: was run in {len(recorded.stages) + 1} stages and cannot be begun again from "
            f"one configuration{problems}"
        )
    if begin_again:
        return
    with open_trajectory(file) as trajectory:
        frames, is_complete = trajectory.frames, trajectory.is_complete
    if notes or is_complete or recorded.was_saved:
        missing = "" if notes else f"; {file.name}.ckpt belongs beside it"
        raise TrajectoryError(
            f"{file}: has no checkpoint to go on from{problems}{missing}; --begin-again runs it "
            f"from the start and replaces its {frames} frames"
        )
