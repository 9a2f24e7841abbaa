"""Samples of the built-in functions."""

from typing import Literal, get_args

import numpy as np

from particleflow.arguments import Array, finite
from particleflow.arguments import count as whole
from particleflow.errors import SamplesError

SampleKind = Literal["square_wave", "sine", "step", "sawtooth", "piecewise_linear"]
KINDS: tuple[str, ...] = get_args(SampleKind)
LEAST = 2
PIECES = 5
"""Linear pieces of the function behind ``piecewise_linear``."""
_ROUNDING = 1e-12


def generated(kind: str, count: int, noise: float, seed: int) -> tuple[Array, Array]:
    """x and y of `Samples.generate`, whose arguments these are.

    Raises
    ------
    SamplesError
        An argument is out of range, or there is no such kind.
    """
    x = np.linspace(-1.0, 1.0, whole("count", count, SamplesError, least=LEAST))
    key = whole("seed", seed, SamplesError, least=0)
    random = np.random.Generator(np.random.Philox(key=key))
    if kind == "square_wave":
        y = np.where(np.floor(2.0 * x) % 2.0 == 0.0, 1.0, -1.0)
    elif kind == "sine":
        y = np.sin(2.0 * np.pi * x)
        if np.abs(y).max() < _ROUNDING:  # 3 or 5 samples lie on zeros, and y would be rounding
            y = np.zeros(x.size)
    elif kind == "step":
        y = np.where(x >= 0.0, 1.0, -1.0)
    elif kind == "sawtooth":
        y = 2.0 * (x - np.floor(x + 0.5))
    elif kind == "piecewise_linear":
        corners = np.concatenate(([-1.0], np.sort(random.uniform(-1, 1, PIECES - 1)), [1.0]))
        y = np.interp(x, corners, random.uniform(-1, 1, PIECES + 1))
    else:
        raise SamplesError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    if finite("noise", noise, SamplesError) < 0.0:
        raise SamplesError(f"noise: expected 0 or more, found {noise}")
    if noise > 0.0:
        y = y + noise * random.standard_normal(x.size)
    return x, y
