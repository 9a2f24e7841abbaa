"""Pictures of the function, the loss and the residuals of a trajectory."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from particleflow.trajectory import Trajectory

from .phase import MOST_POINTS, attracted_colours
from .samples import draw_marks, x_label, y_label
from .style import (
    BLACK,
    BLUE,
    GREY,
    LINES,
    ORANGE,
    SIGNS,
    colour_bar,
    empty,
    formula,
    legend_above,
    mark,
    opaque,
    shown,
    tell,
    thin,
    time_axis,
)

_MOST_LINES = 200


def window(trajectory: Trajectory) -> tuple[float, float]:
    """The interval of x over which the function is drawn: the samples' and a tenth more."""
    x = trajectory.samples.x
    margin = 0.1 * float(x[-1] - x[0]) or 1.0  # a single sample has no interval
    return float(x[0]) - margin, float(x[-1]) + margin


def draw_function(
    ax: Axes, trajectory: Trajectory, frame: int = -1, *, plain: bool = False
) -> Axes:
    """The network function at the start and at a frame, the samples, and the knots as a rug.

    Samples are filled with the colours of the neurons that they attract. With ``plain`` both the
    function at the start and these colours are left out. Of a file without all neurons only the
    values f(x_j) at the samples are known, and drawn if residuals were recorded.
    """
    samples = trajectory.samples
    lo, hi = window(trajectory)
    tau = trajectory.time[frame]
    e = trajectory.knots(frame)
    if trajectory.mass is not None:
        e = e[trajectory.mass > 0.0]  # f has no knots at tracers
    if trajectory.ids.size == trajectory.size:
        inside = np.unique(e[(e > lo) & (e < hi)])
        # f is linear between its knots: with them among the points the line has its sharp kinks
        x = np.union1d(np.linspace(lo, hi, 1000), thin(inside, MOST_POINTS))
        if not plain:
            ax.plot(x, trajectory.predict(0, x), color=GREY, lw=0.8, label=r"$f$ at $\tau=0$")
        ax.plot(x, trajectory.predict(frame, x), color=BLUE, zorder=4,
                label="$f$" if plain else rf"$f$ at $\tau={formula(tau, 4)}$")  # fmt: skip
    elif "residual" in trajectory.observables and trajectory.residual.size:
        times, residual = trajectory.observable("residual")
        nearest = int(np.abs(times - tau).argmin())
        ax.plot(samples.x, samples.y + residual[nearest], ".", ms=3, color=BLUE,
                label=rf"$f(x_j)$ at $\tau={formula(times[nearest], 4)}$")  # fmt: skip
    _draw_samples(ax, trajectory, None if plain else attracted_colours(trajectory, frame))
    within = e[(e > lo) & (e < hi)]
    rug = thin(within, MOST_POINTS)
    ax.plot(
        rug, np.full(rug.size, 0.015), "|", color=GREY, ms=6, mew=0.4,
        transform=ax.get_xaxis_transform(), label="knots",
    )  # fmt: skip
    ax.set_xlim(lo, hi)
    ax.margins(y=0.12)
    opaque(legend_above(ax, 2, columnspacing=0.8))
    ax.set_xlabel(x_label(samples))
    ax.set_ylabel(y_label(samples))
    of_all = shown(trajectory.ids.size, trajectory.size, "neurons")
    tell(ax, shown(rug.size, within.size, "knots"), of_all)
    return ax


def _draw_samples(ax: Axes, trajectory: Trajectory, colours: list[str] | None) -> None:
    """Draw the samples; their halves are filled with the colours of `attracted_colours`, if given.

    The right half of a sample has the colour of the sign of rhat of the neurons that it attracts
    among those that are active to the right of their knot, the left half among the others
    (Williams et al., Lemma 1). More than 200 samples are points below the function.
    """
    samples = trajectory.samples
    x, y, s = samples.x, samples.y, samples.size
    if s > _MOST_LINES:  # circles would hide the function
        ax.plot(x, y, ".", ms=2.0, mew=0, color=GREY, zorder=2, label="samples")
        return
    size = 4.5
    style: dict[str, Any] = {"ls": "none", "marker": "o", "mec": BLACK, "mew": 0.6}
    sizes = draw_marks(ax, samples, size)
    ax.plot([], [], mfc="white", label="samples", ms=size, **style)
    if colours is None:
        return
    for j in range(s):
        right, left = colours[j], colours[s + j]
        if right != GREY or left != GREY:
            halves = [c if c != GREY else "white" for c in (left, right)]
            ax.plot(x[j], y[j], fillstyle="left", mfc=halves[0], mfcalt=halves[1], zorder=6,
                    ms=sizes[j], **style)  # fmt: skip
    for (_, colour, name), side in zip(SIGNS, ("left", "right"), strict=True):
        half: dict[str, Any] = {"fillstyle": side, "mfc": colour, "mfcalt": "white", "ms": size}
        ax.plot([], [], label=f"attracts {name}, active {side}", **half, **style)


def draw_loss(ax: Axes, trajectory: Trajectory) -> Axes:
    """The loss over time."""
    if "loss" not in trajectory.observables:
        return empty(ax, "loss was not recorded")
    counts = trajectory.acknowledged()  # a run may go on writing between two looks
    tau, loss = trajectory.observable("loss", counts)
    loss = np.where(np.isfinite(loss), loss, np.nan)
    ax.plot(tau, loss, marker=mark(tau), color=BLUE)
    if "penalty" in trajectory.observables:
        penalty = trajectory.observable("penalty", counts)[1]
        ax.plot(tau, loss + penalty, color=ORANGE, label="with the penalty of weight decay")
        legend_above(ax, 1)
    finite = loss[np.isfinite(loss)]
    if finite.size and (finite > 0.0).all() and finite.max() > 3.0 * finite.min():
        ax.set_yscale("log")
    time_axis(ax, tau)
    samples = trajectory.samples
    if samples.has_repeats:
        ax.axhline(samples.loss_within, color=GREY, lw=0.6, ls="--", label="within equal $x$")
        legend_above(ax, 1)
    formula = r"\frac{1}{2}\sum_j" + ("w_j" if samples.is_weighted else "") + r"\rho_j^2"
    ax.set_ylabel("loss $L$ of all rows" if samples.has_repeats else f"loss $L={formula}$")
    return ax


def draw_residuals(ax: Axes, trajectory: Trajectory) -> Axes:
    """The residual of every sample over time, coloured by its x."""
    if "residual" not in trajectory.observables:
        return empty(ax, "residuals were not recorded")
    tau, residual = trajectory.observable("residual")
    x = trajectory.samples.x
    chosen = thin(np.arange(x.size), _MOST_LINES)
    colours = LINES
    norm = mpl.colors.Normalize(x[0], x[-1])
    for j in chosen:
        rho = np.where(np.isfinite(residual[:, j]), residual[:, j], np.nan)
        ax.plot(tau, rho, marker=mark(tau), color=colours(norm(x[j])), lw=0.8)
    ax.axhline(0.0, color=BLACK, lw=0.4)
    time_axis(ax, tau)
    ax.set_ylabel(r"residual $\rho_j=f(x_j)-y_j$")
    colour_bar(ax, mpl.cm.ScalarMappable(norm, colours), r"$x_j$")
    tell(ax, shown(chosen.size, x.size, "samples"))
    return ax
