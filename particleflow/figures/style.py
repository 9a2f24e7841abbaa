"""The look that all pictures share, and what several of them need: legends, axes, notes."""

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from particleflow.arguments import Array
from particleflow.files.disk import new_file

CENTIMETRE = 1 / 2.54
WIDTH = 17 * CENTIMETRE
COLUMN = 8.5 * CENTIMETRE
"""`WIDTH` and `COLUMN` are the widths of a page and of one of its two columns, in inches."""
_TOLD = 46
"""Letters that a line below a panel has room for, where the panel is as wide as a column."""

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
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,  # text as TrueType, in place of Type 3 fonts
}
# Okabe and Ito's colours, distinct for colour-blind readers, as far as they have a contrast of 3 to
# white; grey and purple in place of lighter ones
BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#767676", "#000000"
GREEN, PINK, PURPLE = "#009E73", "#CC79A7", "#7B52AB"
FOUR = (PURPLE, GREEN, ORANGE, BLUE)
"""Colours of four runs whose setting grows or falls."""
LINES = ListedColormap(mpl.colormaps["plasma"](np.linspace(0.0, 0.62, 256)), "lines")
"""Colours of lines by a number: the part of plasma that has a contrast of 3 to white."""
SHARES = ListedColormap(mpl.colormaps["cividis_r"](np.linspace(0.4, 1.0, 256)), "shares")
"""Colours of shares on white, likewise of cividis: darker where there is more."""


class Picture(Figure):
    """A figure that a notebook shows, whether or not pyplot is imported there."""

    def _repr_png_(self) -> bytes:
        made = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.savefig(made, format="png")
        return made.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a picture into a file; an existing one is replaced once the new one is whole.

    Raises
    ------
    TrajectoryError
        The path cannot become a file.
    WriteError
        The disk refuses the file.
    """
    # matplotlib looks up savefig.dpi and pdf.fonttype when it saves, not when it draws
    with mpl.rc_context(STYLE), new_file(path, overwrite=True) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())


def opaque(legend: Legend) -> None:
    """Make a legend's entries opaque, for lines and points that are faint in the picture."""
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


SIGNS = ((1, BLUE, r"$\hat r>0$"), (-1, ORANGE, r"$\hat r<0$"))
"""Signs of rhat, each with its colour and its name."""


def legend_above(ax: Axes, ncols: int, **options: Any) -> Legend:
    """The legend that this puts above the axes, its entries in rows of ``ncols``."""
    look = {"handlelength": 1.2, "columnspacing": 1.0, "handletextpad": 0.4} | options
    return ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=ncols,
                     borderaxespad=0.1, **look)  # fmt: skip


def ray_ends(x: Array, reach: float) -> Array:
    """(u, v) of a point on each of the 2 s rays that lies outside of a picture, (2 s, 2).

    ``reach`` is half the width of the picture, a square around the origin.
    """
    # the corners are sqrt(2) times as far from the origin as the edges
    far = 2.0 * reach / np.sqrt(1.0 + x * x)
    ends = np.stack([far, -far * x], axis=1)
    return np.concatenate([ends, -ends])


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """All values, or if they are more than ``most``, so many of them, evenly spread."""
    if values.size <= most:
        return values
    return values[np.linspace(0, values.size - 1, most).astype(int)]


def formula(value: float, digits: int) -> str:
    """A number for the inside of a formula, with this many digits: 1e6 is a product there."""
    mantissa, _, exponent = f"{float(value):.{digits}g}".partition("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def tell(ax: Axes, *parts: str) -> None:
    """Say below the x-axis which parts of the data are shown; nothing if all parts are empty."""
    told = [part for part in parts if part]
    if told:
        text = textwrap.fill(f"shown: {', '.join(told)}", _TOLD, break_on_hyphens=False)
        ax.set_xlabel(f"{ax.get_xlabel()}\n{text}")


def shown(some: int, total: int, what: str) -> str:
    """A note such as "200 of 1,000 neurons", or an empty text if all are shown."""
    return f"{some:,} of {total:,} {what}" if some < total else ""


def uv_of(position: np.ndarray) -> Array:
    """(u, v) = |rhat| (cos theta, sin theta), (n, 2), of positions; NaN where not finite."""
    rhat, theta = position.T.astype(np.float64)
    uv = np.abs(rhat)[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)
    return np.where(np.isfinite(uv), uv, np.nan)


def time_axis(ax: Axes, tau: Array) -> None:
    """Set up the x-axis for these times: logarithmic if they are geometric, else linear."""
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
    """The marker of a curve: a dot for one or two points, which make no visible line, else none."""
    return "." if tau.size <= 2 else ""


def empty(ax: Axes, text: str) -> Axes:
    """Write into the axes why there is nothing to see, and return them."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


def edges(values: Array) -> Array:
    """Limits halfway between neighbouring values, (n + 1,), the outermost ones extrapolated."""
    if values.size == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    between = 0.5 * (values[1:] + values[:-1])
    return np.concatenate(
        [[1.5 * values[0] - 0.5 * values[1]], between, [1.5 * values[-1] - 0.5 * values[-2]]]
    )


def colour_bar(ax: Axes, shown: Any, label: str) -> None:
    """Add a slim bar of the colours of ``shown`` beside the axes."""
    bar = ax.get_figure().colorbar(shown, ax=ax, pad=0.02, aspect=30)  # type: ignore[union-attr]
    bar.set_label(label)
    bar.outline.set_visible(False)
