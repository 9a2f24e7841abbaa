"""The integrator ``boost``: exact motion of all neurons in a field frozen for a step. Order 2.

A step of length h from the state z_0 with residuals rho_0 and tangent kernel H_0 freezes the field
of the mean residuals over the step and moves every neuron exactly in it:

    rho_mean = phi_1(-h H) rho_0,    H = H_0 + (H_1 - H_0) / 3,    phi_1(z) = (exp(z) - 1) / z

with H_1 the tangent kernel at the end of the step. Replacing the field by its mean over the step is
a symmetric splitting of second order (exponential midpoint rule; M. Hochbruck and A. Ostermann,
"Exponential integrators", Acta Numerica 19 (2010)); the weight 1/3 cancels the leading error of the
residuals, (h^3 / 6) H' H rho. The motion in a frozen field, with its crossings, slides and rests,
is that of ``kernels.events`` (Williams et al., Lemma 1).

H_1 is not known before the neurons have moved. A step moves them in the field that the change of H
in the step before foretells, H_0 + D, and then knows H_1 and a better mean. Most steps end here. If
the better mean would move the residuals elsewhere by more than a fifth of the tolerance, a second
pass moves the neurons from the begin again, in its field.

The error of a step is the largest of: how far the better mean would move the residuals, after one
pass; the difference between the residuals after both, after two; and how far the residuals at the
end are from rho_0 - h (H_0 + H_1) / 2 rho_mean, where a tangent kernel that changes linearly leads.
The last sees what neurons do to the residuals that cross a ray or are let go together: the field of
both means moves them alike, and the other two are blind to it. Since the loss does not grow in the
flow, the error is also at least the growth of the residuals' root mean square, and at most the sum
of those at both ends. Where a first pass has raised the loss, a second may rescue the step; it is
then not measured against the first (``kernels.host.control``). The length of steps is bound by how
fast the tangent kernel changes, not by 2 / lambda_max. Where a sample ceases to attract inside a
step, and the neurons that it holds may move the residuals by more than the tolerance allows if they
are let go too late, the step ends there (``kernels.host.attraction``). Where neurons meet rays the
order does not hold strictly: a neuron that goes another way changes f by O(1/m).

The flow itself is not unique where a neuron leaves a repulsor or the origin (a, b) = 0;
``kernels.rays`` and ``kernels.origin`` say which way it goes. The choice is made in the frozen
field of a step, or in that of the part of a step that is shown: in a frame inside a step single
neurons may be elsewhere than on the way that the whole step takes. A time inside a step is shown by
a pass from the step's begin; where that raises the loss by more than the tolerance, or fails, by a
second one, and then by steps that lead from the begin to that time and end there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from particleflow.arguments import Array, positive
from particleflow.backend import (
    MOST_DECAY,
    OVERFLOWN,
    SHRUNK,
    UNTAME,
    ExactFlow,
    Metric,
    State,
)
from particleflow.errors import ConfigError, IntegrationError

from .contract import Memory, Slices
from .registry import register

_TINY = 1e-250  # in place of a rate or an error of 0
_MOST_STEPS = 2.0**52  # floats are exact for whole numbers up to here, with a bit to spare
_MOST_TRIALS = 2**31  # in one call: no limit but that of `Slices`
_FAILURES = {
    UNTAME: "the tangent kernel is too large to compute with; start from smaller parameters",
    SHRUNK: "the step shrank below rounding; raise the tolerance, or start from smaller parameters",
    OVERFLOWN: "the state overflows; lower the step",
}


@register
@dataclass(frozen=True)
class Boost:
    """The exact flow with adaptive or fixed steps.

    Parameters
    ----------
    tolerance : float
        Largest error of one step, between 0 and 1: a root mean square over the samples, in units
        of ``Samples.spread``.
    step : float, optional
        Length of all steps in tau; by default steps adapt to the tolerance.

    Raises
    ------
    ConfigError
        The tolerance is out of range, or the step is no finite number above 0.
    """

    tolerance: float = 1e-4
    step: float | None = None
    name: ClassVar[str] = "boost"
    metrics: ClassVar[tuple[Metric, ...]] = ("network",)
    default_in: ClassVar[tuple[Metric, ...]] = ("network",)
    counts_steps: ClassVar[bool] = False
    stability: ClassVar[float] = math.inf
    memory: ClassVar[Memory] = Memory(words=11, indices=10)
    run_length: ClassVar[float] = 2
    slides: ClassVar[bool] = True
    sorted_from: ClassVar[int] = 2**15

    def __post_init__(self) -> None:
        tolerance = positive("tolerance", self.tolerance, ConfigError)
        if tolerance >= 1.0:
            raise ConfigError(f"tolerance: expected a number below 1, found {tolerance:g}")
        object.__setattr__(self, "tolerance", tolerance)
        if self.step is not None:
            object.__setattr__(self, "step", positive("step", self.step, ConfigError))

    def start(self, state: State) -> "BoostMotion":
        """A motion of this state from tau = 0, which modifies the state in place.

        Raises
        ------
        ConfigError
            The metric of the state is not ``network``, or steps of a fixed length are so long that
            weight decay leaves nothing of the neurons.
        """
        if state.metric != "network":
            raise ConfigError(
                f"metric: boost needs 'network', found {state.metric!r}, whose flow in a frozen "
                "field has no closed form; use integrator rk or gd"
            )
        if self.step is not None and state.decay * self.step > MOST_DECAY:
            raise ConfigError(
                f"step: times the decay {state.decay:g} it may be {MOST_DECAY:g} at most, found "
                f"{state.decay * self.step:g}"
            )
        return BoostMotion(state, self.tolerance, self.step)


class BoostMotion:
    """A state that moves by `Boost`; it can show times inside a step without ending the step."""

    def __init__(self, state: State, tolerance: float, step: float | None) -> None:
        self._state = state
        # no step could make an error smaller than the rounding of the residuals
        allowed = max(tolerance * state.spread, state.rounding(), _TINY)
        self._is_fixed = step is not None
        self._flow = ExactFlow(state, allowed, step or 0.0)
        if step is None:
            self._flow.next_step = self._first_step()
        self._slices = Slices(state.ranks)

    @property
    def time(self) -> float:
        """The time that the state shows."""
        return self._flow.shown

    @property
    def step(self) -> int:
        """Number of steps taken, the present one included."""
        return self._flow.step

    @property
    def rejected(self) -> int:
        """Number of trial steps that were thrown away."""
        return self._flow.rejected

    def _first_step(self) -> float:
        """A tenth of the time in which a residual changes by the spread of y."""
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.abs(self._state.residual_rate()).max()
        step = 0.1 * self._state.spread / max(rate, _TINY)
        if self._state.decay > 0.0:
            step = min(step, MOST_DECAY / self._state.decay)
        return step if math.isfinite(step) else 1.0

    def reachable(self, times: Array) -> Array:
        """The distinct ``times`` themselves: every time can be shown.

        Raises
        ------
        ConfigError
            Fixed steps are so short that they cannot be counted up to the last time.
        """
        step = self._flow.next_step
        if self._is_fixed and times.size and not times.max() / step < _MOST_STEPS:
            raise ConfigError(
                f"step: {step:g} is too small to reach tau = {times.max():g}, expected fewer than "
                f"{_MOST_STEPS:g} steps"
            )
        return np.unique(times)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` continues."""
        return self._flow.snapshot() | {"time": np.array(self.time)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from the arrays of a `snapshot`."""
        self._flow.restore(arrays, float(arrays["time"]))

    def advance(self, until: float) -> None:
        """Take steps until one of them contains this time, or for about a tenth of a second.

        The state then shows that time, or the end of the last step if no step contains it yet.
        """
        if self._flow.end < until:
            self._slices.take(_MOST_TRIALS, lambda n: self._take_steps(until, n))
        elif until != self.time:
            self._take_steps(until, 0)
        if self._flow.end < until:
            self._flow.show_end()

    def _take_steps(self, until: float, most_trials: int) -> int:
        """Take steps in one compiled call; returns the number of trial steps.

        Raises
        ------
        IntegrationError
            There can be no further step, or none that leads to the time ``until``.
        """
        flow = self._flow
        before = flow.step + flow.rejected
        status = flow.take_steps(until, most_trials)
        if status in _FAILURES:
            raise IntegrationError(f"{self._where()}: {_FAILURES[status]}")
        return flow.step + flow.rejected - before

    def _where(self) -> str:
        return f"boost, step {self.step + 1} (tau = {self._flow.begin:g})"
