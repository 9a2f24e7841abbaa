"""The look of all pictures, and what several of them need."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from particleflow.arguments import Array
from particleflow.files.disk import new_file

CENTIMETRE = 1 / 2.54
WIDTH = 17 * CENTIMETRE
COLUMN = 8.5 * CENTIMETRE
"""Widths of a page and of one of two columns."""
_TOLD = 46
"""Letters of a line below a panel of one column."""

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}
# Okabe and Ito's colours, distinct for colour-blind readers
BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#999999", "#000000"
GREEN, PINK, SKY = "#009E73", "#CC79A7", "#56B4E9"


def save(figure: Figure, path: Path) -> None:
    """Write a picture into a file, which is replaced once the new one is whole.

    Raises
    ------
    TrajectoryError
        The path cannot become a file.
    WriteError
        The disk refuses it.
    """
    with mpl.rc_context(STYLE), new_file(path, overwrite=True) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())


def opaque(legend: Legend) -> None:
    """Show in a legend what is faint in the picture."""
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


SIGNS = ((1, BLUE, r"$\hat r>0$"), (-1, ORANGE, r"$\hat r<0$"))
"""Signs of rhat, each with its colour and its name."""


def legend_above(ax: Axes, ncols: int, **options: Any) -> Legend:
    """A legend in one or two rows above the axes."""
    look = {"handlelength": 1.2, "columnspacing": 1.0, "handletextpad": 0.4} | options
    return ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=ncols,
                     borderaxespad=0.1, **look)  # fmt: skip


def ray_ends(x: Array, reach: float) -> Array:
    """Points of the 2 s rays beyond the corners of a picture of this half-width, (2 s, 2)."""
    far = 2.0 * reach / np.sqrt(1.0 + x * x)
    ends = np.stack([far, -far * x], axis=1)
    return np.concatenate([ends, -ends])


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the values, evenly spread."""
    if values.size <= most:
        return values
    return values[np.linspace(0, values.size - 1, most).astype(int)]


def tell(ax: Axes, *parts: str) -> None:
    """Say below the axis of x what of the data is shown, if that is not all of it."""
    told = [part for part in parts if part]
    if told:
        text = textwrap.fill(f"shown: {', '.join(told)}", _TOLD, break_on_hyphens=False)
        ax.set_xlabel(f"{ax.get_xlabel()}\n{text}")


def shown(some: int, total: int, what: str) -> str:
    """ "200 of 1,000 neurons"; nothing if those are all."""
    return f"{some:,} of {total:,} {what}" if some < total else ""


def uv_of(position: np.ndarray) -> Array:
    """(u, v) = |rhat| (cos theta, sin theta), (n, 2), NaN where that is not finite."""
    rhat, theta = position.T.astype(np.float64)
    uv = np.abs(rhat)[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)
    return np.where(np.isfinite(uv), uv, np.nan)


def time_axis(ax: Axes, tau: Array) -> None:
    """Label and limits of an axis of times, logarithmic where those are geometric."""
    ax.set_xlabel(r"mean-field time $\tau$")
    if tau.size == 1:
        ax.set_xticks([tau[0]], [f"{tau[0]:g} (one frame)"])
        return
    steps = np.diff(tau)
    if steps.size > 1 and steps[-1] > 10.0 * steps[0]:  # recorded at geometric times
        ax.set_xscale("log")
        return
    ax.set_xlim(tau[0], max(tau[-1], tau[0] + 1e-300))


def mark(tau: Array) -> str:
    """The marker for few points, through which there is no line; none for many."""
    return "." if tau.size <= 2 else ""


def empty(ax: Axes, text: str) -> Axes:
    """Say why there is nothing to see."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


def edges(values: Array) -> Array:
    """Limits between neighbouring values, and beyond the first and the last."""
    if values.size == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    between = 0.5 * (values[1:] + values[:-1])
    return np.concatenate(
        [[1.5 * values[0] - 0.5 * values[1]], between, [1.5 * values[-1] - 0.5 * values[-2]]]
    )


def colour_bar(ax: Axes, shown: Any, label: str) -> None:
    """A slim bar beside the axes."""
    bar = ax.get_figure().colorbar(shown, ax=ax, pad=0.02, aspect=30)  # type: ignore[union-attr]
    bar.set_label(label)
    bar.outline.set_visible(False)
