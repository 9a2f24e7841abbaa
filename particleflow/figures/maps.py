"""Maps of sweeps: a number over two settings, or over one."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.sweeps.table import DONE, Sweep

from .style import BLACK, BLUE, CENTIMETRE, COLUMN, GREY, STYLE, WIDTH, colour_bar, empty

NAMES = {
    "knots_near_samples": "share of the knots on samples, of living neurons",
    "kernel_distance": r"kernel distance $1-\cos(H,H_0)$",
    "fit": "residuals over the samples' spread",
    "loss": r"loss $\frac{1}{2}\sum_j\rho_j^2$",
    "dead_fraction": "share of dead neurons",
    "sliding_fraction": "share of sliding neurons",
    "steps": "steps",
    "seconds": "seconds a run",
}
_DEFAULT = ("knots_near_samples", "kernel_distance", "fit")
_SETTINGS = {"neurons.delta": r"$\delta$", "neurons.scale": "initial scale",
             "neurons.count": "neurons $m$", "samples.count": "samples $s$"}  # fmt: skip
_DECADES = 100.0
"""How many times the least number is to be exceeded for colours to be logarithmic."""
_NOTHING = "not a number in all runs"
_MOST_TEXTS = 24
_MOST_TICKS = 40


def plot_sweep(sweep: Sweep, names: tuple[str, ...] = ()) -> Figure:
    """Maps of some columns, below each other, of the means over everything but two settings.

    Parameters
    ----------
    sweep : Sweep
    names : tuple of str
        Columns; shares of knots on samples, kernel distance and fit by default.

    Raises
    ------
    TrajectoryError
        There is no such column, or no run is done.
    """
    chosen = names or tuple(name for name in _DEFAULT if name in sweep.design.names)
    grids = [sweep.grid(name) for name in chosen]
    if not sweep.count(DONE):
        raise TrajectoryError(f"{sweep.path}: has no run that is done to draw")
    across, up = _settings_of(sweep)
    size = (WIDTH, 5.7 * CENTIMETRE * len(chosen)) if up else (COLUMN, 5 * CENTIMETRE * len(chosen))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
        for ax, name, grid in zip(panels, chosen, grids, strict=True):
            if up:
                rows, columns = sweep.design.axes[up], sweep.design.axes[across]
                draw_map(ax, columns, rows, _mean(sweep, grid, up, across), NAMES.get(name, name))
                ax.set_ylabel(_label(up))
            else:
                _draw_line(ax, sweep, grid, across, NAMES.get(name, name))
        panels[-1].set_xlabel(_label(across) + _means(sweep, across, up))
    return figure


def draw_map(ax: Axes, x: Any, y: Any, values: Array, title: str) -> Axes:
    """A number over two settings, each value of which has a row or column of its own.

    Parameters
    ----------
    x, y : (q,), (p,) sequence
    values : (p, q) float64
        NaN where there is none.
    title : str
    """
    ax.set_title(title)
    if not np.isfinite(values).any():
        return empty(ax, _NOTHING)
    norm = _norm(values[np.isfinite(values)])
    shown = ax.imshow(values, origin="lower", aspect="auto", cmap="cividis", norm=norm)
    if max(values.shape) <= _MOST_TEXTS:
        for (i, j), value in np.ndenumerate(values):
            is_dark = np.isfinite(value) and norm(value) < 0.5
            ax.text(j, i, _short(float(value)), ha="center", va="center", fontsize=6,
                    color="white" if is_dark else BLACK)  # fmt: skip
    for axis, settings in ((ax.xaxis, x), (ax.yaxis, y)):
        every = -(-len(settings) // _MOST_TICKS)
        axis.set_ticks(range(0, len(settings), every), [_tick(v) for v in settings[::every]])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=7)
    colour_bar(ax, shown, "")
    return ax


def _norm(known: Array) -> Normalize:
    """Of colours: from 0 on, or logarithmic where numbers span decades."""
    lowest, highest = float(known.min()), float(known.max())
    if lowest > 0.0 and highest > _DECADES * lowest:
        return LogNorm(lowest, highest)
    return Normalize(min(0.0, lowest), max(highest, lowest + 1e-300))


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "\u2013"
    if value == 0.0:
        return "0"
    if 0.01 <= abs(value) < 9.95:
        return f"{value:#.2g}"
    if 9.95 <= abs(value) < 1e5:
        return f"{value:.0f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _tick(value: Any) -> str:
    """A power of ten as one, whole numbers whole, any other number in three digits."""
    if isinstance(value, (bool, str, np.bool_)):
        return str(value)
    if isinstance(value, int) and abs(value) < 1_000_000:
        return f"${value}$"
    mantissa, _, exponent = f"{float(value):.3g}".partition("e")
    power = np.log10(abs(value)) if value else 0.5
    if abs(power) >= 2.0 and power % 1.0 == 0.0:
        return rf"${'-' if value < 0 else ''}10^{{{power:g}}}$"
    return rf"${mantissa}\cdot 10^{{{int(exponent)}}}$" if exponent else f"${mantissa}$"


def _settings_of(sweep: Sweep) -> tuple[str, str | None]:
    """The two settings of the map, those of most values: the more to the right; or the only one."""
    longest = sorted(sweep.design.axes, key=lambda key: -len(sweep.design.axes[key]))
    axes = [key for key in longest if len(sweep.design.axes[key]) > 1] or longest
    return axes[0], axes[1] if len(axes) > 1 else None


def _mean(sweep: Sweep, grid: Array, *kept: str) -> Array:
    """Over all axes but these, which come in this order; of the runs that are done."""
    keys = [*sweep.design.axes]
    at = [keys.index(key) for key in kept]
    values = np.moveaxis(grid, at, range(len(at)))
    values = values.reshape(*values.shape[: len(at)], -1)
    return _over_last(values, np.nanmean)


def _over_last(values: Array, function: Any) -> Array:
    """A function of the last axis that passes over NaN; NaN where there is nothing else."""
    out = np.full(values.shape[:-1], np.nan)
    known = np.isfinite(values).any(axis=-1)
    out[known] = function(values[known], axis=-1)
    return out


def _draw_line(ax: Axes, sweep: Sweep, grid: Array, key: str, title: str) -> None:
    """The mean over one setting, and the range of the runs."""
    settings = sweep.design.axes[key]
    values = np.moveaxis(grid, list(sweep.design.axes).index(key), 0).reshape(len(settings), -1)
    lowest, highest = _over_last(values, np.nanmin), _over_last(values, np.nanmax)
    ax.set_title(title)
    if not np.isfinite(values).any():
        empty(ax, _NOTHING)
        return
    numbers = all(isinstance(v, (int, float)) and np.isfinite(v) for v in settings)
    x = np.array(settings, float) if numbers else np.arange(len(settings))
    ax.fill_between(x, lowest, highest, color=GREY, alpha=0.4, lw=0, label="all runs")
    ax.plot(x, _over_last(values, np.nanmean), ".-", color=BLUE, label="mean")
    if not numbers:
        ax.set_xticks(x, [str(value) for value in settings])
    elif (x > 0.0).all() and x.max() > 20.0 * x.min():
        ax.set_xscale("log")
    elif np.abs(x).max() > 20.0 * np.abs(x[x != 0.0]).min(initial=np.inf):
        ax.set_xscale("symlog", linthresh=float(np.abs(x[x != 0.0]).min()))


def _label(key: str) -> str:
    return _SETTINGS.get(key, key)


def _means(sweep: Sweep, *kept: str | None) -> str:
    """Say over what the means are taken."""
    others = [_label(key) for key, values in sweep.design.axes.items()
              if key not in kept and len(values) > 1]  # fmt: skip
    seeds = len(sweep.design.seeds)
    if seeds > 1:
        others.append(f"{seeds} seeds")
    done, runs = sweep.count(DONE), sweep.status.size
    parts = [f"mean over {' and '.join(others)}"] if others else []
    if done < runs:
        parts.append(f"of the {done:,} of {runs:,} runs that are done")
    if others and not kept[1]:
        parts.append("shade: all runs")
    return f"      ({'; '.join(parts)})" if parts else ""
