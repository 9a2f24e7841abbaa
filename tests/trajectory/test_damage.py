"""Files that are cut, changed or foreign: one kind of error, little memory, no hang."""

import subprocess
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import particleflow as pf
from particleflow.trajectory import checkpoint

SAMPLES = pf.Samples.generate("square_wave", 4)
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


class Whole(tuple):
    """Path and bytes, which nobody wants to see."""

    def __new__(cls, *items):
        return super().__new__(cls, items)

    def __repr__(self):
        return "whole"


@pytest.fixture(scope="module")
def whole(folder):
    """A trajectory with a checkpoint beside it, and both as bytes."""
    path = folder / "whole.h5"
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 30, seed=1), pf.GradientDescent(0.01))
    sim.writers.append(pf.TrajectoryWriter(path, frames=4, checkpoint_every=np.inf))
    sim.run(0.3)
    return Whole(path, path.read_bytes(), checkpoint.path_of(path).read_bytes())


CHANGES = st.tuples(
    st.one_of(st.none(), st.integers(0, 2**20)),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=6),
)
"""Where to cut, and which bytes to change to what; places modulo the size."""


def damaged(data, change):
    cut, places = change
    out = bytearray(data)
    for place, value in places:
        out[place % len(out)] = value
    return bytes(out if cut is None else out[: cut % len(out)])


def look_at_everything(path):
    with pf.open_trajectory(path) as traj:
        assert traj.frames <= traj.planned_frames
        for name in traj.observables:
            traj.observable(name)
        if traj.frames:
            traj.position(-1)
            traj.cell(0)
            traj.neuron(int(traj.ids[0]))
            traj.knots(-1)
            traj.predict(-1, [0.0, 0.5])
            traj.parameters(0)
        assert len(traj.time) == len(traj.step)
        traj.storage()


def problem_of(call, errors=pf.TrajectoryError):
    """What an error of these kinds says; None if the call succeeds."""
    try:
        call()
    except errors as problem:
        return str(problem)
    return None


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@FUZZ
@given(change=CHANGES)
def test_a_damaged_trajectory(whole, folder, change):
    """It is read, or is a TrajectoryError of one line that names it."""
    path = written(folder, "damaged.h5", damaged(whole[1], change))
    problem = problem_of(lambda: look_at_everything(path))
    assert problem is None or str(path) in problem


@pytest.mark.slow
@FUZZ
@given(change=CHANGES)
def test_a_damaged_checkpoint_is_found_or_was_not_changed(whole, folder, change):
    """What is read is what was written."""
    _, _, original = whole
    path = written(folder, "damaged.ckpt", damaged(original, change))
    expected = checkpoint.read(written(folder, "good.ckpt", original))
    problem = problem_of(lambda: checkpoint.read(path))
    if problem is not None:
        assert str(path) in problem
        return
    for name, values in checkpoint.read(path).items():
        np.testing.assert_array_equal(expected.pop(name), values)
    assert not expected


@pytest.mark.slow
@FUZZ
@given(which=st.sampled_from(["trajectory", "checkpoint", "both"]), change=CHANGES)
def test_resuming_with_damaged_files(whole, folder, which, change):
    """It goes on, or is a TrajectoryError or a ConfigError."""
    _, trajectory, saved = whole
    one = damaged(trajectory, change) if which != "checkpoint" else trajectory
    two = damaged(saved, change) if which != "trajectory" else saved
    path = written(folder, "resumed.h5", one)
    written(folder, "resumed.h5.ckpt", two)

    def go_on():
        run = pf.resume(path, until=0.4)
        run.simulation.run(run.until)

    problem_of(go_on, (pf.TrajectoryError, pf.ConfigError, pf.IntegrationError))


@pytest.mark.parametrize("text", [
    b"", b"\x00" * 100, b"x,y\n" + b"1" * 200_000, b"x,y\n1,\"" + b"\n" * 200_000, b"\xff\xfe\x00",
    b"x,y\n" + b"," * 10_000, b"PK\x03\x04", b"x,y\n1e999,0\n", b"x,y\n0,1\n0,1e999\n",
])  # fmt: skip
def test_foreign_samples(folder, text):
    with pytest.raises(pf.SamplesError):
        pf.Samples.from_csv(written(folder, "samples.csv", text))


