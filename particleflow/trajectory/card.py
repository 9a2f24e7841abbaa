"""What a notebook shows of a trajectory, which imports this file."""

from typing import Any

import numpy as np

from particleflow.cards import Marks, card, picture
from particleflow.run.card import fit, points_around

_MOST = 1_000_000
"""Neurons up to which f at the last frame is computed for the picture."""


def trajectory_card(trajectory: Any) -> str:
    """The card of a trajectory: what the file holds, f at the last frame, and the loss."""
    if trajectory._is_closed:
        return card(f"Trajectory of {trajectory.path.name}", {"closed": "open it again to read it"})
    recorded = trajectory.ids.size
    shares = "" if recorded == trajectory.size else f", {recorded:,} of them recorded"
    facts = {
        "neurons": f"{trajectory.size:,}{shares}",
        "samples": f"{trajectory.samples.size:,}",
        "frames": f"{trajectory.frames:,}",
        "observables": ", ".join(trajectory.observables),
    }
    pictures = []
    if trajectory.frames:
        facts["tau"] = f"{trajectory.time[0]:g} to {trajectory.time[-1]:g}"
        if recorded == trajectory.size <= _MOST:
            x = points_around(trajectory.samples)
            pictures.append(fit(trajectory.samples, x, trajectory.predict(-1, x)))
    if "loss" in trajectory.observables:
        time, loss = trajectory.observable("loss")
        with np.errstate(divide="ignore", invalid="ignore"):
            line = Marks(np.log10(time), np.log10(loss), is_line=True)
        pictures.append(picture("logarithm of the loss over that of tau", line))
    return card(f"Trajectory of {trajectory.path.name}", facts, *pictures)
