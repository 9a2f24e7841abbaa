"""Pages of trajectories: what they hold, and what is refused. A browser is in test_in_a_browser."""

import builtins
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow import viewer
from particleflow.cli import viewing
from particleflow.viewer.selection import CODES, NONE, compressed, select

SAMPLES = pf.Samples.generate("sine", 8)
M, FRAMES = 60, 15


def simulate(path, m=M, metric="network", samples=SAMPLES, until=50.0, **options):
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=0)
    sim = pf.Simulation(samples, neurons, metric=metric)
    options = {"frames": FRAMES, "spacing": "geometric", "first": 0.1} | options
    sim.writers.append(pf.TrajectoryWriter(path, **options))
    sim.run(until)
    return path


@pytest.fixture(scope="module", params=["network", "euclidean"])
def path(request, tmp_path_factory):
    until = 50.0 if request.param == "network" else 2.0
    path = tmp_path_factory.mktemp("a folder") / "a run.h5"
    return simulate(path, metric=request.param, until=until)


def decoded(chosen):
    """(rhat, theta) of a selection, from its codes alone."""
    part = chosen.radius / CODES * 2.0 - 1.0
    radius = part * chosen.reach
    if chosen.unit < np.inf:
        radius = chosen.unit * np.sinh(radius / chosen.unit)
    return radius, (chosen.theta / CODES * 2.0 - 1.0) * np.pi


