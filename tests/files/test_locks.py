"""Files that are being written: who may open them, and readers of the same process."""

import errno
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

import particleflow as pf
from particleflow.files import locks, opening

SAMPLES = pf.Samples.generate("sine", 8)


class Stop(Exception):
    pass


def begin(path, **options):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 20, seed=1), pf.GradientDescent(1e-2))
    sim.writers.append(
        pf.TrajectoryWriter(path, frames=5, checkpoint_every=float("inf"), **options)
    )
    return sim


def interrupted(path):
    def stop(sim):
        if sim.time > 0.4:
            raise Stop

    with pytest.raises(Stop):
        begin(path).run(1.0, progress=stop)
    return path


def in_another_process(code, path):
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


READ = "import h5py, sys; print(h5py.File(sys.argv[1])['parameters/progress'][:].tolist())"
WRITE = "import h5py, sys; h5py.File(sys.argv[1], 'r+')"


def test_h5py_opens_a_file_that_is_being_written_and_cannot_change_it(tmp_path):
    path, seen = tmp_path / "a run.h5", []

    def look(sim):
        if not seen:
            seen.append(in_another_process(READ, path))
            seen.append(in_another_process(WRITE, path))
            seen.append(locks.is_locked(path))

    begin(path).run(1.0, progress=look)
    assert seen[0][0] == 0, seen[0]
    assert seen[1][0] != 0
    assert "lock" in seen[1][1]
    assert seen[2]
    assert not locks.is_locked(path)
    with h5py.File(path):  # a reader of another tool is no writer
        assert not locks.is_locked(path)


def test_of_two_writers_the_second_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    path.touch()
    first = locks.Lock(path)
    with pytest.raises(pf.TrajectoryError, match=r"a\.h5: is being written by another run"):
        locks.Lock(path)
    first.release()
    locks.Lock(path).release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks_are_written_with_a_note(tmp_path, monkeypatch, number):
    def refuse(*arguments):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    sim = begin(tmp_path / "run.h5")
    sim.run(1.0)
    assert any("its file system has no locks (no locks here)" in note for note in sim.notes)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.is_complete


def test_a_trajectory_that_is_open_does_not_keep_its_run_from_going_on(tmp_path):
    path = interrupted(tmp_path / "run.h5")
    with pf.open_trajectory(path) as trajectory:
        before, first = trajectory.frames, trajectory.position(0)
        run = pf.resume(path)
        run.simulation.run(run.until)
        assert trajectory.frames == 5 > before
        np.testing.assert_array_equal(trajectory.position(0), first)
        again = pf.resume(path, until=2.0)
        again.simulation.run(again.until)
    with pytest.raises(pf.TrajectoryError, match=r"run\.h5: is closed"):
        trajectory.position(0)
    assert "closed" in repr(trajectory)


def test_a_foreign_reader_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_SECONDS", 0.1)
    path = interrupted(tmp_path / "run.h5")
    with h5py.File(path, "r", locking=False):
        run = pf.resume(path)
        with pytest.raises(pf.TrajectoryError, match="this process has it open for reading"):
            run.simulation.run(run.until)


@pytest.mark.slow
def test_threads_that_poll_a_file_do_not_disturb_its_run(tmp_path):
    path, over = tmp_path / "run.h5", threading.Event()
    problems = []

    def poll():
        while not over.is_set():
            try:
                if path.exists():
                    with pf.open_trajectory(path) as trajectory:
                        frames = trajectory.frames
                        if frames:
                            trajectory.position(frames - 1)
            except Exception as problem:
                problems.append(problem)

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            begin(path, overwrite=True).run(0.2)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert problems == []


def test_a_reader_of_a_file_that_was_replaced_keeps_its_own(tmp_path):
    path = tmp_path / "run.h5"
    begin(path).run(1.0)
    with pf.open_trajectory(path) as old:
        before = old.loss[-1]
        begin(path, overwrite=True).run(0.2)
        assert old.loss[-1] == before
        assert old.time[-1] == pytest.approx(1.0)
        old.release()
        with pytest.raises(pf.TrajectoryError, match="was replaced; open it again"):
            old.position(0)
