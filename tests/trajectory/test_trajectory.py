"""Trajectory files: what is written, read back by three readers, and what is refused."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.files import disk
from particleflow.run.observables import BUILT_IN
from particleflow.trajectory import times as frame_times
from particleflow.trajectory import writer, writer_thread
from particleflow.trajectory.schema import chunk_width

SAMPLES = pf.Samples.generate("square_wave", 6)
FILES = Path(__file__).parents[1] / "recorded"


def simulate(path, until=1.0, m=50, metric="network", integrator=None, **options):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", m, seed=1),
                        integrator or pf.GradientDescent(0.01), metric)  # fmt: skip
    sim.writers.append(pf.TrajectoryWriter(path, **options))
    sim.run(until)
    return sim


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a run.h5"


def cells(sim):
    """Cells in the original order, of neurons that fit into one slot."""
    return sim.state.cell[np.argsort(sim.state.order.ident)]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("metric", ["network", "euclidean"])
@pytest.mark.parametrize("integrator", [pf.GradientDescent(0.01), pf.RungeKutta(1e-3)])
def test_frames_are_the_states_of_the_run(path, precision, metric, integrator):
    sim = simulate(path, metric=metric, integrator=integrator, frames=5, precision=precision)
    assert sim.writers[0].path == path
    other = pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1), integrator, metric)
    with pf.open_trajectory(path) as traj:
        assert (traj.frames, traj.size, traj.metric) == (5, 50, metric)
        assert traj.is_complete
        assert_allclose(traj.time, [0.0, 0.25, 0.5, 0.75, 1.0])
        for frame in (0, -1):
            neurons = other.neurons
            rtol, atol = (1e-6, 1e-5) if precision == "float32" else (1e-13, 1e-13)
            position = traj.position(frame)
            assert position.dtype == precision
            assert_allclose(position[:, 0], neurons.rhat, rtol, atol)
            assert_allclose(position[:, 1], neurons.theta, rtol, atol)
            assert_allclose(traj.knots(frame), neurons.knots, rtol=1e-3, atol=1e-3)
            points = np.linspace(-2, 2, 9)
            assert_allclose(traj.predict(frame, points), other.predict(points), rtol, 10 * atol)
            if integrator.name == "gd" or frame == 0:
                assert_array_equal(traj.cell(frame), cells(other))
            if frame == 0:
                for got, v in zip(traj.parameters(0), "abc", strict=True):
                    assert_allclose(got, getattr(neurons, v), rtol, atol)
                # the writer's times shorten steps of rk; follow them
                for t in writer.finer_times(traj.time)[1:]:
                    other.run(t)
        assert_allclose(traj.neuron(7)[-1], traj.position(-1)[7])
        assert_allclose(traj.residual[-1], sim.residual, rtol=1e-15)
        assert traj.loss[-1] == sim.loss


def test_pyh5md_reads_the_file(path):
    import pyh5md

    simulate(path, frames=6)
    with pf.open_trajectory(path) as ours, pyh5md.File(str(path), "r", locking=False) as file:
        neurons = file.particles_group("neurons")
        position = pyh5md.element(neurons, "position")
        assert position.element_type == "TimeElement"
        assert position.value.shape == (6, 50, 2)
        assert_array_equal(position.value[3], ours.position(3))
        assert_allclose(position.time[:], ours.time)
        assert_array_equal(position.step[:], ours.step)
        assert_array_equal(pyh5md.element(neurons, "cell").value[2], ours.cell(2))
        loss = pyh5md.element(file["observables"], "loss")
        assert_allclose(loss.value[:], ours.loss)
        assert neurons["box"].attrs["dimension"] == 2
        assert [v.decode() for v in neurons["box"].attrs["boundary"]] == ["none", "periodic"]


def test_layout_is_that_of_the_format(path):
    simulate(path, frames=3)
    with h5py.File(path, "r") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert file["h5md/creator"].attrs["name"] == b"particleflow"
        assert file.attrs["schema_version"] == 1
        position = file["particles/neurons/position"]
        assert position["value"].chunks == (1, 50, 2)
        assert position["value"].maxshape == position["value"].shape
        assert file["particles/neurons/cell/time"] == position["time"]
        assert file["particles/neurons/cell/step"] == position["step"]
        assert_allclose(file["particles/neurons/box/edges"], [1.0, 2.0 * np.pi])
        assert file["observables/residual/value"].shape == (21, 6)
        assert file["observables/residual/time"] == file["observables/loss/time"]
        assert [d.keys() for d in position["value"].dims] == [["time"], ["id"], ["component"]]
        residual = file["observables/residual/value"]
        assert [dim[0].name.split("/")[-1] for dim in residual.dims] == ["time", "sample"]
        assert_array_equal(file["observables/sample"], SAMPLES.x)
        assert_array_equal(file["parameters/progress"], [3, 21])
        attributes = dict(file["parameters"].attrs)
        assert attributes["m"] == 50
        assert attributes["alpha"] == 50.0
        assert {"version_numba", "version_h5py", "threads", "device", "seed"} <= set(attributes)
        assert file["particles/neurons/id"].dtype == np.int64


def test_chunks_waste_no_space():
    for n in (1, 131072, 131073, 200_000, 10**6, 10**7 + 1):
        width = chunk_width(n)
        pieces = -(-n // width)
        assert pieces * width - n < pieces
        assert width <= 1.5 * 131072


def test_every_observable(path):
    sim = simulate(path, frames=3, observables=BUILT_IN)
    with pf.open_trajectory(path) as traj:
        last = {name.rpartition("/")[2]: traj.observable(name)[1][-1] for name in traj.observables}
    assert set(last) == set(BUILT_IN)
    a, b, c = sim.state.parameters()
    assert_allclose(last["prediction"], sim.predict(SAMPLES.x), atol=1e-14)
    order = np.argsort(-b / a)
    masses = (c * np.abs(a) / 50)[order]
    assert_allclose(last["slope_variation"], np.abs(masses).sum(), rtol=1e-13)
    assert last["steps"] == 100
    assert last["rejected"] == 0
    assert last["crossings"] == sim.state.crossings.sum() > 0
    assert last["dead_fraction"] == np.mean(sim.state.cell == 6) > 0
    assert last["sliding_fraction"] == 0.0
    assert last["sector_counts"].sum() == 50
    assert_allclose(last["sector_covariances"], sim.sector_covariances())
    sums = [np.sum(c[cells(sim) == k] * a[cells(sim) == k]) / 50 for k in range(12)]
    assert_allclose(last["sector_first_moments"][:, 0], sums, atol=1e-14)
    assert last["ray_counts"].shape == (12,)
    start = pf.initialise("reduced", 50, seed=1)
    neurons = sim.neurons
    size = neurons.a**2 + neurons.b**2 + neurons.c**2
    assert_allclose(last["delta_drift"], np.max(np.abs(neurons.delta - start.delta) / size),
                    rtol=1e-10)  # fmt: skip


def test_slope_variation_merges_equal_knots():
    from particleflow.theory import slope_variation

    a, b = np.array([1.0, 1.0, 2.0, 0.0]), np.array([1.0, 1.0, -1.0, 1.0])
    c = np.array([1.0, -1.0, 3.0, 9.0])
    assert slope_variation(a, b, c) == 6.0 / 4


def test_large_arrays_are_recorded_with_the_frames(tmp_path):
    samples = pf.Samples.generate("sine", 300)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 20), pf.GradientDescent(1e-4))
    path = tmp_path / "large.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=3, observables=["loss", "residual"]))
    sim.run(0.01)
    with pf.open_trajectory(path) as traj:
        assert traj.residual.shape == (3, 300)
        assert_array_equal(traj.observable("residual")[0], traj.time)
        assert traj.loss.size == 21


def test_user_observables(path):
    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 20), pf.GradientDescent(0.01))
    sim.observables.add("largest_c", lambda s: np.abs(s.neurons.c).max())
    sim.observables.add("pair", lambda s: [s.step, 2 * s.step], every=5)
    sim.writers.append(pf.TrajectoryWriter(path, frames=3))
    sim.run(1.0)
    with pf.open_trajectory(path) as traj:
        times, pairs = traj.observable("user/pair")
        assert_allclose(times, [0.0, 0.25, 0.5, 0.75, 1.0])
        assert_array_equal(pairs[:, 1], [0, 50, 100, 150, 200])
        assert traj.observable("user/largest_c")[1][-1] == np.abs(sim.neurons.c).max()
    for bad, message in ((("pair", abs), "is there already"), (("2x", abs), "identifier"),
                         (("z", abs, 0), "every: expected at least 1")):  # fmt: skip
        with pytest.raises(pf.TrajectoryError, match=message):
            sim.observables.add(*bad)


def test_a_user_observable_that_began_as_a_whole_number(path):
    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 20), pf.GradientDescent(0.01))
    sim.observables.add("half", lambda s: 0 if s.step == 0 else 0.5)
    sim.writers.append(pf.TrajectoryWriter(path, frames=3))
    sim.run(1.0)
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.observable("user/half")[1], [0.0] + 20 * [0.5])
    with pytest.raises(pf.TrajectoryError, match="has a meaning in H5MD"):
        sim.observables.add("value", abs)


def test_sparse_observables_of_a_stopped_run_end_where_they_were_written(path):
    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 20), pf.GradientDescent(0.01))
    sim.observables.add("nine", lambda s: s.step, every=9)
    sim.writers.append(pf.TrajectoryWriter(path, times=[0.0, 0.09],
                                           observable_times=np.arange(10) * 0.01))  # fmt: skip
    sim.run(0.09)
    with h5py.File(path, "r+") as file:
        file["parameters/progress"][:] = (1, 8)
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.observable("user/nine")[1], [0])


class Calls:
    """Stands in for a dataset or file and notes what is done to it, in order."""

    def __init__(self, name, calls, inner):
        self.name, self.calls, self.inner = name, calls, inner

    def __setitem__(self, index, value):
        self.calls.append(self.name)
        self.inner[index] = value

    def flush(self):
        self.calls.append("flush")
        self.inner.flush()

    def __getitem__(self, name):
        return Calls("data", self.calls, self.inner[name])


def test_data_reach_the_disk_before_progress_counts_them(path, monkeypatch):
    calls = []
    original = writer_thread.WriterThread.__init__

    def init(self, file, where, *more):
        original(self, file, where, *more)
        self._file = Calls("file", calls, file)
        self._progress = Calls("progress", calls, self._progress)

    monkeypatch.setattr(writer_thread.WriterThread, "__init__", init)
    simulate(path, frames=4)
    text = " ".join(calls)
    assert calls.count("progress") >= 1
    for commit in text.split("progress flush")[:-1]:
        words = commit.split()
        assert words[-1] == "flush"
        assert set(words[:-1]) == {"data"}
    assert text.endswith("progress flush")


def test_an_error_in_the_last_batch_is_raised(path, monkeypatch):
    original = writer_thread.WriterThread._write

    def fail_at_the_end(self, batches):
        if batches and batches[-1].frames == 3:
            raise OSError(5, "Input/output error")
        original(self, batches)

    monkeypatch.setattr(writer_thread.WriterThread, "_write", fail_at_the_end)
    with pytest.raises(pf.WriteError, match="Input/output error"):
        simulate(path, frames=3)


def test_the_space_on_the_disk_is_reserved(path):
    seen = []
    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 5000), pf.GradientDescent(0.01))
    sim.writers.append(pf.TrajectoryWriter(path, frames=101))
    sim.run(1.0, progress=lambda sim: seen.append(path.stat()))
    assert 512 * seen[0].st_blocks >= 0.99 * seen[0].st_size > 5000 * 8 * 101


def test_knots_that_the_reader_knows_better(path):
    """A sliding neuron sits on its sample; one with a = 0 or at the origin has no knot."""
    neurons = pf.Neurons([0.0, 1.0, 1.0, 0.0], [1.0, 0.3, 0.2, 0.0], [1.0, 1.0, 1.0, 1.0])
    sim = pf.Simulation(SAMPLES, neurons, pf.GradientDescent(1e-9))
    sim.writers.append(pf.TrajectoryWriter(path, frames=2))
    sim.run(1e-9)
    with h5py.File(path, "r+") as file:
        file["particles/neurons/cell/value"][0, 2] = 2 * 6 + (6 + 4)
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.knots(0), [np.nan, -0.3, SAMPLES.x[4], np.nan], rtol=1e-6)
        with pytest.raises(pf.ConfigError, match="expected finite numbers"):
            traj.predict(0, [0.0, np.nan])


def test_positions_beyond_float32_can_be_drawn(path, tmp_path):
    from particleflow import figures

    neurons = pf.Neurons([1e30, 1.0], [1e30, 1.0], [1e30, 1.0])
    sim = pf.Simulation(SAMPLES, neurons, pf.GradientDescent(1e-80))
    sim.writers.append(pf.TrajectoryWriter(path, frames=2, precision="float32"))
    with np.errstate(over="ignore"):
        sim.run(1e-80)
    with pf.open_trajectory(path) as traj:
        assert np.isinf(traj.position(0)).any()
        with np.errstate(all="ignore"):
            figures.save(figures.plot(traj), tmp_path / "huge.png")


def test_an_observable_may_not_change_its_shape(path):
    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 20), pf.GradientDescent(0.01))
    sim.observables.add("growing", lambda s: np.zeros(s.step + 1))
    sim.writers.append(pf.TrajectoryWriter(path, frames=3))
    with pytest.raises(pf.TrajectoryError, match="growing: expected the shape"):
        sim.run(1.0)


def test_a_subset_of_the_neurons(path):
    sim = simulate(path, m=100, frames=3, neurons=7)
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.ids, np.arange(7) * 100 // 7)
        assert_allclose(traj.position(-1)[:, 0], sim.neurons.rhat[traj.ids], rtol=1e-6)
        assert traj.neuron(14).shape == (3, 2)
        for call in (lambda: traj.predict(0, 0.0), lambda: traj.parameters(0)):
            with pytest.raises(pf.TrajectoryError, match=r"output\.neurons"):
                call()
        with pytest.raises(pf.RangeError, match=r"has no neuron 1$"):
            traj.neuron(1)
    with pytest.raises(pf.TrajectoryError, match="expected at most 50 or 'all', found 60"):
        simulate(path, neurons=60, overwrite=True)


def test_gradient_descent_records_whole_steps_once(path):
    simulate(path, until=0.05, frames=201)
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.step, np.arange(6))
        assert_allclose(traj.time, np.arange(6) * 0.01)
        assert traj.loss.size == 6


def test_geometric_frames(path):
    simulate(path, frames=5, spacing="geometric", first=1e-3, integrator=pf.RungeKutta(1e-3))
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.time, [0.0, 1e-3, 1e-2, 1e-1, 1.0])
    simulate(path, frames=2, spacing="geometric", overwrite=True)
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.time, [0.0, 1.0])
    with pytest.raises(pf.TrajectoryError, match="first: expected a time below 1, found 2"):
        simulate(path, spacing="geometric", first=2.0, overwrite=True)


def test_frames_at_powers(path):
    """At ceil(k^p) times ``first``; p leads to the end, and frames that coincide are one."""
    simulate(path, frames=5, spacing="power", first=1e-2, integrator=pf.RungeKutta(1e-3))
    with pf.open_trajectory(path) as traj:
        # 4^p = 100: 2^p is 10, and 3^p = 38.4
        assert_allclose(traj.time, 1e-2 * np.array([0, 1, 10, 39, 100]))
    simulate(path, frames=9, spacing="power", first=0.25, overwrite=True)
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.time, [0.0, 0.25, 0.5, 0.75, 1.0])
    with pytest.raises(pf.TrajectoryError, match="first: expected a time below 1, found 2"):
        simulate(path, spacing="power", first=2.0, overwrite=True)


@pytest.mark.parametrize(("frames", "first", "end", "later"), [
    (201, 1.0, 10.0, 1000.0), (11, 0.99, 1.0, 7.3), (5, 0.013, 1.0, 9.1), (40, 1e-3, 2.0, 3.3),
])  # fmt: skip
def test_more_frames_at_powers(frames, first, end, later):
    """They follow at whole numbers of ``first`` that are powers, whether these are dense or not."""
    begun = frame_times.frame_times(0.0, end, frames, "power", first)
    pace = frame_times.Pace.of(0.0, end, frames, "power", first)
    longer = frame_times.until(begun, later, pace)
    assert longer[-1] == later
    assert (np.diff(longer) > 0.0).all()
    p = np.log(end / first) / np.log(frames - 1)
    k = np.arange(frames, 2000.0)
    own = first * (np.ceil(k**p * (1 - 1e-12)) if p > 1.0 else np.arange(np.ceil(later / first)))
    own = own[(own > end * (1 + 1e-12)) & (own < later * (1 - 1e-12))]
    expected = np.union1d(begun, own)  # the old end stays
    assert_allclose(longer[:-1], expected, rtol=1e-12)


def test_times_of_ones_own(path):
    simulate(path, times=[0.0, 0.3, 1.0], observable_times=[0.5], integrator=pf.RungeKutta(1e-3))
    with pf.open_trajectory(path) as traj:
        assert_array_equal(traj.time, [0.0, 0.3, 1.0])
        assert_array_equal(traj.observable("loss")[0], [0.5])
    for times, message in (([0.0, 2.0], "expected times from 0 to 1"), ([1.0, 0.0], "ascending")):
        with pytest.raises(pf.TrajectoryError, match=message):
            simulate(path, times=times, overwrite=True)


def test_finer_times_hold_the_frames_to_the_bit():
    times = np.geomspace(1e-3, 17.3, 23)
    assert set(times) <= set(writer.finer_times(times))
    assert writer.finer_times(times).size == 221


def test_a_frame_of_another_run_as_initial_state(path):
    sim = simulate(path, frames=3, precision="float64", integrator=pf.RungeKutta(1e-4))
    neurons = pf.Neurons.from_file(path)
    assert_allclose(neurons.rhat, sim.neurons.rhat, rtol=1e-12)
    assert_allclose(neurons.delta, 1.0, atol=1e-9)
    assert neurons.alpha == 50.0
    first = pf.Neurons.from_file(path, frame=0)
    assert_allclose(first.a, pf.initialise("reduced", 50, seed=1).a, atol=1e-12)
    with pytest.raises(ValueError, match="has 3 frames, no frame 3"):
        pf.Neurons.from_file(path, frame=3)


def test_readers_trust_progress_only(path):
    simulate(path, frames=5)
    with h5py.File(path, "r+") as file:
        file["parameters/progress"][:] = (2, 13)
    with pf.open_trajectory(path) as traj:
        assert traj.frames == 2
        assert traj.time.size == 2
        assert traj.neuron(0).shape == (2, 2)
        assert traj.loss.size == 13
        assert not traj.is_complete
        with pytest.raises(pf.TrajectoryError, match="has 2 frames, no frame 2"):
            traj.position(2)
    with h5py.File(path, "r+") as file:
        file["parameters/progress"][:] = (6, 13)
    with pytest.raises(pf.TrajectoryError, match="more than"):
        pf.open_trajectory(path)


def test_a_failed_run_keeps_its_frames(path):
    samples = pf.Samples.generate("sine", 5)
    sim = pf.Simulation(samples, pf.initialise("gaussian", 100), pf.GradientDescent(1e60))
    sim.writers.append(pf.TrajectoryWriter(path, frames=11))
    with pytest.raises(pf.IntegrationError):
        sim.run(1e61)
    with pf.open_trajectory(path) as traj:
        assert traj.frames == 2
        assert np.isfinite(traj.loss).all()
        assert not traj.is_complete


def test_a_running_file_can_be_read(path):
    seen = []

    def look(sim):
        time.sleep(0.01)  # frames go to the file every 0.2 seconds
        if sim.step > 50:
            with pf.open_trajectory(path) as traj:
                seen.append((traj.frames, traj.planned_frames))

    sim = pf.Simulation(SAMPLES, pf.initialise("gaussian", 20), pf.GradientDescent(0.01))
    sim.writers.append(pf.TrajectoryWriter(path, frames=101))
    sim.run(1.0, progress=look)
    assert seen
    assert all(planned == 101 for _, planned in seen)
    assert seen[-1][0] > 1


def test_nothing_but_the_file_is_left_behind(tmp_path, path):
    simulate(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert not [t for t in threading.enumerate() if t.name == "particleflow-writer"]


def test_existing_files_are_kept(path, tmp_path):
    path.write_text("precious")
    with pytest.raises(pf.TrajectoryError, match="exists already"):
        pf.TrajectoryWriter(path)
    assert path.read_text() == "precious"
    with pytest.raises(pf.TrajectoryError, match=r"folder .* does not exist"):
        pf.TrajectoryWriter(tmp_path / "none" / "run.h5")
    with pytest.raises(pf.TrajectoryError, match="is a folder"):
        pf.TrajectoryWriter(tmp_path, overwrite=True)
    simulate(path, overwrite=True)
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete


def test_a_disk_that_is_too_small_is_an_error_before_the_first_step(path, monkeypatch, tmp_path):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(pf.WriteError, match=r"GB free; lower output\.frames"):
        simulate(path, m=100_000, frames=201, until=0.01)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_writer_thread_surface_in_the_run(path, monkeypatch):
    def fail(self, batches):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer_thread.WriterThread, "_write", fail)
    with pytest.raises(pf.WriteError, match=r"cannot be written: .*No space left"):
        simulate(path)


def test_a_writer_records_one_run(path):
    sim = simulate(path)
    with pytest.raises(pf.TrajectoryError, match="put a new TrajectoryWriter in its place"):
        sim.run(2.0)


@pytest.mark.parametrize(("options", "message"), [
    ({"frames": 1}, "frames: expected at least 2, found 1"),
    ({"frames": 10**12}, "frames: expected at most 1000000"),
    ({"spacing": "cubic"}, "spacing: expected one of linear, geometric, power"),
    ({"precision": "float16"}, "precision: expected one of float32, float64"),
    ({"neurons": 0}, "neurons: expected at least 1"),
    ({"observables": ["los"]}, "found 'los'"),
    ({"first": 0.0}, "first: expected a number above 0"),
])  # fmt: skip
def test_bad_options(path, options, message):
    with pytest.raises(pf.TrajectoryError, match=message):
        simulate(path, **options)
    assert not path.exists()


def test_drift_of_delta_needs_the_network_metric(path):
    with pytest.raises(pf.TrajectoryError, match="network metric only"):
        simulate(path, metric="euclidean", observables=["delta_drift"])


def test_files_that_are_no_trajectories(tmp_path, path):
    simulate(path, frames=3)
    text, foreign, newer = (tmp_path / name for name in ("t.h5", "f.h5", "n.h5"))
    text.write_text("x,y\n1,2\n")
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    newer.write_bytes(path.read_bytes())
    with h5py.File(newer, "r+") as file:
        file.attrs["schema_version"] = 99
        file["h5md/creator"].attrs["version"] = np.bytes_(b"9.9")
    cases = {text: "cannot be read", foreign: "no particleflow trajectory",
             newer: "particleflow 9.9 or newer", tmp_path / "none.h5": "no such file"}  # fmt: skip
    for file, message in cases.items():
        with pytest.raises(pf.TrajectoryError, match=message) as caught:
            pf.open_trajectory(file)
        assert str(file) in str(caught.value)
    with h5py.File(path, "r+") as file:
        del file["particles/neurons/cell"]
    with pytest.raises(pf.TrajectoryError, match="neurons/cell/value is missing"):
        pf.open_trajectory(path)
    with (
        pf.open_trajectory(FILES / "schema_1.h5") as traj,
        pytest.raises(pf.TrajectoryError, match="has no observable 'nope', only"),
    ):
        traj.observable("nope")


def test_schema_1_opens_forever():
    with pf.open_trajectory(FILES / "schema_1.h5") as traj:
        assert (traj.schema_version, traj.size, traj.frames) == (1, 12, 3)
        assert traj.is_complete
        assert_allclose(traj.time, [0.0, 0.5, 1.0])
        assert_allclose(traj.predict(-1, traj.samples.x) - traj.samples.y, traj.residual[-1],
                        atol=1e-6)  # fmt: skip
        assert_allclose(traj.loss[-1], 2.449461, rtol=1e-6)


def test_schema_2_opens_forever(tmp_path):
    """A run of two ranks: one trajectory over two parts, for everything that reads."""
    with pf.open_trajectory(FILES / "schema_2.h5") as traj:
        assert (traj.schema_version, traj.size, traj.frames, traj.ranks) == (2, 90, 3, 2)
        assert traj.is_complete
        assert_allclose(traj.time, [0.0, 0.5, 1.0])
        assert_allclose(traj.predict(-1, traj.samples.x) - traj.samples.y, traj.residual[-1],
                        atol=1e-6)  # fmt: skip
        assert_allclose(traj.loss[-1], 1.1696560109525278)
        position = np.stack([traj.position(frame) for frame in range(3)])
        assert_array_equal(traj.position(slice(None), slice(40, 50)), position[:, 40:50])
        assert_array_equal(traj.neuron(44), position[:, 44])
        assert_array_equal(traj.neuron(45), position[:, 45])
        moments, rests = traj.moments(-1), np.count_nonzero(traj.cell(-1) == 16)
        assert moments.sector_counts.sum() + moments.ray_counts.sum() + rests == 90
        assert_array_equal(traj.unwrapped_theta(0), position[0, :, 1])
    (tmp_path / "link.h5").symlink_to(FILES / "schema_2.h5")
    with pf.open_trajectory(tmp_path / "link.h5") as traj:
        assert_array_equal(traj.position(slice(None)), position)
    (tmp_path / "link.h5").unlink()
    # gathered into one file, and exported
    pf.repack(FILES / "schema_2.h5", tmp_path / "one.h5", "particles")
    pf.export(FILES / "schema_2.h5", tmp_path / "one.npz")
    with pf.open_trajectory(tmp_path / "one.h5") as traj, np.load(tmp_path / "one.npz") as arrays:
        assert (traj.schema_version, traj.ranks, traj.storage()["parts"]) == (1, 2, 0)
        assert_array_equal(traj.position(slice(None)), position)
        assert_array_equal(arrays["rhat"], position[..., 0])
    with h5py.File(tmp_path / "one.h5") as file:
        assert "parts" not in file["parameters"]
        assert not any(item.is_virtual for item in file["particles/neurons"].values()
                       if isinstance(item, h5py.Dataset))  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.h5", "one.npz"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_run_leaves_a_file_that_opens(path):
    code = (
        "import sys, particleflow as pf\n"
        "s = pf.Samples.generate('sine', 8)\n"
        "sim = pf.Simulation(s, pf.initialise('gaussian', 200), pf.GradientDescent(1e-4))\n"
        f"sim.writers.append(pf.TrajectoryWriter({str(path)!r}, frames=1001))\n"
        "sim.run(1000.0)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    frames = 0
    while frames == 0:
        assert child.poll() is None
        with contextlib.suppress(pf.TrajectoryError), pf.open_trajectory(path) as traj:
            frames = traj.frames
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with pf.open_trajectory(path) as traj:
        frames = traj.frames
        assert 0 < frames < 1001
        assert_allclose(traj.time, np.arange(frames) * 1.0, atol=1e-9)
        assert (np.diff(traj.loss) <= 1e-9).all()


def test_data_are_in_the_file_when_progress_is_written(path, monkeypatch):
    """As another process would see it: not in a buffer of the library."""
    import io

    write, looks = h5py.Dataset.__setitem__, []

    def look_and_write(self, key, value):
        if self.name == "/parameters/progress" and value[1] > 0:
            with h5py.File(io.BytesIO(path.read_bytes())) as now:
                looks.append(now["observables/time"][value[1] - 1])
                assert looks[-1] == now["parameters/plan/observables"][value[1] - 1]
                assert now["observables/loss/value"][value[1] - 1] > 0.0
        write(self, key, value)

    monkeypatch.setattr(h5py.Dataset, "__setitem__", look_and_write)
    simulate(path, frames=5)
    assert looks[-1] == 1.0
