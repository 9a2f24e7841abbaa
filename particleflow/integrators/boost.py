"""The exact flow in frozen fields: every neuron by Lorentz boosts, the residuals by phi_1. Order 2.

A step of length h from the state z_0 with residuals rho_0 and tangent kernel H_0 freezes the field
of the mean residuals over the step and moves every neuron exactly in it:

    rho_mean = phi_1(-h H) rho_0,    H = H_0 + (H_1 - H_0) / 3,    phi_1(z) = (exp(z) - 1) / z

with H_1 the tangent kernel after a first pass in the field of phi_1(-h H_0) rho_0. Replacing the
field by its mean over the step is a symmetric splitting of second order (exponential midpoint rule;
M. Hochbruck and A. Ostermann, "Exponential integrators", Acta Numerica 19 (2010)); the weight 1/3
cancels the leading error of the residuals, (h^3 / 6) H' H rho. The motion in a frozen field, with
its crossings, slides and rests, is that of ``kernels.advance`` (model, section 4, and Lemma 1).

The error of a step is the difference between the residuals after the two passes. Steps are bound by
how fast the tangent kernel changes, not by 2 / lambda_max. Where a neuron meets a ray the order is
ragged: one that goes another way costs O(1/m).

Not unique, in the flow itself, are the ways on from a repulsor and from the origin (a, b) = 0;
``kernels.rays`` and ``kernels.origin`` say which are taken.
"""

import math
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from particleflow._cast import Array, positive
from particleflow.backend import Arrival, FrozenFlow, State
from particleflow.errors import ConfigError, IntegrationError
from particleflow.samples import spread
from particleflow.tangent_kernel import MeanResidual

from .contract import SLICE_SECONDS

