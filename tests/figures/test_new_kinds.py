"""Interpolants, curvature, density, compared runs, contrast, maps with hatches, videos."""

import importlib.util
import os
import shutil
import stat
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow import theory
from particleflow.figures import style
from particleflow.sweeps.table import DONE, Design, Sweep

SAMPLES = pf.Samples.generate("sine", 8)


def simulate(path, seed=0, samples=SAMPLES, m=80, until=20.0, weights=None, **options):
    neurons = pf.initialise("reduced", m, delta=-1.0, seed=seed)
    if weights is not None:
        neurons = pf.Neurons(neurons.a, neurons.b, neurons.c, weights=weights)
    sim = pf.Simulation(samples, neurons)
    sim.writers.append(pf.TrajectoryWriter(path, frames=5, **options))
    sim.run(until)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("runs") / "run.h5")


@pytest.fixture
def ax():
    return Figure().subplots()


def luminance(colour):
    """Relative luminance of WCAG 2."""
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (
        0.2126,
        0.7152,
        0.0722,
    )


def test_nothing_on_white_has_a_contrast_under_three():
    names = ("BLUE", "ORANGE", "GREY", "BLACK", "GREEN", "PINK", "PURPLE")
    colours = [getattr(style, name) for name in names]
    for colour_map in (style.LINES, style.SHARES):
        colours += [colour_map(t)[:3] for t in np.linspace(0.0, 1.0, 50)]
    assert min(1.05 / (luminance(colour) + 0.05) for colour in colours) >= 3.0


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_interpolants_are_those_of_the_samples(path, ax):
    with pf.open_trajectory(path) as run:
        pf.figures.draw_interpolants(ax, run, 2)
        lines = {name.split(",")[0]: line for name, line in lines_of(ax).items()}
        x, y = lines["cubic spline"].get_data()
        assert_allclose(y, theory.natural_spline(SAMPLES.x, SAMPLES.y)(x))
        x, y = lines["linear"].get_data()
        assert (x.min(), x.max()) == (-1.0, 1.0)
        assert_allclose(y, np.interp(x, SAMPLES.x, SAMPLES.y))
        f = next(line for name, line in lines.items() if name.startswith("$f$"))
        assert_allclose(f.get_ydata(), run.predict(2, f.get_xdata()))
        distance = np.sqrt(np.mean((run.predict(2, x) - y) ** 2))
        label = next(name for name in lines_of(ax) if name.startswith("linear"))
        assert f"{distance:.2g}" in label


def test_curvature_has_the_masses(path, ax):
    with pf.open_trajectory(path) as run:
        pf.figures.draw_curvature(ax, run)
        measure = run.curvature(-1)
    shown = np.concatenate([
        np.stack(lines_of(ax)[f"{name} kinks"].get_data(), axis=1) for name in ("convex", "concave")
    ])  # fmt: skip
    inside = (measure.knots >= -1.2) & (measure.knots <= 1.2) & (measure.masses != 0.0)
    expected = np.stack([measure.knots, measure.masses], axis=1)[inside]
    assert_array_equal(shown[np.argsort(shown[:, 0])], expected)
    right = ax.figure.axes[1].get_lines()[0]
    # a density: its integral is the change of slope over the window, up to the window's border
    x, density = right.get_data()
    width = 2.4 / 40
    middle = (measure.knots > -1.2 + width) & (measure.knots < 1.2 - width)
    edge = np.abs(measure.masses[~middle & (np.abs(measure.knots) < 1.2 + width)]).sum()
    assert abs(np.trapezoid(density, x) - measure.masses[middle].sum()) <= edge + 0.05


@pytest.mark.parametrize("weighted", [False, True])
def test_density_adds_up_to_all_neurons(tmp_path, ax, weighted):
    weights = np.linspace(0.0, 1.0, 80) if weighted else None
    with pf.open_trajectory(simulate(tmp_path / "d.h5", weights=weights)) as run:
        pf.figures.draw_density(ax, run, 3)
        mesh, (rhat, theta) = ax.collections[-1], run.position(3).T.astype(float)
        mass = np.full(80, 1.0 / 80) if run.mass is None else run.mass / run.mass.sum()
    shares, corners = mesh.get_array(), mesh.get_coordinates()
    assert_allclose(shares.sum(), 1.0)
    row, column = np.unravel_index(np.argmax(shares.filled(0.0)), shares.shape)
    (left, low), (right, high) = corners[row, column], corners[row + 1, column + 1]
    inside = (theta >= left) & (theta < right) & (rhat >= low) & (rhat < high)
    assert_allclose(shares[row, column], mass[inside].sum())


