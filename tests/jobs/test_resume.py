"""Interrupted and resumed runs are the uninterrupted ones, to the bit."""

import io

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.run.observables import BUILT_IN
from particleflow.trajectory import checkpoint

SAMPLES = pf.Samples.generate("square_wave", 6)
RUNS = {
    "boost": (pf.Boost(1e-3), "network", 300, 2.0),
    "boost, fixed steps": (pf.Boost(step=0.03), "network", 300, 2.0),
    "boost, sorted": (pf.Boost(1e-3), "network", 30_000, 0.5),
    "gd": (pf.GradientDescent(0.005), "network", 300, 2.0),
    "gd, sorted": (pf.GradientDescent(0.005), "network", 30_000, 0.3),
    "gd euclidean": (pf.GradientDescent(0.005), "euclidean", 300, 1.0),
    "rk": (pf.RungeKutta(1e-3), "network", 200, 0.4),
    "rk euclidean": (pf.RungeKutta(1e-3), "euclidean", 200, 0.4),
    "boost, decay": (pf.Boost(1e-3), "network", 300, 1.0),
    "gd, decay": (pf.GradientDescent(0.005), "network", 300, 1.0),
    "rk, decay": (pf.RungeKutta(1e-3), "network", 200, 1.0),
    "boost, weights": (pf.Boost(1e-3), "network", 300, 1.0),
    "boost, sorted, weights": (pf.Boost(1e-3), "network", 30_000, 0.2),
    "gd euclidean, weights": (pf.GradientDescent(0.005), "euclidean", 300, 0.5),
}
FAST = ("boost, sorted", "boost, decay", "gd", "rk", "gd euclidean, weights")


class Stop(BaseException):
    pass


def stopping_after(pauses):
    """A progress function that stops a run when it has been called so often."""
    left = iter(range(pauses))

    def progress(sim):
        if next(left, None) is None:
            raise Stop

    return progress


def begin(name, path, state_dtype="float64", threads=None, frames=9, **options):
    integrator, metric, m, until = RUNS[name]
    neurons = pf.initialise("reduced", m, delta=0.3, seed=1)
    if name.endswith("weights"):
        weights = np.random.default_rng(3).random(m) ** 2
        weights[:9] = 0.0
        neurons = pf.Neurons(neurons.a, neurons.b, neurons.c, weights=weights)
    sim = pf.Simulation(
        SAMPLES, neurons, integrator, metric, state_dtype=state_dtype, threads=threads,
        decay=15.0 if name.endswith("decay") else 0.0,
    )  # fmt: skip
    names = [n for n in BUILT_IN if metric == "network" or n != "delta_drift"]
    sim.writers.append(pf.TrajectoryWriter(
        path, frames=frames, observables=names, precision="float64", checkpoint_every=np.inf,
        **options,
    ))  # fmt: skip
    sim.observables.add("mean_knot", mean_knot, every=3)
    return sim, until


def mean_knot(sim):
    return np.nanmean(np.clip(sim.neurons.knots, -9.0, 9.0))


def go_on(path, **options):
    run = pf.resume(path, observables={"mean_knot": mean_knot}, **options)
    assert run.notes == []
    return run