_ORDER = 3  # of the error estimate in the step, 2 to 3 where neurons meet rays
_AIM = 0.5  # error to steer for, in units of the tolerance
_PROPORTIONAL, _INTEGRAL = 0.6 / _ORDER, 0.2 / _ORDER
_SMALLEST, _LARGEST = 0.2, 3.0
_SAFETY = 0.8  # of a step after a rejected one
_LEAST_STEP = 16.0 * np.finfo(float).eps
_TINY = 1e-250
_MOST_STEPS = 2.0**52
_LINEAR_SHARE = 1e-3
"""Share of the tolerance that is left to the Krylov approximation."""


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
    run_length: ClassVar[float] = 2

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
        self._flow = FrozenFlow(state)
        self._allowed = max(tolerance * spread(state.y), state.rounding(), _TINY)
        self._fixed = step
        self._residual = state.residual
        self._covariances = state.kernel_covariances()
        self._begin = self._end = 0.0
        self._start_mean: MeanResidual | None = None
        self._last_error, self._has_rejected = 1.0, False
        self.time = 0.0
        self.step = self.rejected = 0
        self._h = self._first_step() if step is None else step

    def _is_tame(self, covariances: Array) -> bool:
        """Whether the norms of H and of its products with residuals cannot overflow."""
        x = self._state.x
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.abs(covariances).sum() * (1.0 + np.abs(x).max()) ** 2 * x.size
            return bool(np.isfinite((size * (1.0 + np.abs(self._residual).max())) ** 2))

    def _where(self) -> str:
        return f"boost, step {self.step + 1} (tau = {self._begin:g})"

    def _first_step(self) -> float:
        """A tenth of the time in which the residuals change by their own spread."""
        with np.errstate(over="ignore", invalid="ignore"):
            rate = _rms(self._state.residual_rate())
        step = 0.1 * spread(self._state.y) / max(rate, _TINY)
        return step if math.isfinite(step) else 1.0

    def reachable(self, times: Array) -> Array:
        """Every time, if fixed steps can count up to it."""
        if self._fixed is not None and times.size and not times.max() / self._fixed < _MOST_STEPS:
            raise ConfigError(
                f"step: {self._fixed:g} is too small to reach tau = {times.max():g}, expected "
                f"fewer than {_MOST_STEPS:g} steps"
            )
        return np.unique(times)

    def advance(self, until: float) -> None:
        """Take steps until one of them holds this time, or for about a tenth of a second."""
        deadline = time.perf_counter() + SLICE_SECONDS
        while self._end < until:
            self._take_step()
            if time.perf_counter() > deadline:
                break
        self._show(min(until, self._end))

    def _mean(self, covariances: Array) -> MeanResidual:
        return MeanResidual(
            covariances, self._residual, self._state.x, _LINEAR_SHARE * self._allowed
        )

    def _show(self, now: float) -> None:
        """Let the state be that of a time in the present step.

        At the fraction q of a step h the field is that of phi_1(-q h H_q) rho with
        H_q = H_0 + q (H_1 - H_0) / 3, the step of length q h if H changes linearly.
        """
        if now == self.time:
            return
        if now == self._end:
            self._flow.show_end()
        else:
            h = self._end - self._begin
            q = (now - self._begin) / h
            mean = self._mean(self._covariances + q * self._change)
            if not self._flow.show(mean(q * h), q * h):
                raise IntegrationError(
                    f"{self._where()}: the state overflows inside the step; lower the tolerance"
                )
        self.time = now

    def _take_step(self) -> None:
        """Try one step from the end of the last one."""
        if self._end > self._begin:
            self._commit()
        h = self._h
        if self._start_mean is None:
            if not self._is_tame(self._covariances):
                raise IntegrationError(
                    f"{self._where()}: the tangent kernel is too large to compute with; start "
                    "from smaller parameters"
                )
            self._start_mean = self._mean(self._covariances)
        if not h > _LEAST_STEP * self._begin + _TINY:
            raise IntegrationError(
                f"{self._where()}: the step shrank below rounding; raise the tolerance, or start "
                "from smaller parameters"
            )
        first = self._flow.look(self._start_mean(h), h)
        error = math.inf
        if first.finite and self._is_tame(first.covariances):
            change = (first.covariances - self._covariances) / 3.0
            second = self._flow.go(self._mean(self._covariances + change)(h), h)
            if second.finite:
                error = _rms(second.residual - first.residual) / self._allowed
        if error <= 1.0 or (self._fixed is not None and math.isfinite(error)):
            self._accept(h, error, change, second)
        else:
            self._reject(h, error)

    def _commit(self) -> None:
        """Go on from the end of the last step."""
        self._flow.commit()
        self.time = self._begin = self._end
        self._residual, self._covariances = self._arrival.residual, self._arrival.covariances
        self._start_mean = None

    def _accept(self, h: float, error: float, change: Array, arrival: Arrival) -> None:
        self.step += 1
        self._end = self._begin + h if self._fixed is None else self.step * self._fixed
        self._change, self._arrival = change, arrival
        if self._fixed is None:
            self._h = h * self._factor(error)

    def _reject(self, h: float, error: float) -> None:
        if self._fixed is not None:
            raise IntegrationError(f"{self._where()}: the state overflows; lower the step")
        self.rejected += 1
        self._has_rejected = True
        self._h = h * max(_SMALLEST, _SAFETY * error ** (-1.0 / _ORDER))

    def _factor(self, error: float) -> float:
        """Growth of the step: a proportional-integral controller, and none after a rejection.

        E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, sec. IV.2. The error is
        ragged, since single neurons meet rays: it is damped, and very small ones tell little.
        """
        error = max(error / _AIM, 1e-3)
        wish = error**-_PROPORTIONAL * self._last_error**_INTEGRAL
        most = 1.0 if self._has_rejected else _LARGEST
        self._last_error, self._has_rejected = error, False
        return min(most, max(_SMALLEST, wish))


def _rms(values: Array) -> float:
    """Root mean square; values may be as large as they like."""
    largest = float(np.abs(values).max())
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    scaled = values / largest
    return largest * math.sqrt(np.dot(scaled, scaled) / scaled.size)
