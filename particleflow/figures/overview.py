"""The overview of a trajectory: function, neurons, loss and residuals."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from particleflow.errors import TrajectoryError
from particleflow.trajectory import Trajectory
from particleflow.trajectory import check_target as check_new_file

from .panels import draw_function, draw_loss, draw_residuals, draw_uv
from .style import CENTIMETRE, STYLE, WIDTH, save

HEIGHT = 13 * CENTIMETRE

_FORMATS = (".png", ".pdf", ".svg")


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a path that cannot become a picture.

    Raises
    ------
    TrajectoryError
        The ending is not known, the folder does not exist or cannot be written, the path is taken.
    """
    if path.suffix.lower() not in _FORMATS:
        raise TrajectoryError(
            f"{path}: expected a picture ending in {', '.join(_FORMATS)}, found {path.suffix!r}"
        )
    check_new_file(path, overwrite)


def save_overview(trajectory: Trajectory, path: Path) -> None:
    """Draw the overview into a file."""
    save(overview(trajectory), path)


def overview(trajectory: Trajectory) -> Figure:
    """Function, uv-plane, loss and residuals in four panels, 17 cm wide."""
    if trajectory.frames == 0:
        raise TrajectoryError(f"{trajectory.path}: has no complete frame to draw")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panels = figure.subplots(2, 2)
        draw_function(panels[0, 0], trajectory)
        draw_uv(panels[0, 1], trajectory)
        draw_loss(panels[1, 0], trajectory)
        draw_residuals(panels[1, 1], trajectory)
    return figure
