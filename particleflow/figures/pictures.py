"""The kinds of pictures of a trajectory, and the function that draws one by its name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from particleflow.errors import TrajectoryError
from particleflow.files.disk import check_target as check_new_file
from particleflow.trajectory import Trajectory

from .curvature import draw_curvature
from .density import draw_density
from .interpolants import draw_interpolants
from .kernel import draw_modes, draw_spectrum
from .knots import draw_knots
from .panels import draw_function, draw_loss, draw_residuals
from .phase import draw_cylinder, draw_uv
from .sectors import draw_rays, draw_sectors
from .style import CENTIMETRE, COLUMN, STYLE, WIDTH, Picture

ENDINGS = (".png", ".pdf", ".svg")

Panel = Callable[[Axes, Trajectory, int], object]


class Kind(NamedTuple):
    """A kind of picture: its panels, and how they are arranged.

    Attributes
    ----------
    panels : tuple of Panel
    columns : int
        How many panels stand beside each other.
    width, height : float
        Size of the picture in inches.
    has_frame : bool
        Whether the picture shows one frame, rather than all.
    """

    panels: tuple[Panel, ...]
    columns: int
    width: float
    height: float
    has_frame: bool


def _of_run(draw: Callable[[Axes, Trajectory], object]) -> Panel:
    """The panel of a function that draws all frames, and so takes no frame."""
    return lambda ax, trajectory, frame: draw(ax, trajectory)


def _column(*panels: Panel, height: float, has_frame: bool = False) -> Kind:
    """A kind with its panels below each other, as wide as one column of a page; height in cm."""
    return Kind(panels, 1, COLUMN, height * CENTIMETRE, has_frame)


_LOSS, _MODES = _of_run(draw_loss), _of_run(draw_modes)

KINDS = {
    "overview": Kind(
        (draw_function, draw_uv, _LOSS, _of_run(draw_residuals)), 2, WIDTH, 13 * CENTIMETRE, True
    ),
    "function": _column(draw_function, height=6.5, has_frame=True),
    "phase": _column(draw_uv, draw_cylinder, height=15, has_frame=True),
    "knots": _column(_of_run(draw_knots), height=7),
    "loss": _column(_LOSS, _MODES, height=11),
    "spectrum": _column(_of_run(draw_spectrum), height=6.5),
    "interpolants": _column(draw_interpolants, height=7, has_frame=True),
    "curvature": _column(draw_curvature, height=7, has_frame=True),
    "density": _column(draw_density, height=7, has_frame=True),
    "sectors": _column(_of_run(draw_sectors), _of_run(draw_rays), height=12),
}
"""The kinds by name: "overview" is as wide as a page, the others are as wide as a column."""


def plot(trajectory: Trajectory, kind: str = "overview", frame: int = -1) -> Figure:
    """A picture of a trajectory.

    Parameters
    ----------
    trajectory : Trajectory
    kind : str
        One of `KINDS`.
    frame : int
        The frame that is shown, of kinds that show one.

    Raises
    ------
    TrajectoryError
        There is no such kind, or no complete frame at all.
    RangeError
        There is no such frame.
    """
    if kind not in KINDS:
        raise TrajectoryError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    require_frames(trajectory)
    trajectory.position(frame, 0)  # refuses a frame that is not there
    panels, columns, width, height, _ = KINDS[kind]
    with mpl.rc_context(STYLE):
        figure = Picture(figsize=(width, height), layout="constrained")
        rows = -(-len(panels) // columns)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, draw in zip(axes, panels, strict=True):
            draw(ax, trajectory, frame)
    return figure


def require_frames(trajectory: Trajectory) -> None:
    """Refuse a trajectory that has no complete frame to draw.

    Raises
    ------
    TrajectoryError
    """
    if trajectory.frames == 0:
        raise TrajectoryError(f"{trajectory.path}: has no complete frame to draw")


def check_target(path: Path, overwrite: bool, endings: tuple[str, ...] = ENDINGS) -> None:
    """Refuse a path that cannot become a picture.

    Raises
    ------
    TrajectoryError
        The ending is not among ``endings``, the folder does not exist or cannot be written, or the
        path is taken.
    """
    if path.suffix.lower() not in endings:
        raise TrajectoryError(
            f"{path}: expected a picture ending in {', '.join(endings)}, found {path.suffix!r}"
        )
    check_new_file(path, overwrite)
