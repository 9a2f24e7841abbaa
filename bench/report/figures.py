"""Figures of the results: share of the limit, scaling, threads, peers, time to solution."""

from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from records import Record, Records
from tables import size as plain_size
from tables import solutions

from particleflow.figures.style import BLACK, BLUE, CENTIMETRE, GREY, ORANGE, STYLE, WIDTH

GREEN, PINK, YELLOW, SKY = "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
LIBRARY_COLOURS = {"dense": GREY, "PyTorch": ORANGE, "JAX": GREEN, "scipy": PINK}
MARKERS = "osD^v"


def size(value: int) -> str:
    """As in the tables, powers as such."""
    base, power, exponent = plain_size(value).partition("^")
    return f"${base}^{{{exponent}}}$" if power else base


def draw_all(records: Records, folder: Path) -> list[Path]:
    """Draw the figures for which there are records; returns their files."""
    drawn = []
    for draw in (share, scaling, threads, peers, solution):
        with mpl.rc_context(STYLE):
            figure = draw(records)
            if figure is not None:
                drawn.append(folder / f"{draw.__name__}.png")
                figure.savefig(drawn[-1])
    return drawn


def new(height: float, columns: int = 1, **options: object) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH, height * CENTIMETRE), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **options)
    return figure, list(axes[0])


def curve(ax: Axes, points: Iterable[tuple[float, float]], label: str, **style: object) -> None:
    x, y = zip(*sorted(points), strict=True)
    ax.plot(x, y, label=label, **{"marker": "o", "markersize": 3.5, **style})


def grouped(records: Iterable[Record], key: Callable) -> dict[object, list[Record]]:
    out: dict[object, list[Record]] = {}
    for record in records:
        out.setdefault(key(record), []).append(record)
    return dict(sorted(out.items()))


def share(records: Records) -> Figure | None:
    """Share of the memory stream over samples, at the largest number of neurons."""
    found = records("push")
    if not found:
        return None
    m = max(r["m"] for r in found)
    figure, (ax,) = new(8)
    curves = {
        "gd, in place": (records("push", m=m), {"color": BLUE}),
        "boost, nobody meets a sample": (
            [r for r in records("advance", m=m) if r["crossings_a_neuron_a_step"] <= 1e-3],
            {"color": ORANGE},
        ),
        "boost, 1 % meet one": (
            [r for r in records("advance", m=m) if r["crossings_a_neuron_a_step"] > 1e-3],
            {"color": ORANGE, "linestyle": "--"},
        ),
        "residual rate, reading": (
            records("moments", m=m, kernel="residual_rate"), {"color": GREEN, "linestyle": ":"},
        ),
    }  # fmt: skip
    for label, (some, style) in curves.items():
        if some:
            curve(ax, [(r["s"], r["share_of_stream"]) for r in some], label, **style)
    ax.axhline(1.0, color=BLACK, linewidth=0.6)
    ax.set(xscale="log", ylim=(0, None), xlabel="samples s", ylabel="share of the memory stream",
           title=f"One pass over m = {size(m)} neurons; 1 is a loop that does nothing but "
                 "move the same bytes")  # fmt: skip
    ax.legend(loc="lower left")
    return figure


def scaling(records: Records) -> Figure | None:
    """Time a neuron a step of whole runs over m, and of passes over s."""
    found = [*records("descent"), *records("boost")]
    streams = [r["stream_ns_a_neuron"] for r in records("push", m=10**7)]
    if not found:
        return None
    unit = sum(streams) / len(streams) if streams else 1.0
    figure, axes = new(8, 2, sharey=True)
    colours = {10: BLUE, 1000: ORANGE, 10**4: GREEN}
    for ax, name, title in zip(axes, ("descent", "boost"),
                               ("gd, first steps", "boost, first steps"), strict=True):  # fmt: skip
        for s, some in grouped(records(name), lambda r: r["s"]).items():
            points = [(r["m"], r["ns_a_neuron_a_step"] / unit) for r in some]
            curve(ax, points, f"s = {size(s)}", color=colours.get(s, GREY))
        ax.set(xscale="log", yscale="log", xlabel="neurons m", title=title)
        ax.legend()
    axes[0].set_ylabel("time a neuron a step\n" + (
        "(1: in-place stream over $10^7$ neurons)" if streams else "(nanoseconds)"))  # fmt: skip
    return figure


