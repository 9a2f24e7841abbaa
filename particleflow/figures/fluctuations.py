"""A picture of the variance of f between starts, over the number of neurons and over time."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.arguments import Array

from .style import BLUE, CENTIMETRE, GREY, ORANGE, STYLE, WIDTH, Picture, legend_above

COLOURS = {"independent": BLUE, "quiet": ORANGE}


def plot_fluctuations(
    counts: np.ndarray, times: Array, between: dict[str, Array], on_samples: dict[str, Array]
) -> Figure:
    """A figure with two panels, as wide as a page.

    Parameters
    ----------
    counts : (C,) int64
        Numbers of neurons m.
    times : (T,) float64
        Increasing; the first one may be 0.
    between, on_samples : dict of str to (C, T) float64
        Variances of f between starts, by the kind of start: "independent" or "quiet".
    """
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6.5 * CENTIMETRE), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_over_neurons(left, counts, between)
        _draw_over_time(right, counts, times, between, on_samples)
    return figure


def _draw_over_neurons(ax: Axes, counts: np.ndarray, between: dict[str, Array]) -> None:
    """Variances over m at the last time, beside a line of slope -1."""
    for name, variance in between.items():
        ax.loglog(counts, variance[:, -1], "o-", ms=3, color=COLOURS[name], label=name)
    first = next(iter(between.values()))[0, -1]
    ax.loglog(counts, 2.0 * first * counts[0] / counts, "--", color=GREY, label="slope -1")
    ax.set_xlabel("neurons $m$")
    ax.set_ylabel(r"variance of $f$ between starts, at the end")
    legend_above(ax, 3)


def _draw_over_time(
    ax: Axes, counts: np.ndarray, times: Array, between: dict[str, Array],
    on_samples: dict[str, Array],
) -> None:  # fmt: skip
    """m times the variance over time, of the most neurons; dashed where it is on the samples."""
    for name in between:
        for values, line, where in ((between, "-", "everywhere"), (on_samples, "--", "on samples")):
            ax.plot(times, counts[-1] * values[name][-1], f"o{line}", ms=3, color=COLOURS[name],
                    label=f"{name}, {where}")  # fmt: skip
    ax.set_yscale("log")
    ax.set_xscale("symlog", linthresh=float(times[times > 0.0].min()))
    ax.set_xlim(0.0, times[-1])
    ax.set_xlabel(r"mean-field time $\tau$")
    ax.set_ylabel(rf"$m$ times the variance, $m$ = {counts[-1]:,}")
    legend_above(ax, 2)
