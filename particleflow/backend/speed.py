"""How fast the kernels are on this machine, and how far two devices agree."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels.cpu.stream import stream_in_place

from .state import Start, State

NEURONS = 4_000_000
_ROUNDS = 3


class Speed(NamedTuple):
    """Nanoseconds that a neuron takes.

    Attributes
    ----------
    push : float
        In a step of gradient descent.
    stream : float
        In a pass that only reads and writes the same variables.
    """

    push: float
    stream: float


def spread_out(m: int) -> tuple[Array, Array, Array]:
    """(a, b, c) of m neurons with uniform knots in [-1, 1], so that none of them is dead."""
    random = np.random.default_rng(0)
    knot, a, c = random.uniform((-1.0, 0.2, -1.0), 1.0, (m, 3)).T
    a *= random.choice([-1.0, 1.0], m)
    return a, -knot * a, c


def _state(m: int, x: Array, y: Array, device: str) -> State:
    return State(x, y, Start(*spread_out(m)), "network", 4, device=device)


def measure(x: Array, y: Array, seconds: float = 1.0, m: int = NEURONS) -> Speed:
    """Time steps of gradient descent and the memory stream in turns, and take the medians.

    Parameters
    ----------
    x, y : (s,) float64
        Samples.
    seconds : float
        About how long to measure.
    m : int
        Number of neurons, of which hardly any meets a ray.
    """
    state = _state(m, x, y, "cpu")
    variables = state.variables
    pushes: list[float] = []
    streams: list[float] = []
    state.gradient_descent(1e-12, 1)  # this line and the next compile what will be timed
    stream_in_place(*variables, 1.0)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(pushes) < _ROUNDS:
        pushes.append(_seconds(lambda: state.gradient_descent(1e-12, 10)) / 10)
        streams.append(_seconds(lambda: stream_in_place(*variables, 1.0)))
    return Speed(1e9 * float(np.median(pushes)) / m, 1e9 * float(np.median(streams)) / m)


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def difference(x: Array, y: Array, m: int = 10_000, steps: int = 100) -> float:
    """Largest difference between the residuals on the CPU and on CUDA after gradient descent."""
    ends = []
    for device in ("cpu", "cuda"):
        state = _state(m, x, y, device)
        state.gradient_descent(1e-3, steps)
        ends.append(state.residual)
    return float(np.abs(ends[0] - ends[1]).max())
