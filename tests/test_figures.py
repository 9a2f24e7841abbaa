"""Pictures: what is drawn, and what is said where something is missing."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import particleflow as pf
from particleflow import figures
from particleflow.figures.style import BLUE, GREY, ORANGE

SAMPLES = pf.Samples.generate("square_wave", 6)


@pytest.fixture
def record(tmp_path):
    def run(**options):
        sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 40, seed=1), pf.GradientDescent(0.01))
        sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", **options))
        sim.run(1.0)
        return pf.open_trajectory(tmp_path / "run.h5")

    return run


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_overview_has_four_labelled_panels_on_17_cm(record):
    with record(frames=11) as traj:
        figure = figures.overview(traj)
    assert_allclose(figure.get_size_inches()[0] * 2.54, 17.0)
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels)


def test_the_function_that_is_drawn_is_the_function(record):
    with record(frames=3) as traj:
        ax = figures.draw_function(Figure().subplots(), traj)
        (f,) = (line for label, line in lines_of(ax).items() if label.endswith(r"\tau=1$"))
        x, y = f.get_data()
        assert_allclose(y, traj.predict(-1, x))
        assert_allclose(lines_of(ax)["samples"].get_data(), [SAMPLES.x, SAMPLES.y])
        knots = traj.knots(-1)
        shown = lines_of(ax)["knots"].get_xdata()
        assert set(shown) == {e for e in knots if -1.2 < e < 1.2}


def test_the_uv_plane(record):
    with record(frames=11) as traj:
        ax = figures.draw_uv(Figure().subplots(), traj)
        rhat, theta = traj.position(-1).astype(float).T
        for label, sign in ((r"$\hat r>0$", 1), (r"$\hat r<0$", -1)):
            u, v = lines_of(ax)[label].get_data()
            own = np.sign(rhat) == sign
            assert_allclose(u, np.abs(rhat[own]) * np.cos(theta[own]))
            assert_allclose(v, np.abs(rhat[own]) * np.sin(theta[own]))


def test_samples_and_rays_are_coloured_by_what_they_attract(record):
    """Lemma 1 at the frame: right halves and rays r < s for a > 0, left halves for a < 0."""
    with record(frames=3) as traj:
        residual = traj.predict(-1, SAMPLES.x) - SAMPLES.y
        kinds = {sign: pf.theory.classify_rays(SAMPLES.x, residual, sign) for sign in (1, -1)}
        expected = [
            BLUE if kinds[1][r] == "attractor"
            else ORANGE if kinds[-1][r] == "attractor" else GREY
            for r in range(12)
        ]  # fmt: skip
        assert len(set(expected)) == 3
        function = figures.draw_function(Figure().subplots(), traj)
        halves = {}
        for line in function.get_lines():
            if line.get_fillstyle() == "left" and len(line.get_xdata()) == 1:
                halves[line.get_xdata()[0]] = line
        for j, x in enumerate(SAMPLES.x):
            right, left = (GREY if c == "white" else c for c in (
                (halves[x].get_markerfacecoloralt(), halves[x].get_markerfacecolor())
                if x in halves else ("white", "white")))  # fmt: skip
            assert (right, left) == (expected[j], expected[6 + j])
        uv = figures.draw_uv(Figure().subplots(), traj)
        rays = [line for line in uv.get_lines() if line.get_zorder() == 0]
        assert [line.get_color() for line in rays] == expected
        for r, line in enumerate(rays):
            (_, u), (_, v) = line.get_data()
            assert_allclose(u * SAMPLES.x[r % 6] + v, 0.0, atol=1e-12)
            assert (u > 0) == (r < 6)


def test_what_was_not_recorded_is_said(record):
    with record(frames=3, observables=["steps"], neurons=10) as traj:
        figure = figures.overview(traj)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts == ["loss was not recorded", "residuals were not recorded"]


def test_drawing_leaves_the_users_style_alone(record):
    before = {k: v for k, v in mpl.rcParams.items() if k != "backend"}
    with record(frames=3) as traj:
        figures.overview(traj)
    assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == before
