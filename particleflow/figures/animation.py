"""Animations of a trajectory: the function and the neurons on the cylinder, frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from particleflow.arguments import Array, count
from particleflow.errors import TrajectoryError
from particleflow.files.disk import new_file
from particleflow.trajectory import Trajectory

from .panels import window
from .phase import MOST_POINTS, draw_angles, frame_cylinder, path_frames
from .pictures import check_target, require_frames
from .samples import draw_marks, x_label, y_label
from .style import (
    BLUE,
    CENTIMETRE,
    GREY,
    SIGNS,
    STYLE,
    WIDTH,
    Picture,
    formula,
    legend_above,
    shown,
    tell,
    thin,
)
from .video import ffmpeg, write_mp4

ENDINGS = (".gif", ".mp4")
_DPI = 110
_COLOURS = 64
"""Colours of the palette that all frames of an animation share."""
_GRID = 500
"""Evenly spaced points at which f is drawn, besides the samples' x."""


def animate(
    trajectory: Trajectory,
    path: Path,
    stride: int = 1,
    frames_per_second: float = 20.0,
    overwrite: bool = False,
) -> None:
    """Write an animation of a trajectory into a GIF or MP4 file.

    Parameters
    ----------
    trajectory : Trajectory
        A file that holds all neurons.
    path : Path
        The file to write, which ends in .gif, or in .mp4 where ffmpeg is installed.
    stride : int
        Every ``stride``-th frame is shown, from the first one on.
    frames_per_second : float
        How many of these frames are shown in a second, of a GIF at most 50.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    TrajectoryError
        There is no frame, the file has not all neurons, the path cannot become a picture, or
        ffmpeg is missing.
    WriteError
        The disk refuses the file.
    """
    path = Path(path)
    check_target(path, overwrite, ENDINGS)
    require_frames(trajectory)
    if trajectory.ids.size < trajectory.size:
        raise TrajectoryError(
            f"{trajectory.path}: an animation shows the function, which needs all neurons"
        )
    frames = range(0, trajectory.frames, count("stride", stride, TrajectoryError))
    if path.suffix.lower() == ".mp4":
        ffmpeg()
        with mpl.rc_context(STYLE), new_file(path, overwrite) as temporary:
            scene = _Scene(trajectory)
            write_mp4((scene.picture(frame) for frame in frames), temporary, frames_per_second)
        return
    with mpl.rc_context(STYLE):
        # all images are made here, where the style holds
        first, *rest = _images(trajectory, frames)
    with new_file(path, overwrite) as temporary:
        first.save(temporary, "GIF", save_all=True, append_images=rest, loop=0,
                   duration=durations(len(frames), frames_per_second))  # fmt: skip


def durations(frames: int, frames_per_second: float) -> list[int]:
    """Milliseconds for which each frame is shown: whole hundredths of a second, as a GIF has them.

    Durations differ by one hundredth at most, such that all frames together last as long as was
    asked for. No frame is shown for less than two hundredths, since viewers show such frames for
    longer: above 50 frames a second the animation lasts longer than was asked for.
    """
    ends = np.rint(100.0 * np.arange(frames + 1) / frames_per_second)
    return [10 * max(2, int(length)) for length in np.diff(ends)]


def _images(trajectory: Trajectory, frames: range) -> Iterator[Image.Image]:
    """Images of the frames, in the palette of the first one, so that colours do not flicker."""
    scene = _Scene(trajectory)
    palette = None
    for frame in frames:
        image = scene.picture(frame)
        if palette is None:
            palette = image.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        yield image.quantize(palette=palette, dither=Image.Dither.NONE)


class _Scene:
    """A figure whose still parts are drawn once, and whose moving parts are drawn for each frame.

    The moving parts of a frame are drawn on a copy of the still ones.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        figure = Picture(figsize=(WIDTH, 7.5 * CENTIMETRE), dpi=_DPI, layout="constrained")
        self._canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1.0))
        self._moving: list[tuple[Axes, Artist]] = []
        self._set_function(left)
        self._set_neurons(right)
        self._time = left.text(0.03, 0.94, "", transform=left.transAxes)
        self._moving.append((left, self._time))
        for _, artist in self._moving:
            artist.set_animated(True)
        # matplotlib leaves out animated artists here: only the still parts are drawn, and copied
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)

    def _set_function(self, ax: Axes) -> None:
        trajectory = self._trajectory
        samples = trajectory.samples
        lo, hi = window(trajectory)
        self._x = np.union1d(np.linspace(lo, hi, _GRID), samples.x)
        # the axes stand still: their limits suit frames of the whole run, of which some are read
        values = [
            trajectory.predict(frame, self._x)
            for frame in path_frames(trajectory.frames, trajectory.size)
        ]
        bounds = _limits(np.concatenate([*values, samples.y]))
        draw_marks(ax, samples, 4.0, zorder=3)
        (self._f,) = ax.plot([], [], color=BLUE, zorder=4)
        (self._knots,) = ax.plot([], [], "|", color=GREY, ms=6, mew=0.4,
                                 transform=ax.get_xaxis_transform())  # fmt: skip
        self._moving += [(ax, self._f), (ax, self._knots)]
        ax.set_xlim(lo, hi)
        ax.set_ylim(*bounds)
        ax.set_xlabel(x_label(samples))
        ax.set_ylabel(f"{y_label(samples)}; knots below")

    def _set_neurons(self, ax: Axes) -> None:
        trajectory = self._trajectory
        self._rows = thin(np.arange(trajectory.ids.size), MOST_POINTS)
        frames = path_frames(trajectory.frames, trajectory.size)
        rhat = [trajectory.position(frame)[self._rows, 0] for frame in frames]
        frame_cylinder(ax, np.concatenate(rhat))
        tell(ax, shown(self._rows.size, trajectory.size, "neurons"))
        draw_angles(ax, trajectory.samples.network_x, [GREY] * (2 * trajectory.samples.size))
        self._points, handles = [], []
        for _, colour, name in SIGNS:
            (points,) = ax.plot([], [], ".", ms=3, mew=0, color=colour)
            self._points.append(points)
            self._moving.append((ax, points))
            handles += ax.plot([], [], "o", ms=3, mew=0, color=colour, label=name)
        legend_above(ax, 2, handles=handles, handlelength=0.8, columnspacing=2.0, handletextpad=0.8)

    def picture(self, frame: int) -> Image.Image:
        """The image of one frame, in RGB."""
        trajectory = self._trajectory
        self._f.set_data(self._x, trajectory.predict(frame, self._x))
        position = trajectory.position(frame)[self._rows]
        knots = trajectory.knots_of(position, trajectory.cell(frame)[self._rows])
        self._knots.set_data(knots, np.full(knots.size, 0.02))
        for points, (own, _, _) in zip(self._points, SIGNS, strict=True):
            rhat, theta = position[np.sign(position[:, 0]) == own].T
            points.set_data(theta, rhat)
        self._time.set_text(rf"$\tau={formula(trajectory.time[frame], 4)}$")
        self._canvas.restore_region(self._still)
        for ax, artist in self._moving:
            ax.draw_artist(artist)
        return Image.fromarray(np.asarray(self._canvas.buffer_rgba())[..., :3].copy())


def _limits(values: Array) -> tuple[float, float]:
    """The range of those values that are finite, with a margin on both sides."""
    known = values[np.isfinite(values)]
    lo, hi = float(known.min()), float(known.max())
    margin = 0.08 * (hi - lo) or 1.0
    return lo - margin, hi + margin
