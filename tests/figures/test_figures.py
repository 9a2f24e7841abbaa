"""Pictures: what is drawn, and what is said where something is missing."""

import h5py
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from PIL import Image

import particleflow as pf
from particleflow import figures
from particleflow.figures import animation
from particleflow.figures.style import BLUE, GREY, ORANGE, formula

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
        figure = figures.plot(traj)
    assert_allclose(figure.get_size_inches()[0] * 2.54, 17.0)
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels)


@pytest.mark.parametrize(("value", "text"), [
    (20.0, "20"), (0.5, "0.5"), (1e6, r"1\cdot 10^{6}"), (31622.776, r"3.162\cdot 10^{4}"),
    (2.5e-7, r"2.5\cdot 10^{-7}"),
])  # fmt: skip
def test_numbers_in_formulas(value, text):
    assert formula(value, 4) == text


def test_the_function_that_is_drawn_is_the_function(record):
    with record(frames=3) as traj:
        ax = figures.draw_function(Figure().subplots(), traj)
        (f,) = (line for label, line in lines_of(ax).items() if label.endswith(r"\tau=1$"))
        x, y = f.get_data()
        assert_allclose(y, traj.predict(-1, x))
        (marks,) = ax.collections
        assert_allclose(marks.get_offsets(), np.stack([SAMPLES.x, SAMPLES.y], axis=1))
        knots = traj.knots(-1)
        shown = lines_of(ax)["knots"].get_xdata()
        assert set(shown) == {e for e in knots if -1.2 < e < 1.2}


def test_the_uv_plane(record):
    with record(frames=11) as traj:
        ax = figures.draw_uv(Figure().subplots(), traj, is_linear=True)
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
        figure = figures.plot(traj)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts == ["loss was not recorded", "residuals were not recorded"]