@FUZZ
@given(text=st.binary(max_size=200))
def test_any_bytes_as_samples_configuration_neurons_or_trajectory(folder, text):
    from particleflow.config import load

    for read, error in (
        (lambda: pf.Samples.from_csv(written(folder, "any.csv", text)), pf.SamplesError),
        (lambda: load(written(folder, "any.toml", text)), pf.ConfigError),
        (lambda: pf.Neurons.from_file(written(folder, "any.csv", text)), pf.NeuronsError),
        (lambda: pf.Neurons.from_file(written(folder, "any.npz", text)), pf.NeuronsError),
        (lambda: pf.open_trajectory(written(folder, "any.h5", text)), pf.TrajectoryError),
        (lambda: pf.resume(written(folder, "any.h5", text)), pf.TrajectoryError),
    ):
        problem_of(read, error)


@pytest.mark.parametrize("name", [
    "parameters/samples/x", "parameters/samples/y", "parameters/progress",
    "particles/neurons/id", "particles/neurons/position/value", "particles/neurons/cell/value",
    "particles/neurons/position/time", "observables/loss/value", "observables/time",
    "parameters/plan/frames",
])  # fmt: skip
def test_a_dataset_that_claims_terabytes(whole, folder, name):
    """Damage to a shape may ask for any amount of memory; a file cannot hold more than its size."""
    path = written(folder, "claims.h5", whole[1])
    with h5py.File(path, "r+") as file:
        old = file[name]
        shape = (2**38, *old.shape[1:])
        dtype = old.dtype
        del file[name]
        file.create_dataset(name, shape, dtype, chunks=(1024, *old.shape[1:]) if old.ndim else None)
    tracemalloc.start()
    try:
        problems = [
            problem_of(lambda: look_at_everything(path)),
            problem_of(lambda: pf.resume(path)),
        ]
        assert problems != [None, None]
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_info_isolates_what_hangs_and_what_crashes(whole, folder, monkeypatch, call):
    path = whole[0]
    code, out, _ = call("info", path, "--isolate", "--json")
    assert code == 0
    assert '"neurons": 30' in out

    def hang(*args, **options):
        raise subprocess.TimeoutExpired(args[0], options["timeout"])

    for run, message in (
        (hang, "is damaged: the HDF5 library has not read it in 60 s"),
        (
            lambda *_, **__: subprocess.CompletedProcess([], -11, "", ""),
            "crashes on it (signal 11)",
        ),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "run", run)
            code, out, err = call("info", path, "--isolate", "--json")
        assert (code, out) == (2, "")
        assert message in err
    code, _, err = call("info", folder / "none", "--isolate")
    assert code == 2
    assert err == f"particleflow: {folder / 'none'}: no such file\n"


def test_nothing_is_unpickled():
    """Neither a package that could, nor NumPy's way to."""
    from pathlib import Path

    for path in Path(pf.__file__).parent.rglob("*.py"):
        text = path.read_text()
        for word in ("pickle", "eval(", "exec(", "marshal", "shelve"):
            assert word not in text.replace("allow_pickle=False", ""), path


@pytest.mark.parametrize(("name", "value", "message"), [
    ("parameters/alpha", np.nan, "alpha: expected a finite number, found nan"),
    ("parameters/device", b"x", "its device is 'x'"),
    ("parameters/metric", b"x", "its metric is 'x'"),
    ("parameters/state_dtype", b"x", "state_dtype: expected one of"),
    ("parameters/integrator", b"x", "is not of this run"),
    ("parameters/plan/integrator", b"{", "cannot be read as a trajectory"),
    ("parameters/plan/integrator", b'{"speed": 1.0}', "is not of this run"),
    ("parameters/plan/until", np.nan, "the plan of frames is damaged"),
    ("parameters/plan/frames", 0.0, "the plan of frames is damaged"),
    ("parameters/plan/observables", np.nan, "the plan of observables is damaged"),
])  # fmt: skip
def test_damaged_numbers_that_a_resumed_run_needs(whole, folder, name, value, message):
    """Found before anything is computed: no endless run, no file that never is complete."""
    path = written(folder, "numbers.h5", whole[1])
    written(folder, "numbers.h5.ckpt", whole[2])
    with h5py.File(path, "r+") as file:
        if name in file:
            file[name][...] = value
        else:
            group, _, attribute = name.rpartition("/")
            file[group].attrs[attribute] = value
    problem = problem_of(lambda: pf.resume(path, until=0.5), (pf.TrajectoryError, pf.ConfigError))
    assert message in problem
