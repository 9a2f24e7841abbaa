"""A picture of gradient descent at the edge of stability."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from particleflow import theory
from particleflow.trajectory import Trajectory

from .samples import draw_marks
from .style import BLACK, CENTIMETRE, FOUR, STYLE, WIDTH, Picture, opaque

_POINTS = 801


def draw_edge(runs: Mapping[str, Trajectory]) -> Figure:
    """Sharpness over the edge of stability, the functions at the end, and their variations.

    ``runs`` are of gradient descent on the loss (1/(2n)) sum of rho^2, with growing learning rates.
    """
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6.0 * CENTIMETRE), layout="constrained")
        sharp, function, bound = figure.subplots(1, 3)
        rates, variations = [], []
        for colour, run in zip(FOUR, runs.values(), strict=True):
            samples = run.samples
            edge = run.observable("edge_of_stability")[1][-1]
            rate = 2.0 * samples.rows.weights.sum() / edge  # edge = 2 n / eta
            time, sharpness = run.observable("sharpness")
            epochs = time * edge / 2.0
            label = rf"$\eta$ = {rate:.3g}"
            sharp.loglog(epochs[1:], sharpness[1:] / edge, color=colour, lw=0.9, label=label)
            x = np.linspace(samples.x[0], samples.x[-1], _POINTS)
            function.plot(x, run.predict(-1, x), color=colour)
            bend = run.curvature(-1)
            rates.append(rate)
            variations.append(theory.weighted_variation(samples.x, bend.knots, bend.masses))
        sharp.axhline(1.0, color=BLACK, lw=1.0, ls="--")
        sharp.set_title("sharpness / (2 / step)")
        sharp.set_xlabel("epochs")
        draw_marks(function, samples, 3.0)
        function.set_title("$f$ after the last epoch")
        function.set_xlabel("$x$")
        for rate, variation, colour in zip(rates, variations, FOUR, strict=True):
            bound.loglog(rate, variation, "o", color=colour)
        over = np.geomspace(0.7 * rates[0], 1.4 * rates[-1], 50)
        bound.loglog(over, 1.0 / over, "--", color=BLACK, lw=1.0, label=r"bound $1/\eta$")
        bound.set_title(r"$\int |f''|\, g$ after the last epoch")
        bound.set_xlabel(r"learning rate $\eta$")
        bound.set_xticks(rates, [f"{rate:.3g}" for rate in rates])
        bound.minorticks_off()
        bound.legend()
        sharp.plot([], [], "o", ms=3.0, mfc="white", mec=BLACK, mew=0.6, label="samples")
        handles, labels = sharp.get_legend_handles_labels()
        opaque(figure.legend(handles, labels, loc="outside lower center", ncols=len(labels)))
    return figure
