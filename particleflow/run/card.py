"""What a notebook shows of a simulation, which imports this file."""

from typing import Any

import numpy as np

from particleflow.arguments import Array
from particleflow.cards import INK, Marks, card, picture
from particleflow.model.samples import Samples

_POINTS = 200
_MARGIN = 0.1
"""Part of the samples' interval that is shown to either side of it."""


def simulation_card(sim: Any) -> str:
    """The card of a simulation: its settings, where it stands, and f at that time."""
    facts = {
        "neurons": f"{sim.size:,}",
        "samples": f"{sim.samples.size:,}",
        "integrator": f"{sim.integrator!r}, {sim.metric} metric",
        "device": f"{sim.device}, {sim.threads} threads",
        "tau": f"{sim.time:g} after {sim.step:,} steps",
        "loss": f"{sim.loss:.6g}",
    }
    if sim.decay:
        facts["weight decay"] = f"{sim.decay:g}"
    for number, note in enumerate(sim.notes, 1):
        facts[f"note {number}"] = note
    x = points_around(sim.samples)
    return card("Simulation", facts, fit(sim.samples, x, sim.predict(x)))


def points_around(samples: Samples) -> Array:
    """Points in the samples' interval and somewhat beyond it."""
    return np.linspace(*samples.window(_MARGIN), _POINTS)


def fit(samples: Samples, x: Array, f: Array) -> str:
    """The picture of a function over the samples."""
    return picture(
        "f over x, and the samples", Marks(samples.x, samples.y, INK), Marks(x, f, is_line=True)
    )
