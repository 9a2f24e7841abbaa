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
    """Nanoseconds a neuron: of a step of gradient descent, and of a pass that moves as much."""

    push: float
    stream: float


def spread_out(m: int) -> tuple[Array, Array, Array]:
    """(a, b, c) with knots all over [-1, 1]: none is dead, and all sectors are alike."""
    random = np.random.default_rng(0)
    knot, a, c = random.uniform((-1.0, 0.2, -1.0), 1.0, (m, 3)).T
    a *= random.choice([-1.0, 1.0], m)
    return a, -knot * a, c


def _state(m: int, x: Array, y: Array, device: str) -> State:
    return State(x, y, Start(*spread_out(m)), "network", 4, device=device)


def measure(x: Array, y: Array, seconds: float = 1.0, m: int = NEURONS) -> Speed:
    """Time the push beside the stream, in turns, for about so many seconds.

    Parameters
    ----------
    x, y : (s,) float64
    seconds : float
    m : int
        Neurons; none of them is dead, and hardly any meets a ray.
    """
    state = _state(m, x, y, "cpu")
    variables = state.variables
    pushes: list[float] = []
    streams: list[float] = []
    state.gradient_descent(1e-12, 1)
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
    """Largest difference of the residuals on the CPU and on CUDA after steps of descent."""
    ends = []
    for device in ("cpu", "cuda"):
        state = _state(m, x, y, device)
        state.gradient_descent(1e-3, steps)
        ends.append(state.residual)
    return float(np.abs(ends[0] - ends[1]).max())