FUNCTIONS = [
    figures.draw_function, figures.draw_uv, figures.draw_cylinder, figures.draw_knots,
    figures.draw_loss, figures.draw_modes, figures.draw_residuals, figures.draw_spectrum,
    figures.draw_sectors, figures.draw_rays,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("draw", FUNCTIONS)
@pytest.mark.parametrize("neurons", ["all", 7])
def test_every_function_draws_on_its_axes_and_returns_them(record, draw, neurons):
    with record(frames=3, neurons=neurons) as traj:
        ax = Figure().subplots()
        assert draw(ax, traj) is ax
        assert ax.has_data() or ax.texts


@pytest.mark.slow
@pytest.mark.parametrize("kind", figures.KINDS)
@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_every_kind_is_a_picture_of_a_column_or_a_page(record, tmp_path, kind, ending):
    with record(frames=5) as traj:
        figure = figures.plot(traj, kind)
    figures.save(figure, tmp_path / f"figure{ending}")
    assert (tmp_path / f"figure{ending}").stat().st_size > 5000
    width = figure.get_size_inches()[0] * 2.54
    assert_allclose(width, 17.0 if kind == "overview" else 8.5)
    panels = [ax for ax in figure.axes if ax.get_label() not in ("<colorbar>", "<right>")]
    assert all((ax.get_xlabel() and ax.get_ylabel()) or ax.texts for ax in panels)
    sizes = {text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()}
    assert min(sizes) >= 6.0


def test_a_frame_in_the_middle(record):
    with record(frames=5) as traj:
        figure = figures.plot(traj, "function", 2)
        assert any(r"\tau=0.5$" in label for label in lines_of(figure.axes[0]))
        rhat, _ = traj.position(2).astype(float).T
        ax = figures.draw_cylinder(Figure().subplots(), traj, 2)
        assert_allclose(lines_of(ax)[r"$\hat r>0$"].get_ydata(), rhat[rhat > 0.0])
        with pytest.raises(pf.RangeError, match="has 5 frames, no frame 5"):
            figures.plot(traj, "phase", 5)
        with pytest.raises(pf.TrajectoryError, match="kind: expected one of overview, function"):
            figures.plot(traj, "cake")


def test_the_function_of_a_frame(record):
    with record(frames=5) as traj:
        ax = figures.draw_function(Figure().subplots(), traj, 2)
        (f,) = (line for label, line in lines_of(ax).items() if label.endswith(r"\tau=0.5$"))
        x, y = f.get_data()
        assert_allclose(y, traj.predict(2, x))
    with record(frames=5, neurons=7, overwrite=True) as traj:
        ax = figures.draw_function(Figure().subplots(), traj, 2)
        (f,) = (line for label, line in lines_of(ax).items() if label.endswith(r"\tau=0.5$"))
        at = traj.observable("residual")[0].tolist().index(0.5)
        assert_allclose(f.get_ydata(), SAMPLES.y + traj.residual[at])


def test_paths_do_not_go_around_the_cylinder(record):
    with record(frames=51) as traj:
        ax = figures.draw_cylinder(Figure().subplots(), traj)
    for line in ax.get_lines():
        theta = np.asarray(line.get_xdata(), float)
        rhat = np.asarray(line.get_ydata(), float)
        if theta.size > 2 and line.get_linestyle() == "-":
            jumps = np.abs(np.diff(theta)) > np.pi
            assert np.isnan(rhat[1:][jumps]).all()


def test_knots_over_time_are_the_knots(record):
    with record(frames=5) as traj:
        ax = figures.draw_knots(Figure().subplots(), traj)
        drawn = np.array(
            [line.get_ydata() for line in ax.get_lines() if line.get_xdata().size == 5]
        )
        knots = np.stack([traj.knots(k) for k in range(5)], axis=1)
        shown = (knots > -1.5) & (knots < 1.5)
        rhat = np.stack([traj.position(k)[:, 0] for k in range(5)], axis=1)
        for colour, own in ((BLUE, rhat > 0.0), (ORANGE, rhat < 0.0)):
            lines = [line for line in ax.get_lines() if line.get_xdata().size == 5]
            one = np.array([line.get_ydata() for line in lines if line.get_color() == colour])
            assert sorted(one[np.isfinite(one)]) == sorted(knots[shown & own])
    assert sorted(drawn[np.isfinite(drawn)]) == sorted(knots[shown])


def test_the_spectrum_is_that_of_the_kernel(record):
    with record(frames=3, observables=("loss", "residual", "kernel_spectrum")) as traj:
        recorded = figures.draw_spectrum(Figure().subplots(), traj)
        _, values = traj.observable("kernel_spectrum")
    with record(frames=3, overwrite=True) as traj:
        computed = figures.draw_spectrum(Figure().subplots(), traj)
    for k in range(3):
        assert_allclose(recorded.get_lines()[k].get_ydata(), values[:, k])
        # steps of gradient descent change delta, which the reader takes from the start
        assert_allclose(computed.get_lines()[k].get_ydata(), values[::10, k], rtol=5e-3)


def test_modes_are_the_residuals_in_another_basis(record):
    with record(frames=3) as traj:
        ax = figures.draw_modes(Figure().subplots(), traj)
        along = np.array([line.get_ydata() for line in ax.get_lines()[:-1:2]])
        assert along.shape[0] == 6  # all of them
        assert_allclose((along**2).sum(axis=0), (traj.residual**2).sum(axis=1))
        rates = np.linalg.eigvalsh(traj.tangent_kernel(0))[::-1]
        for k, line in enumerate(ax.get_lines()[1:-1:2]):
            decay = np.log(line.get_ydata()[0] / line.get_ydata()[-1])
            assert_allclose(decay, rates[k], rtol=1e-6, atol=1e-9)


def test_sectors_show_shares_of_the_neurons(record):
    with record(frames=3) as traj:
        ax = figures.draw_sectors(Figure().subplots(), traj)
        shares = np.nan_to_num(np.asarray(ax.collections[0].get_array().filled(0.0)))
        counts = np.bincount(traj.cell(-1), minlength=25)[:12] / 40
        assert_allclose(shares.reshape(12, 3)[:, -1], counts)


def test_rays_show_shares_of_those_that_slide(tmp_path):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 40, seed=1))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3))
    sim.run(10.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        counts = np.bincount(traj.cell(-1), minlength=25)[12:24] / 40
        assert counts.any()
        ax = figures.draw_rays(Figure().subplots(), traj)
        shares = np.asarray(ax.collections[0].get_array().filled(0.0))
        assert_allclose(shares.reshape(12, 3)[:, -1], counts)


def test_an_animation_shows_each_frame(record):
    with record(frames=5) as traj:
        scene = animation._Scene(traj)
        for frame in (0, 3, 4):
            scene.picture(frame)
            x, y = scene._f.get_data()
            assert_allclose(y, traj.predict(frame, x))
            assert_allclose(scene._knots.get_xdata(), traj.knots(frame))
            rhat, theta = traj.position(frame).T
            for points, own in zip(scene._points, (rhat > 0.0, rhat < 0.0), strict=True):
                assert_allclose(points.get_xdata(), theta[own])
                assert_allclose(points.get_ydata(), rhat[own])
            assert f"{traj.time[frame]:.4g}" in scene._time.get_text()


@pytest.mark.slow
def test_a_file_of_numbers_that_are_none(record, tmp_path):
    with record(frames=5):
        pass
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file["particles/neurons/position/value"][:, 3] = np.nan
        file["observables/residual/value"][7] = np.inf
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        for kind in figures.KINDS:
            figures.save(figures.plot(traj, kind), tmp_path / f"{kind}.png")


@pytest.mark.slow
def test_a_file_of_one_frame(record, tmp_path):
    with record(frames=5):
        pass
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file["parameters/progress"][:] = 1, 1
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        for kind in figures.KINDS:
            figures.save(figures.plot(traj, kind), tmp_path / f"{kind}.png")
        figures.animate(traj, tmp_path / "one.gif")
        (loss,) = figures.draw_loss(Figure().subplots(), traj).get_lines()
        assert loss.get_marker() == "."


@pytest.mark.slow
def test_a_file_of_neurons_that_rest(tmp_path):
    zero = np.zeros(5)
    sim = pf.Simulation(SAMPLES, pf.Neurons(zero, zero, zero), pf.GradientDescent(0.1))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3))
    sim.run(1.0)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        for kind in figures.KINDS:
            figures.save(figures.plot(traj, kind), tmp_path / f"{kind}.png")
        figures.animate(traj, tmp_path / "run.gif")


