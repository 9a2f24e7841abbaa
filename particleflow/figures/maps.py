"""Pictures of sweeps: a number as a map over two settings, or as a line over one."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.sweeps.table import DONE, Sweep

from .style import (
    BLACK,
    BLUE,
    CENTIMETRE,
    COLUMN,
    GREY,
    STYLE,
    WIDTH,
    Picture,
    colour_bar,
    empty,
    formula,
)

NAMES = {
    "knots_near_samples": "share of the knots on samples, of living neurons",
    "kernel_distance": r"kernel distance $1-\cos(H,H_0)$",
    "fit": "residuals over the samples' spread",
    "loss": "loss of all rows",
    "dead_fraction": "share of dead neurons",
    "sliding_fraction": "share of sliding neurons",
    "steps": "steps",
    "seconds": "seconds a run",
}
_DEFAULT = ("knots_near_samples", "kernel_distance", "fit")
_SETTINGS = {"neurons.delta": r"$\delta$", "neurons.scale": "initial scale",
             "neurons.count": "neurons $m$", "samples.count": "samples $s$"}  # fmt: skip
_DECADES = 100.0
"""Colours are logarithmic if the largest number is more than so many times the least one."""
_NOTHING = "not a number in all runs"
UNFITTED = 0.1
"""Residuals over the samples' spread above which a field is hatched: the run fits nothing yet."""
_MOST_TEXTS = 24
"""Rows and columns up to which a map has its numbers written into it."""
_MOST_TICKS = 40


def plot_sweep(sweep: Sweep, names: tuple[str, ...] = ()) -> Figure:
    """A figure with a panel for each of some columns of a sweep, below each other.

    A panel is a map over the two settings that have most values, of means over all other settings
    and the seeds. If only one setting has several values, the panel is a line over that setting.

    Parameters
    ----------
    sweep : Sweep
    names : tuple of str
        Columns of the sweep; by default knots_near_samples, kernel_distance and fit, as far as the
        sweep has them.

    Raises
    ------
    TrajectoryError
        A column does not exist, or no run is done.
    """
    chosen = names or tuple(name for name in _DEFAULT if name in sweep.design.names)
    grids = [sweep.grid(name) for name in chosen]
    if not sweep.count(DONE):
        raise TrajectoryError(f"{sweep.path}: has no run that is done to draw")
    across, up = _settings_of(sweep)
    size = (WIDTH, 5.7 * CENTIMETRE * len(chosen)) if up else (COLUMN, 5 * CENTIMETRE * len(chosen))
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=size, layout="constrained")
        panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
        has_hatches = False
        for ax, name, grid in zip(panels, chosen, grids, strict=True):
            if up:
                rows, columns = sweep.design.axes[up], sweep.design.axes[across]
                means, kind = _mean(sweep, grid, up, across)
                draw_map(ax, columns, rows, means, NAMES.get(name, name) + kind)
                if name != "fit" and "fit" in sweep.design.names:
                    hatched = _mean(sweep, sweep.grid("fit"), up, across)[0] > UNFITTED
                    has_hatches |= _hatch(ax, hatched & np.isfinite(means))
                ax.set_ylabel(_label(up))
            else:
                _draw_line(ax, sweep, grid, across, NAMES.get(name, name))
        hatches = f"\nhatched: residuals above {UNFITTED:g} of the samples' spread"
        panels[-1].set_xlabel(
            _label(across) + _means(sweep, across, up) + (hatches if has_hatches else "")
        )
    return figure


def draw_map(
    ax: Axes,
    x: Any,
    y: Any,
    values: Array,
    title: str,
    *,
    norm: Normalize | None = None,
    texts: Any = None,
) -> Axes:
    """Draw a map of a number over two settings, with a column or a row for each value of a setting.

    Parameters
    ----------
    ax : Axes
    x, y : (q,), (p,) sequence
        Values of the setting to the right, and of that upwards.
    values : (p, q) float64
        The number; NaN where it is not known.
    title : str
    norm : Normalize, optional
        The scale of colours; by default it fits the numbers.
    texts : (p, q) array of str, optional
        What is written into the fields, in place of the numbers.
    """
    ax.set_title(title)
    if not np.isfinite(values).any():
        return empty(ax, _NOTHING)
    norm = _norm(values[np.isfinite(values)]) if norm is None else norm
    shown = ax.imshow(values, origin="lower", aspect="auto", cmap="cividis", norm=norm)
    if max(values.shape) <= _MOST_TEXTS:
        for (i, j), value in np.ndenumerate(values):
            is_dark = np.isfinite(value) and norm(value) < 0.5
            text = _short(float(value)) if texts is None else texts[i][j]
            ax.text(j, i, text, ha="center", va="center", fontsize=6,
                    color="white" if is_dark else BLACK)  # fmt: skip
    for axis, settings in ((ax.xaxis, x), (ax.yaxis, y)):
        every = -(-len(settings) // _MOST_TICKS)
        axis.set_ticks(range(0, len(settings), every), [_tick(v) for v in settings[::every]])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=7)
    colour_bar(ax, shown, "")
    return ax


