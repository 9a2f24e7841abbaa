"""Notes on how a run has ended that its loss alone does not show.

A step of gradient descent that is too large may kill all neurons, and the loss then stays that of
f = 0; and the loss of a run that was stopped too early looks like that of a run that is stuck.
"""

from typing import NamedTuple

import numpy as np

from particleflow.backend import State, kernel_product, largest_rate, mean_residual
from particleflow.integrators import Integrator

from .stopping import Moment, is_held_up

POOR = 1e-2
"""Share of the loss of the best constant fit above which a run gets a note on its loss."""
FALLING = 1e-3
"""Share by which the loss falls until twice the time, up to which the note calls it settled."""
_ACCURACY = 1e-6
"""Of the residuals at twice the time, as a share of those at the end."""
_AT_REST = 1e-20
"""Share of the fastest fall of the loss that the residuals allow, up to which no neuron moves."""
_GROWN = 1e-4
"""Share of itself by which a loss may grow without a note that it has: that of digits shown."""
_NOTHING_LEFT = 1e-9
"""Largest |f| at a sample, in units of the largest |y|, that counts as 0."""
_ROUNDING = 1e-12
"""Share of the loss of the best constant fit by which it may grow in any case."""


class Begin(NamedTuple):
    """What the notes on a run need to know of its begin.

    Attributes
    ----------
    loss : float
    step : float or None
        Length of the steps of an integrator with fixed steps, None if they are adaptive.
    stable : float
        2 / lambda_max of the tangent kernel, below which steps of gradient descent are stable;
        infinite if nothing moves, or if stability does not bound the steps of the integrator.
    within : float
        The part of the loss of all rows that ``loss`` and `State.loss` leave out, since it is
        within rows of equal x.
    penalty : float
        What weight decay adds to the loss, in all that the flow lowers.
    """

    loss: float
    step: float | None
    stable: float
    within: float = 0.0
    penalty: float = 0.0

    @classmethod
    def of(cls, state: State, integrator: Integrator, within: float = 0.0) -> "Begin":
        """The `Begin` of a run from this state with this integrator; collective."""
        step = getattr(integrator, "step", None)
        stable = _stable_step(state, integrator.stability)
        return cls(state.loss(), step, stable, within, state.penalty())


def outcome(
    begin: Begin,
    state: State,
    tau: float,
    stop: float,
    before: Moment | None = None,
    has_settled: bool = False,
) -> list[str]:
    """Notes on how a run has ended, at most one; collective.

    Parameters
    ----------
    begin : Begin
    state : State
        State at the end of the run.
    tau : float
        Time at the end of the run.
    stop : float
        Argument ``stop`` of the run.
    before : Moment, optional
        A moment shortly before the end, which shows whether the loss falls as the flow predicts.
    has_settled : bool
        Whether the run has ended by itself.
    """
    s, loss = state.x.size, state.loss()
    counts = state.cell_counts()
    dead = int(counts[[s, 4 * s]].sum())
    if dead == state.size:
        return [
            f"all neurons are dead, and stay so: f is 0 and the loss {loss + begin.within:.4g}, "
            f"which was {begin.loss + begin.within:.4g} at the start; {_advice(begin)}"
        ]
    constant = 0.5 * s * state.spread**2
    first, last = begin.loss + begin.penalty, state.objective()
    if last > first * (1.0 + _GROWN) + _ROUNDING * constant:
        ends = first + begin.within, last + begin.within
        what = "the loss" if state.decay == 0.0 else "the loss with its penalty"
        grown = f"{what} has grown from {ends[0]:.4g} to {ends[1]:.4g}"
        return [f"{grown}, {dead:,} of {state.size:,} neurons are dead; {_advice(begin)}"]
    if not loss > POOR * constant:
        return []
    share = f", {100.0 * loss / constant:.3g} % of that of the best constant"
    if begin.within > 0.0:
        share = f", of which {begin.within:.4g} is within rows of equal x; the rest is{share[1:]}"
    if not np.ptp(state.y) > 0.0:  # a constant fits them: its loss is 0, and no share of it exists
        share = ""
    if state.decay > 0.0:
        why = _why_with_decay(state, tau, before, has_settled, begin.within)
    else:
        why = _why(begin, state, tau, stop, before)
    return [f"the loss ends at {loss + begin.within:.4g}{share}: {why}"]