def data_of(path):
    """All datasets of a file by name."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()])
                        if isinstance(item, h5py.Dataset) else None)  # fmt: skip
    return found


def assert_same_data(one, two):
    one, two = data_of(one), data_of(two)
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert_array_equal(values, two[name], err_msg=name)


@pytest.mark.parametrize(("name", "state_dtype"), [
    *((name, "float64") for name in FAST),
    *(pytest.param(name, "float64", marks=pytest.mark.slow) for name in RUNS if name not in FAST),
    *(pytest.param(name, "float32", marks=pytest.mark.slow) for name in ("boost", "gd")),
])  # fmt: skip
def test_any_interruption_leads_to_the_same_bits(name, state_dtype, tmp_path):
    """Stopped three times, with another number of threads each time."""
    whole, parts = tmp_path / "whole.h5", tmp_path / "in parts.h5"
    sim, until = begin(name, whole, state_dtype)
    sim.run(until)
    for k, pauses in enumerate((4, 11, 30)):
        if k == 0:
            stopped, until = begin(name, parts, state_dtype, threads=1)
        else:
            run = go_on(parts, threads=1 + k)
            stopped, until = run.simulation, run.until
        with pytest.raises(Stop):
            stopped.run(until, progress=stopping_after(pauses))
        assert stopped.time < until
    run = go_on(parts)
    run.simulation.run(run.until)
    assert_same_data(whole, parts)
    assert_array_equal(sim.state.parameters(), run.simulation.state.parameters())
    assert_array_equal(sim.state.cells(), run.simulation.state.cells())
    assert sim.rejected == run.simulation.rejected


@pytest.mark.parametrize("name", ["boost", "gd", "rk"])
def test_a_resumed_simulation_stands_where_the_checkpoint_was_written(name, tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin(name, path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(37))
    assert 0.0 < sim.time < until
    run = go_on(path)
    again = run.simulation
    assert (again.time, again.step, again.rejected) == (sim.time, sim.step, sim.rejected)
    assert_array_equal(again.residual, sim.residual)
    assert_array_equal(again.state.parameters(), sim.state.parameters())
    assert_array_equal(again.state.cells(), sim.state.cells())
    assert run.until == until


def test_observables_that_compare_with_the_start():
    assert {name for name, one in BUILT_IN.items() if one.from_start} == {
        "delta_drift", "kernel_distance", "activation_distance", "spline_distance",
        "parameter_distance",
    }  # fmt: skip


def test_a_file_without_what_newer_versions_write_is_extended(tmp_path):
    path = tmp_path / "old.h5"
    sim, until = begin("gd", path)
    sim.run(until)
    with h5py.File(path, "r+") as file:
        del file["parameters/checkpointed"]
    run = go_on(path, until=2.0 * until)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as extended:
        assert extended.is_complete
        assert extended.time[-1] == pytest.approx(2.0 * until)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["boost", "gd", "rk"])
def test_another_end_goes_on_with_frames_as_far_apart(name, tmp_path):
    long, path = tmp_path / "long.h5", tmp_path / "short, then longer.h5"
    sim, until = begin(name, path, frames=6)
    sim.run(until)
    run = go_on(path, until=1.5 * until)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as extended:
        assert extended.is_complete
        assert extended.frames >= 8
        assert_allclose(extended.time[:6], np.linspace(0.0, until, 6), atol=0.003)
        assert_allclose(extended.time[-1], 1.5 * until)
        assert_allclose(np.diff(extended.time)[:-1], until / 5, atol=0.006)
        assert extended.loss.size == 10 * (extended.frames - 1) + 1
        assert np.isfinite(extended.loss).all()
        times = extended.time, extended.observable("loss")[0]
        residual = extended.residual[-1]
    whole, _ = begin(name, long, times=times[0], observable_times=times[1])
    whole.run(run.until)
    if name != "rk":
        assert_same_but_config(long, path)
    assert_allclose(whole.residual, residual, atol=1e-2)


def assert_same_but_config(one, two):
    one, two = data_of(one), data_of(two)
    for name, values in one.items():
        if "plan" not in name:
            assert_array_equal(values, two[name], err_msg=name)


def test_an_interrupted_run_may_end_earlier(tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(20))
    run = go_on(path, until=1.5)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as traj:
        assert_allclose(traj.time, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
        assert traj.is_complete
    with pytest.raises(pf.TrajectoryError, match=r"has come to tau = 1\.5; expected a later end"):
        go_on(path, until=1.0)


def test_a_run_without_an_end_is_resumed(tmp_path):
    ends = []
    for stop in (False, True):
        path = tmp_path / f"{stop}.h5"
        sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 100, delta=1.0, seed=3), pf.Boost())
        sim.writers.append(pf.TrajectoryWriter(path, frames=40, checkpoint_every=np.inf))
        if stop:
            with pytest.raises(Stop):
                sim.run(np.inf, progress=stopping_after(60), stop=1e-3)
            run = pf.resume(path)
            assert (run.until, run.stop) == (np.inf, 1e-3)
            saved = checkpoint.read(checkpoint.path_of(path))["settling"]
            assert list(saved[:2]) == [0.0, 1.0]  # the loss has moved
            assert saved.size > 2  # and has been checked
            assert_array_equal(run.simulation.snapshot()["settling"], saved)
            sim = run.simulation
        sim.run(np.inf, stop=1e-3)
        ends.append(path)
    assert_same_data(*ends)


def test_the_checkpoint_before_is_taken_where_the_last_one_is_damaged(tmp_path):
    path, whole = tmp_path / "a run.h5", tmp_path / "whole.h5"
    sim, until = begin("gd", whole)
    sim.run(until)
    sim, until = begin("gd", path)
    for pauses in (12, 9):
        with pytest.raises(Stop):
            sim.run(until, progress=stopping_after(pauses))
        sim = go_on(path).simulation
    with h5py.File(checkpoint.path_of(path), "r+") as file:
        file["variables"][1, 7] += 1e-9
    run = pf.resume(path, observables={"mean_knot": mean_knot})
    assert len(run.notes) == 1
    assert "is damaged: variables is not what was written" in run.notes[0]
    run.simulation.run(run.until)
    assert_same_data(whole, path)


def test_checkpoints_of_a_file_that_was_replaced_are_not_taken(tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    sim.run(until)
    kept = checkpoint.path_of(path).read_bytes()
    sim, until = begin("gd", path, overwrite=True)
    del sim.writers[0]
    sim.writers.append(pf.TrajectoryWriter(path, overwrite=True))
    sim.run(until)
    assert not checkpoint.path_of(path).exists()
    checkpoint.path_of(path).write_bytes(kept)
    with pytest.raises(pf.TrajectoryError, match=r"no checkpoint, and no configuration .*; .* is a "
                                                 "checkpoint of another run"):  # fmt: skip
        go_on(path)


def test_observables_of_users_have_to_be_given_again(tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(12))
    with pytest.raises(pf.TrajectoryError, match="recorded mean_knot of the user's, found none"):
        pf.resume(path)
    with pytest.raises(pf.TrajectoryError, match="found mean_knot, other"):
        pf.resume(path, observables={"mean_knot": mean_knot, "other": mean_knot})


def test_a_checkpoint_is_written_when_it_is_due(tmp_path, monkeypatch):
    from particleflow.trajectory import recording

    now = [0.0]
    monkeypatch.setattr(recording.time, "monotonic", lambda: now[0])
    path, written = tmp_path / "a run.h5", []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *args: (written.append(now[0]), save(*args)))
    sim, until = begin("gd", path)
    sim.writers[0].checkpoint_every = 10.0

    def progress(sim):
        now[0] += 1.0

    sim.run(until, progress=progress)
    pauses = now[0]
    assert written[:-1] == list(np.arange(10.0, pauses + 1.0, 10.0))
    assert written[-1] == pauses


def test_the_file_must_keep_its_name(tmp_path):
    path = tmp_path / "a run.h5"
    for what, act in (("removed", path.unlink), ("replaced", lambda: path.write_bytes(b"x"))):
        sim, until = begin("gd", path, overwrite=True)

        def progress(sim, act=act):
            if sim.time > 0.5 and path.exists() and path.stat().st_size > 1:
                path.unlink()
                act() if act != path.unlink else None

        with pytest.raises(pf.WriteError, match=f"was {what}.* during the run"):
            sim.run(until, progress=progress)
        path.unlink(missing_ok=True)


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(12))
    first = go_on(path)
    errors = []

    def progress(sim):
        if len(errors) < 2:
            for attempt in (lambda: go_on(path), lambda: begin("gd", path, overwrite=True)):
                with pytest.raises(pf.TrajectoryError, match="is being written by another run"):
                    attempt()
                errors.append(1)

    first.simulation.run(first.until, progress=progress)
    assert len(errors) == 2


def test_ctrl_c_in_python_waits_for_the_end_of_a_step(tmp_path):
    import os
    import signal

    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    before = signal.getsignal(signal.SIGINT)
    calls = []

    def progress(sim):
        calls.append(sim.time)
        if len(calls) == 15:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sim.run(until, progress=progress)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(calls) in (15, 16)
    run = go_on(path)
    assert run.simulation.time == sim.time == calls[-1]


@pytest.mark.slow
@pytest.mark.parametrize("pauses", [1, 6, 37])
@pytest.mark.parametrize("name", RUNS)
def test_what_is_restored_is_what_was_saved(name, pauses, tmp_path):
    """All of it: a snapshot of the resumed simulation is the checkpoint."""
    path = tmp_path / "a run.h5"
    sim, until = begin(name, path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(pauses))
    saved = checkpoint.read(checkpoint.path_of(path))
    resumed = go_on(path).simulation
    again = resumed.snapshot()
    assert saved.pop("reached").tolist() == [resumed.time, resumed.step]
    saved = {array: v for array, v in saved.items() if not array.startswith(("began", "position"))}
    assert saved.keys() == again.keys()
    for array, values in saved.items():
        assert_array_equal(values, again[array], err_msg=array)


def test_the_tolerance_is_that_of_the_start(tmp_path):
    """Where it is bound by rounding it depends on the neurons of the start."""
    path = tmp_path / "a run.h5"
    start = pf.initialise("reduced", 50, delta=0.3, seed=1, scale=1e4)
    sim = pf.Simulation(SAMPLES, start, pf.Boost(1e-13))
    sim.writers.append(pf.TrajectoryWriter(path, checkpoint_every=np.inf))
    with pytest.raises(Stop):
        sim.run(1e-4, progress=stopping_after(60))
    saved = checkpoint.read(checkpoint.path_of(path))
    assert saved["allowed"] > 1e-13 * SAMPLES.spread
    assert_array_equal(pf.resume(path).simulation.snapshot()["allowed"], saved["allowed"])


def test_a_checkpoint_counts_what_is_on_the_disk_and_progress_goes_back_to_it(
    tmp_path, monkeypatch
):
    """Frames are written and synced before the checkpoint that counts them gets its name."""
    import time

    from particleflow.files import disk
    from particleflow.trajectory import writer_thread

    path, log = tmp_path / "a run.h5", []
    write, sync, save = writer_thread.WriterThread._write, disk.sync, checkpoint.save

    def slow_write(self, batches):
        time.sleep(0.02)
        write(self, batches)

    def progress_of(file):
        with h5py.File(io.BytesIO(file.read_bytes())) as opened:
            return tuple(opened["parameters/progress"][:])

    def save_and_look(trajectory, run, arrays, ranks):
        assert log[-1] == path
        assert progress_of(trajectory) == tuple(arrays["position"][:2])
        save(trajectory, run, arrays, ranks)

    monkeypatch.setattr(writer_thread.WriterThread, "_write", slow_write)
    monkeypatch.setattr(disk, "sync", lambda target: (log.append(target), sync(target)))
    monkeypatch.setattr(checkpoint, "save", save_and_look)
    sim, until = begin("gd", path)
    sim.writers[0].checkpoint_every = 1e-9
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(9))
    saved = tuple(checkpoint.read(checkpoint.path_of(path))["position"][:2])
    with h5py.File(path, "r+") as file:
        file["parameters/progress"][:] = saved[0] + 1, saved[1] + 10
    begun = writer_thread.WriterThread.__init__
    seen = []

    def begin_and_look(self, file, where, *more):
        seen.append(progress_of(where))
        begun(self, file, where, *more)

    monkeypatch.setattr(writer_thread.WriterThread, "__init__", begin_and_look)
    run = go_on(path)
    run.simulation.run(run.until)
    assert seen == [saved]


def test_a_new_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """And its name is on the disk when that is reported."""
    from particleflow.files import disk

    log = []
    fsync, replace = disk.os.fsync, disk.os.replace

    def logged_fsync(handle):
        log.append(("fsync", disk.os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr(disk.os, "fsync", logged_fsync)
    monkeypatch.setattr(
        disk.os, "replace", lambda a, b: (log.append(("rename", str(a), str(b))), replace(a, b))
    )
    target = tmp_path / "new.h5"
    disk.create(target, False, lambda file: file.create_dataset("x", data=[1.0]))
    (first, made), (second, source, name), (third, folder) = log
    assert (first, second, third) == ("fsync", "rename", "fsync")
    assert made == source
    assert (name, folder) == (str(target), str(tmp_path))


def test_a_second_ctrl_c_acts_at_once(tmp_path):
    import os
    import signal

    path, reached = tmp_path / "a run.h5", []
    sim, until = begin("gd", path)

    def progress(sim):
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("between")
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("after")

    with pytest.raises(KeyboardInterrupt):
        sim.run(until, progress=progress)
    assert reached == ["between"]


def test_a_run_that_ended_but_was_killed_before_its_file_was_shortened(tmp_path, monkeypatch):
    from particleflow.jobs.resume import is_finished
    from particleflow.trajectory import recording

    def killed(self):
        raise Stop

    whole, path = tmp_path / "whole.h5", tmp_path / "killed.h5"
    for file in (whole, path):
        sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 100, delta=1.0, seed=3), pf.Boost())
        sim.writers.append(pf.TrajectoryWriter(file, frames=40, checkpoint_every=np.inf))
        if file == path:
            monkeypatch.setattr(recording.Recording, "_shorten", killed)
            with pytest.raises(Stop):
                sim.run(np.inf, stop=1e-3)
            monkeypatch.undo()
        else:
            sim.run(np.inf, stop=1e-3)
    with pf.open_trajectory(path) as traj:
        assert not traj.is_complete
    assert is_finished(path)
    assert_same_data(whole, path)
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete
    with pytest.raises(pf.TrajectoryError, match="is complete: its run has ended by itself"):
        pf.resume(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["boost", "gd"])
@pytest.mark.parametrize("end", [1.21, 1.3, 1.55, 2.35])
def test_another_end_inside_an_interval(name, end, tmp_path):
    """What has been recorded in the interval that it divides anew is kept as it is."""
    path = tmp_path / "a run.h5"
    sim, until = begin(name, path)
    with pytest.raises(Stop):
        sim.run(until, progress=lambda sim: stop_at(sim, 1.14))
    reached = sim.time
    run = go_on(path, until=end)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete
        frames, (times, loss) = traj.time, traj.observable("loss")
        assert times[-1] == frames[-1] == run.until
    assert (np.diff(times) > 0).all()
    assert np.isin(frames, times).all()
    old = np.linspace(0.0, until, 81)
    assert_allclose(times[times <= reached], old[: (times <= reached).sum()], atol=1e-9)
    whole, _ = begin(name, tmp_path / "whole.h5", times=frames, observable_times=times)
    whole.run(run.until)
    with pf.open_trajectory(tmp_path / "whole.h5") as traj:
        assert_array_equal(traj.observable("loss")[0], times)
        assert_array_equal(traj.loss, loss)


def stop_at(sim, time):
    if sim.time > time:
        raise Stop


def test_a_signal_during_a_pause_waits_for_the_next_one(tmp_path, monkeypatch):
    """It does not end the run without a checkpoint."""
    import os
    import signal

    from particleflow.trajectory import rank_files

    path, saved = tmp_path / "a run.h5", []
    save, look = checkpoint.save, rank_files.RankFiles.look_after
    looks = iter(range(10**6))

    def look_and_signal(self, *arguments):
        if next(looks) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return look(self, *arguments)

    monkeypatch.setattr(checkpoint, "save", lambda *args: (saved.append(1), save(*args)))
    monkeypatch.setattr(rank_files.RankFiles, "look_after", look_and_signal)
    monkeypatch.setattr("particleflow.trajectory.recording.FLUSH_SECONDS", 0.0)
    sim, until = begin("gd", path)
    with pytest.raises(KeyboardInterrupt):
        sim.run(until)
    assert len(saved) == 1
    assert go_on(path).simulation.time == sim.time


@pytest.mark.slow
@pytest.mark.parametrize("name", ["boost", "boost, sorted", "gd, sorted"])
def test_a_second_recording_is_resumed_to_the_bit(name, tmp_path):
    """It compares with a state whose order is not that of new neurons."""
    names = ["spline_distance", "kernel_distance", "parameter_distance", "activation_distance"]
    ends = []
    for is_stopped in (False, True):
        path = tmp_path / f"{is_stopped}.h5"
        sim, until = begin(name, tmp_path / f"first {is_stopped}.h5")
        sim.run(until / 2)
        sim.writers[:] = [pf.TrajectoryWriter(
            path, frames=5, observables=names, precision="float64", checkpoint_every=np.inf
        )]  # fmt: skip
        if is_stopped:
            with pytest.raises(Stop):
                sim.run(until, progress=stopping_after(7))
            sim = go_on(path).simulation
        sim.run(until)
        ends.append(path)
    assert_same_data(*ends)


@pytest.mark.parametrize(("frames", "spacing", "ends"), [
    (7, "linear", (2.0, 4.0)), (9, "linear", (2.0, 2.6, 6.0)), (9, "geometric", (2.0, 20.0)),
    (40, "power", (2.0, 3.0, 5.0)),
])  # fmt: skip
def test_extensions_keep_the_pace(frames, spacing, ends, tmp_path):
    """Also of frames that gradient descent rounds to whole steps, and after an odd end."""
    path = tmp_path / "a run.h5"
    sim, _ = begin("gd", path, frames=frames, spacing=spacing)
    sim.run(ends[0])
    for end in ends[1:]:
        run = go_on(path, until=end)
        run.simulation.run(run.until)
    if spacing == "power":
        p = np.log(2.0 / 1e-3) / np.log(39)
        expected = np.append(1e-3 * np.ceil(np.arange(100.0) ** p * (1 - 1e-12)), ends)
    elif spacing == "linear":
        pace = ends[0] / (frames - 1)
        expected = np.union1d(np.arange(0.0, ends[-1] + 1e-9, pace), ends)
    else:
        ratio = (ends[0] / 1e-3) ** (1.0 / (frames - 2))
        expected = np.append(1e-3 * ratio ** np.arange(20), [0.0, *ends])
    expected = np.unique(np.rint(expected[expected <= ends[-1] + 1e-9] / 0.005)) * 0.005
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete
        assert_allclose(traj.time, expected, atol=1e-12)


def test_a_kill_after_a_file_was_made_anew_leaves_it_readable(tmp_path, monkeypatch):
    """Its progress is that of the checkpoint from its first instant."""
    from particleflow.files import disk

    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    with pytest.raises(Stop):
        sim.run(until, progress=lambda sim: stop_at(sim, 1.14))
    with h5py.File(path, "r+") as file:  # more was acknowledged than the checkpoint counts
        file["parameters/progress"][:] = 9, 81
    run = go_on(path, until=1.3)

    def killed(target):
        raise Stop

    monkeypatch.setattr(disk, "open_existing", killed)
    with pytest.raises(Stop):
        run.simulation.run(run.until)
    monkeypatch.undo()
    with pf.open_trajectory(path) as traj:
        assert 0 < traj.frames < traj.planned_frames
    run = go_on(path)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as traj:
        assert traj.is_complete
        assert_allclose(traj.time[-1], 1.3)


def test_an_observable_that_fails_at_the_end_leaves_a_file_that_is_not_complete(tmp_path):
    path = tmp_path / "a run.h5"
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 100, delta=1.0, seed=3), pf.Boost())
    sim.writers.append(pf.TrajectoryWriter(path, frames=40, checkpoint_every=np.inf))
    calls = []

    def fail_at_the_end(sim):
        calls.append(sim.time)
        if sim.writers[0]._recording is not None and sim.time > 50.0:
            raise ValueError("boom")
        return 1.0

    sim.observables.add("f", fail_at_the_end)
    with pytest.raises(ValueError, match="boom"):
        sim.run(np.inf, stop=1e-3)
    with pf.open_trajectory(path) as traj:
        assert not traj.is_complete


def test_what_a_kill_during_a_checkpoint_has_left_is_removed(tmp_path):
    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)
    with pytest.raises(Stop):
        sim.run(until, progress=stopping_after(12))
    left = tmp_path / "a run.h5.ckpt.partial-abc"
    left.write_bytes(b"x" * 1000)
    run = go_on(path)
    run.simulation.run(run.until)
    assert not left.exists()


def test_two_writers(tmp_path):
    from particleflow.files import locks

    path, seen = tmp_path / "a run.h5", []
    sim, until = begin("gd", path)

    def progress(sim):
        with pytest.raises(pf.TrajectoryError, match="is being written by another run"):
            go_on(path)
        seen.append(1)
        raise Stop

    with pytest.raises(Stop):
        sim.run(until, progress=progress)
    assert seen == [1]
    assert not locks.is_locked(path)


def test_a_file_that_could_not_be_opened_is_free_again(tmp_path, monkeypatch):
    from particleflow.files import locks
    from particleflow.trajectory import rank_files

    path = tmp_path / "a run.h5"
    sim, until = begin("gd", path)

    def fail(*arguments):
        assert locks.is_locked(path)
        raise Stop

    monkeypatch.setattr(rank_files, "WriterThread", fail)
    with pytest.raises(Stop):
        sim.run(until)
    assert not locks.is_locked(path)
