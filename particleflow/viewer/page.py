"""The panels of a page, as Bokeh models that ``page.js`` fills."""

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.layouts import column, row
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    Div,
    FixedTicker,
    LayoutDOM,
    Range1d,
    Slider,
    Span,
    Toggle,
)
from bokeh.plotting import figure
from bokeh.resources import INLINE

from particleflow.arguments import Array
from particleflow.model.coordinates import ray_angles
from particleflow.theory import residual_modes
from particleflow.trajectory import Trajectory

from .selection import CODES, MARGIN, Selection, compressed

WIDTH, HEIGHT, RUG = 345, 245, 10
"""Pixels of the inner part of a panel, and of the knots below f."""
RATE = 25
"""Frames a second of the play button, at most."""
BLUE, GREY, RED = "#0072B2", "#767676", "#CC0000"
_MOST_RAYS = 64
_MOST_SAMPLES = 1000
"""Samples up to which the kernel's eigenvectors are computed, for the modes."""
_MODES = 6
_TICKS = 5
_EXPLAINED = """
<details><summary>How to read this page</summary>
Each neuron of the network f(x) = (1/m) sum of c [a x + b]<sub>+</sub> is a particle. tau is the
time of training: steps of gradient descent times their length. The knot of a neuron is the x at
which it bends f; rhat = c |(a, b)| is how much it bends f there, blue if it is positive and
orange if not, and theta is the angle of (a, b). The <b>cylinder</b> shows theta and rhat, the
<b>uv-plane</b> the same as |rhat| (cos theta, sin theta). Grey lines are the angles at which a
knot is on a sample, and the samples' x. If rhat spans decades, its scale is linear near 0 and
logarithmic beyond. <b>Knots over time</b> are darker where there are more. The <b>modes</b> are
parts of the residuals f(x) - y, along the directions in which the first tangent kernel H_0 learns
fastest. The time axes are even in the recorded frames, and the red line is the frame that is
shown.
</details>
"""
_OF_MODES = ("#0D0887", "#4B03A1", "#7D03A8", "#A82296", "#CA457A", "#E56A5D")
"""Colours from the first mode to the last, as in `figures`."""


class Panel(NamedTuple):
    """A plot with the sources that are drawn anew for each frame."""

    plot: Any
    image: ColumnDataSource | None = None
    path: ColumnDataSource | None = None
    marker: ColumnDataSource | None = None


def html_of(trajectory: Trajectory, chosen: Selection, title: str | None) -> str:
    """The whole page, with Bokeh's own scripts in it, so that it needs no network."""
    clock = _Clock(chosen)
    fit, line = _fit(trajectory, chosen)
    cylinder, plane = _cylinder(trajectory, chosen), _plane(trajectory, chosen)
    knots = _knots(trajectory, clock)
    loss, modes = _loss(trajectory, clock), _modes(trajectory, clock)
    moments = [
        Span(location=0, dimension="height", line_color=RED, line_width=1.5, level="overlay")
        for _ in range(3)
    ]
    for plot, moment in zip((knots.plot, loss, modes), moments, strict=True):
        plot.add_layout(moment)
    slider = Slider(
        start=0, end=max(1, chosen.time.size - 1), value=chosen.time.size - 1, step=1,
        title="frame shown", width=620, disabled=chosen.time.size == 1, name="slider",
    )  # fmt: skip
    button = Toggle(label="▶ play", width=90, disabled=chosen.time.size == 1, name="button")
    words = Div(text="", width=3 * WIDTH, name="words")
    panels = {"fit": fit, "cylinder": cylinder, "plane": plane, "knots": knots}
    for name, panel in panels.items():
        panel.plot.name = name
    ready = CustomJS(
        args={
            "facts": _facts(chosen),
            "codesSource": ColumnDataSource(
                {
                    "theta": chosen.theta.ravel(),
                    "radius": chosen.radius.ravel(),
                    "knot": chosen.knot.ravel(),
                }
            ),
            "functions": None if chosen.f is None else ColumnDataSource({"f": chosen.f.ravel()}),
            "line": line, "slider": slider, "button": button, "words": words, "moments": moments,
            **{name: panel.plot for name, panel in panels.items()},
            "rugImage": fit.image, "cylinderImage": cylinder.image, "planeImage": plane.image,
            "knotsImage": knots.image,
            "paths": {name: p.path for name, p in panels.items() if p.path is not None},
            "markers": {name: panel.marker for name, panel in panels.items()},
        },
        code=_script(),
    )  # fmt: skip
    slider.js_on_change("value", CustomJS(code="window.particleflow?.draw()"))
    button.js_on_change("active", CustomJS(code="window.particleflow?.play()"))
    for name, panel in panels.items():
        for event, method in (("tap", "clicked"), ("mousemove", "pointed")):
            panel.plot.js_on_event(
                event, CustomJS(code=f"window.particleflow?.{method}('{name}', cb_obj)")
            )
        panel.plot.js_on_event(
            "rangesupdate", CustomJS(code=f"window.particleflow?.zoomed('{name}')")
        )
    name = title or trajectory.path.name
    head = Div(text=f"<b>{escape(name)}</b>: {_settings(trajectory)}", width=3 * WIDTH)
    foot = Div(text=f"{chosen.told[0].upper()}{chosen.told[1:]}.{_EXPLAINED}", width=3 * WIDTH)
    wrapping = {"flex-wrap": "wrap"}
    return _embedded(
        column(
            head, row(button, slider), words,
            row(
                fit.plot, cylinder.plot, plane.plot, knots.plot, loss, modes,
                sizing_mode="stretch_width", styles=wrapping,
            ),
            foot, sizing_mode="stretch_width",
        ),
        ready, name,
    )  # fmt: skip


