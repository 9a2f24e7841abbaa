"""A picture of early alignment: directions of neurons, the functions at the end, and the losses."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.theory import extremal_directions
from particleflow.trajectory import Trajectory

from .samples import draw_marks
from .style import BLUE, CENTIMETRE, GREEN, GREY, ORANGE, STYLE, WIDTH, Picture, opaque

_LOOKS: dict[str, dict[str, Any]] = {
    "balanced": {"color": BLUE, "lw": 2.8},
    "gaussian": {"color": ORANGE, "lw": 1.6},
    "dominated": {"color": GREEN, "lw": 0.8},
}
"""Colours, and widths by which curves that agree are all seen."""
_SHOWN = 80
"""Neurons whose directions are drawn, about."""
_POINTS = 401


def draw_alignment(runs: Mapping[str, Trajectory]) -> Figure:
    """A row for each data set: directions over time, f at the end, and the loss over time.

    ``runs`` are named DATA-START. Directions are those of neurons with rhat > 0 of the balanced
    start; dashed are those in which such neurons gather as long as f is small.
    """
    by_data: dict[str, dict[str, Trajectory]] = {}
    for name, trajectory in runs.items():
        data, _, start = name.partition("-")
        by_data.setdefault(data, {})[start] = trajectory
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 5.6 * CENTIMETRE * len(by_data)), layout="constrained")
        rows = figure.subplots(len(by_data), 3, squeeze=False)
        for row, (data, starts) in zip(rows, by_data.items(), strict=True):
            _draw_directions(row[0], starts["balanced"])
            row[0].set_title(f"{data} samples, balanced start")
            _draw_functions(row[1], starts)
            _draw_losses(row[2], starts)
        handles, labels = rows[0, 1].get_legend_handles_labels()
        opaque(figure.legend(handles, labels, loc="outside lower center", ncols=len(labels)))
    return figure


def _draw_directions(ax: Axes, trajectory: Trajectory) -> None:
    """theta of some neurons with rhat > 0 over time, until they die."""
    samples, rows = trajectory.samples, slice(0, None, max(1, trajectory.ids.size // (2 * _SHOWN)))
    position, cell = trajectory.position(slice(None), rows), trajectory.cell(slice(None), rows)
    chosen = position[0, :, 0] > 0.0
    theta = np.where(cell == samples.size, np.nan, position[..., 1])[:, chosen]
    # a line would cross the picture where theta passes from pi to -pi
    jumps = np.abs(np.diff(theta, axis=0)) > np.pi
    theta[1:][jumps] = np.nan
    ax.plot(trajectory.time[1:], theta[1:], color=BLUE, lw=0.3, alpha=0.9)
    for angle in extremal_directions(samples.network_x, -samples.y, 1, samples.weights):
        ax.axhline(angle, color=GREY, lw=1.0, ls="--")
    ax.set_xscale("log")
    ax.set_ylim(-np.pi, np.pi)
    ax.set_yticks([-np.pi, 0.0, np.pi], [r"$-\pi$", "0", r"$\pi$"])
    ax.set_xlabel(r"mean-field time $\tau$")
    ax.set_ylabel(r"$\theta$")


def _draw_functions(ax: Axes, starts: Mapping[str, Trajectory]) -> None:
    samples = next(iter(starts.values())).samples
    x = np.linspace(samples.x[0], samples.x[-1], _POINTS)
    line = np.polynomial.Polynomial.fit(samples.x, samples.y, 1)
    ax.plot(x, line(x), "--", color=GREY, lw=1.0, label="line of least squares")
    for start, trajectory in starts.items():
        ax.plot(x, trajectory.predict(-1, x), label=start, **_LOOKS[start])
    draw_marks(ax, samples, 3.0)
    ax.set_title("$f$ at the end")
    ax.set_xlabel("$x$")


def _draw_losses(ax: Axes, starts: Mapping[str, Trajectory]) -> None:
    for start, trajectory in starts.items():
        time, loss = trajectory.observable("loss")
        ax.loglog(time[1:], np.maximum(loss[1:], 1e-12), **_LOOKS[start])
    ax.set_title("loss")
    ax.set_xlabel(r"mean-field time $\tau$")
