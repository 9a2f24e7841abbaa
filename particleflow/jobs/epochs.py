"""Runs that are set by epochs of gradient descent in raw units: their steps and ends in tau."""

import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from particleflow.arguments import count
from particleflow.errors import ConfigError
from particleflow.model.conventions import multiple_of_loss, step_in_tau
from particleflow.model.samples import Samples
from particleflow.run.simulation import Simulation


class Epochs(NamedTuple):
    """So many steps of full-batch gradient descent, whichever integrator stands for them.

    Attributes
    ----------
    number : int
    step : float
        tau of an epoch.
    tau_of_rate : float
        tau of an epoch for a learning rate of 1.
    """

    number: int
    step: float
    tau_of_rate: float

    @property
    def end(self) -> float:
        """tau after all epochs."""
        return self.number * self.step

    @classmethod
    def of(cls, flow: Mapping[str, Any], alpha: float, samples: Samples) -> "Epochs | None":
        """The epochs that a table ``[flow]`` asks for; None if it has another end.

        Raises
        ------
        ConfigError
            The learning rate or the number of epochs is out of range.
        """
        rate, number = flow.get("learning_rate"), flow.get("epochs")
        if rate is None or number is None:
            return None
        loss, rows = flow.get("loss") or "half_sum", float(samples.rows.weights.sum())
        return cls(
            count("epochs", number, ConfigError),
            step_in_tau(rate, alpha, loss, rows),
            multiple_of_loss(loss, rows) / alpha,
        )

    def text(self, has_stages: bool = False) -> str:
        """The conversion in words; of a run with stages, whose epochs were others before."""
        now = f"an epoch is tau = {self.step:.6g}"
        if has_stages:
            return f"{now} now, {self.number:,} epochs in all"
        return f"{now}; {self.number:,} epochs end at tau = {self.end:.6g}"


def epochs_of_run(simulation: Simulation) -> Epochs | None:
    """The epochs that the configuration of a simulation asks for; None if it has another end."""
    return epochs_of_config(
        simulation.provenance.get("config", ""), simulation.alpha, simulation.samples
    )


def epochs_of_config(toml: str, alpha: float, samples: Samples) -> Epochs | None:
    """The epochs that a configuration, as TOML, asks for; None if it has another end."""
    try:
        return Epochs.of(tomllib.loads(toml).get("flow", {}), alpha, samples)
    except (ValueError, TypeError, AttributeError, RecursionError, ConfigError):  # it is damaged
        return None
