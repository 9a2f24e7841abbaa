"""The velocity of a particle in the uv-plane (Williams et al., appendix E.1)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, finite, numbers
from particleflow.backend import Metric, State, field_at
from particleflow.errors import ConfigError
from particleflow.model.coordinates import output_weight_squared


class Surroundings(NamedTuple):
    """All that decides how a particle moves.

    Attributes
    ----------
    field : (2 s, 2) float64
        G_k.
    x : (s,) float64
        The samples' ``network_x``.
    metric : {"network", "euclidean"}
    delta : callable
        Returns c^2 - a^2 - b^2 for particles for which the caller gives none.
    decay : float
        Rate of weight decay.
    """

    field: Array
    x: Array
    metric: Metric
    delta: Callable[[], float]
    decay: float

    @classmethod
    def of(cls, state: State) -> "Surroundings":
        """What decides how a particle moves among the neurons of a state."""
        return cls(state.field(), state.x, state.metric, lambda: common_delta(state), state.decay)


def velocity_at(
    there: Surroundings, u: ArrayLike, v: ArrayLike, sign: int, delta: float | None
) -> tuple[Array, Array]:
    """Velocity of a particle at (u, v) = |rhat| (cos theta, sin theta); see `Simulation.field`.

    Raises
    ------
    ConfigError
        Shapes do not fit, ``sign`` is neither 1 nor -1, u or v holds no numbers, or ``delta`` is
        not finite.
    """
    if sign not in (1, -1):
        raise ConfigError(f"sign: expected 1 or -1, found {sign!r}")
    u, v = numbers("u", u, ConfigError), numbers("v", v, ConfigError)
    try:
        u, v = np.broadcast_arrays(u, v)
    except ValueError as problem:
        raise ConfigError(f"u, v: expected numbers of one shape, found {problem}") from None
    at_u, at_v = u.ravel(), v.ravel()
    g = field_at(there.field, there.x, at_u, at_v)
    r = np.hypot(at_u, at_v)
    with np.errstate(invalid="ignore"):  # 0 / 0 in the origin, where there is no direction
        d = np.stack([at_u, at_v]) / r
    t = np.stack([-d[1], d[0]])
    if there.metric == "network":
        delta = there.delta() if delta is None else finite("delta", delta, ConfigError)
        radial, turning = np.hypot(delta, 2.0 * r), output_weight_squared(r, delta)
    else:
        radial, turning = np.ones_like(r), r * r
    velocity = radial * np.einsum("in,ni->n", d, g) * d
    velocity += turning * np.einsum("in,ni->n", t, g) * t
    velocity = sign * velocity
    if there.decay > 0.0:
        velocity -= 2.0 * there.decay * np.stack([at_u, at_v])
    return velocity[0].reshape(u.shape), velocity[1].reshape(u.shape)


def common_delta(state: State) -> float:
    """The delta that all neurons have in common, up to rounding; collective.

    Raises
    ------
    ConfigError
        Neurons differ in delta.
    """
    deltas, ranks = state.own_delta(), state.ranks
    least, most = float(ranks.least(deltas.min())), float(ranks.most(deltas.max()))
    if most - least > 1e-6 * max(1.0, abs(least), abs(most)):
        raise ConfigError(
            f"delta: the neurons differ, from {least:g} to {most:g}; say which one is meant"
        )
    return 0.5 * (least + most)