def _why(begin: Begin, state: State, tau: float, stop: float, before: Moment | None) -> str:
    """In words, why the loss is no lower: a local minimum, settled, held up, or not converged."""
    rho = state.residual
    square = float(np.dot(rho, rho))
    covariances = state.kernel_covariances()
    power = float(np.dot(rho, kernel_product(covariances, rho, state.samples.xt)))
    # rho^T H rho is at most about trace(Sigma) rho^T rho |xt|^2: see `Settling.has_settled`
    size = float(covariances[:, [0, 2]].sum())
    if power <= _AT_REST * size * square * float((state.samples.xt**2).sum(axis=1).max()):
        return "a local minimum, no neuron can move"
    falling = _falling(state, tau, power, square)
    if falling <= max(stop, FALLING):
        return f"it has settled, a run twice as long would lower it by a share of {falling:.2g}"
    if before is not None and is_held_up(power, before, Moment(tau, state.loss())):
        smaller = "tolerance" if begin.step is None else "step"
        precise = "" if state.dtype == "float64" else 'state_dtype = "float64", '
        return (
            "held up by rounding or by the step: in the flow, a run twice as long would lower it "
            f"by a share of {falling:.2g}; try samples.normalise, {precise}or a smaller {smaller}"
        )
    return f"not converged yet, a run twice as long would lower it by a share of {falling:.2g}"


def _why_with_decay(
    state: State, tau: float, before: Moment | None, has_settled: bool, within: float
) -> str:
    """What `_why` says of a run with weight decay, whose loss ends above 0."""
    f = state.residual + state.samples.y
    if np.abs(f).max() <= _NOTHING_LEFT * np.abs(state.samples.y).max():
        return "weight decay has brought f to 0"
    objective, power = state.objective(), state.power()
    said = f"with the penalty of weight decay it is {objective + within:.4g}"
    is_late = state.decay * tau > 1.0 and not has_settled
    if is_late and before is not None and is_held_up(power, before, Moment(tau, objective)):
        return f"{said}, and the error of the steps lets that fall no further"
    falling = tau * power / objective
    if has_settled or (falling <= FALLING and state.decay * tau > 1.0):
        return f"{said}, and that has settled"
    if state.decay * tau <= 1.0:
        return f"{said}; decay acts from about tau = 1 / decay = {1.0 / state.decay:.3g} on"
    return f"{said}, and that falls by {falling:.2g} of itself while ln tau grows by 1"


def _falling(state: State, tau: float, power: float, square: float) -> float:
    """The share by which the loss falls until 2 tau, if the tangent kernel stays as it is.

    For a slow fall that is its relative change per unit of ln tau, 2 tau rho^T H rho / rho^T rho.
    That rate is no measure where errors of the steps lie in modes that decay at once: they make it
    large, and are a small part of the loss. It is returned where rounding lets the residuals grow.
    """
    covariances, rho, weights = state.kernel_covariances(), state.residual, state.weights
    accuracy = _ACCURACY * np.sqrt(square / rho.size)
    mean = mean_residual(covariances, rho, state.x, tau, accuracy, weights)
    later = rho - tau * kernel_product(covariances, mean, state.samples.xt)
    share = 1.0 - float(np.dot(later, later)) / square
    return max(share, 0.0) if share > -_ACCURACY else 2.0 * tau * power / square


def _advice(begin: Begin) -> str:
    """What a user can change about a run that has got worse."""
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
    """stability / lambda_max of the tangent kernel, and of weight decay: infinite if both are 0."""
    if stability == np.inf:
        return np.inf
    rate = largest_rate(state.kernel_covariances(), state.samples.xt) + 2.0 * state.decay
    return stability / rate if rate > 0.0 else np.inf