@pytest.mark.parametrize(("neurons", "frames"), [(5000, 200), (7, 5), (1, 1)])
def test_codes_are_the_positions(path, neurons, frames):
    with pf.open_trajectory(path) as run:
        chosen = select(run, neurons, frames)
        n, k = min(neurons, M), min(frames, FRAMES)
        assert chosen.theta.shape == chosen.radius.shape == (k, n)
        assert_array_equal(chosen.ids, np.arange(n) * M // n)
        assert chosen.frames[0] == (0 if k > 1 else FRAMES - 1)
        assert chosen.frames[-1] == FRAMES - 1
        assert_array_equal(chosen.time, run.time[chosen.frames])
        position = np.stack([run.position(int(frame)) for frame in chosen.frames])[:, chosen.ids]
        rhat, theta = decoded(chosen)
        assert_allclose(theta, position[..., 1], atol=np.pi / CODES * 1.01)
        shown = compressed(position[..., 0], chosen.unit)
        assert_allclose(compressed(rhat, chosen.unit), shown, atol=chosen.reach / CODES * 1.01)
        for place, frame in enumerate(chosen.frames.tolist()):
            assert_allclose(chosen.f[place], run.predict(frame, chosen.x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalised", [False, True])
def test_knots_are_in_the_x_of_the_samples(tmp_path, normalised):
    """Also where x is far from 0, so that the angles of all rays are nearly the same."""
    x = np.linspace(1900.0, 2000.0, 9)
    samples = pf.Samples(x, np.sin(0.1 * x))
    samples = samples.normalised() if normalised else samples
    path = simulate(
        tmp_path / "far.h5", samples=samples, until=1e-4, first=1e-6, precision="float64"
    )
    with pf.open_trajectory(path) as run:
        chosen = select(run, 5000, 200)
        wide = chosen.knots_to - chosen.knots_from
        assert_allclose([chosen.knots_from, wide], [1850.0, 200.0])
        knots = run.knots(slice(None))
    inside = (knots >= chosen.knots_from) & (knots <= chosen.knots_to)
    assert inside.any()
    assert_array_equal(chosen.knot == NONE, ~inside)
    shown = chosen.knots_from + chosen.knot[inside] / CODES * wide
    assert_allclose(shown, knots[inside], atol=0.51 * wide / CODES)


def test_what_is_no_number_is_not_shown():
    from particleflow.viewer.selection import _coded

    values = np.array([-2.0, -1.0, 0.0, 1.0, 1.1, np.nan, np.inf])
    assert_array_equal(_coded(values, -1.0, 1.0), [NONE, 0, CODES // 2, CODES, NONE, NONE, NONE])


def test_radii_that_span_decades_are_compressed(tmp_path):
    with pf.open_trajectory(simulate(tmp_path / "w.h5", until=200.0)) as run:
        chosen = select(run, 5000, 200)
    assert chosen.unit < np.inf
    r = np.array([-1e3, -1e-3, 0.0, 1e-3, 1e3])
    assert (np.diff(compressed(r, 1.0)) > 0.0).all()
    assert_allclose(compressed(1e-3, 1.0), 1e-3, rtol=1e-6)
    assert_array_equal(compressed(r, np.inf), r)


def test_some_of_the_neurons_have_no_function(tmp_path):
    with pf.open_trajectory(simulate(tmp_path / "s.h5", neurons=20)) as run:
        chosen = select(run, 10, 200)
        assert chosen.f is None
        assert chosen.told == f"shown: 10 of 60 neurons, all {FRAMES} frames, evenly spread"
        assert "modes need all neurons" in pf.view(run).html


def test_the_words_count_what_is_shown(path):
    with pf.open_trajectory(path) as run:
        assert select(run, M, FRAMES).told == f"shown: all {M} neurons, all {FRAMES} frames"
    assert f"Shown: 7 of {M} neurons, 5 of {FRAMES} frames, evenly spread." in (
        pf.view(path, neurons=7, frames=5).html
    )


def test_a_page_stands_alone(path, here):
    page = pf.view(path)
    page.save("run.html")
    text = (here / "run.html").read_text("utf-8")
    assert text == page.html
    assert not re.search(r"<script[^>]*\ssrc=|<link\b|@import", text)
    assert len(text) < 3_000_000
    assert repr(page) == f"Page({len(text.encode()) / 1e6:.1f} MB)"
    with pytest.raises(pf.TrajectoryError, match=r"run.html: exists already"):
        page.save("run.html")
    page.save("run.html", overwrite=True)


def test_a_notebook_shows_it_in_a_frame_of_its_own(path):
    shown = pf.view(path)._repr_html_()
    assert shown.startswith('<iframe srcdoc="')
    inside = shown.partition('srcdoc="')[2].partition('"')[0]
    assert "<" not in inside
    assert 'sandbox="allow-scripts allow-downloads"' in shown


def test_names_are_escaped(tmp_path):
    path = simulate(tmp_path / "a <script>.h5")
    text = pf.view(path).html
    assert "a <script>.h5" not in text
    assert "a &amp;lt;script&amp;gt;.h5" in text  # once for the page, once for its own text


def test_a_page_has_a_title_and_says_what_was_run(path):
    text = pf.view(path, title="For A & B").html
    assert "For A &amp;amp; B" in text
    assert path.name not in text
    assert f"{M} neurons learn 8 samples until tau = " in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neurons": 0}, "neurons: expected at least 1, found 0"),
        ({"frames": 1.5}, "frames: expected a whole number"),
    ],
)
def test_numbers_out_of_range_are_refused(path, options, message):
    with pytest.raises(pf.TrajectoryError, match=message):
        pf.view(path, **options)


def test_a_page_that_is_too_large_is_refused(path, monkeypatch):
    message = f"neurons, frames: {M} at {FRAMES} frames make a page of more than"
    for largest in (0.9 * M * FRAMES, 1_000_000):  # before it is made, and when its size is known
        monkeypatch.setattr(viewer, "_LARGEST", largest)
        with pytest.raises(pf.TrajectoryError, match=f"{message} {largest / 1e6:.0f} MB"):
            pf.view(path)


def test_a_missing_bokeh_is_named(path, monkeypatch):
    real = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name.split(".")[0] == "bokeh":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(pf.TrajectoryError, match="view: needs bokeh; pip install bokeh"):
        pf.view(path)


def test_a_run_that_has_written_no_frame_is_refused(tmp_path):
    path = simulate(tmp_path / "e.h5")
    with pf.open_trajectory(path) as run:
        frames = property(lambda _: 0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(run), "frames", frames)
            with pytest.raises(pf.TrajectoryError, match="has no complete frame to show"):
                select(run, 10, 10)


def test_commands(call, here):
    simulate("run.h5")
    code, out, _ = call("view", "run.h5", "--neurons", 10)
    assert code == 0
    assert out.startswith("run.html: ")
    assert call("view", "run.h5")[::2] == (
        2, "particleflow: run.html: exists already (--overwrite replaces it)\n"
    )  # fmt: skip
    assert call("view", "run.h5", "-o", "page.htm")[2] == (
        "particleflow: page.htm: expected a name ending in .html, found '.htm'\n"
    )
    assert call("plot", "run.h5", "-o", "other.html") == (0, "other.html\n", "")
    assert "5,000" not in (here / "other.html").read_text("utf-8")
    code, _, err = call("plot", "run.h5", "-o", "third.html", "--kind", "knots")
    assert code == 2
    assert "--kind does not go with a page" in err


def test_the_defaults_of_the_command_are_those_of_view():
    assert (viewing.NEURONS, viewing.FRAMES) == (viewer.NEURONS, viewer.FRAMES)


def test_without_a_screen_no_browser_is_opened(call, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    simulate("run.h5")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert call("view", "run.h5")[0] == 0
    assert not opened
