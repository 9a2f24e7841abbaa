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


def check_times(begin: float) -> Array:
    """Times after ``begin`` at which to look whether the loss has settled."""
    decades = round(math.log10(LAST / FIRST))
    return begin + np.geomspace(FIRST, LAST, decades * _A_DECADE + 1)


class Settling:
    """Watches a run for the moment when its loss has settled.

    Parameters
    ----------
    stop : float
        Relative change of the loss per unit of ln tau that counts as none.
    """

    def __init__(self, stop: float) -> None:
        self._stop = stop
        self._has_moved = False

    def has_settled(self, state: State, tau: float) -> bool:
        """Whether it has at the time tau; ask at ascending times.

        A loss that has not moved yet, near a saddle say, has not settled, unless nothing can move.
        """
        rho = state.residual
        square = float(np.dot(rho, rho))
        if math.sqrt(square / rho.size) <= state.rounding():
            return True
        fall = -2.0 * tau * float(np.dot(rho, state.residual_rate()))
        moves = fall > self._stop * square
        self._has_moved |= moves
        return not moves and (self._has_moved or fall == 0.0)