def _facts(chosen: Selection) -> dict[str, Any]:
    """Numbers that the script needs; JSON knows no infinity."""
    return {
        "neurons": int(chosen.ids.size),
        "frames": int(chosen.time.size),
        "reach": chosen.reach,
        "unit": None if chosen.unit == np.inf else chosen.unit,
        "time": chosen.time.tolist(),
        "ids": chosen.ids.tolist(),
        "knots_from": chosen.knots_from,
        "knots_to": chosen.knots_to,
        "x_digits": _digits(chosen.x),
        "width": WIDTH,
        "height": HEIGHT,
        "rug_height": RUG,
        "codes": CODES,
        "rate": RATE,
    }


def _settings(trajectory: Trajectory) -> str:
    """What was run, in a line."""
    end = f"{trajectory.time[-1]:.4g}"
    decay = f", weight decay {trajectory.decay:g}" if trajectory.decay else ""
    return (
        f"{trajectory.size:,} neurons learn {trajectory.samples.size:,} samples until tau = {end} "
        f"({escape(trajectory.integrator)}, {trajectory.metric} metric{decay})"
    )


def _digits(x: Array) -> int:
    """Significant digits that tell a ten-thousandth of an interval of x from its neighbours."""
    wide = float(x[-1] - x[0])
    return int(np.clip(np.ceil(np.log10(np.abs(x).max() / wide)) + 4, 4, 15))


@cache
def _script() -> str:
    return Path(__file__).with_name("page.js").read_text("utf-8")


def _embedded(layout: LayoutDOM, ready: CustomJS, title: str) -> str:
    document = Document(title=title)
    document.add_root(layout)
    document.js_on_event("document_ready", ready)
    return str(file_html(document, resources=INLINE, title=title))


