"""What pictures show of samples: their marks, their rows, and the labels of their axes."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.arguments import Array
from particleflow.model.samples import Samples

from .style import BLACK, CENTIMETRE, COLUMN, STYLE, Picture, legend_above

_LONGEST = 40  # letters of a label
_SIZES = 0.5, 2.0
"""Least and largest diameter of a sample's mark, in units of that of a mean weight."""
_MANY = 200
"""Number of samples from which marks are small."""


def plot_samples(samples: Samples) -> Figure:
    """A picture of samples, as wide as a column."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(COLUMN, 5.5 * CENTIMETRE), layout="constrained")
        ax = figure.subplots()
        draw_marks(ax, samples, 4.0 if samples.size <= _MANY else 1.5)
        ax.set_xlabel(x_label(samples))
        ax.set_ylabel(_plain(samples.source.y_name) or r"$y$")
        if samples.is_weighted:
            ax.plot([], [], "o", ms=4.0, mfc="white", mec=BLACK, mew=0.6,
                    label="samples, by weight")  # fmt: skip
            legend_above(ax, 2)
    return figure


def x_label(samples: Samples) -> str:
    """The label of an axis of x: the name of its column, or the unit that dates have become."""
    return _plain(samples.source.x_name) or r"$x$"


def y_label(samples: Samples) -> str:
    """The label of an axis on which f and y are."""
    name = _plain(samples.source.y_name)
    return rf"$f(x)$, {name}" if name else r"$f(x)$, $y$"


def _plain(name: str) -> str:
    """A name as matplotlib shows it letter by letter; empty for x and y, which are in italics."""
    if name.lower() in ("", "x", "y"):
        return ""
    shown = name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."
    return shown.replace("$", r"\$")


def draw_samples(ax: Axes, samples: Samples) -> None:
    """Draw the samples as circles and name them in the legend; of more than 200 nothing."""
    if samples.size <= _MANY:
        draw_marks(ax, samples, 4.0)
        ax.plot([], [], "o", ms=4.0, mfc="white", mec=BLACK, mew=0.6, label="samples")


def draw_marks(ax: Axes, samples: Samples, size: float, zorder: float = 5) -> Array:
    """Draw the samples as circles and, where these are means of several rows, the rows as points.

    ``size`` is the diameter of a circle of mean weight. Areas go with weights, within bounds.
    Returns the diameters, (s,).
    """
    if samples.has_repeats:
        ax.plot(samples.rows.x, samples.rows.y, ".", ms=3.5, mew=0, color=BLACK, alpha=0.5,
                zorder=3, label="rows")  # fmt: skip
    relative = np.clip(np.sqrt(samples.weights / samples.weights.mean()), *_SIZES)
    sizes: Array = size * relative
    ax.scatter(samples.x, samples.y, s=sizes**2, fc="white", ec=BLACK, lw=0.6, zorder=zorder)
    return sizes
