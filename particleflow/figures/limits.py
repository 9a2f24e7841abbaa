"""A picture of a limit: f and the loss with their errors, and how errors fall as neurons grow."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from particleflow.errors import TrajectoryError
from particleflow.limits.assess import Limit

from .samples import draw_marks, x_label, y_label
from .style import (
    BLUE,
    CENTIMETRE,
    GREY,
    ORANGE,
    STYLE,
    WIDTH,
    Picture,
    formula,
    legend_above,
    tell,
    time_axis,
)

_BAND = 2.0
"""Half the width of a band, in standard errors or deviations."""
_MOST_TICKS = 3
_DECADE = 10.0
"""The loss is drawn on a logarithmic scale if it falls by more."""


def plot_limit(limit: Limit) -> Figure:
    """A figure of a limit, as wide as a page.

    To the left f at the last time: the mean over the replicates, a band of two standard errors, and
    a band of two standard deviations between starts of the least number of independent neurons. In
    the middle the errors over the number of neurons, to the right the loss.

    Raises
    ------
    TrajectoryError
        No level is done.
    """
    if not limit.levels:
        raise TrajectoryError(f"{limit.path}: has no level that is done to draw")
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6.0 * CENTIMETRE), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.3, 1.0, 1.0))
        _draw_f(left, limit)
        _draw_errors(middle, limit)
        _draw_loss(right, limit)
    return figure


def _draw_f(ax: Axes, limit: Limit) -> None:
    f, error, deviation = limit.f[-1], limit.f_error[-1], limit.f_deviation[-1]
    if np.isfinite(deviation).all():
        ax.fill_between(
            limit.x, f - _BAND * deviation, f + _BAND * deviation, color=GREY, alpha=0.4, lw=0,
            label=f"{limit.design.first:,} independent neurons, $\\pm$2 deviations",
        )  # fmt: skip
    ax.fill_between(limit.x, f - _BAND * error, f + _BAND * error, color=BLUE, alpha=0.4, lw=0)
    starts = limit.design.replicates
    label = f"mean of {starts} x {limit.neurons:,} neurons, $\\pm$2 errors"
    ax.plot(limit.x, f, color=BLUE, label=label)
    if limit.samples.size == 1:
        ax.errorbar(limit.x, f, _BAND * error, fmt="_", color=BLUE)
    draw_marks(ax, limit.samples, 4.0)
    ax.set_xlabel(x_label(limit.samples))
    ax.set_ylabel(y_label(limit.samples))
    tell(ax, rf"$f$ at $\tau={formula(limit.time[-1], 4)}$")
    legend_above(ax, 1)


def _draw_errors(ax: Axes, limit: Limit) -> None:
    """Errors of f over m; of independent neurons the line of slope -1/2 through the first level."""
    m = np.array([level.neurons for level in limit.levels])
    ax.loglog(m, [level.error for level in limit.levels], "o-", ms=3, color=BLUE,
              label=limit.design.sampling)  # fmt: skip
    tolerance = limit.design.tolerance
    if np.isfinite(limit.independent):
        error = tolerance * np.sqrt(limit.independent / m)
        ax.loglog(m, error, "--", color=GREY, label="independent")
    ax.axhline(tolerance, color=ORANGE, lw=0.8, label="tolerance")
    ticks = m[:: -(-m.size // _MOST_TICKS)]
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks.tolist()])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("neurons $m$")
    ax.set_ylabel("error of $f$ / spread of $y$")
    legend_above(ax, 2)


def _draw_loss(ax: Axes, limit: Limit) -> None:
    mean, error = limit.observables["loss"]
    if mean.min() > 0.0 and mean.max() > _DECADE * mean.min():
        ax.set_yscale("log")
    ax.fill_between(limit.time, mean - _BAND * error, mean + _BAND * error, color=BLUE, alpha=0.4,
                    lw=0)  # fmt: skip
    ax.plot(limit.time, mean, color=BLUE)
    time_axis(ax, limit.time)
    ax.set_ylabel("loss")
