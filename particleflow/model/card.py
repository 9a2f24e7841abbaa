"""What a notebook shows of samples and of neurons, which import this file."""

from typing import Any

import numpy as np

from particleflow.arguments import Array
from particleflow.cards import BLUE, INK, ORANGE, Marks, card, picture

_MOST = 2000
"""Neurons that are looked at for the picture: evenly spread ones of more."""


def samples_card(samples: Any) -> str:
    """The card of samples: how many, where, and their picture."""
    rows = f" of {samples.rows.x.size:,} rows" if samples.has_repeats else ""
    facts = {
        "samples": f"{samples.size:,}{rows}",
        "x": f"{samples.x[0]:g} to {samples.x[-1]:g}",
        "y": f"{samples.y.min():g} to {samples.y.max():g}",
    }
    source = samples.source
    for axis, name in (("x", source.x_name), ("y", source.y_name)):
        if name and name != axis:
            facts[f"{axis} is"] = name
    for number, note in enumerate(source.notes, 1):
        facts[f"note {number}"] = note
    if hint := samples.hint():
        facts["hint"] = hint
    if samples.is_weighted:
        facts["weights"] = f"{samples.weights.min():g} to {samples.weights.max():g}"
    if samples.is_mapped:
        facts["seen by the network"] = f"{samples.network_x[0]:g} to {samples.network_x[-1]:g}"
    return card("Samples", facts, picture("y over x", Marks(samples.x, samples.y)))


def neurons_card(neurons: Any) -> str:
    """The card of neurons: how many, their scale, and where they are on the cylinder."""
    some = np.linspace(0, neurons.size - 1, min(neurons.size, _MOST)).astype(int)
    a, b, c = neurons.a[some], neurons.b[some], neurons.c[some]
    facts = {
        "neurons": f"{neurons.size:,}",
        "alpha": f"{neurons.alpha:g}",
        "weights": "all equal" if neurons.weights is None else "of each neuron its own",
    }
    return card("Neurons (hat units)", facts, cylinder(c * np.hypot(a, b), np.arctan2(b, a)))


def cylinder(rhat: Array, theta: Array) -> str:
    """The picture of neurons on the cylinder, coloured by the sign of rhat."""
    positive = rhat > 0.0
    return picture(
        "rhat over theta; blue where rhat is positive",
        Marks([-np.pi, np.pi], [0.0, 0.0], INK, is_line=True),
        Marks(theta[positive], rhat[positive], BLUE),
        Marks(theta[~positive], rhat[~positive], ORANGE),
    )
