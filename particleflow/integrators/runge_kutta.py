"""The integrator ``rk``: an explicit Runge-Kutta method of order 4 with adaptive steps.

The method is RK4(3)5[2R+]C, with an embedded method of order 3, of C. A. Kennedy, M. H. Carpenter
and R. M. Lewis, "Low-storage, explicit Runge-Kutta schemes for the compressible Navier-Stokes
equations", Appl. Numer. Math. 35 (2000), in both metrics. The step size follows a
proportional-integral controller (E. Hairer and G. Wanner, Solving Ordinary Differential Equations
II, sec. IV.2). Steps are bound by stability, about 4 / lambda_max of the tangent kernel, and the
order is lost in steps in which neurons meet rays: the field jumps there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from particleflow.arguments import Array, positive
from particleflow.backend import MOST_DECAY, Metric, RungeKuttaTrial, State
from particleflow.errors import ConfigError, IntegrationError

from .contract import Memory, Slices
from .registry import register

_SAFETY = 0.9
_ORDER = 4  # of the error estimate in the step
_PROPORTIONAL, _INTEGRAL = 0.7 / _ORDER, 0.4 / _ORDER
_SMALLEST, _LARGEST = 0.2, 5.0  # factors from one step to the next
_LEAST_STEP = 16.0 * np.finfo(float).eps  # in units of tau: shorter ones hardly change tau
_TINY = 1e-250
_MOST_TRIALS = 2**31


@register
@dataclass(frozen=True)
class RungeKutta:
    """The Runge-Kutta method with steps that adapt to a tolerance.

    Parameters
    ----------
    tolerance : float
        Largest error of one step, between 0 and 1: root mean square over the samples of the
        difference between the predictions of the two embedded methods, in units of
        ``Samples.spread``.

    Raises
    ------
    ConfigError
        The tolerance is out of range.
    """

    tolerance: float = 1e-4
    name: ClassVar[str] = "rk"
    metrics: ClassVar[tuple[Metric, ...]] = ("network", "euclidean")
    default_in: ClassVar[tuple[Metric, ...]] = ("euclidean",)
    counts_steps: ClassVar[bool] = False
    stability: ClassVar[float] = math.inf
    memory: ClassVar[Memory] = Memory(words=13, indices=8)
    run_length: ClassVar[float] = math.inf
    slides: ClassVar[bool] = False
    sorted_from: ClassVar[int] = 0

    def __post_init__(self) -> None:
        tolerance = positive("tolerance", self.tolerance, ConfigError)
        if tolerance >= 1.0:
            raise ConfigError(f"tolerance: expected a number below 1, found {tolerance:g}")
        object.__setattr__(self, "tolerance", tolerance)

    def start(self, state: State) -> "RungeKuttaMotion":
        """A motion of this state from tau = 0, which modifies the state in place."""
        return RungeKuttaMotion(state, self.tolerance)


class RungeKuttaMotion:
    """A state that moves by `RungeKutta`; steps are shortened to end on the times asked for."""

    def __init__(self, state: State, tolerance: float) -> None:
        self._state = state
        self._trial = RungeKuttaTrial(state)
        self._allowed = max(tolerance * state.spread, _TINY)
        self._last_error = 1.0
        self.time = 0.0
        self.step = self.rejected = 0
        self._slices = Slices(state.ranks)
        self._h = self._first_step()

    def _first_step(self) -> float:
        """A hundredth of the time in which the residuals change by the spread of y."""
        with np.errstate(over="ignore", invalid="ignore"):
            rate = float(np.sqrt(np.mean(self._state.residual_rate() ** 2)))
        return 0.01 * self._state.spread / rate if rate > 0.0 else math.inf

    def reachable(self, times: Array) -> Array:
        """The distinct ``times`` themselves: a step can end at every time."""
        return np.unique(times)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues."""
        numbers = np.array([self.time, self._h, self._last_error])
        steps = np.array([self.step, self.rejected])
        return self._state.snapshot() | {"control": numbers, "steps": steps}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from the arrays of a `snapshot`."""
        self.time, self._h, self._last_error = (float(v) for v in arrays["control"])
        self.step, self.rejected = (int(n) for n in arrays["steps"])
        self._state.restore(arrays)

    def advance(self, until: float) -> None:
        """Take steps up to a time, or for about a tenth of a second."""
        self._check_step(0.0)  # the first step is 0 if its rate overflows
        self._slices.take(_MOST_TRIALS, lambda n: self._take_steps(until, n))

    def _take_steps(self, until: float, most: int) -> int:
        """Take steps up to a time in at most ``most`` trials; returns the number of trials."""
        trials = 0
        while self.time < until and trials < most:
            self._take_step(until)
            trials += 1
        return trials

    def _take_step(self, until: float) -> None:
        left = until - self.time
        h = min(self._h, MOST_DECAY / self._state.decay) if self._state.decay > 0.0 else self._h
        if h >= left:
            h = left
        elif 2.0 * h > left:
            h = 0.5 * left  # two equal steps rather than a sliver at the end
        error = self._trial.step(h) / self._allowed
        if error <= 1.0:
            self._trial.accept()
            self.time = until if h == left else self.time + h
            self.step += 1
            proposed = h * self._factor(error)
            # a step shortened to end on a time says little against the longer one planned
            self._h = max(proposed, self._h) if h < self._h else proposed
            self._last_error = max(error, 1e-4)
            return
        self.rejected += 1
        # an error that is NaN counts as infinite: max keeps its first argument against NaN
        self._h = h * max(_SMALLEST, _SAFETY * error ** (-1.0 / _ORDER))
        self._check_step(error)

    def _check_step(self, error: float) -> None:
        if self._h < _LEAST_STEP * self.time + _TINY:
            raise IntegrationError(
                f"rk, step {self.step + 1} (tau = {self.time:g}): the step shrank below rounding; "
                "raise the tolerance, or start from smaller parameters"
                if math.isfinite(error)
                else f"rk, step {self.step + 1} (tau = {self.time:g}): the state is no longer "
                "finite; start from smaller parameters"
            )

    def _factor(self, error: float) -> float:
        if error == 0.0:
            return _LARGEST
        wish = _SAFETY * error**-_PROPORTIONAL * self._last_error**_INTEGRAL
        return min(_LARGEST, max(_SMALLEST, wish))
