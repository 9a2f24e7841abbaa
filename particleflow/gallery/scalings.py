"""How alpha = m^p and delta = +-m^q choose the limit of many neurons: kernel regime or adaptive."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.sweeps.work import Base, Task

from .many_runs import ends_of

_TABLES = ("samples", "neurons", "flow")
_DECADES = 100
"""Exponents are slopes over the numbers of neurons from the largest one down to this part of it."""
_FALLS = -0.3
"""The exponent below which a kernel distance counts as one that falls."""
_DECIDED = 0.5
"""The `laziness` from which a million neurons show the kernel regime: m^(1/4) is only 32 then."""
SIGNS = (-1, 1)
"""Signs of delta."""


class Scalings(NamedTuple):
    """What runs of all settings found at their ends.

    Attributes
    ----------
    p, q : (P,), (Q,) float64
    counts : (C,) int64
        Numbers of neurons.
    kernel_distance, activation_distance, fit : (2, Q, P, C, S) float64
        For delta < 0 and delta > 0, each q, p and number of neurons, and S seeds.
    """

    p: Array
    q: Array
    counts: np.ndarray
    kernel_distance: Array
    activation_distance: Array
    fit: Array

    def exponents(self) -> Array:
        """The exponents of m of the kernel distance at the largest m, (2, Q, P)."""
        last = self.counts * _DECADES >= self.counts[-1]
        logs = np.log(np.maximum(self.kernel_distance[..., last, :], 1e-300)).mean(axis=-1)
        x = np.log(self.counts[last])
        x = x - x.mean()
        return np.asarray(logs @ x / (x @ x))

    def predicted(self) -> Array:
        """What theory has for these exponents as m grows, (2, Q, P)."""
        return np.array(
            [[[predicted_exponent(p, q, sign) for p in self.p] for q in self.q] for sign in SIGNS]
        )


def laziness(p: float, q: float, sign: int) -> float:
    """The exponent of m of what is large in the kernel regime; the limit is adaptive up to 0.

    In hat units rhat ~ m^(1 - p) and delta ~ m^(1 - p + q). For delta < 0 it is N, the larger of
    the two: n^2 and the tangent kernel are ~ N, and residuals decay while the field adds up to 1/N.
    For delta > 0 it is rhat: where delta is larger than rhat, c^2 ~ N and n ~ rhat / c, so that
    (a, b) turns by c / (n N) ~ 1 / rhat whatever delta is.
    """
    return max(1.0 - p, 1.0 - p + q) if sign < 0 else 1.0 - p


def predicted_exponent(p: float, q: float, sign: int) -> float:
    """The exponent of m of the kernel distance as m grows; 0 in an adaptive limit.

    With N ~ m^`laziness` neurons turn by c / (n N), which is max(rhat, 1) / N^2, or 1 / N for
    delta > 0. What this changes in the kernel has the sign of rhat, and cancels in the mean over
    neurons up to N^-2. Of the m neurons the share that turns as far crosses a sample to either
    side, and their activations cancel up to m^(-1/2) times the root of the share, as long as any
    neuron crosses. The kernel distance, one minus a cosine, is the square of the larger change.
    """
    n = laziness(p, q, sign)
    if n <= 0.0:
        return 0.0
    turn = max(1.0 - p, 0.0) - 2.0 * n if sign < 0 else -n
    return max(-4.0 * n, -1.0 + turn) if turn >= -1.0 else -4.0 * n


def scalings_of(tables: dict[str, Any], recipe: Path, output: Path) -> Scalings:
    """Carry out the runs of a recipe on all processors, and keep their ends in a .npz file.

    Parameters
    ----------
    tables : dict
        The tables of the recipe; ``[grid]`` has p, q, the numbers of neurons and of seeds, and the
        time of the end in units of the decay.
    recipe : Path
        The file of the recipe, to whose folder names of inputs are relative.
    output : Path

    Raises
    ------
    IntegrationError
        A run failed.
    """
    grid = tables["grid"]
    p, q, counts = (np.array(grid[name]) for name in ("p", "q", "counts"))
    names = ("kernel_distance", "activation_distance", "fit")
    base = Base(str(recipe), {name: tables[name] for name in _TABLES}, names[:2])
    shape = len(SIGNS), q.size, p.size, counts.size, grid["seeds"]
    # the longest runs first, so that no processor waits for one in the end
    order = sorted(np.ndindex(shape), key=lambda index: -index[3])
    tasks = []
    for index in order:
        k, j, i, n, seed = index
        changes = _changes(SIGNS[k], float(q[j]), float(p[i]), int(counts[n]), grid["time"])
        number = int(np.ravel_multi_index(index, shape))
        tasks.append(Task(number, changes | {"neurons.seed": seed}, None))
    found = {name: np.empty(shape) for name in names}
    for result in ends_of(base, tasks, output):
        for name in names:
            found[name].flat[result.number] = result.values[name]
    scalings = Scalings(p, q, counts, *found.values())
    np.savez(output, **scalings._asdict())
    return scalings


def _changes(sign: int, q: float, p: float, m: int, time: float) -> dict[str, Any]:
    """The keys of a run."""
    largest = max(1.0, m ** (1.0 - p), m ** (1.0 - p + q))
    return {
        "neurons.count": m,
        "neurons.delta": float(sign * m**q),
        "neurons.alpha": float(m**p),
        "flow.t_end": float(time / largest),
    }


def measure(found: Scalings) -> dict[str, float]:
    """The quantities that decide the claims, by name.

    ``exceptions`` is the number of settings, border regions left out, whose kernel distance falls
    where it is predicted to stay, or the other way round.
    ``exponent DELTA P Q`` is that of the kernel distance, ``predicted`` the one as m grows.
    """
    exponents = found.exponents()
    measured, exceptions = {}, 0
    for (k, j, i), exponent in np.ndenumerate(exponents):
        p, q, sign = float(found.p[i]), float(found.q[j]), SIGNS[k]
        predicted = predicted_exponent(p, q, sign)
        where = f"{'-' if sign < 0 else '+'} p={p:g} q={q:g}"
        measured[f"exponent {where}"] = float(exponent)
        measured[f"predicted {where}"] = predicted
        if not 0.0 < laziness(p, q, sign) < _DECIDED:
            exceptions += (exponent < _FALLS) != (predicted < 0.0)
    at = {
        (sign, p, q): float(exponents[k, j, i])
        for k, sign in enumerate(SIGNS)
        for j, q in enumerate(found.q.tolist())
        for i, p in enumerate(found.p.tolist())
    }
    return {
        "ntk.exponent_error": abs(at[-1, 0.5, 0.0] + 1.5),
        "mean_field.exponent": at[-1, 1.0, 0.0],
        "first_layer.exponent_error": abs(at[-1, 1.0, 1.0] + 4.0),
        "second_layer.exponent": at[1, 1.0, 1.0],
        "exceptions": float(exceptions),
        **measured,
    }
