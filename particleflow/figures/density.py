"""The picture of the density of neurons over (theta, rhat)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from particleflow.trajectory import Trajectory

from .phase import frame_cylinder
from .style import SHARES, colour_bar, empty, formula, shown, tell

_COLUMNS, _ROWS = 120, 80


def draw_density(ax: Axes, trajectory: Trajectory, frame: int = -1) -> Axes:
    """The share of the recorded neurons in each field of a grid on the cylinder at a frame.

    Neurons count by their weights. The grid is even on the axis of rhat, which is linear up to the
    median of |rhat| and logarithmic beyond if the largest is far above it.
    """
    position = trajectory.position(frame).astype(np.float64)
    finite = np.isfinite(position).all(axis=1)
    if not finite.any():
        return empty(ax, "no position is finite")
    rhat, theta = position[finite].T
    mass = trajectory.mass
    weights = np.full(rhat.size, 1.0 / finite.size) if mass is None else mass[finite] / mass.sum()
    frame_cylinder(ax, rhat)
    # the rows are even in what the axis shows, linear or not
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    rows = scale.inverted().transform(np.linspace(low, high, _ROWS + 1))
    columns = np.linspace(-np.pi, np.pi, _COLUMNS + 1)
    shares, _, _ = np.histogram2d(theta, rhat, [columns, rows], weights=weights)
    if not shares.any():
        return empty(ax, "all neurons are tracers")
    norm = LogNorm(shares[shares > 0.0].min(), shares.max())
    mesh = ax.pcolormesh(
        columns, rows, np.where(shares > 0.0, shares, np.nan).T, cmap=SHARES, norm=norm,
        rasterized=True,
    )  # fmt: skip
    what = "share of the neurons" if mass is None else "share of the weight"
    colour_bar(ax, mesh, rf"{what} at $\tau={formula(trajectory.time[frame], 4)}$")
    tell(ax, shown(trajectory.ids.size, trajectory.size, "neurons"))
    return ax
