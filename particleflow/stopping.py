"""When a run without an end has arrived: `t_end = inf`.

The loss has settled when it changes relatively by less than ``stop`` per unit of ln tau, that is

    |d ln L / d ln tau| = 2 tau rho^T H rho / (rho^T rho) <= stop,

or when the residuals are no larger than the rounding of the network function. This is looked at at
fixed times, ten a decade, so that the end does not depend on the integrator's steps or the machine.
"""

import math

import numpy as np

from ._cast import Array
from .backend import State

FIRST, LAST = 1e-3, 1e12
_A_DECADE = 10
_ROUNDING = 8.0 * np.finfo(float).eps


def check_times(begin: float) -> Array:
    """Times after ``begin`` at which to look whether the loss has settled."""
    decades = round(math.log10(LAST / FIRST))
    return begin + np.geomspace(FIRST, LAST, decades * _A_DECADE + 1)


def has_settled(state: State, tau: float, stop: float) -> bool:
    """Whether the loss of a state at the time tau has settled."""
    rho = state.residual
    square = float(np.dot(rho, rho))
    if math.sqrt(square / rho.size) <= _ROUNDING * _prediction_size(state):
        return True
    fall = -2.0 * float(np.dot(rho, state.residual_rate()))
    return tau * fall <= stop * square


def _prediction_size(state: State) -> float:
    """Sum of what the sectors contribute to f, regardless of sign, at the outermost sample."""
    sizes = np.hypot(*state.first_moments().T)
    return float(sizes.sum() * np.hypot(1.0, np.abs(state.x).max()))
