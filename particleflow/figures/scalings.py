"""A picture of which scalings of alpha and delta lead to the kernel regime, and which do not."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.arguments import Array

from .maps import draw_map
from .style import CENTIMETRE, ORANGE, STYLE, WIDTH

_TOLD = """Exponent 0: training changes the tangent kernel, however many neurons there are. Below 0:
as $m$ grows, the kernel stays more and more what it was. Dashed: the border by theory."""


def plot_scalings(p: Array, q: Array, exponents: Array) -> Figure:
    """A figure with a map for delta < 0 and one for delta > 0, as wide as a page.

    Parameters
    ----------
    p, q : (P,), (Q,) float64
        Exponents of m in alpha = m^p and delta = -m^q or m^q; equispaced.
    exponents : (2, Q, P) float64
        The exponents of m of the kernel distance, for delta < 0 and for delta > 0.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 6.5 * CENTIMETRE), layout="constrained")
        panels = figure.subplots(1, 2)
        borders = (1.0 + np.maximum(q, 0.0), np.ones(q.size))
        titles = (r"exponent of the kernel distance, $\delta=-m^q$", r"$\delta=m^q$")
        for ax, values, border, title in zip(panels, exponents, borders, titles, strict=True):
            draw_map(ax, p.tolist(), q.tolist(), values, title)
            _draw_border(ax, p, border)
            ax.set_xlabel(r"$p$, of $\alpha=m^p$")
        panels[0].set_ylabel(r"$q$")
        figure.supxlabel(_TOLD, fontsize=7)
    return figure


def _draw_border(ax: Axes, p: Array, border: Array) -> None:
    """Draw the border between the limits, given as p for each row of a map."""
    step = (p[-1] - p[0]) / max(1, p.size - 1)
    x = (border - p[0]) / step
    rows = np.arange(border.size)
    limits = ax.get_xlim(), ax.get_ylim()
    ax.plot(np.r_[x[0], x, x[-1]], np.r_[-0.5, rows, rows[-1] + 0.5], "--", color=ORANGE, lw=1.5)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
