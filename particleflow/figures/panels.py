"""Panels of trajectories. Each function draws on the axes it is given and returns them."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from particleflow.theory import ATTRACTOR, classify_rays
from particleflow.trajectory import Trajectory

from .style import BLACK, BLUE, GREY, ORANGE, empty, opaque, ray_ends, thin, time_axis, uv_of

_MOST_POINTS = 4000
_MOST_PATHS = 100
_MOST_FRAMES = 64
_MOST_READ = 20_000_000
_MOST_LINES = 200
_MOST_RAYS = 64


def draw_function(ax: Axes, trajectory: Trajectory, frame: int = -1) -> Axes:
    """The network function at the start and at a frame, the samples, and the knots as a rug."""
    samples = trajectory.samples
    margin = 0.1 * (samples.x[-1] - samples.x[0])
    lo, hi = samples.x[0] - margin, samples.x[-1] + margin
    tau = trajectory.time[frame]
    e = trajectory.knots(frame)
    if trajectory.ids.size == trajectory.size:
        inside = np.unique(e[(e > lo) & (e < hi)])
        x = np.union1d(np.linspace(lo, hi, 1000), thin(inside, _MOST_POINTS))
        ax.plot(x, trajectory.predict(0, x), color=GREY, lw=0.8, label=r"$f$ at $\tau=0$")
        ax.plot(x, trajectory.predict(frame, x), color=BLUE, label=rf"$f$ at $\tau={tau:.4g}$",
                zorder=4)  # fmt: skip
    elif "residual" in trajectory.observables and trajectory.residual.size:
        f = samples.y + trajectory.residual[-1]
        ax.plot(samples.x, f, ".", ms=3, color=BLUE, label=r"$f(x_j)$ at the end")
    _draw_samples(ax, trajectory, frame)
    shown = thin(e[(e > lo) & (e < hi)], _MOST_POINTS)
    ax.plot(
        shown, np.full(shown.size, 0.015), "|", color=ORANGE, ms=6, mew=0.5,
        alpha=float(np.clip(60 / max(shown.size, 1), 0.08, 0.8)),
        transform=ax.get_xaxis_transform(), label="knots",
    )  # fmt: skip
    ax.set_xlim(lo, hi)
    ax.margins(y=0.12)
    legend = ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handlelength=1.2,
                       columnspacing=0.8, handletextpad=0.4, borderaxespad=0.1)  # fmt: skip
    opaque(legend)
    ax.set_xlabel(r"$x$")
    ax.set_ylabel(r"$f(x)$, $y$")
    return ax


def _draw_samples(ax: Axes, trajectory: Trajectory, frame: int) -> None:
    """Samples; halves filled in the colour of the sign of rhat that they attract (Lemma 1).

    The right half speaks of neurons that are active to the right of their knot, the left half of
    the others.
    """
    samples = trajectory.samples
    x, y, s = samples.x, samples.y, samples.size
    size = 4.5 if s <= _MOST_LINES else 1.0
    style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": size, "mec": BLACK, "mew": 0.6}
    ax.plot(x, y, mfc="white", label="samples", zorder=5, **style)
    colours = _attracted_colours(trajectory, frame)
    if colours is None or s > _MOST_LINES:
        return
    for j in range(s):
        right, left = colours[j], colours[s + j]
        if right != GREY or left != GREY:
            halves = [c if c != GREY else "white" for c in (left, right)]
            ax.plot(x[j], y[j], fillstyle="left", mfc=halves[0], mfcalt=halves[1], zorder=6,
                    **style)  # fmt: skip
    ax.plot([], [], fillstyle="left", mfc=BLUE, mfcalt=ORANGE, label="attractors", **style)


def _attracted_colours(trajectory: Trajectory, frame: int) -> list[str] | None:
    """Colour of the sign of rhat that slides on each ray at a frame, or grey: Lemma 1, (2 s,).

    None where the file cannot tell.
    """
    if trajectory.ids.size < trajectory.size:
        return None
    samples = trajectory.samples
    residual = trajectory.predict(frame, samples.x) - samples.y
    if not np.isfinite(residual).all():
        return None
    positive, negative = (classify_rays(samples.x, residual, sign) == ATTRACTOR for sign in (1, -1))
    return [BLUE if p else ORANGE if n else GREY for p, n in zip(positive, negative, strict=True)]


def draw_uv(ax: Axes, trajectory: Trajectory, *, state: bool = True, paths: bool = True) -> Axes:
    """Neurons in the plane (u, v) = |rhat| (cos theta, sin theta): at the last frame, their paths.

    Rays that attract are drawn in the colour of the sign of rhat that slides on them.
    """
    n = trajectory.ids.size
    points = trajectory.position(-1)[thin(np.arange(n), _MOST_POINTS)]
    last = uv_of(points)
    frames = _path_frames(trajectory.frames, n)
    chosen = slice(None, None, -(-n // _MOST_PATHS))
    ways = np.array([trajectory.position(f)[chosen] for f in frames])
    rhat, theta = ways[..., 0].astype(float), ways[..., 1].astype(float)
    for sign, colour, name in ((1, BLUE, r"$\hat r>0$"), (-1, ORANGE, r"$\hat r<0$")):
        u = np.where(np.sign(rhat) == sign, np.abs(rhat) * np.cos(theta), np.nan)
        v = np.where(np.sign(rhat) == sign, np.abs(rhat) * np.sin(theta), np.nan)
        if paths:
            ax.plot(u, v, color=colour, lw=0.4, alpha=0.4 if state else 0.8)
        shown = last[np.sign(points[:, 0]) == sign] if state else np.stack([u[-1], v[-1]], axis=1)
        ax.plot(*shown.T, ".", ms=2.5, mew=0, color=colour, label=name, zorder=3)
    sizes = np.abs(np.concatenate([last.ravel(), rhat.ravel()]))
    reach = 1.1 * float(np.max(sizes, initial=1e-12, where=np.isfinite(sizes)))
    _draw_rays(ax, trajectory, reach)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handlelength=0.8,
              columnspacing=1.0, handletextpad=0.4, borderaxespad=0.1, markerscale=2)  # fmt: skip
    ax.set_xlabel(r"$u=|\hat r|\,\cos\theta$")
    ax.set_ylabel(r"$v=|\hat r|\,\sin\theta$")
    return ax


def _draw_rays(ax: Axes, trajectory: Trajectory, reach: float) -> None:
    x, s = trajectory.samples.x, trajectory.samples.size
    if s > _MOST_RAYS:
        return
    colours = _attracted_colours(trajectory, -1) or [GREY] * (2 * s)
    for colour, (u, v) in zip(colours, ray_ends(x, reach), strict=True):
        width = 0.3 if colour == GREY else 0.8
        ax.plot([0.0, u], [0.0, v], color=colour, lw=width, alpha=0.6, zorder=0)


def _path_frames(frames: int, n: int) -> list[int]:
    """Frames from which paths are drawn: fewer where a frame is large, since each is read whole."""
    most = int(np.clip(_MOST_READ // n, 2, _MOST_FRAMES))
    return list(dict.fromkeys(np.linspace(0, frames - 1, most).astype(int).tolist()))


def draw_loss(ax: Axes, trajectory: Trajectory) -> Axes:
    """The loss over time."""
    if "loss" not in trajectory.observables:
        return empty(ax, "loss was not recorded")
    tau, loss = trajectory.observable("loss")
    loss = np.where(np.isfinite(loss), loss, np.nan)
    ax.plot(tau, loss, color=BLUE)
    if (loss > 0.0).all() and loss.max() > 3.0 * loss.min():
        ax.set_yscale("log")
    time_axis(ax, tau)
    ax.set_ylabel(r"loss $L=\frac{1}{2}\sum_j\rho_j^2$")
    return ax


def draw_residuals(ax: Axes, trajectory: Trajectory) -> Axes:
    """The residual of every sample over time, coloured by its x."""
    if "residual" not in trajectory.observables:
        return empty(ax, "residuals were not recorded")
    tau, residual = trajectory.observable("residual")
    x = trajectory.samples.x
    chosen = thin(np.arange(x.size), _MOST_LINES)
    colours = mpl.colormaps["viridis"]
    norm = mpl.colors.Normalize(x[0], x[-1])
    for j in chosen:
        rho = np.where(np.isfinite(residual[:, j]), residual[:, j], np.nan)
        ax.plot(tau, rho, color=colours(norm(x[j])), lw=0.8)
    ax.axhline(0.0, color=BLACK, lw=0.4)
    time_axis(ax, tau)
    ax.set_ylabel(r"residual $\rho_j=f(x_j)-y_j$")
    scale = mpl.cm.ScalarMappable(norm, colours)
    bar = ax.get_figure().colorbar(scale, ax=ax, pad=0.02, aspect=30)  # type: ignore[union-attr]
    bar.set_label(r"$x_j$")
    bar.outline.set_visible(False)
    return ax