def threads(records: Records) -> Figure | None:
    """How many times faster than one thread."""
    found = records("threads")
    if not found:
        return None
    figure, (ax,) = new(7)
    styles = {"gd": "-", "boost": "--"}
    most = 1
    for r in found:
        seconds = {int(n): t for n, t in r["seconds_by_threads"].items()}
        most = max(most, *seconds)
        curve(ax, [(n, seconds[1] / t) for n, t in seconds.items()],
              f"{r['integrator']}, s = {size(r['s'])}", linestyle=styles[r["integrator"]],
              color=BLUE if r["s"] <= 10 else ORANGE)  # fmt: skip
    ax.plot([1, most], [1, most], color=GREY, linewidth=0.8, label="threads")
    ax.set(xlabel="threads", ylabel="times faster than one thread", ylim=(0, None),
           xticks=sorted({int(n) for r in found for n in r["seconds_by_threads"]}),
           title=f"Steps of m = {size(found[0]['m'])} neurons")  # fmt: skip
    ax.legend()
    return figure


def peers(records: Records) -> Figure | None:
    """How many times longer than ours a step takes."""
    found = records("step_beside")
    if not found:
        return None
    rows = list(grouped(found, lambda r: (r["m"], r["s"])))
    figure, (ax,) = new(2.5 + 0.8 * len(rows))
    names = list(dict.fromkeys(name for r in found for name in r["peers"]))
    used: dict[str, int] = {}
    for name in names:
        library = name.split(":")[0].split()[0]
        marker = MARKERS[used.get(library, 0)]
        used[library] = used.get(library, 0) + 1
        points = [(r["peers"][name] / r["ours"], rows.index((r["m"], r["s"])))
                  for r in found if name in r["peers"]]  # fmt: skip
        ax.plot(*zip(*points, strict=True), marker, color=LIBRARY_COLOURS[library],
                markersize=4.5, label=name, linestyle="none")  # fmt: skip
    ax.axvline(1.0, color=BLUE)
    ax.set(xscale="log", yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5),
           yticklabels=[f"m = {size(m)}, s = {size(s)}" for m, s in rows],
           xlabel="time of a step of gradient descent over ours",
           title="A step beside other programs; the line is particleflow")  # fmt: skip
    ax.grid(axis="y", linewidth=0.4)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def solution(records: Records) -> Figure | None:
    """Least time to an error, over that of boost."""
    cases = {case: methods for case, methods in solutions(records).items() if "boost" in methods}
    if not cases:
        return None
    figure, axes = new(9.5, len(cases), sharey=True)
    ours = {"boost": BLUE, "gd": SKY, "rk": YELLOW}
    handles = {}
    for ax, ((m, s, tau), methods) in zip(axes, cases.items(), strict=True):
        base = {error: one["seconds"] for error, one in methods["boost"].items() if one}
        used: dict[str, int] = {}
        for method, by_error in methods.items():
            library = method.split(":")[0].split()[0]
            marker = MARKERS[used.get(library, 0)]
            used[library] = used.get(library, 0) + 1
            points = [(float(error), one["seconds"] / base[error])
                      for error, one in by_error.items() if one and error in base]  # fmt: skip
            if points:
                colour = ours.get(method) or LIBRARY_COLOURS[library]
                curve(ax, points, method, color=colour, marker=marker,
                      linewidth=1.6 if method in ours else 0.7)  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="error of the residuals",
               title=f"m = {size(m)}, s = {s}, tau = {tau:g}")  # fmt: skip
        ax.invert_xaxis()
        handles.update(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    axes[0].set_ylabel("least time, over that of boost")
    figure.legend(handles.values(), handles.keys(), loc="outside right center")
    return figure
