"""A run may be killed at any instant: nothing acknowledged is lost, the rest has the same bits."""

import io
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import write_log
from numpy.testing import assert_array_equal

import particleflow as pf
from particleflow.config import load
from particleflow.jobs.prepare import prepare
from particleflow.jobs.resume import resume
from particleflow.trajectory import checkpoint, recording, writer_thread

HELPERS = Path(__file__).parents[1] / "helpers"
CONFIG = """
[samples]
kind = "square_wave"
count = 4
[neurons]
count = 60
delta = 0.3
seed = 1
[flow]
integrator = "boost"
tolerance = 1e-3
t_end = 1.0
[output]
frames = 7
precision = "float64"
observables = ["loss", "residual", "steps", "crossings", "kernel_distance"]
checkpoint_every = inf
"""


class Killed(BaseException):
    pass


def run_of(folder):
    path = folder / "run.toml"
    path.write_text(CONFIG)
    return prepare(load(path, output=str(folder / "run.h5")))


def killed_after(pauses, every, monkeypatch):
    """Checkpoints at every so many pauses, and the end without one after so many."""
    calls = iter(range(pauses))

    def pause(self, now, pause=recording.Recording.pause):
        k = next(calls, None)
        if k is None:
            raise Killed
        pause(self, k % every == every - 1)

    monkeypatch.setattr(recording.Recording, "pause", pause)


def data_of(file):
    """All complete data by name: up to what progress counts."""
    frames, observed = file["parameters/progress"]
    found = {"frames": np.array(frames), "observed": np.array(observed)}
    found["time"] = file["particles/neurons/position/time"][:frames]
    for name in ("position", "cell"):
        found[name] = file[f"particles/neurons/{name}/value"][:frames]
    for name in ("loss", "residual", "steps", "crossings", "kernel_distance"):
        found[name] = file[f"observables/{name}/value"][:observed]
    return found


def assert_begins_like(one, whole):
    for name, values in one.items():
        if values.ndim:
            assert_array_equal(values, whole[name][: len(values)], err_msg=name)


def position_of(folder):
    """Frames and observable times of the last checkpoint."""
    return tuple(int(n) for n in checkpoint.read(folder / "run.h5.ckpt")["position"][:2])


@pytest.fixture
def history(tmp_path, monkeypatch):
    """The log of a run that is killed, a resumed one, and an extension, and where each ends."""
    folder = tmp_path / "the run"
    folder.mkdir()
    log = write_log.keep(monkeypatch)

    def write(self, batches, write=writer_thread.WriterThread._write):
        write(self, batches)
        if batches:
            log.append(("acknowledged", batches[-1].frames, batches[-1].observed))

    monkeypatch.setattr(writer_thread.WriterThread, "_write", write)
    monkeypatch.setattr(recording, "FLUSH_SECONDS", 0.0)  # every moment by itself
    ends = []
    with monkeypatch.context() as patch:
        killed_after(31, 10, patch)
        run = run_of(folder)
        with pytest.raises(Killed):
            run.simulation.run(run.until)
    ends.append(len(log))
    log.append(("lowered", *position_of(folder)))
    run = resume(folder / "run.h5")
    run.simulation.run(run.until)
    ends.append(len(log))
    log.append(("lowered", *position_of(folder)))
    run = resume(folder / "run.h5", until=1.5)
    run.simulation.run(run.until)
    return tuple(log), ends, folder / "run.h5"


@pytest.mark.slow
def test_every_prefix_of_the_log_opens_and_some_are_resumed(history, tmp_path):
    log, ends, path = history
    with h5py.File(path) as file:
        whole = data_of(file)
    assert whole["frames"] == 10
    state = write_log.Folder()
    acknowledged, opened, samples = (0, 0), 0, 0
    every = len(log) // 40
    for k, entry in enumerate(log):
        if entry[0] == "acknowledged" or entry[0] == "lowered":
            acknowledged = entry[1:]
        if not state.apply(entry) or "run.h5" not in state.files:
            continue
        with h5py.File(io.BytesIO(bytes(state.files["run.h5"])), "r") as file:
            now = data_of(file)
        opened += 1
        assert now["frames"] >= acknowledged[0]
        assert now["observed"] >= acknowledged[1]
        assert_begins_like(now, whole)
        if k % every == 0:
            samples += 1
            folder = tmp_path / f"after {k}"
            state.write_to(folder)
            until = 1.0 if k < ends[1] else 1.5
            assert_resumes(folder / "run.h5", until, whole)
    assert opened > 1000
    assert samples >= 20


def assert_resumes(path, until, whole):
    with pf.open_trajectory(path) as trajectory:
        is_done = trajectory.is_complete and trajectory.time[-1] == until
    if not is_done:
        run = resume(path, until=until)
        run.simulation.run(run.until)
    with h5py.File(path) as file:
        data = data_of(file)
    assert data["time"][-1] == until
    assert_begins_like(data, whole)


@pytest.mark.slow
def test_an_uninterrupted_run_has_the_same_data(history, tmp_path):
    _, _, path = history
    folder = tmp_path / "uninterrupted"
    folder.mkdir()
    run = run_of(folder)
    run.simulation.run(run.until)
    with h5py.File(path) as file, h5py.File(folder / "run.h5") as other:
        assert_begins_like(data_of(other), data_of(file))


@pytest.mark.slow
def test_ten_kills():
    done = subprocess.run(
        [sys.executable, str(HELPERS / "kill_runs.py"), "10"], check=False, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout
