"""A page that shows a trajectory in a browser: one HTML file that works without a network."""

import html
from pathlib import Path

from particleflow.arguments import PathLike, count
from particleflow.errors import TrajectoryError
from particleflow.files.disk import check_target, new_file
from particleflow.trajectory import Trajectory, open_trajectory

NEURONS, FRAMES = 5000, 200
"""How many neurons and frames a page shows by default."""
ENDINGS = (".html",)
_LARGEST = 15_000_000
"""Bytes of a page, above which browsers are slow to open it."""
_LEAST_OF_A_POINT = 1.0
"""Bytes of a neuron of a frame, at least: three numbers of 16 bits, compressed, in base 64."""
_FRAME_HEIGHT = 820


class Page:
    """A trajectory as a page of HTML; a notebook shows it.

    Attributes
    ----------
    html : str
        The whole page: it needs no other file and no network.
    """

    def __init__(self, text: str) -> None:
        self.html = text

    def __repr__(self) -> str:
        return f"Page({len(self.html.encode()) / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{_FRAME_HEIGHT}px;border:0"></iframe>'
        )

    def save(self, path: PathLike, overwrite: bool = False) -> None:
        """Write the page into a file, NAME.html.

        Raises
        ------
        TrajectoryError
            The name has another ending, or the file exists and is not to be replaced.
        WriteError
            The disk refuses the file.
        """
        target = Path(path)
        check(target, overwrite)
        with new_file(target, overwrite) as temporary:
            temporary.write_text(self.html, encoding="utf-8")


def check(target: Path, overwrite: bool) -> None:
    """Refuse a path that cannot become a page.

    Raises
    ------
    TrajectoryError
        The ending is another, the folder does not exist, or the path is taken.
    """
    if target.suffix.lower() not in ENDINGS:
        raise TrajectoryError(f"{target}: expected a name ending in .html, found {target.suffix!r}")
    check_target(target, overwrite)


def view(
    trajectory: Trajectory | PathLike,
    neurons: int = NEURONS,
    frames: int = FRAMES,
    title: str | None = None,
) -> Page:
    """A page on which a trajectory can be looked at: a slider over time, and linked panels.

    The panels show f and the samples, the neurons on the cylinder and in the uv-plane, all knots
    over time, the loss, and the residuals' modes. Pointing at a neuron shows its path; a click on a
    neuron or a knot follows it.

    Parameters
    ----------
    trajectory : Trajectory or path
    neurons, frames : int
        At most so many of each are shown, evenly spread; the page says how many of how many.
    title : str, optional
        What stands above the page in place of the file's name.

    Raises
    ------
    TrajectoryError
        The file is no trajectory or has no frame, a number is out of range, the page would be
        larger than 15 MB, or bokeh is missing.
    """
    neurons = count("neurons", neurons, TrajectoryError)
    frames = count("frames", frames, TrajectoryError)
    require()
    from .page import html_of
    from .selection import select

    if not isinstance(trajectory, Trajectory):
        with open_trajectory(trajectory) as opened:
            return view(opened, neurons, frames, title)
    n, k = min(neurons, trajectory.ids.size), min(frames, trajectory.frames)
    too_large = (
        f"neurons, frames: {n:,} at {k:,} frames make a page of more than "
        f"{_LARGEST / 1e6:.0f} MB; take fewer of either"
    )
    if _LEAST_OF_A_POINT * n * k > _LARGEST:
        raise TrajectoryError(too_large)
    page = Page(html_of(trajectory, select(trajectory, neurons, frames), title))
    if len(page.html) > _LARGEST:
        raise TrajectoryError(too_large)
    return page


def require() -> None:
    """Refuse to make a page without bokeh, which is an optional dependency.

    Raises
    ------
    TrajectoryError
        bokeh is not installed.
    """
    try:
        import bokeh  # noqa: F401
    except ImportError:
        raise TrajectoryError("view: needs bokeh; pip install bokeh") from None
