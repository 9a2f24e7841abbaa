"""Several runs in one picture: two beside each other, or the band of many starts."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.arguments import Array
from particleflow.errors import TrajectoryError
from particleflow.trajectory import Trajectory

from .panels import window
from .samples import draw_samples, x_label, y_label
from .style import (
    BLUE,
    CENTIMETRE,
    GREY,
    ORANGE,
    STYLE,
    WIDTH,
    Picture,
    legend_above,
    time_axis,
)

_POINTS = 600


def plot_compared(trajectories: Sequence[Trajectory]) -> Figure:
    """A picture of several runs on the same samples, as wide as a page: f at the end, and the loss.

    Of two runs both are drawn, in two colours, and the difference of f. Of three or more, such as
    runs of several seeds, the median is drawn and a band from the lowest to the highest; of losses
    above 0 it is the geometric mean in place of the median.

    Raises
    ------
    TrajectoryError
        There are fewer than two runs, their samples differ, or one has no frame or not all neurons.
    """
    _check(trajectories)
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(WIDTH, 6.5 * CENTIMETRE), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1.0))
        draw_functions(left, trajectories)
        draw_losses(right, trajectories)
    return figure


def _check(trajectories: Sequence[Trajectory]) -> None:
    if len(trajectories) < 2:
        raise TrajectoryError(f"expected two or more trajectories, found {len(trajectories)}")
    first = trajectories[0].samples
    for trajectory in trajectories:
        if not trajectory.frames:
            raise TrajectoryError(f"{trajectory.path}: has no complete frame to draw")
        if trajectory.ids.size < trajectory.size:
            raise TrajectoryError(f"{trajectory.path}: has not all neurons, which f needs")
        own = trajectory.samples
        if not (np.array_equal(own.x, first.x) and np.array_equal(own.y, first.y)):
            raise TrajectoryError(
                f"{trajectory.path}: has other samples than {trajectories[0].path}"
            )


def draw_functions(ax: Axes, trajectories: Sequence[Trajectory]) -> Axes:
    """f at the last frame of several runs on the same samples, as `plot_compared` says."""
    samples = trajectories[0].samples
    lo, hi = window(trajectories[0])
    x = np.union1d(np.linspace(lo, hi, _POINTS), samples.x)
    f = np.stack([trajectory.predict(-1, x) for trajectory in trajectories])
    if len(f) == 2:
        for trajectory, values, colour, dashes in zip(
            trajectories, f, (BLUE, ORANGE), ("-", "--"), strict=True
        ):
            ax.plot(x, values, dashes, color=colour, label=_name(trajectory))
        largest = float(np.abs(f[1] - f[0]).max())
        ax.plot(x, f[1] - f[0], color=GREY, lw=0.8, label=f"difference, at most {largest:.2g}")
    else:
        ax.fill_between(x, f.min(axis=0), f.max(axis=0), color=BLUE, alpha=0.35, lw=0,
                        label=f"all {len(f)} runs")  # fmt: skip
        ax.plot(x, np.median(f, axis=0), color=BLUE, label="median")
    draw_samples(ax, samples)
    ax.set_xlim(lo, hi)
    ax.set_xlabel(x_label(samples))
    ax.set_ylabel(y_label(samples))
    legend_above(ax, 2)
    return ax


def _name(trajectory: Trajectory) -> str:
    return trajectory.path.name.replace("$", r"\$")


def draw_losses(ax: Axes, trajectories: Sequence[Trajectory]) -> Axes:
    """The loss of several runs over time, as `plot_compared` says."""
    curves = [trajectory.observable("loss") for trajectory in trajectories]
    if len(curves) == 2:
        for (tau, loss), colour, dashes in zip(curves, (BLUE, ORANGE), ("-", "--"), strict=True):
            ax.plot(tau, loss, dashes, color=colour)
    else:
        tau, losses = _on_common_times(curves)
        is_positive = bool((losses > 0.0).all())
        middle = np.exp(np.log(losses).mean(axis=0)) if is_positive else np.median(losses, axis=0)
        ax.fill_between(tau, losses.min(axis=0), losses.max(axis=0), color=BLUE, alpha=0.35, lw=0)
        ax.plot(tau, middle, color=BLUE, label="geometric mean" if is_positive else "median")
        legend_above(ax, 1)
    known = np.concatenate([loss[np.isfinite(loss)] for _, loss in curves])
    if known.size and known.min() > 0.0 and known.max() > 3.0 * known.min():
        ax.set_yscale("log")
    time_axis(ax, curves[0][0])
    ax.set_ylabel("loss")
    return ax


def _on_common_times(curves: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Losses at the times of the first run that all of them cover, (k, t), interpolated."""
    end = min(float(tau[-1]) for tau, _ in curves)
    times = curves[0][0][curves[0][0] <= end]
    return times, np.stack([np.interp(times, tau, loss) for tau, loss in curves])