def _norm(known: Array) -> Normalize:
    """The scale of colours for finite numbers: with 0 in its range, or logarithmic over decades."""
    lowest, highest = float(known.min()), float(known.max())
    if lowest > 0.0 and highest > _DECADES * lowest:
        return LogNorm(lowest, highest)
    # 1e-300: a range that is not empty if all numbers are 0
    return Normalize(min(0.0, lowest), max(highest, lowest + 1e-300))


def _short(value: float) -> str:
    """A number in as few letters as a field of a map has room for; a dash if it is not finite."""
    if not np.isfinite(value):
        return "\u2013"
    if value == 0.0:
        return "0"
    if 0.01 <= abs(value) < 9.95:  # from 9.95 on this format would give "10."
        return f"{value:#.2g}"
    if 9.95 <= abs(value) < 1e5:
        return f"{value:.0f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return rf"${mantissa}\!\cdot\!10^{{{int(exponent)}}}$"


def _tick(value: Any) -> str:
    """The label of a setting's value: text as such, numbers as formulas.

    Integers below a million have all their digits. Among other numbers powers of ten are written as
    such if they are at least 100 or at most 0.01, and the rest has three digits.
    """
    if isinstance(value, (bool, str, np.bool_)):
        return str(value)
    if isinstance(value, int) and abs(value) < 1_000_000:
        return f"${value}$"
    power = np.log10(abs(value)) if value else 0.5  # 0 is no power of ten, and has no logarithm
    if abs(power) >= 2.0 and power % 1.0 == 0.0:
        return rf"${'-' if value < 0 else ''}10^{{{power:g}}}$"
    return f"${formula(value, 3)}$"


def _settings_of(sweep: Sweep) -> tuple[str, str | None]:
    """The settings to the right and upwards: those with most values, the longer one to the right.

    The second is None if only one setting has several values.
    """
    longest = sorted(sweep.design.axes, key=lambda key: -len(sweep.design.axes[key]))
    axes = [key for key in longest if len(sweep.design.axes[key]) > 1] or longest
    return axes[0], axes[1] if len(axes) > 1 else None


def _mean(sweep: Sweep, grid: Array, *kept: str) -> tuple[Array, str]:
    """The mean of the runs that are done over all axes but those kept, which come in this order.

    It is geometric, and the text says so, where there are several runs to a mean, all numbers are
    above 0, and they span decades.
    """
    keys = [*sweep.design.axes]
    at = [keys.index(key) for key in kept]
    values = np.moveaxis(grid, at, range(len(at)))
    values = values.reshape(*values.shape[: len(at)], -1)
    known = values[np.isfinite(values)]
    spans = known.size > 0 and known.min() > 0.0 and known.max() > _DECADES * known.min()
    if values.shape[-1] == 1 or not spans:
        return _over_last(values, np.nanmean), ""
    with np.errstate(invalid="ignore"):
        return np.exp(_over_last(np.log(values), np.nanmean)), ", geometric mean"


def _hatch(ax: Axes, fields: np.ndarray) -> bool:
    """Hatch some fields of a map, which has an image; returns whether there are any."""
    if not ax.images:
        return False
    image = ax.images[0]
    shades = np.asarray(image.norm(np.asarray(image.get_array())))
    for i, j in np.argwhere(fields):
        colour = "white" if shades[i, j] < 0.5 else BLACK
        ax.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="//", lw=0, ec=colour, alpha=0.5)
        )
    return bool(fields.any())


def _over_last(values: Array, function: Any) -> Array:
    """The values of a function that reduces the last axis and ignores NaN, such as `np.nanmean`.

    Where all numbers are NaN or infinite the result is NaN, without the warnings of such functions.
    """
    out = np.full(values.shape[:-1], np.nan)
    known = np.isfinite(values).any(axis=-1)
    out[known] = function(values[known], axis=-1)
    return out


def _draw_line(ax: Axes, sweep: Sweep, grid: Array, key: str, title: str) -> None:
    """Draw a line of means over one setting, and a band over the range of all runs."""
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
    # settings with 0 or of both signs, of very different sizes: linear up to the smallest of them
    elif np.abs(x).max() > 20.0 * np.abs(x[x != 0.0]).min(initial=np.inf):
        ax.set_xscale("symlog", linthresh=float(np.abs(x[x != 0.0]).min()))


def _label(key: str) -> str:
    return _SETTINGS.get(key, key)


def _means(sweep: Sweep, *kept: str | None) -> str:
    """The note in brackets that says over what the means are taken; empty if over nothing."""
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
