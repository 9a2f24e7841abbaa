"""Pictures of neurons in their phase space: the uv-plane, and the cylinder (rhat, theta)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from particleflow.arguments import Array
from particleflow.model.coordinates import ray_angles
from particleflow.theory import ATTRACTOR, classify_rays
from particleflow.trajectory import Trajectory

from .style import (
    BLUE,
    GREY,
    ORANGE,
    SIGNS,
    legend_above,
    ray_ends,
    shown,
    tell,
    thin,
    uv_of,
)

MOST_POINTS = 4000
_MOST_PATHS = 100
_MOST_FRAMES = 64
_MOST_READ = 20_000_000
"""Neurons that are read for paths, over all frames together."""
_PLAIN_NUMBERS = -3, 4
"""Powers of ten between which numbers at an axis have no factor."""
_MOST_RAYS = 64
_MOST_CIRCLES = 3


def draw_uv(
    ax: Axes,
    trajectory: Trajectory,
    frame: int = -1,
    *,
    state: bool = True,
    paths: bool = True,
    is_linear: bool = False,
) -> Axes:
    """Neurons in the plane (u, v) = |rhat| (cos theta, sin theta) at a frame, and paths up to it.

    Rays that attract have the colour of the sign of rhat of the neurons that slide on them. Without
    ``state`` only the neurons whose paths are drawn are shown, and without ``paths`` no paths. If
    the median of |rhat| is far below the largest, distances from the origin are drawn linear up to
    the median and logarithmic beyond, and circles mark powers of ten, unless it ``is_linear``.
    """
    points, ways = _points(trajectory, frame).astype(np.float64), _ways(trajectory, frame)
    sizes = np.abs(points[:, 0])
    sizes = sizes[np.isfinite(sizes)]
    middle = float(np.median(sizes)) if sizes.size else 0.0
    largest = float(np.max(sizes, initial=1e-12))
    unit = middle if 0.0 < middle < 0.1 * largest and not is_linear else np.inf
    last, (rhat, theta) = uv_of(_squeezed(points, unit)), np.moveaxis(_squeezed(ways, unit), -1, 0)
    for sign, colour, name in SIGNS:
        u = np.where(np.sign(rhat) == sign, np.abs(rhat) * np.cos(theta), np.nan)
        v = np.where(np.sign(rhat) == sign, np.abs(rhat) * np.sin(theta), np.nan)
        if paths:
            ax.plot(u, v, color=colour, lw=0.35 if state else 0.5, alpha=0.9)
        ends = last[np.sign(points[:, 0]) == sign] if state else np.stack([u[-1], v[-1]], axis=1)
        ax.plot(*ends.T, ".", ms=2.5, mew=0, color=colour, label=name, zorder=3)
    shown_sizes = np.abs(np.concatenate([last.ravel(), rhat.ravel()]))
    reach = 1.1 * float(np.max(shown_sizes, initial=1e-12, where=np.isfinite(shown_sizes)))
    _draw_rays(ax, trajectory, frame, reach)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel(r"$u=|\hat r|\,\cos\theta$")
    ax.set_ylabel(r"$v=|\hat r|\,\sin\theta$")
    if unit < np.inf:
        _draw_circles(ax, unit, largest)
    else:
        ax.ticklabel_format(scilimits=_PLAIN_NUMBERS, useMathText=True)
    _tell(ax, trajectory, frame, points if state else None, ways if paths else None)
    legend_above(ax, 3, handlelength=1.6, markerscale=2)
    return ax


def _squeezed(position: np.ndarray, unit: float) -> np.ndarray:
    """Positions with unit asinh(rhat / unit) for rhat: linear up to it, logarithmic beyond."""
    if unit == np.inf:
        return position
    out = position.copy()
    out[..., 0] = unit * np.arcsinh(position[..., 0] / unit)
    return out


def _draw_circles(ax: Axes, unit: float, largest: float) -> None:
    """Mark |rhat| at powers of ten, on a plane whose radii are squeezed."""
    powers = 10.0 ** np.arange(np.ceil(np.log10(1.2 * unit)), np.log10(1.1 * largest))
    powers = powers[:: -(-powers.size // _MOST_CIRCLES)] if powers.size else powers
    radii = unit * np.arcsinh(powers / unit)
    for radius in radii:
        ax.add_patch(Circle((0.0, 0.0), radius, fill=False, ec=GREY, lw=0.3, zorder=0))
    names = [f"$10^{{{round(np.log10(power))}}}$" for power in powers]
    ticks = [*-radii[::-1], 0.0, *radii]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [*names[::-1], "0", *names])
    ax.set_xlabel(r"$u=|\hat r|\,\cos\theta$; circles are $|\hat r|$")


def draw_cylinder(ax: Axes, trajectory: Trajectory, frame: int = -1, *, paths: bool = True) -> Axes:
    """Neurons over (theta, rhat) at a frame, paths up to it, and the angles of the rays.

    If the median of |rhat| is far below the largest, the scale of rhat is linear up to the median
    and logarithmic beyond. A ray that attracts is drawn in the colour of the sign of rhat of the
    neurons that slide on it, on the half of the cylinder on which they are.
    """
    points, ways = _points(trajectory, frame), _ways(trajectory, frame)
    rhat, theta = ways[..., 0].copy(), ways[..., 1]
    rhat[1:][np.abs(np.diff(theta, axis=0)) > np.pi] = np.nan  # no line around the cylinder
    for sign, colour, name in SIGNS:
        if paths:
            own = np.where(np.sign(rhat) == sign, rhat, np.nan)
            ax.plot(theta, own, color=colour, lw=0.35, alpha=0.9)
        own = points[np.sign(points[:, 0]) == sign]
        ax.plot(own[:, 1], own[:, 0], ".", ms=2.5, mew=0, color=colour, label=name, zorder=3)
    frame_cylinder(ax, points[:, 0])
    _draw_angles(ax, trajectory, frame)
    _tell(ax, trajectory, frame, points, ways if paths else None)
    legend_above(ax, 3, handlelength=1.6, markerscale=2)
    return ax


def _tell(
    ax: Axes,
    trajectory: Trajectory,
    frame: int,
    points: np.ndarray | None,
    ways: np.ndarray | None,
) -> None:
    """Say below the axes how many of the neurons, paths and frames are shown, if not all are."""
    m, parts = trajectory.size, []
    if points is not None:
        parts.append(shown(points.shape[0], m, "neurons"))
    if ways is not None:
        frames = frame % trajectory.frames + 1
        parts.append(shown(ways.shape[1], m, "paths"))
        parts.append(shown(ways.shape[0], frames, "frames along them"))
    tell(ax, *parts)


def frame_cylinder(ax: Axes, rhat: Array) -> None:
    """Set the limits, scales and labels of a picture of the cylinder for neurons with this rhat."""
    sizes = np.abs(rhat[np.isfinite(rhat)])
    reach = float(np.max(sizes, initial=1e-12))
    middle = max(1e-3 * reach, float(np.median(sizes)) if sizes.size else reach)
    ax.set_ylabel(r"$\hat r$")
    if middle < 0.1 * reach:
        ax.set_yscale("symlog", linthresh=middle)
        ax.axhspan(-middle, middle, color=GREY, alpha=0.12, lw=0, zorder=-1)
        ax.set_ylabel(r"$\hat r$ (linear in the grey band)")
        powers = 10.0 ** np.arange(np.ceil(np.log10(1.2 * middle)), np.log10(1.1 * reach))
        ax.set_yticks([*-powers[::-1], 0.0, *powers])
    ax.set_ylim(-1.1 * reach, 1.1 * reach)
    ax.axhline(0.0, color=GREY, lw=0.4, zorder=0)
    ax.set_xlim(-np.pi, np.pi)
    ax.set_xticks(np.pi * np.array([-1.0, -0.5, 0.0, 0.5, 1.0]),
                  [r"$-\pi$", r"$-\pi/2$", "0", r"$\pi/2$", r"$\pi$"])  # fmt: skip
    ax.set_xlabel(r"$\theta$")


def _points(trajectory: Trajectory, frame: int) -> np.ndarray:
    """(rhat, theta) of at most `MOST_POINTS` evenly spread neurons at a frame, (n, 2)."""
    return trajectory.position(frame)[thin(np.arange(trajectory.ids.size), MOST_POINTS)]


def _ways(trajectory: Trajectory, frame: int) -> np.ndarray:
    """(rhat, theta) of at most 100 neurons at frames up to this one, (frames, neurons, 2)."""
    n = trajectory.ids.size
    chosen = slice(None, None, -(-n // _MOST_PATHS))
    last = frame % trajectory.frames
    frames = path_frames(last + 1, n)
    return np.array([trajectory.position(f, chosen) for f in frames]).astype(np.float64)


def path_frames(frames: int, n: int) -> list[int]:
    """The frames from which paths are drawn: at most 64, evenly spread, with the first and last.

    They are fewer where frames of n neurons are large, since each of them is read whole.
    """
    most = int(np.clip(_MOST_READ // n, 2, _MOST_FRAMES))
    # fromkeys drops the repetitions that rounding makes where there are few frames
    return list(dict.fromkeys(np.linspace(0, frames - 1, most).astype(int).tolist()))


def attracted_colours(trajectory: Trajectory, frame: int) -> list[str] | None:
    """The colour of each of the 2 s rays: that of the sign of rhat of the neurons that it attracts.

    Rays that attract neither sign at the frame are grey (Williams et al., Lemma 1). The result is
    None if the residuals are not known, since the file has not all neurons, or not finite.
    """
    if trajectory.ids.size < trajectory.size:
        return None
    samples = trajectory.samples
    residual = trajectory.predict(frame, samples.x) - samples.y
    if not np.isfinite(residual).all():
        return None
    positive, negative = (
        classify_rays(samples.network_x, residual, sign, samples.weights) == ATTRACTOR
        for sign in (1, -1)
    )
    return [BLUE if p else ORANGE if n else GREY for p, n in zip(positive, negative, strict=True)]


def _draw_rays(ax: Axes, trajectory: Trajectory, frame: int, reach: float) -> None:
    x, s = trajectory.samples.network_x, trajectory.samples.size
    if s > _MOST_RAYS:
        return
    colours = attracted_colours(trajectory, frame) or [GREY] * (2 * s)
    for colour, (u, v) in zip(colours, ray_ends(x, reach), strict=True):
        ax.plot([0.0, u], [0.0, v], zorder=0, **_ray_style(colour))
    _name_rays(ax, colours)


def _draw_angles(ax: Axes, trajectory: Trajectory, frame: int) -> None:
    x, s = trajectory.samples.network_x, trajectory.samples.size
    draw_angles(ax, x, attracted_colours(trajectory, frame) or [GREY] * (2 * s))


def draw_angles(ax: Axes, x: Array, colours: list[str]) -> None:
    """Draw the angles of the rays on the cylinder in these colours, unless they are too many."""
    if x.size > _MOST_RAYS:
        return
    for colour, angle in zip(colours, ray_angles(x).tolist(), strict=True):
        # shares of the height: rhat > 0, blue, is the upper half, and rhat < 0, orange, the lower
        lo, hi = {BLUE: (0.5, 1.0), ORANGE: (0.0, 0.5)}.get(colour, (0.0, 1.0))
        ax.axvline(angle, lo, hi, zorder=0, **_ray_style(colour))
    _name_rays(ax, colours)


def _ray_style(colour: str) -> dict[str, Any]:
    """The look of a ray: those that attract are dashed, so that neurons on them are seen."""
    dashes = (0, (1, 0)) if colour == GREY else (0, (4, 2))
    return {"color": colour, "lw": 0.3 if colour == GREY else 0.8, "ls": dashes}


def _name_rays(ax: Axes, colours: list[str]) -> None:
    """Put into the legend what the lines of rays are: coloured where they attract."""
    if GREY in colours:
        ax.plot([], [], label="rays", **_ray_style(GREY))
    for _, colour, name in SIGNS:
        if colour in colours:
            ax.plot([], [], label=f"attract {name}", **_ray_style(colour))
