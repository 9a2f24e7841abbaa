"""Figures 5 to 8 of Williams et al. (2019), drawn from trajectories by the names of their runs."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.theory import ATTRACTOR, REPULSOR, classify_rays
from particleflow.trajectory import Trajectory

from .panels import draw_function
from .phase import draw_uv
from .style import (
    BLACK,
    BLUE,
    CENTIMETRE,
    GREY,
    PINK,
    STYLE,
    WIDTH,
    Picture,
    formula,
    opaque,
    ray_ends,
    uv_of,
)

Trajectories = Mapping[str, Trajectory]

_ARROWS = 21
"""Arrows in each row and in each column of the grid of figure 8."""


def draw_fig5(runs: Trajectories) -> Figure:
    """Figure 5: the function, the neurons in the uv-plane, and paths, in a row for each delta."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 12.5 * CENTIMETRE), layout="constrained")
        rows = figure.subplots(len(runs), 3, width_ratios=(1.25, 1.0, 1.0))
        for row, trajectory in zip(rows, runs.values(), strict=True):
            draw_function(row[0], trajectory)
            _say(row[0], rf"$\delta={_delta_raw(trajectory):g}$, $f$ and knots")
            draw_uv(row[1], trajectory, paths=False, is_linear=True)
            _say(row[1], "after training")
            draw_uv(row[2], trajectory, state=False, is_linear=True)
            _say(row[2], "paths of 100 neurons")
        _share_legends(figure, rows)
    return figure


def draw_fig6(runs: Trajectories) -> Figure:
    """Figure 6: the function at the start, and after training with and without rescaling.

    ``runs`` holds the original network first, and then the rescaled one, which starts from the same
    function.
    """
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6 * CENTIMETRE), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        one, two = runs.values()
        _draw_function(panels[0], one, 0, "start, both")
        _draw_function(panels[1], one, -1, r"end, $z=(a,b,c)$")
        _draw_function(panels[2], two, -1, r"end, $z=(10^3a,\,10^3b,\,10^{-3}c)$")
        panels[0].set_ylabel(r"$f(x)$, $y$")
        _legend_below(figure, panels[0])
    return figure


def draw_fig7(runs: Trajectories) -> Figure:
    """Figure 7: the function after training, in a panel for each number of neurons."""
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6 * CENTIMETRE), layout="constrained")
        panels = figure.subplots(1, len(runs), sharey=True)
        for ax, trajectory in zip(panels, runs.values(), strict=True):
            _draw_function(ax, trajectory, -1, rf"$m={trajectory.size:,}$")
        panels[0].set_ylabel(r"$f(x)$, $y$")
        _legend_below(figure, panels[0])
    return figure


def draw_fig8(runs: Trajectories) -> Figure:
    """Figure 8: the velocity of a particle in the uv-plane, the neurons there, and the function.

    Particles and neurons are those with rhat > 0.
    """
    (trajectory,) = runs.values()
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 12.5 * CENTIMETRE), layout="constrained")
        axes = figure.subplot_mosaic([["field", "uv"], ["f", "f"]], height_ratios=(1.6, 1.0))
        reach = _reach(trajectory)
        _draw_velocity(axes["field"], trajectory, reach)
        _draw_positive(axes["uv"], trajectory)
        for ax in (axes["field"], axes["uv"]):
            _draw_kinds(ax, trajectory, reach)
        _say(axes["field"], r"velocity of a particle with $\hat r>0$")
        _say(axes["uv"], r"neurons with $\hat r>0$")
        _draw_function(
            axes["f"], trajectory, -1, rf"$f$ at $\tau={formula(trajectory.time[-1], 6)}$"
        )
        axes["f"].set_ylabel(r"$f(x)$, $y$")
        opaque(axes["f"].legend(loc="center left", bbox_to_anchor=(1.0, 0.5)))
        handles, labels = axes["field"].get_legend_handles_labels()
        axes["uv"].legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _say(ax: Axes, title: str) -> None:
    """Give a panel a title in the place of its legend, which stands beside or below the panels."""
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    ax.set_title(title)


