"""A picture of which scalings of alpha and delta lead to the kernel regime, and which do not."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from particleflow.arguments import Array

from .maps import draw_map
from .style import CENTIMETRE, ORANGE, STYLE, WIDTH, Picture

_TOLD = """Exponents of $m$ of the kernel distance as measured, in brackets for $m$ to infinity.
0: training changes the tangent kernel, however many neurons there are (adaptive limit). Below 0:
the kernel stays more and more what it was (kernel regime). Dashed: the border by theory."""


def plot_scalings(p: Array, q: Array, exponents: Array, predicted: Array) -> Figure:
    """A figure with a map for delta < 0 and one for delta > 0, as wide as a page.

    Parameters
    ----------
    p, q : (P,), (Q,) float64
        Exponents of m in alpha = m^p and delta = -m^q or m^q; equispaced.
    exponents, predicted : (2, Q, P) float64
        The exponents of m of the kernel distance, for delta < 0 and for delta > 0: as measured, and
        as m grows.
    """
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 7.0 * CENTIMETRE), layout="constrained")
        panels = figure.subplots(1, 2)
        norm = Normalize(float(min(exponents.min(), -1.0)), 0.0)
        borders = (1.0 + np.maximum(q, 0.0), np.ones(q.size))
        for k, title in enumerate((r"$\delta=-m^q$", r"$\delta=m^q$")):
            texts = [
                [_text(value, theory) for value, theory in zip(*rows, strict=True)]
                for rows in zip(exponents[k], predicted[k], strict=True)
            ]
            draw_map(panels[k], p.tolist(), q.tolist(), exponents[k], title, norm=norm, texts=texts)
            _draw_border(panels[k], p, borders[k])
            panels[k].set_xlabel(r"$p$, of $\alpha=m^p$")
        panels[0].set_ylabel(r"$q$")
        figure.supxlabel(_TOLD, fontsize=7)
    return figure


def _text(measured: float, predicted: float) -> str:
    """Both exponents; those that round to 0 without a sign."""
    return f"{round(measured, 1) + 0.0:.1f} ({predicted + 0.0:g})"


def _draw_border(ax: Axes, p: Array, border: Array) -> None:
    """Draw the border between the limits, given as p for each row of a map."""
    step = (p[-1] - p[0]) / max(1, p.size - 1)
    x = (border - p[0]) / step
    rows = np.arange(border.size)
    limits = ax.get_xlim(), ax.get_ylim()
    ax.plot(np.r_[x[0], x, x[-1]], np.r_[-0.5, rows, rows[-1] + 0.5], "--", color=ORANGE, lw=1.5)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
