"""Pictures of what weight decay leads to: interpolants of least path norm, and few knots."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow import theory
from particleflow.trajectory import Trajectory

from .samples import draw_marks
from .style import BLACK, BLUE, CENTIMETRE, FOUR, GREY, ORANGE, STYLE, WIDTH, Picture, opaque

_POINTS = 801
_SMALL = 1e-6
"""Share of the variation of f' up to which a mass of f'' is not drawn."""


def draw_min_norm(runs: Mapping[str, Trajectory]) -> Figure:
    """The functions at the end, masses of f'' of the last run, and path norms over time.

    ``runs`` are ordered from much weight decay to little, on the same samples. Dashed is an
    interpolant of least path norm, by a linear programme.
    """
    last = list(runs.values())[-1]
    samples = last.samples
    least = theory.minimal_norm(samples.network_x, samples.y)
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6.0 * CENTIMETRE), layout="constrained")
        function, bends, norms = figure.subplots(1, 3)
        x = np.linspace(samples.x[0], samples.x[-1], _POINTS)
        for colour, run in zip(FOUR, runs.values(), strict=True):
            label = rf"$\lambda$ = {run.decay:g}"
            function.plot(x, run.predict(-1, x), color=colour, label=label)
            time, norm = run.observable("path_norm")
            norms.loglog(time[1:], norm[1:], color=colour)
        label = "interpolant of least path norm"
        function.plot(x, least(samples.to_network(x)), "--", color=BLACK, lw=1.0, label=label)
        norms.axhline(least.path_norm, ls="--", color=BLACK, lw=1.0)
        draw_marks(function, samples, 3.0)
        _name_samples(function)
        function.set_title("$f$ at the end")
        function.set_xlabel("$x$")
        _draw_bends(bends, last)
        knots = samples.from_network(-np.tan(least.theta))
        sizes = least.mass * np.abs(np.cos(least.theta)) / samples.x_scale
        inside = (knots >= samples.x[0]) & (knots <= samples.x[-1])
        # a knot between two directions of the grid has a mass on both
        gathered = theory.clusters(knots[inside], sizes[inside], 5.0 * theory.gap_of(samples.x))
        bends.plot(*gathered, "x", color=BLACK, ms=6.0, label="linear programme")
        bends.set_title(rf"masses of $f''$, $\lambda$ = {last.decay:g}")
        norms.set_title("path norm")
        norms.set_xlabel(r"mean-field time $\tau$")
        handles, labels = function.get_legend_handles_labels()
        marks = bends.get_legend_handles_labels()
        handles, labels = handles + marks[0], labels + marks[1]
        opaque(figure.legend(handles, labels, loc="outside lower center", ncols=4))
    return figure


def draw_knots_between(runs: Mapping[str, Trajectory]) -> Figure:
    """A column for each run: f at the end with its knots, and the masses of f'' below."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 9.0 * CENTIMETRE), layout="constrained")
        rows = figure.subplots(2, len(runs), squeeze=False, sharex="col")
        for (name, run), function, bends in zip(runs.items(), *rows, strict=True):
            samples, x = run.samples, np.linspace(run.samples.x[0], run.samples.x[-1], _POINTS)
            function.plot(x, run.predict(-1, x), color=BLUE, label="$f$")
            bend = run.curvature(-1)
            knots = theory.clusters(bend.knots, bend.masses, theory.gap_of(samples.x)).places
            knots = knots[(knots >= x[0]) & (knots <= x[-1])]
            function.plot(
                knots, run.predict(-1, knots), "D", color=ORANGE, ms=4.0, label="knots of $f$"
            )
            draw_marks(function, samples, 3.0)
            _name_samples(function)
            function.set_title(rf"{name.replace('-', ' ')}, $\lambda$ = {run.decay:g}")
            _draw_bends(bends, run)
        rows[0, 0].set_ylabel("$f$ at the end")
        rows[1, 0].set_ylabel("masses of $f''$")
        handles, labels = rows[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _name_samples(ax: Axes) -> None:
    ax.plot([], [], "o", ms=3.0, mfc="white", mec=BLACK, mew=0.6, label="samples")


def _draw_bends(ax: Axes, run: Trajectory) -> None:
    """The masses of f'' as stems, and the samples as lines behind them."""
    samples, bend = run.samples, run.curvature(-1)
    for x in samples.x:
        ax.axvline(x, color=GREY, lw=0.4)
    ax.axhline(0.0, color=BLACK, lw=0.6)
    inside = (bend.knots >= samples.x[0]) & (bend.knots <= samples.x[-1])
    inside &= np.abs(bend.masses) > _SMALL * np.abs(bend.masses).sum()
    gathered = theory.clusters(
        bend.knots[inside], bend.masses[inside], theory.gap_of(samples.x), least=0.0
    )
    ax.vlines(gathered.places, 0.0, gathered.masses, color=BLUE, lw=1.6)
    ax.set_xlabel("$x$")
