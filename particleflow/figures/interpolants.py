"""The network function beside the interpolants that limits of training lead to."""

import numpy as np
from matplotlib.axes import Axes

from particleflow.theory import natural_spline
from particleflow.trajectory import Trajectory

from .panels import window
from .samples import draw_samples, x_label, y_label
from .style import BLUE, GREEN, ORANGE, empty, formula, legend_above

_POINTS = 1000


def draw_interpolants(ax: Axes, trajectory: Trajectory, frame: int = -1) -> Axes:
    """f at a frame, the natural cubic spline through the samples, and their linear interpolant.

    The kernel regime leads to splines if f vanishes at the start (Williams et al., Proposition 6);
    knots on samples alone make the linear interpolant. Outside of the samples' interval the spline
    goes on linearly, as natural splines do, and the linear interpolant is not drawn. The text has
    the root mean square distance of f from each over the interval.
    """
    samples = trajectory.samples
    if trajectory.ids.size < trajectory.size:
        return empty(ax, "the function needs all neurons")
    if samples.size < 2:
        return empty(ax, "interpolants need two samples")
    lo, hi = window(trajectory)
    x = np.union1d(np.linspace(lo, hi, _POINTS), samples.x)
    inside = (x >= samples.x[0]) & (x <= samples.x[-1])
    f = trajectory.predict(frame, x)
    others = {
        "cubic spline": (natural_spline(samples.x, samples.y)(x), GREEN, "--"),
        "linear": (np.interp(x, samples.x, samples.y), ORANGE, ":"),
    }
    for name, (values, colour, dashes) in others.items():
        distance = float(np.sqrt(np.mean((f - values)[inside] ** 2)))
        shown = inside if name == "linear" else np.full(x.size, True)
        ax.plot(x[shown], values[shown], dashes, color=colour, lw=1.0,
                label=rf"{name}, distance ${formula(distance, 2)}$")  # fmt: skip
    tau = formula(trajectory.time[frame], 4)
    ax.plot(x, f, color=BLUE, zorder=3, label=rf"$f$ at $\tau={tau}$")
    draw_samples(ax, samples)
    ax.set_xlim(lo, hi)
    ax.margins(y=0.12)
    ax.set_xlabel(x_label(samples))
    ax.set_ylabel(y_label(samples))
    legend_above(ax, 2)
    return ax
