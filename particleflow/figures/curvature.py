"""The picture of f'', which is a sum of masses on the knots."""

import numpy as np
from matplotlib.axes import Axes

from particleflow.theory import smoothed_curvature
from particleflow.trajectory import Trajectory

from .panels import window
from .samples import x_label
from .style import BLACK, BLUE, GREY, ORANGE, empty, formula, legend_above, shown, tell

_MOST_STEMS = 500
_MOST_SAMPLES = 64
_WIDTHS = 40
"""The smoothed density spreads each mass over a triangle of a fortieth of the window on a side."""


def draw_curvature(ax: Axes, trajectory: Trajectory, frame: int = -1) -> Axes:
    """f'' at a frame: a stem for each knot, as high as the change of slope there, and its density.

    The stems (left axis) are the masses of f'' (Williams et al., Lemma 7), those of the same knot
    added; of more than 500 the largest are drawn. The line (right axis) is the density of f'' if
    each mass is spread over a triangle, which shows a smooth f'' where many small masses make one.
    """
    if trajectory.ids.size < trajectory.size:
        return empty(ax, "the curvature needs all neurons")
    if not np.isfinite(trajectory.position(frame)).all():
        return empty(ax, "positions are not finite")
    lo, hi = window(trajectory)
    measure = trajectory.curvature(frame)
    within = np.flatnonzero((measure.knots >= lo) & (measure.knots <= hi) & (measure.masses != 0.0))
    largest = within[np.argsort(-np.abs(measure.masses[within]), kind="stable")][:_MOST_STEMS]
    knots, masses = measure.knots[largest], measure.masses[largest]
    for sign, colour, name in ((1, BLUE, "convex"), (-1, ORANGE, "concave")):
        own = np.sign(masses) == sign
        ax.vlines(knots[own], 0.0, masses[own], color=colour, lw=0.8)
        ax.plot(knots[own], masses[own], ".", ms=3.0, color=colour, label=f"{name} kinks")
    ax.axhline(0.0, color=BLACK, lw=0.4)
    samples = trajectory.samples
    if samples.size <= _MOST_SAMPLES:
        for x in samples.x:
            ax.axvline(x, color=GREY, lw=0.3, zorder=0)
        ax.plot([], [], color=GREY, lw=0.3, label="samples")
    x = np.linspace(lo, hi, 500)
    density = smoothed_curvature(measure, x, (hi - lo) / _WIDTHS)
    right = ax.twinx()
    right.set_label("<right>")
    right.plot(x, density, color=BLACK, lw=0.7)
    ax.plot([], [], color=BLACK, lw=0.7, label="smoothed density")
    reach = 1.1 * float(np.abs(density).max()) or 1.0
    right.set_ylim(-reach, reach)
    right.set_ylabel("smoothed $f''$")
    right.spines["right"].set_visible(True)
    highest = 1.1 * float(np.abs(masses).max(initial=0.0)) or 1.0
    ax.set_ylim(-highest, highest)
    ax.set_xlim(lo, hi)
    ax.set_xlabel(x_label(samples))
    ax.set_ylabel(rf"change of slope at $\tau={formula(trajectory.time[frame], 4)}$")
    legend_above(ax, 2)
    tell(ax, shown(largest.size, within.size, "kinks, the largest"))
    return ax
