"""The exact flow in frozen fields: every neuron by Lorentz boosts, the residuals by phi_1. Order 2.

A step of length h from the state z_0 with residuals rho_0 and tangent kernel H_0 freezes the field
of the mean residuals over the step and moves every neuron exactly in it:

    rho_mean = phi_1(-h H) rho_0,    H = H_0 + (H_1 - H_0) / 3,    phi_1(z) = (exp(z) - 1) / z

with H_1 the tangent kernel after a first pass in the field of phi_1(-h H_0) rho_0. Replacing the
field by its mean over the step is a symmetric splitting of second order (exponential midpoint rule;
M. Hochbruck and A. Ostermann, "Exponential integrators", Acta Numerica 19 (2010)); the weight 1/3
cancels the leading error of the residuals, (h^3 / 6) H' H rho. The motion in a frozen field, with
its crossings, slides and rests, is that of ``kernels.events`` (Lemma 1).

The error of a step is the difference between the residuals after the two passes. Steps are bound by
how fast the tangent kernel changes, not by 2 / lambda_max. Where a neuron meets a ray the order is
ragged: one that goes another way costs O(1/m).

Not unique, in the flow itself, are the ways on from a repulsor and from the origin (a, b) = 0;
``kernels.rays`` and ``kernels.origin`` say which are taken. The choice is made in the field of a
step, or of the part of it that is shown: single neurons may be elsewhere in a frame inside a step
than on the way of the step itself.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from particleflow.arguments import Array, positive
from particleflow.backend import OVERFLOWN, SHRUNK, UNTAME, ExactFlow, Metric, State
from particleflow.errors import ConfigError, IntegrationError
from particleflow.model.samples import spread

from .contract import Memory, Slices
from .registry import register

_TINY = 1e-250
_MOST_STEPS = 2.0**52
_MOST_TRIALS = 2**31
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
        Largest error of one step, between 0 and 1: root mean square over the samples of the
        difference between the residuals of its two passes, in units of ``Samples.spread``.
    step : float, optional
        Length of all steps, in tau, instead of steps by tolerance.

    Raises
    ------
    ConfigError
        The tolerance is out of range, or the step no finite number above 0.
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
        """A motion of this state from tau = 0.

        Raises
        ------
        ConfigError
            The metric is not ``network``.
        """
        if state.metric != "network":
            raise ConfigError(
                f"metric: boost needs 'network', found {state.metric!r}, whose flow in a frozen "
                "field has no closed form; use integrator rk or gd"
            )
        return BoostMotion(state, self.tolerance, self.step)


class BoostMotion:
    """Neurons under the exact flow; times inside a step are shown without ending it."""

    def __init__(self, state: State, tolerance: float, step: float | None) -> None:
        self._state = state
        allowed = max(tolerance * spread(state.y), state.rounding(), _TINY)
        self._is_fixed = step is not None
        self._flow = ExactFlow(state, allowed, step or 0.0)
        if step is None:
            self._flow.next_step = self._first_step()
        self._slices = Slices(state.ranks)
        self.time = 0.0

    @property
    def step(self) -> int:
        """Steps taken, with the present one."""
        return self._flow.step

    @property
    def rejected(self) -> int:
        """Trial steps that were thrown away."""
        return self._flow.rejected

    def _first_step(self) -> float:
        """A tenth of the time in which the residuals change by their own spread."""
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.abs(self._state.residual_rate()).max()
        step = 0.1 * spread(self._state.y) / max(rate, _TINY)
        return step if math.isfinite(step) else 1.0

    def reachable(self, times: Array) -> Array:
        """Every time, if fixed steps can count up to it."""
        step = self._flow.next_step
        if self._is_fixed and times.size and not times.max() / step < _MOST_STEPS:
            raise ConfigError(
                f"step: {step:g} is too small to reach tau = {times.max():g}, expected fewer than "
                f"{_MOST_STEPS:g} steps"
            )
        return np.unique(times)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` goes on."""
        return self._flow.snapshot(self.time) | {"time": np.array(self.time)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `snapshot` gave."""
        self.time = float(arrays["time"])
        self._flow.restore(arrays, self.time)

    def advance(self, until: float) -> None:
        """Take steps until one of them holds this time, or for about a tenth of a second."""
        if self._flow.end < until:
            self._slices.take(_MOST_TRIALS, lambda n: self._take_steps(until, n))
        self._show(min(until, self._flow.end))

    def _take_steps(self, until: float, most_trials: int) -> int:
        """Take steps in one compiled call; returns the number of trials."""
        flow = self._flow
        before = flow.step + flow.rejected
        status = flow.take_steps(until, most_trials)
        self.time = flow.begin
        if status in _FAILURES:
            raise IntegrationError(f"{self._where()}: {_FAILURES[status]}")
        return flow.step + flow.rejected - before

    def _show(self, now: float) -> None:
        """Let the state be that of a time in the present step."""
        if now == self.time:
            return
        if now == self._flow.end:
            self._flow.show_end()
        elif not self._flow.show_between(now):
            raise IntegrationError(
                f"{self._where()}: the state overflows inside the step; lower the tolerance"
            )
        self.time = now

    def _where(self) -> str:
        return f"boost, step {self.step + 1} (tau = {self._flow.begin:g})"
