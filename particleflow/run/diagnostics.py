"""Observables that compare a run with theory, or with where it was when the recording began."""

from collections.abc import Callable
from typing import Any

import numpy as np

from particleflow import theory
from particleflow.arguments import Array
from particleflow.backend import State
from particleflow.model.cells import put_on_samples
from particleflow.model.coordinates import knots

GAP = 1e-2
"""Share of the smallest distance between two samples up to which a knot counts as near one."""
_GRID = 1001  # points of the samples' interval at which two functions are compared

Evaluate = Callable[[], Any]
Once = Callable[[Callable[[State], Any], State], Any]
"""Calls a function of the state, only once for all observables of a moment that need its value."""


def at_once(function: Callable[[State], Any], state: State) -> Any:
    """The value of a function of the state: a `Once` that shares no values between observables."""
    return function(state)


def kernel_spectrum(state: State, once: Once = at_once) -> Evaluate:
    """Eigenvalues of the tangent kernel H, descending, (s,): O(s^3)."""
    return lambda: np.linalg.eigvalsh(once(_kernel, state))[::-1]


def kernel_distance(state: State, once: Once = at_once) -> Evaluate:
    """Distance 1 - <H, H_0> / (|H| |H_0|) of the tangent kernel from that at the start: O(s^2).

    NaN if H or H_0 is 0, as it is when all neurons are dead.
    """
    start = _kernel(state)

    def evaluate() -> float:
        now = once(_kernel, state)
        return theory.kernel_distance(now, start) if now.any() and start.any() else np.nan

    return evaluate


def _kernel(state: State) -> Array:
    return state.tangent_kernel()


def knots_near_samples(state: State, once: Once = at_once) -> Evaluate:
    """Share of the knots in the samples' interval that are near a sample, as `GAP` defines it.

    Neurons count by their weights.

    Only living neurons count: a neuron dies as its knot passes the first or the last sample, and a
    dead knot that stays there says nothing about the attraction of samples.
    """
    return lambda: once(_near_samples, state).share


def knot_mass_near_samples(state: State, once: Once = at_once) -> Evaluate:
    """Share of the knots near a sample as in `knots_near_samples`, each counted by weight |c a|."""
    return lambda: once(_near_samples, state).share_of_mass


def _near_samples(state: State) -> theory.NearSamples:
    s = state.x.size
    if s == 1:  # a single sample has no distance to another, in which to measure
        return theory.NearSamples(np.nan, np.nan)
    gap = GAP * float(np.diff(state.x).min())
    cell = state.cells()
    alive = (cell != s) & (cell != 4 * s)
    if not alive.any():
        return theory.NearSamples(0.0, 0.0)
    a, b, c = state.parameters()[:, alive]
    weights = state.weights_of_all()
    if weights is not None:
        weights = weights[alive]
        if not weights.any():  # only tracers are alive
            return theory.NearSamples(0.0, 0.0)
    return theory.near_samples(state.x, a, b, c, gap, weights=weights)


def activation_distance(state: State, once: Once = at_once) -> Evaluate:
    """Share of the pairs of a neuron and a sample whose activity differs from that at the start."""
    start, weights = state.cells(), state.weights_of_all()
    return lambda: theory.activation_distance(state.cells(), start, state.x.size, weights=weights)


def pieces(state: State, once: Once = at_once) -> Evaluate:
    """Number of pieces of the real line on each of which f is linear."""
    return lambda: once(_kinks, state)[0] + 1


def slope_variation(state: State, once: Once = at_once) -> Evaluate:
    """Total variation of the slope f' over the real line (Williams et al., Lemma 7)."""
    return lambda: once(_kinks, state)[1]


def _kinks(state: State) -> tuple[int, float]:
    """Number of kinks of f, and the sum of their sizes."""
    a, b, c = state.parameters()
    places = knots(a, b)
    # -b/a of sliding neurons rounds to either side of their sample: one kink would count as many
    put_on_samples(places, state.cells(), state.x)
    weights = state.weights_of_all()
    masses = theory.curvature(
        a, b, c if weights is None else c * (state.size * weights), places
    ).masses
    return int(np.count_nonzero(masses)), float(np.abs(masses).sum())


def spline_distance(state: State, once: Once = at_once) -> Evaluate:
    """Root mean square of f - f_0 - S over the samples' interval, with f_0 the f at the start.

    S is the natural cubic spline that interpolates y - f_0 at the samples: f_0 + S is the function
    to which the kernel regime leads.
    """
    grid = _grid(state)
    change = theory.natural_spline(state.x, -state.errors())
    return _distance_to(state.predict(grid) + change(grid), state, grid)


def linear_distance(state: State, once: Once = at_once) -> Evaluate:
    """Root mean square of f minus the linear interpolant of the samples, over their interval."""
    grid = _grid(state)
    return _distance_to(np.interp(grid, state.x, state.y), state, grid)


def _grid(state: State) -> Array:
    return np.linspace(state.x[0], state.x[-1], _GRID)


def _distance_to(target: Array, state: State, grid: Array) -> Evaluate:
    return lambda: theory.distance(state.predict, lambda _: target, grid)


def parameter_distance(state: State, once: Once = at_once) -> Evaluate:
    """Relative change |z - z_0| / |z_0| of the vector z of all parameters since the start.

    With weights w it is that of the parameters times sqrt(m w).
    """
    weights = state.weights_of_all()
    scale = 1.0 if weights is None else np.sqrt(state.size * weights)
    start = state.parameters()
    size = float(np.linalg.norm(scale * start)) or 1.0
    return lambda: float(np.linalg.norm(scale * (state.parameters() - start))) / size


def path_norm(state: State, once: Once = at_once) -> Evaluate:
    """(1/m) sum of |c| |(a, b)|, with weights w the sum of w |c| |(a, b)|.

    It is half the least (1/m) sum of a^2 + b^2 + c^2 with which the same neurons, c and (a, b)
    scaled against each other, make the same function.
    """
    weights = state.weights_of_all()

    def evaluate() -> float:
        a, b, c = state.parameters()
        sizes = np.abs(c) * np.hypot(a, b)
        return float(sizes.mean() if weights is None else np.dot(weights, sizes))

    return evaluate


BUILDERS: dict[str, tuple[Callable[[State, Once], Evaluate], tuple[str, ...], bool]] = {
    "kernel_spectrum": (kernel_spectrum, ("mode",), False),
    "kernel_distance": (kernel_distance, (), True),
    "knots_near_samples": (knots_near_samples, (), False),
    "knot_mass_near_samples": (knot_mass_near_samples, (), False),
    "activation_distance": (activation_distance, (), True),
    "pieces": (pieces, (), False),
    "slope_variation": (slope_variation, (), False),
    "path_norm": (path_norm, (), False),
    "spline_distance": (spline_distance, (), True),
    "linear_distance": (linear_distance, (), False),
    "parameter_distance": (parameter_distance, (), True),
}
"""For each name of an observable: the function that makes it for a state, whose present becomes the
start; its axes; and whether it compares with the start of the recording."""
