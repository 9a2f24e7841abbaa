"""When a run without an end has arrived: `t_end = inf`.

The loss has settled when it changes relatively by less than ``stop`` per unit of ln tau, that is

    |d ln L / d ln tau| = 2 tau rho^T H rho / (rho^T rho) <= stop,

or when the residuals are no larger than the rounding of the network function. This is looked at at
fixed times, ten a decade, so that the end does not depend on the integrator's steps or the machine.
"""

import math

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import State

DEFAULT_STOP = 1e-8
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
    begin : float
        When the run began: it is looked at at times from then on.
    has_moved : bool
        Whether the loss has ever changed by more.
    """

    def __init__(self, stop: float, begin: float = 0.0, has_moved: bool = False) -> None:
        self._stop = stop
        self.begin, self.has_moved = begin, has_moved

    def has_settled(self, state: State, tau: float) -> bool:
        """Whether it has at the time tau; ask at ascending times.

        A loss that has not moved yet has not settled while the neurons move: near the saddle at 0
        small neurons grow long before the loss falls. Their mean square speed is rho^T H rho, at
        most about the trace of Sigma, which is their mean square size, times rho^T rho (1 + x^2).
        """
        rho = state.residual
        square = float(np.dot(rho, rho))
        if math.sqrt(square / rho.size) <= state.rounding():
            return True
        power = -float(np.dot(rho, state.residual_rate()))
        if 2.0 * tau * power > self._stop * square:
            self.has_moved = True
            return False
        size = float(state.kernel_covariances()[:, [0, 2]].sum())
        most = size * square * (1.0 + float(np.abs(state.x).max()) ** 2)
        return self.has_moved or power <= self._stop * most
