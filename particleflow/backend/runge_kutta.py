"""Trial steps of the explicit Runge-Kutta method."""

import math

import numpy as np

from particleflow.kernels.host.decay import SIGMA
from particleflow.kernels.records import Trial

from .state import State


class RungeKuttaTrial:
    """Trial steps of a `State`, with their work space; an accepted trial becomes the state."""

    def __init__(self, state: State) -> None:
        self.state, self._h = state, 0.0
        empty, like = state.kernels.empty, state.variables
        self.variables = empty(like.shape, like.dtype)
        self.cell = empty(state.cell.shape, state.cell.dtype)
        self.residual = np.empty_like(state.residual)
        self._stage = empty(like.shape, like.dtype)
        self._error = empty(like.shape, like.dtype)

    def step(self, h: float) -> float:
        """Try a step of length h; returns the root mean square of its error in the prediction."""
        s, self._h = self.state, h
        return float(
            s.kernels.runge_kutta_step(
                s.variables,
                s.cell,
                Trial(self.variables, self.cell, self._stage, self._error),
                s.order.slots,
                s.samples,
                (s.metric_code, h, s.decay, float(s.sigma[SIGMA])),
                (s.residual, self.residual),
                s.whole,
            )
        )

    def accept(self) -> None:
        """Let the last trial become the state, and count the neurons that changed their cell."""
        s = self.state
        s.crossings[0] += int(s.kernels.count_changes(s.cell, self.cell, s.order.slots))
        s.variables, self.variables = self.variables, s.variables
        s.cell, self.cell = self.cell, s.cell
        s.residual, self.residual = self.residual, s.residual
        s.sigma[SIGMA] *= math.exp(-s.decay * self._h)
        s.halve_if_due()
