"""Pictures of where the neurons are: their shares in each sector and on each ray over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from particleflow.trajectory import Trajectory

from .phase import path_frames
from .style import SHARES, colour_bar, edges, empty, shown, tell, time_axis

_MOST_ROWS = 128


def draw_sectors(ax: Axes, trajectory: Trajectory) -> Axes:
    """The share of the recorded neurons in each sector over time; sector s holds the dead ones.

    Neurons count by their weights, if they have any.
    """
    s = trajectory.samples.size
    tau, counts = _counts(trajectory)
    _draw(ax, tau, counts[:, : 2 * s], _what(trajectory))
    tell(ax, _thinned(trajectory, tau))
    ax.set_ylabel("sector")
    ax.set_yticks([0, s, 2 * s - 1], ["0, all active", f"{s}, dead", f"{2 * s - 1}"])
    return ax


def draw_rays(ax: Axes, trajectory: Trajectory) -> Axes:
    """The share of the recorded neurons that slide on each ray over time, by their weights."""
    s = trajectory.samples.size
    tau, counts = _counts(trajectory)
    if not counts[:, 2 * s : 4 * s].any():
        at = shown(tau.size, trajectory.frames, "frames")
        return empty(ax, "no neuron slides on a sample" + (f"\nat {at}" if at else ""))
    _draw(ax, tau, counts[:, 2 * s : 4 * s], _what(trajectory))
    tell(ax, _thinned(trajectory, tau))
    ax.set_ylabel("ray on which they slide")
    ax.set_yticks([0, s, 2 * s - 1], ["0, rightwards", f"{s}, leftwards", f"{2 * s - 1}"])
    return ax


def _counts(trajectory: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Times of at most 64 frames, (t,), and shares of the neurons in each cell, (t, 4 s + 1).

    Neurons count by their weights.
    """
    frames = path_frames(trajectory.frames, trajectory.ids.size)
    n_cells, mass = 4 * trajectory.samples.size + 1, _mass(trajectory)
    counts = [np.bincount(trajectory.cell(frame), mass, n_cells) for frame in frames]
    total = trajectory.ids.size if mass is None else mass.sum()
    return trajectory.time[frames], np.array(counts) / total


def _mass(trajectory: Trajectory) -> np.ndarray | None:
    """The weights by which the recorded neurons count; None if all count alike, as tracers do."""
    mass = trajectory.mass
    return mass if mass is not None and mass.any() else None


def _thinned(trajectory: Trajectory, tau: np.ndarray) -> str:
    return shown(tau.size, trajectory.frames, "frames")


def _what(trajectory: Trajectory) -> str:
    """What the colours show."""
    return "share of the neurons" if _mass(trajectory) is None else "share of the weight"


def _draw(ax: Axes, tau: np.ndarray, shares: np.ndarray, what: str) -> None:
    if not shares.any():
        empty(ax, "all neurons rest in the origin, or slide on samples")
        return
    limits = edges(tau)
    if tau.size > 1:
        # beyond the first and the last frame nothing is known
        limits[0], limits[-1] = tau[0], tau[-1]
    wide = -(-shares.shape[1] // _MOST_ROWS)  # neighbours that are drawn as one row, to be seen
    rows = np.arange(0, shares.shape[1], wide)
    shares = np.add.reduceat(shares, rows, axis=1)
    mesh = ax.pcolormesh(
        limits, np.append(rows, rows[-1] + wide) - 0.5, np.where(shares > 0.0, shares, np.nan).T,
        cmap=SHARES, norm=LogNorm(shares[shares > 0.0].min(), shares.max()), rasterized=True,
    )  # fmt: skip
    time_axis(ax, tau)
    ax.invert_yaxis()  # sector 0 is the topmost
    colour_bar(ax, mesh, what + (f" in {wide} rows" if wide > 1 else ""))
