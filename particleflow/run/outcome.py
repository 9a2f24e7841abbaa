"""Notes on how a run has ended that its loss alone does not show.

A step that is too large kills every neuron of gradient descent and leaves the loss at that of
f = 0; a run that is left too early looks like one that cannot get further.
"""

from typing import NamedTuple

import numpy as np

from particleflow.backend import State, kernel_product
from particleflow.integrators import Integrator
from particleflow.model.samples import spread

POOR = 1e-2
"""Share of the loss of the best constant above which the fit is remarked upon."""
FALLING = 1e-3
"""Relative change of the loss per unit of ln tau below which it counts as settled."""
_AT_REST = 1e-20
"""Share of the largest rate of change that the residuals allow, below which no neuron moves."""
_HELD = 1e-2
"""Share of the fall that the flow predicts below which something else holds the loss."""
_POWERS = 50
_ROUNDING = 1e-12
"""Share of the loss of the best constant that a loss may grow by without a word."""


class Begin(NamedTuple):
    """Where a run began.

    Attributes
    ----------
    loss : float
    step : float or None
        Of an integrator with fixed steps that may be too large.
    stable : float
        2 / lambda_max of the tangent kernel, below which steps of gradient descent are stable;
        infinite if nothing moves.
    """

    loss: float
    step: float | None
    stable: float

    @classmethod
    def of(cls, state: State, integrator: Integrator) -> "Begin":
        """The begin of a run from this state; collective."""
        step = getattr(integrator, "step", None)
        stable = _stable_step(state, integrator.stability)
        return cls(state.loss(), step, stable)


class Before(NamedTuple):
    """A moment of a run shortly before its end."""

    time: float
    loss: float


def outcome(
    begin: Begin, state: State, tau: float, stop: float, before: Before | None = None
) -> list[str]:
    """At most one line on how a run has ended; collective.

    Parameters
    ----------
    begin : Begin
    state : State
        At the end.
    tau : float
    stop : float
        Argument of the run.
    before : Before, optional
        Shows whether the loss falls as the flow says.
    """
    s, loss = state.x.size, state.loss()
    counts = state.cell_counts()
    dead = int(counts[[s, 4 * s]].sum())
    if dead == state.size:
        return [
            f"all neurons are dead, and stay so: f is 0 and the loss {loss:.4g}, which was "
            f"{begin.loss:.4g} at the start; {_advice(begin)}"
        ]
    constant = 0.5 * s * spread(state.y) ** 2
    if loss > begin.loss * (1.0 + 1e-9) + _ROUNDING * constant:
        grown = f"the loss has grown from {begin.loss:.4g} to {loss:.4g}"
        return [f"{grown}, {dead:,} of {state.size:,} neurons are dead; {_advice(begin)}"]
    if not loss > POOR * constant:
        return []
    share = f", {100.0 * loss / constant:.3g} % of that of the best constant"
    if not np.ptp(state.y) > 0.0:  # which fits them
        share = ""
    return [f"the loss ends at {loss:.4g}{share}: {_why(state, tau, stop, before)}"]


def _why(state: State, tau: float, stop: float, before: Before | None) -> str:
    """Whether the run has settled, is in a local minimum, or was left too early."""
    rho = state.residual
    square = float(np.dot(rho, rho))
    covariances = state.kernel_covariances()
    power = float(np.dot(rho, kernel_product(covariances, rho, state.x)))
    size = float(covariances[:, [0, 2]].sum())
    if power <= _AT_REST * size * square * (1.0 + float(np.abs(state.x).max()) ** 2):
        return "a local minimum, no neuron can move"
    falling = 2.0 * tau * power / square
    if falling <= max(stop, FALLING):
        return f"settled, it falls by {falling:.2g} of itself per unit of ln tau"
    if before is not None:
        predicted = power * (tau - before.time)  # d loss / d tau = - rho H rho
        if before.loss - state.loss() < _HELD * min(predicted, before.loss):
            return (
                f"held up by rounding or by the step: in the flow it falls by {falling:.2g} of "
                'itself per unit of ln tau; try samples.normalise, state_dtype = "float64", or a '
                "smaller step"
            )
    return (
        f"not converged yet, it falls by {falling:.2g} of itself per unit of ln tau; "
        "a later end goes on"
    )


def _advice(begin: Begin) -> str:
    if begin.step is None:
        return "lower the tolerance, or start from smaller parameters"
    if begin.step > begin.stable:
        return (
            f"the step {begin.step:.3g} is above 2 / (largest rate of the start) = "
            f"{begin.stable:.3g}; lower flow.step, or flow.learning_rate = alpha times it"
        )
    if begin.stable == np.inf:
        return f"lower flow.step, now {begin.step:.3g}"
    return (
        f"lower flow.step, now {begin.step:.3g} (2 / (largest rate of the start): "
        f"{begin.stable:.3g}), or flow.learning_rate = alpha times it"
    )


def _stable_step(state: State, stability: float) -> float:
    """stability / lambda_max of the tangent kernel, by powers of it: O(s) each, and 1 % exact."""
    if stability == np.inf:
        return np.inf
    covariances = state.kernel_covariances()
    vector = np.cos(np.arange(state.x.size) * 0.7) + 1.5
    rate = 0.0
    for _ in range(_POWERS):
        length = float(np.linalg.norm(vector))
        if not 0.0 < length < np.inf:
            return np.inf if length == 0.0 else 0.0
        vector = vector / length
        rate, vector = length, kernel_product(covariances, vector, state.x)
    rate = float(np.linalg.norm(vector))
    return stability / rate if rate > 0.0 else np.inf
