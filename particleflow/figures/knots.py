"""The picture of knots over time."""

import numpy as np
from matplotlib.axes import Axes

from particleflow.trajectory import Trajectory

from .samples import x_label
from .style import BLACK, GREY, SIGNS, legend_above, mark, shown, tell, time_axis

_MOST_PATHS = 200
_MOST_FRAMES = 1000
_MOST_SAMPLES = 64
_MARGIN = 0.25
"""How far knots are shown beyond the outermost samples, in units of the samples' range."""


def draw_knots(ax: Axes, trajectory: Trajectory) -> Axes:
    """Knots of at most 200 evenly spread neurons over time, and a line at each sample's x.

    Knots have the colour of the sign of their neuron's rhat. The knot of a neuron that slides lies
    on the line of its sample. More than 64 samples are not drawn.
    """
    samples, n = trajectory.samples, trajectory.ids.size
    margin = _MARGIN * float(samples.x[-1] - samples.x[0]) or 1.0  # of a single sample
    lo, hi = samples.x[0] - margin, samples.x[-1] + margin
    neurons = slice(None, None, -(-n // _MOST_PATHS))
    frames = slice(None, None, -(-trajectory.frames // _MOST_FRAMES))
    tau = trajectory.time[frames]
    knots = trajectory.knots(frames, neurons)
    knots[(knots < lo) | (knots > hi)] = np.nan
    rhat = trajectory.position(frames, neurons)[..., 0]
    for sign, colour, name in SIGNS:
        own = np.where(np.sign(rhat) == sign, knots, np.nan)
        ax.plot(tau, own, marker=mark(tau), color=colour, lw=0.4, alpha=0.9)
        ax.plot([], [], color=colour, label=name)
    if samples.size <= _MOST_SAMPLES:
        ax.hlines(samples.x, tau[0], tau[-1], color=GREY, lw=0.3, zorder=0)
        marks = np.full(samples.size, 1.0)  # the right edge of the axes, in the transform below
        ax.plot(marks, samples.x, "o", ms=3.0, mfc="white", mec=BLACK, mew=0.6, clip_on=False,
                transform=ax.get_yaxis_transform(), label="samples")  # fmt: skip
    time_axis(ax, tau)
    ax.set_ylim(lo, hi)
    legend_above(ax, 3)
    name = x_label(samples)
    ax.set_ylabel(r"knot $-b/a$" + ("" if name == r"$x$" else f", in {name}"))
    tell(ax, shown(knots.shape[1], n, "neurons"), shown(tau.size, trajectory.frames, "frames"))
    return ax