def _share_legends(figure: Figure, rows: np.ndarray) -> None:
    """Put one legend for the functions and the neurons of all rows below them."""
    handles, labels = rows[0, 0].get_legend_handles_labels()
    others = rows[0, 1].get_legend_handles_labels()
    # the labels are those of the first row: its last time is not named, for it stands for all rows
    names = ["$f$ after training" if name.startswith("$f$ at") and r"\tau=0$" not in name else name
             for name in labels]  # fmt: skip
    opaque(figure.legend(handles + others[0], names + others[1], loc="outside lower center",
                          ncols=7, handlelength=1.2, columnspacing=1.0))  # fmt: skip


def _legend_below(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    opaque(figure.legend(handles, labels, loc="outside lower center", ncols=3))


def _delta_raw(trajectory: Trajectory) -> float:
    """The delta that all neurons share, of raw parameters and to three digits."""
    a, b, c = trajectory.parameters(0)
    hat = float(np.median(c * c - a * a - b * b))
    return float(f"{hat * trajectory.alpha / trajectory.size:.3g}")


def _draw_function(ax: Axes, trajectory: Trajectory, frame: int, title: str) -> None:
    """Draw f at a frame with the samples and the knots, and nothing else, below a title."""
    draw_function(ax, trajectory, frame, plain=True)
    _say(ax, title)
    ax.set_ylabel("")


def _reach(trajectory: Trajectory) -> float:
    """Half the width of a square of the uv-plane that holds all neurons at the last frame."""
    return 1.1 * float(np.nanmax(np.abs(uv_of(trajectory.position(-1)))))


def _draw_velocity(ax: Axes, trajectory: Trajectory, reach: float) -> None:
    """Draw velocities as arrows of one length on a grid; the darker, the faster."""
    a, b, c = trajectory.parameters(-1)
    delta = float(np.mean(c * c - a * a - b * b))
    grid = np.linspace(-0.95, 0.95, _ARROWS) * reach
    u, v = np.meshgrid(grid, grid)
    du, dv = trajectory.field(-1, u, v, 1, delta)
    speed = np.hypot(du, dv)
    moves = np.isfinite(speed) & (speed > 0.0)
    u, v, du, dv, speed = (values[moves] for values in (u, v, du, dv, speed))
    shade = np.log10(speed)
    # arrows are a little shorter than the grid is wide, and the slowest ones still not white
    ax.quiver(
        u, v, du / speed, dv / speed, shade, cmap="Greys", clim=(shade.min() - 1.0, shade.max()),
        pivot="mid", scale=1.3 * _ARROWS, width=0.004, zorder=2,
    )  # fmt: skip


def _draw_positive(ax: Axes, trajectory: Trajectory) -> None:
    position = trajectory.position(-1)
    points = uv_of(position)[position[:, 0] > 0.0]
    ax.plot(*points.T, ".", ms=2.5, mew=0, color=BLACK, zorder=3)


def _draw_kinds(ax: Axes, trajectory: Trajectory, reach: float) -> None:
    """Draw the rays: those that attract particles with rhat > 0, and others (Lemma 1)."""
    samples = trajectory.samples
    residual = trajectory.predict(-1, samples.x) - samples.y
    x = samples.network_x
    kinds = classify_rays(x, residual, 1, samples.weights)
    looks: dict[str, dict[str, Any]] = {
        ATTRACTOR: {"color": BLUE, "lw": 1.4, "label": "attractor"},
        REPULSOR: {"color": PINK, "lw": 1.4, "ls": (0, (3, 1.5)), "label": "repulsor"},
    }
    other: dict[str, Any] = {"color": GREY, "lw": 0.4, "label": "other ray"}
    seen = set()
    for kind, (u, v) in zip(kinds.tolist(), ray_ends(x, reach), strict=True):
        look = dict(looks.get(kind, other))
        # only the first ray of a kind has a label, so that the legend names the kind once
        if look["label"] in seen:
            del look["label"]
        else:
            seen.add(look["label"])
        ax.plot([0.0, u], [0.0, v], zorder=1, **look)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel(r"$u=\hat r\,\cos\theta$")
    ax.set_ylabel(r"$v=\hat r\,\sin\theta$")