def test_pictures_are_replaced_when_they_are_whole(record, tmp_path, monkeypatch):
    with record(frames=3) as traj:
        figure = figures.plot(traj, "loss")
    (tmp_path / "a.png").write_text("old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(pf.WriteError, match=r"a\.png: cannot be created: .*No space left"):
        figures.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "run.h5"]


def test_an_animation_has_the_frames_and_moves(record, tmp_path):
    with record(frames=11) as traj:
        figures.animate(traj, tmp_path / "a run.gif")
        figures.animate(traj, tmp_path / "fewer.gif", stride=5, frames_per_second=2.0)
        with pytest.raises(pf.TrajectoryError, match="exists already"):
            figures.animate(traj, tmp_path / "fewer.gif")
        with pytest.raises(pf.TrajectoryError, match=r"ending in \.gif, \.mp4, found '\.png'"):
            figures.animate(traj, tmp_path / "a.png")
    with Image.open(tmp_path / "a run.gif") as gif, Image.open(tmp_path / "fewer.gif") as fewer:
        assert (gif.n_frames, fewer.n_frames) == (11, 3)
        assert (gif.info["duration"], fewer.info["duration"]) == (50, 500)
        first = np.asarray(gif.convert("RGB")).astype(int)
        gif.seek(10)
        assert (np.abs(np.asarray(gif.convert("RGB")) - first).sum(axis=2) > 50).mean() > 1e-3
        height, width, _ = first.shape
        assert width > 600
        assert height > 250
    with record(frames=3, neurons=5, overwrite=True) as traj, \
            pytest.raises(pf.TrajectoryError, match="needs all neurons"):  # fmt: skip
        figures.animate(traj, tmp_path / "some.gif")
    assert not (tmp_path / "some.gif").exists()


def test_drawing_leaves_the_users_style_alone(record):
    before = {k: v for k, v in mpl.rcParams.items() if k != "backend"}
    with record(frames=3) as traj:
        figures.plot(traj)
    assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == before


def test_pictures_say_what_they_leave_out(tmp_path):
    """And draw what they name: the largest eigenvalues, in their order."""
    from particleflow import figures

    path = tmp_path / "run.h5"
    samples = pf.Samples.generate("sine", 40)
    sim = pf.Simulation(samples, pf.initialise("reduced", 5000, seed=2))
    sim.writers.append(pf.TrajectoryWriter(path, frames=71))
    sim.run(0.01)
    with pf.open_trajectory(path) as trajectory:
        largest = np.linalg.eigvalsh(trajectory.tangent_kernel(0))[::-1]
        (spectrum,) = figures.plot(trajectory, "spectrum").axes
        drawn = [line.get_ydata()[0] for line in spectrum.lines]
        np.testing.assert_allclose(drawn, largest[:32])
        assert "32 largest of 40 eigenvalues" in spectrum.get_ylabel()
        assert "shown: 64 of 71 frames" in spectrum.get_xlabel()
        uv = figures.plot(trajectory, "phase").axes[0].get_xlabel().replace("\n", " ")
        assert "4,000 of 5,000 neurons, 100 of 5,000 paths, 64 of 71 frames along them" in uv
        assert "200 of 5,000 neurons" in figures.plot(trajectory, "knots").axes[0].get_xlabel()
        assert "6 of 40 modes" in figures.plot(trajectory, "loss").axes[1].get_xlabel()


@pytest.mark.parametrize(("frames", "rate"), [(90, 30.0), (7, 20.0), (61, 24.0)])
def test_animations_last_as_long_as_was_asked_for(frames, rate):
    from particleflow.figures.animation import durations

    found = durations(frames, rate)
    assert len(found) == frames
    assert all(length % 10 == 0 for length in found)
    assert abs(sum(found) - 1000.0 * frames / rate) <= 5.0


def test_an_animation_needs_a_stride(record, tmp_path):
    with record(frames=3) as traj, pytest.raises(pf.ParticleflowError, match="stride: expected"):
        figures.animate(traj, tmp_path / "run.gif", stride=0)


def test_the_loss_of_a_run_that_diverged_is_logarithmic(record, tmp_path):
    record(frames=3).close()
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        loss = file["observables/loss/value"]
        loss[:] = np.geomspace(1.0, 1e6, loss.size)
        loss[-1] = np.nan
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        assert figures.draw_loss(Figure().subplots(), traj).get_yscale() == "log"