def _plot(title: str, x: Sequence[float], y: Sequence[float], **options: Any) -> Any:
    """An empty plot of the common size, with fixed ranges that can be zoomed."""
    plot = figure(
        title=title, frame_width=WIDTH, frame_height=HEIGHT, x_range=Range1d(*x),
        y_range=Range1d(*y), tools="pan,box_zoom,wheel_zoom,reset,save", **options,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.xgrid.visible = plot.ygrid.visible = False
    return plot


def _image(plot: Any, rows: int) -> ColumnDataSource:
    """The image of points that covers a plot, empty as yet."""
    source = ColumnDataSource({
        "image": [np.zeros((rows, WIDTH), np.uint32)],
        "x": [plot.x_range.start], "y": [plot.y_range.start], "dw": [1.0], "dh": [1.0],
    })  # fmt: skip
    plot.image_rgba("image", x="x", y="y", dw="dw", dh="dh", source=source, level="glyph")
    return source


def _path(plot: Any, frames: int) -> ColumnDataSource:
    source = ColumnDataSource({"x": np.full(frames, np.nan), "y": np.full(frames, np.nan)})
    plot.line("x", "y", source=source, color="black", line_width=1.5, level="overlay")
    return source


def _marker(plot: Any) -> ColumnDataSource:
    source = ColumnDataSource({"x": np.full(1, np.nan), "y": np.full(1, np.nan)})
    plot.scatter(
        "x", "y", source=source, size=9, line_color="black", fill_color="yellow", level="overlay"
    )
    return source


def _named(name: str | None, symbol: str) -> str:
    return f"{symbol} ({name})" if name and name != symbol else symbol


def _fit(trajectory: Trajectory, chosen: Selection) -> tuple[Panel, ColumnDataSource]:
    """f, the samples, and the knots below it."""
    samples = trajectory.samples
    y = samples.y if chosen.f is None else np.concatenate([samples.y, chosen.f[-1]])
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    margin = 0.15 * ((high - low) or 1.0)
    title = "f, samples, knots below" if chosen.f is not None else "samples, knots below"
    plot = _plot(title, (chosen.x[0], chosen.x[-1]), (low - margin, high + margin))
    plot.xaxis.axis_label = _named(samples.source.x_name, "x")
    plot.yaxis.axis_label = _named(samples.source.y_name, "y")
    image = _image(plot, RUG)
    size = 7 if samples.size <= 100 else 3
    fill = 0.0 if samples.size <= 100 else 1.0
    plot.scatter(samples.x, samples.y, size=size, color="black", fill_alpha=fill)
    # float32, into which the script copies f at each frame
    values = np.full(chosen.x.size, np.nan, np.float32) if chosen.f is None else chosen.f[-1]
    line = ColumnDataSource({"x": chosen.x, "y": values.copy()})
    plot.line("x", "y", source=line, line_width=2, color=BLUE)
    return Panel(plot, image, None, _marker(plot)), line


def _rays(trajectory: Trajectory) -> Array:
    """The angles of the rays, or none where they would cover the picture."""
    x = trajectory.samples.network_x
    return ray_angles(x) if x.size <= _MOST_RAYS else np.empty(0)


def _powers(chosen: Selection) -> list[float]:
    """Powers of ten to mark on a compressed scale of radii."""
    if chosen.unit == np.inf:
        return []
    largest = chosen.unit * np.sinh(chosen.reach / chosen.unit)
    # a mark below the unit would stand too close to 0
    powers = np.arange(np.ceil(np.log10(chosen.unit)), np.ceil(np.log10(largest)))
    return [10.0**power for power in powers[:: max(1, -(-powers.size // _TICKS))]]


def _cylinder(trajectory: Trajectory, chosen: Selection) -> Panel:
    """Neurons over (theta, rhat), blue where rhat > 0."""
    reach = 1.05 * chosen.reach
    plot = _plot("cylinder: rhat > 0 blue, rhat < 0 orange", (-np.pi, np.pi), (-reach, reach))
    plot.xaxis.axis_label, plot.yaxis.axis_label = "theta", "rhat"
    plot.xaxis.ticker = FixedTicker(ticks=[-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi])
    plot.xaxis.major_label_overrides = {
        -np.pi: "-π", -np.pi / 2: "-π/2", 0.0: "0", np.pi / 2: "π/2", np.pi: "π"
    }  # fmt: skip
    if powers := _powers(chosen):
        ticks = {float(compressed(s * p, chosen.unit)): f"{s * p:g}"
                 for p in powers for s in (-1, 1)}  # fmt: skip
        plot.yaxis.ticker = FixedTicker(ticks=[0.0, *ticks])
        plot.yaxis.major_label_overrides = {0.0: "0", **ticks}
    angles = _rays(trajectory)
    plot.segment(angles, -reach, angles, reach, color=GREY, line_width=0.5)
    plot.line([-np.pi, np.pi], [0.0, 0.0], color=GREY)
    image = _image(plot, HEIGHT)
    return Panel(plot, image, _path(plot, chosen.time.size), _marker(plot))


def _plane(trajectory: Trajectory, chosen: Selection) -> Panel:
    """Neurons in the uv-plane; radii are compressed as on the cylinder."""
    reach = 1.05 * chosen.reach
    wide = reach * WIDTH / HEIGHT  # a unit is as long to the right as upwards
    powers = _powers(chosen)
    note = f", circles at |rhat| = {', '.join(f'{p:g}' for p in powers)}" if powers else ""
    plot = _plot(f"uv-plane{note}", (-wide, wide), (-reach, reach))
    plot.xaxis.axis_label, plot.yaxis.axis_label = "u", "v"
    if powers:
        # the circles are the scale
        plot.xaxis.ticker = plot.yaxis.ticker = FixedTicker(ticks=[])
        radii = [float(compressed(p, chosen.unit)) for p in powers]
        plot.circle([0.0] * len(radii), [0.0] * len(radii), radius=radii, fill_color=None,
                    line_color=GREY, line_width=0.5)  # fmt: skip
    angles = _rays(trajectory)
    zero = np.zeros(angles.size)
    plot.segment(zero, zero, 2 * wide * np.cos(angles), 2 * wide * np.sin(angles), color=GREY,
                 line_width=0.5)  # fmt: skip
    image = _image(plot, HEIGHT)
    return Panel(plot, image, _path(plot, chosen.time.size), _marker(plot))


class _Clock:
    """The common axis of time: the number of a frame, labelled with its tau."""

    def __init__(self, chosen: Selection) -> None:
        self._time = chosen.time
        self.size = chosen.time.size

    def plot(self, title: str, y: Sequence[float], **options: Any) -> Any:
        """An empty plot over the frames."""
        plot = _plot(title, (0.0, max(1.0, self.size - 1.0)), y, **options)
        ticks = np.unique(np.linspace(0, self.size - 1, _TICKS).astype(int))
        plot.xaxis.ticker = FixedTicker(ticks=ticks.tolist())
        plot.xaxis.major_label_overrides = {int(k): f"{self._time[k]:.3g}" for k in ticks}
        plot.xaxis.axis_label = "tau (axis even in frames)"
        return plot

    def at(self, tau: Array) -> Array:
        """Where a time lies among the frames, as a number with a fraction."""
        return np.interp(tau, self._time, np.arange(self.size))


def _knots(trajectory: Trajectory, clock: _Clock) -> Panel:
    """All knots over time."""
    samples = trajectory.samples
    plot = clock.plot("knots over time", trajectory.samples.window(MARGIN))
    plot.yaxis.axis_label = _named(samples.source.x_name, "x")
    image = _image(plot, HEIGHT)
    if samples.size <= _MOST_RAYS:
        right = max(1.0, clock.size - 1.0)
        plot.segment(0.0, samples.x, right, samples.x, color=GREY, line_width=0.5)
    return Panel(plot, image, _path(plot, clock.size), _marker(plot))


def _curves(
    clock: _Clock, title: str, tau: Array, values: Array, draw: Callable[[Any, Array], None]
) -> Any:
    """Curves over the frames, logarithmic where all are above 0 and span more than a decade."""
    known = values[np.isfinite(values) & (values > 0.0)]
    is_log = known.size > 0 and known.max() > 10.0 * known.min()
    if not known.size:
        y = (-1.0, 1.0)
    elif is_log:
        y = (float(known.min()) / 1.5, float(known.max()) * 1.5)
    else:
        y = (0.0, 1.1 * float(known.max()))
    plot = clock.plot(title, y, y_axis_type="log" if is_log else "linear")
    draw(plot, clock.at(tau))
    return plot


def _loss(trajectory: Trajectory, clock: _Clock) -> Any:
    if "loss" not in trajectory.observables:
        return clock.plot("loss was not recorded", (0.0, 1.0))
    tau, loss = trajectory.observable("loss")
    loss = np.where(loss > 0.0, loss, np.nan)
    return _curves(
        clock, "loss", tau, loss, lambda plot, at: plot.line(at, loss, color=BLUE, line_width=2)
    )


def _modes(trajectory: Trajectory, clock: _Clock) -> Any:
    """Residuals along the first eigenvectors of the tangent kernel of the first frame."""
    size = trajectory.samples.size
    if "residual" not in trajectory.observables or trajectory.ids.size < trajectory.size:
        return clock.plot("modes need all neurons and residuals", (0.0, 1.0))
    if size > _MOST_SAMPLES:
        return clock.plot(f"modes: for at most {_MOST_SAMPLES:,} samples", (0.0, 1.0))
    kernel = trajectory.tangent_kernel(0)
    if not np.isfinite(kernel).all():
        return clock.plot("the first tangent kernel is not finite", (0.0, 1.0))
    tau, residual = trajectory.observable("residual")
    weights = trajectory.samples.weights
    _, along = residual_modes(kernel, residual, _MODES, weights)
    along = np.where(along > 0.0, along, np.nan)

    def draw(plot: Any, at: Array) -> None:
        for k in range(along.shape[1]):
            plot.line(at, along[:, k], color=_OF_MODES[k], line_width=1.5, legend_label=f"{k + 1}")
        plot.legend.orientation = "horizontal"
        plot.legend.location = "bottom_left"
        plot.legend.padding = plot.legend.margin = 2
        plot.legend.label_text_font_size = "8pt"

    title = f"residuals along modes of H_0 ({along.shape[1]} of {size}, the fastest)"
    return _curves(clock, title, tau, along, draw)
