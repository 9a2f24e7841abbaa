"""Trial steps of the explicit Runge-Kutta method."""

import numpy as np

from particleflow.kernels.records import Trial

from .state import State


class RungeKuttaTrial:
    """Work space for trial steps of a `State`, and the exchange that accepts one."""

    def __init__(self, state: State) -> None:
        self.state = state
        empty, like = state.kernels.empty, state.variables
        self.variables = empty(like.shape, like.dtype)
        self.cell = empty(state.cell.shape, state.cell.dtype)
        self.residual = np.empty_like(state.residual)
        self._stage = empty(like.shape, like.dtype)
        self._error = empty(like.shape, like.dtype)

    def step(self, h: float) -> float:
        """Try a step; returns its error in the prediction (see the kernel)."""
        s = self.state
        return float(
            s.kernels.runge_kutta_step(
                s.variables,
                s.cell,
                Trial(self.variables, self.cell, self._stage, self._error),
                s.order.slots,
                s.samples,
                (s.metric_code, h),
                (s.residual, self.residual),
                s.whole,
            )
        )

    def accept(self) -> None:
        """Make the trial the state."""
        s = self.state
        s.crossings[0] += int(s.kernels.count_changes(s.cell, self.cell, s.order.slots))
        s.variables, self.variables = self.variables, s.variables
        s.cell, self.cell = self.cell, s.cell
        s.residual, self.residual = self.residual, s.residual
