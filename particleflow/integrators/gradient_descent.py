"""The integrator ``gd``, gradient descent: explicit Euler with a fixed step. Order 1.

In the network metric a step of dtau is exactly a step of full-batch gradient descent on
``L = 1/2 sum w_j rho_j^2`` with learning rate ``eta = alpha dtau``; in the euclidean metric it is
explicit Euler on the mean-field flow of Williams et al., eqs. (30), (31), and after each step the
direction is brought back to unit length. The method is stable for dtau below about 2 / lambda_max
of the tangent kernel. With weight decay at the rate lambda a step is one of SGD with the weight
decay that belongs to lambda: z <- (1 - lambda dtau) z + dtau A(G) z.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from particleflow.arguments import Array, positive
from particleflow.backend import Metric, State
from particleflow.errors import ConfigError, IntegrationError

from .contract import Memory, Slices
from .registry import register

_MOST_STEPS = 2.0**52  # floats are exact for whole numbers up to here, with a bit to spare


@register
@dataclass(frozen=True)
class GradientDescent:
    """Gradient descent with a fixed step dtau.

    Parameters
    ----------
    step : float
        dtau = eta / alpha, with eta the learning rate on the raw parameters.

    Raises
    ------
    ConfigError
        The step is not a finite number above 0.
    """

    step: float = 1e-3
    name: ClassVar[str] = "gd"
    metrics: ClassVar[tuple[Metric, ...]] = ("network", "euclidean")
    default_in: ClassVar[tuple[Metric, ...]] = ()
    counts_steps: ClassVar[bool] = True
    stability: ClassVar[float] = 2.0
    memory: ClassVar[Memory] = Memory(words=4, indices=7)
    run_length: ClassVar[float] = 4
    slides: ClassVar[bool] = False
    sorted_from: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", positive("step", self.step, ConfigError))

    def start(self, state: State) -> "GradientDescentMotion":
        """A motion of this state from tau = 0, which modifies the state in place.

        Raises
        ------
        ConfigError
            With this step weight decay would leave nothing of a neuron.
        """
        if not state.decay * self.step < 1.0:
            raise ConfigError(
                f"decay: {state.decay:g} in tau times the step of gd, {self.step:g}, is "
                f"{state.decay * self.step:g}, expected below 1: a step would leave nothing of a "
                "neuron; lower the weight decay, the step or the learning rate"
            )
        return GradientDescentMotion(state, self.step)


class GradientDescentMotion:
    """A state that moves by `GradientDescent`: in a stage tau grows by the same step each time."""

    def __init__(self, state: State, h: float) -> None:
        self._state, self._h = state, h
        self._stage = 0, 0.0  # number and time of its first step
        self.step = self.rejected = 0
        self._slices = Slices(state.ranks)

    @property
    def time(self) -> float:
        """Mean-field time tau."""
        return self.time_of(self.step)

    def time_of(self, step: int) -> float:
        """Mean-field time tau after ``step`` steps from the begin of the run."""
        first, begin = self._stage
        return begin + (step - first) * self._h

    def begin_stage(self, step: int, time: float) -> None:
        """Begin a stage at this number of steps and time: steps before it had another length."""
        self._stage = step, time

    def reachable(self, times: Array) -> Array:
        """The distinct times after whole numbers of steps that are nearest to ``times``.

        Raises
        ------
        ConfigError
            The step is so short that steps cannot be counted up to the last time.
        """
        begin = self._stage[1]
        steps = np.unique(np.rint((times - begin) / self._h))
        if steps.size and not steps[-1] < _MOST_STEPS:
            raise ConfigError(
                f"step: {self._h:g} is too small to reach tau = {times[-1]:g}, found {steps[-1]:g} "
                f"steps, expected fewer than {_MOST_STEPS:g}"
            )
        return begin + steps * self._h

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues."""
        own = {"step": np.array(self.step), "stage": np.array(self._stage)}
        return self._state.snapshot() | own

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from the arrays of a `snapshot`."""
        self.step = int(arrays["step"])
        # a stage that `begin_stage` has set before is newer than that of the snapshot
        if "stage" in arrays and self._stage == (0, 0.0):
            first, begin = arrays["stage"].tolist()
            self._stage = int(first), begin
        self._state.restore(arrays)

    def advance(self, until: float) -> None:
        """Take steps to this time in one compiled call, or as many as fit a tenth of a second."""
        first, begin = self._stage
        left = first + round((until - begin) / self._h) - self.step
        if left <= 0:
            return
        self._slices.take(left, self._take_steps)
        if not np.isfinite(self._state.residual).all():
            raise IntegrationError(
                f"gd, step {self.step} (tau = {self.time:g}): the residuals are no longer finite; "
                f"lower the step, now {self._h:g} (learning rate: alpha times it)"
            )

    def _take_steps(self, n: int) -> int:
        done = self._state.gradient_descent(self._h, n)
        self.step += done
        return done
