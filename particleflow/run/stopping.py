"""When a run without a fixed end (``t_end = inf``) ends: its loss has settled.

The loss has settled when it changes relatively by less than ``stop`` per unit of ln tau, that is

    |d ln L / d ln tau| = 2 tau rho^T H rho / (rho^T rho) <= stop,

or when the residuals are no larger than the rounding of the network function. It has also settled
when steps of the given tolerance can lower it no further: within the last decade of tau it has been
no lower than before, and has hardly fallen since the last check, although at the flow's own rate it
would have vanished: the error of the steps throws it up as fast as it falls. The loss is checked at
fixed times, ten a decade, so that the end does not depend on the integrator's steps or on the
machine.

With weight decay at the rate lambda the flow lowers loss and penalty together, and what is said
here of the loss holds for their sum, whose rate is (1/m) sum |z'|^2. It has not settled before
tau = 1 / lambda.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from particleflow.arguments import Array, finite
from particleflow.backend import State
from particleflow.errors import ConfigError

DEFAULT_STOP = 1e-8
FIRST, LAST = 1e-3, 1e12
HELD = 1e-2
"""Share of the fall that the flow predicts below which rounding or the step holds the loss up."""
_A_DECADE = 10
_GROWS = 1.01
"""Rate of growth, in units of that of weight decay, above which a neuron counts as growing."""
_STRIDE = 10.0 ** (1.0 / _A_DECADE)
_NOTHING = 1e-32
"""Loss and penalty, in units of s times the square of the spread, that are left of no neuron."""


def check_times(begin: float, weight: float = 1.0) -> Array:
    """Times after ``begin`` at which to check whether the loss has settled, ten a decade.

    They are in units of 1 / ``weight``, the mean weight of a sample, since weights make time go
    faster.
    """
    decades = round(math.log10(LAST / FIRST))
    return begin + np.geomspace(FIRST, LAST, decades * _A_DECADE + 1) / weight


def checked_end(until: float, now: float, reachable: Callable[[Array], Array]) -> float:
    """The time nearest to ``until`` that the integrator can reach, which is after ``now``.

    Raises
    ------
    ConfigError
        The time is not finite, or not after ``now``.
    """
    until = finite("until", until, ConfigError)
    end = float(reachable(np.array([until]))[-1])
    if not end > now:
        by = " by at least half a step" if until > now else ""
        raise ConfigError(f"until: expected a time after tau = {now:g}{by}, found {until:g}")
    return end


class Moment(NamedTuple):
    """The loss at a moment of a run."""

    time: float
    loss: float


def is_held_up(power: float, begin: Moment, end: Moment) -> bool:
    """Whether the loss falls by less than a hundredth of what the flow predicts, at most all of it.

    Parameters
    ----------
    power : float
        rho^T H rho at the end, by which the loss falls there in the flow.
    begin, end : Moment
    """
    predicted = power * (end.time - begin.time)
    return begin.loss - end.loss < HELD * min(predicted, begin.loss)


class Settling:
    """Watches a run for the moment when its loss has settled.

    Parameters
    ----------
    stop : float
        Relative change of the loss per unit of ln tau up to which it has settled.
    begin : float
        Time tau at which the run began, from which `check_times` are counted.
    """

    def __init__(self, stop: float, begin: float = 0.0) -> None:
        self._stop = stop
        self.begin = begin
        # whether the loss has changed faster than ``stop`` at any check so far
        self._has_moved = False
        self._checks: tuple[Moment, ...] = ()

    def has_settled(self, state: State, tau: float) -> bool:
        """Whether the loss of this state, at the time tau, has settled; ask at ascending times.

        A loss that has never moved counts as settled only if the neurons are at rest: near the
        saddle at 0 small neurons grow long before the loss falls. Their mean square speed is
        rho^T H rho, which is at most about rho^T rho |xt|^2 times the trace of Sigma, their mean
        square size.
        """
        if state.decay > 0.0:
            return self._has_settled_with_decay(state, tau)
        rho = state.residual
        square = float(np.dot(rho, rho))
        self._checks = (*self._checks, Moment(tau, 0.5 * square))
        if math.sqrt(square / rho.size) <= state.rounding():
            return True
        power = -float(np.dot(rho, state.residual_rate()))
        if 2.0 * tau * power > self._stop * square:
            self._has_moved = True
            return self._falls_no_more(power)
        size = float(state.kernel_covariances()[:, [0, 2]].sum())
        most = size * square * float((state.samples.xt**2).sum(axis=1).max())
        return self._has_moved or power <= self._stop * most

    def _has_settled_with_decay(self, state: State, tau: float) -> bool:
        """Whether loss and penalty, which the flow lowers together, have settled.

        Not before tau = 1 / lambda, for until then the penalty has had no time. Their change since
        the last check counts: the rate of the flow consists of the steps' errors in the end. While
        neurons grow that are still too small to be seen in the sum, it has not settled either.
        """
        now = Moment(tau, state.objective())
        before, self._checks = self._checks, (*self._checks, now)
        if not before:
            return False
        last = before[-1]
        has_moved = abs(last.loss - now.loss) > self._stop * now.loss * math.log(_STRIDE)
        if state.decay * (tau - self.begin) < 1.0:
            return False
        if now.loss <= _NOTHING * state.x.size * state.spread**2:
            return True
        if has_moved:
            return self._is_held_up(state.power())
        return state.fastest_growth() <= _GROWS * state.decay

    def _is_held_up(self, power: float) -> bool:
        """Whether the loss is no lower than a decade ago, and falls no more as the flow would."""
        before, recent = self._checks[:-_A_DECADE], self._checks[-_A_DECADE:]
        if not before:
            return False
        lowest = min(check.loss for check in before)
        enough = lowest * 10.0**-self._stop
        last, now = recent[-2:]
        is_low = min(check.loss for check in recent) < enough
        return not is_low and is_held_up(power, last, now)

    def _falls_no_more(self, power: float) -> bool:
        """Whether steps of this tolerance can lower the loss no further."""
        if len(self._checks) <= _A_DECADE:
            return False
        last, now = self._checks[-2:]
        would_vanish = power * (now.time - last.time) > last.loss
        return would_vanish and self._is_held_up(power)

    def note(self, tau: float) -> str:
        """What a user should know of a run that has come to its latest end without settling."""
        return (
            f"the loss has not settled at tau = {tau:g}, where a run without an end ends: stop = "
            f"{self._stop:g}, its relative change per unit of ln tau, is too small for it"
        )

    def to_array(self) -> Array:
        """What `from_array` needs, 1-D."""
        return np.array([self.begin, self._has_moved, *np.ravel(self._checks)])

    @classmethod
    def from_array(cls, stop: float, array: Array) -> "Settling":
        """Go on watching a run, from what `to_array` returned.

        Raises
        ------
        ValueError, TypeError
            The array has another shape.
        """
        begin, has_moved, *checks = array.tolist()
        settling = cls(stop, begin)
        settling._has_moved = bool(has_moved)
        settling._checks = tuple(Moment(*check) for check in np.reshape(checks, (-1, 2)).tolist())
        return settling