def test_two_runs_are_compared(path, tmp_path):
    other = simulate(tmp_path / "other $.h5", seed=1)
    with pf.open_trajectory(path) as one, pf.open_trajectory(other) as two:
        figure = pf.figures.plot_compared([one, two])
        left, right = figure.axes
        lines = lines_of(left)
        x = lines["run.h5"].get_xdata()
        assert_allclose(lines["run.h5"].get_ydata(), one.predict(-1, x))
        assert_allclose(lines[r"other \$.h5"].get_ydata(), two.predict(-1, x))
        difference = next(line for name, line in lines.items() if name.startswith("difference"))
        assert_allclose(difference.get_ydata(), two.predict(-1, x) - one.predict(-1, x))
        assert_allclose(right.get_lines()[0].get_ydata(), one.loss)
        spans = max(one.loss.max(), two.loss.max()) / min(one.loss.min(), two.loss.min())
        assert right.get_yscale() == ("log" if spans > 3.0 else "linear")


def test_many_runs_make_a_band(tmp_path):
    paths = [simulate(tmp_path / f"{seed}.h5", seed) for seed in range(4)]
    runs = [pf.open_trajectory(path) for path in paths]
    left, right = pf.figures.plot_compared(runs).axes
    x, median = lines_of(left)["median"].get_data()
    f = np.stack([run.predict(-1, x) for run in runs])
    assert_allclose(median, np.median(f, axis=0))
    band = left.collections[0].get_paths()[0].vertices
    assert_allclose([band[:, 1].min(), band[:, 1].max()], [f.min(), f.max()])
    mean = lines_of(right)["geometric mean"].get_ydata()
    assert_allclose(mean, np.exp(np.mean([np.log(run.loss) for run in runs], axis=0)))
    for run in runs:
        run.close()


def test_what_cannot_be_compared_is_refused(path, tmp_path):
    others = simulate(tmp_path / "o.h5", samples=pf.Samples.generate("sine", 9))
    some = simulate(tmp_path / "s.h5", neurons=10)
    with pf.open_trajectory(path) as run:
        with pytest.raises(pf.TrajectoryError, match="expected two or more trajectories, found 1"):
            pf.figures.plot_compared([run])
        with (
            pf.open_trajectory(others) as other,
            pytest.raises(pf.TrajectoryError, match=r"o\.h5: has other samples than .*run\.h5"),
        ):
            pf.figures.plot_compared([run, other])
        with (
            pf.open_trajectory(some) as other,
            pytest.raises(pf.TrajectoryError, match=r"s\.h5: has not all neurons"),
        ):
            pf.figures.plot_compared([run, other])


def test_the_command_compares(call, path, here):
    other = simulate(here / "b.h5", seed=3)
    assert call("plot", path, "--with", other, "-o", "two.png")[:2] == (0, "two.png\n")
    code, _, err = call("plot", path, "--with", other, "--animate", "-o", "x.png")
    assert code == 2
    assert "--animate does not go with --with" in err


def test_many_samples_do_not_hide_the_function(tmp_path, ax):
    x = np.linspace(-1.0, 1.0, 2000)
    many = pf.Samples(x, np.sin(3.0 * x))
    with pf.open_trajectory(simulate(tmp_path / "m.h5", samples=many, until=0.1)) as run:
        pf.figures.draw_function(ax, run)
    lines = lines_of(ax)
    f = next(line for name, line in lines.items() if name.startswith(r"$f$ at $\tau=0.1"))
    assert lines["samples"].get_zorder() < f.get_zorder()
    assert lines["samples"].get_markersize() <= 2.0
    assert not ax.collections  # no circles


def test_legends_name_rays_and_halves(path, ax):
    with pf.open_trajectory(path) as run:
        pf.figures.draw_cylinder(ax, run)
        told = [text.get_text() for text in ax.get_legend().get_texts()]
        assert "rays" in told
        assert any(text.startswith("attract") for text in told)
        other = Figure().subplots()
        pf.figures.draw_function(other, run)
        told = [text.get_text() for text in other.get_legend().get_texts()]
        assert sum("attracts" in text for text in told) == 2


def test_the_shared_legend_renames_the_last_function_alone(path, tmp_path):
    other = simulate(tmp_path / "o.h5", seed=1)
    with pf.open_trajectory(path) as one, pf.open_trajectory(other) as two:
        figure = pf.figures.draw_fig5({"one": one, "two": two})
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told.count("$f$ after training") == 1
    assert sum(text.startswith("attracts") for text in told) == 2


