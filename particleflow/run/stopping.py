"""When a run without a fixed end (``t_end = inf``) ends: its loss has settled.

The loss has settled when it changes relatively by less than ``stop`` per unit of ln tau, that is

    |d ln L / d ln tau| = 2 tau rho^T H rho / (rho^T rho) <= stop,

or when the residuals are no larger than the rounding of the network function. The loss is checked
at fixed times, ten a decade, so that the end does not depend on the integrator's steps or on the
machine.
"""

import math

import numpy as np

from particleflow.arguments import Array
from particleflow.backend import State

DEFAULT_STOP = 1e-8
FIRST, LAST = 1e-3, 1e12
_A_DECADE = 10


def check_times(begin: float, weight: float = 1.0) -> Array:
    """Times after ``begin`` at which to check whether the loss has settled, ten a decade.

    They are in units of 1 / ``weight``, the mean weight of a sample, since weights make time go
    faster.
    """
    decades = round(math.log10(LAST / FIRST))
    return begin + np.geomspace(FIRST, LAST, decades * _A_DECADE + 1) / weight


class Settling:
    """Watches a run for the moment when its loss has settled.

    Parameters
    ----------
    stop : float
        Relative change of the loss per unit of ln tau up to which it has settled.
    begin : float
        Time tau at which the run began, from which `check_times` are counted.
    has_moved : bool
        Whether the loss has changed faster than ``stop`` at any check so far.
    """

    def __init__(self, stop: float, begin: float = 0.0, has_moved: bool = False) -> None:
        self._stop = stop
        self.begin, self.has_moved = begin, has_moved

    def has_settled(self, state: State, tau: float) -> bool:
        """Whether the loss of this state, at the time tau, has settled; ask at ascending times.

        A loss that has never moved counts as settled only if the neurons are at rest: near the
        saddle at 0 small neurons grow long before the loss falls. Their mean square speed is
        rho^T H rho, which is at most about rho^T rho |xt|^2 times the trace of Sigma, their mean
        square size.
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
        most = size * square * float((state.samples.xt**2).sum(axis=1).max())
        return self.has_moved or power <= self._stop * most