def test_the_plane_is_logarithmic_where_rhat_spans_decades(tmp_path):
    with pf.open_trajectory(simulate(tmp_path / "w.h5", m=300, until=200.0)) as run:
        ax = pf.figures.draw_uv(Figure().subplots(), run, paths=False)
        plain = pf.figures.draw_uv(Figure().subplots(), run, paths=False, is_linear=True)
        rhat, theta = run.position(-1).astype(float).T
    unit = np.median(np.abs(rhat))
    assert np.abs(rhat).max() > 10.0 * unit
    positive = rhat > 0.0
    u, v = lines_of(ax)[r"$\hat r>0$"].get_data()
    assert_allclose(np.hypot(u, v), unit * np.arcsinh(rhat[positive] / unit))
    assert_allclose(np.arctan2(v, u), theta[positive], atol=1e-12)
    radii = sorted(patch.radius for patch in ax.patches)
    powers = unit * np.sinh(np.array(radii) / unit)
    assert_allclose(np.log10(powers), np.round(np.log10(powers)), atol=1e-9)
    assert "circles" in ax.get_xlabel()
    u, v = lines_of(plain)[r"$\hat r>0$"].get_data()
    assert_allclose(np.hypot(u, v), rhat[positive])
    assert not plain.patches


def sweep_of(fit, distance):
    """The table of a sweep of two settings and two seeds, with these results."""
    axes = {"neurons.delta": [-1, 0, 1], "neurons.scale": [0.1, 1.0]}
    design = Design(axes, [0, 1], ("fit", "kernel_distance"), "", "")
    columns = {"fit": np.ravel(fit), "kernel_distance": np.ravel(distance)}
    columns["seconds"] = np.ones(12)
    return Sweep("s.h5", design, np.full(12, DONE, np.int8), columns, [])


def test_maps_take_geometric_means_and_hatch_what_is_not_fitted():
    distance = np.array([[[1e-4, 1e-2]] * 2] * 3, float)
    distance[0] = 1.0
    fit = np.full((3, 2, 2), 0.01)
    fit[1, 0] = 0.5
    figure = pf.figures.plot_sweep(sweep_of(fit, distance), ("kernel_distance",))
    ax = figure.axes[0]
    assert ax.get_title("left").endswith(", geometric mean")
    values = ax.images[0].get_array()
    assert_allclose(values, [[1.0, 1e-3, 1e-3]] * 2)
    hatched = [tuple(np.round(patch.get_xy()) + 0.0) for patch in ax.patches]
    assert len(hatched) == 1
    assert ax.patches[0].get_xy() == (0.5, -0.5)  # delta 0, the smaller scale
    assert "hatched: residuals above 0.1" in ax.get_xlabel()


def test_means_of_numbers_of_one_size_are_plain():
    distance = np.array([[[0.2, 0.4]] * 2] * 3, float)
    fit = np.full((3, 2, 2), 0.01)
    ax = pf.figures.plot_sweep(sweep_of(fit, distance), ("kernel_distance",)).axes[0]
    assert "geometric" not in ax.get_title("left")
    assert_allclose(ax.images[0].get_array(), 0.3)
    assert not ax.patches
    assert "hatched" not in ax.get_xlabel()


def test_without_ffmpeg_a_video_is_refused(path, here, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pf.open_trajectory(path) as run,
        pytest.raises(
            pf.TrajectoryError, match=r"\.mp4 needs the program ffmpeg; \.gif needs none"
        ),
    ):
        pf.figures.animate(run, here / "a.mp4")
    assert not list(here.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="a script stands in for the program")
def test_what_ffmpeg_says_is_told(path, here, monkeypatch):
    program = here / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no\\nroom for it')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    with (
        pf.open_trajectory(path) as run,
        pytest.raises(pf.WriteError, match=r"a\.mp4.*: ffmpeg: room for it"),
    ):
        pf.figures.animate(run, here / "a.mp4")
    assert not (here / "a.mp4").exists()


@pytest.mark.readers
@pytest.mark.filterwarnings(  # the reader leaves its pipes open
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
def test_a_video_has_the_frames(path, here, monkeypatch):
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        pytest.skip("needs imageio-ffmpeg (extra readers)")
    import imageio_ffmpeg

    (here / "bin").mkdir()
    (here / "bin" / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    monkeypatch.setenv("PATH", str(here / "bin"))
    with pf.open_trajectory(path) as run:
        pf.figures.animate(run, here / "a.mp4", frames_per_second=5.0)
    frames = imageio_ffmpeg.read_frames(str(here / "a.mp4"))
    facts = next(frames)
    assert facts["codec"] == "h264"
    assert_allclose(facts["fps"], 5.0)
    images = [np.frombuffer(frame, np.uint8).astype(int) for frame in frames]
    assert len(images) == 5
    assert (np.abs(images[0] - images[-1]) > 50).mean() > 1e-3


def test_every_kind_draws_a_run_of_one_sample(tmp_path):
    samples = pf.Samples([0.5], [1.0])
    with pf.open_trajectory(simulate(tmp_path / "one.h5", samples=samples)) as run:
        for kind in pf.figures.KINDS:
            with mpl.rc_context({"figure.max_open_warning": 0}):
                pf.figures.plot(run, kind)._repr_png_()
