"""Sweeps: their axes, their runs, and the table that is left whatever happens."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from mpi_jobs import launch, needs_mpi
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow import figures
from particleflow.sweeps import workers
from particleflow.sweeps.axes import parse
from particleflow.sweeps.run import OBSERVABLES
from particleflow.sweeps.table import DONE, FAILED, TO_DO, Design, SweepWriter, create_sweep

HELPERS = Path(__file__).parents[1] / "helpers"
CONFIG = """
[samples]
file = "my samples.csv"
[neurons]
count = 30
seed = 5
[flow]
t_end = 0.5
tolerance = 1e-3
[output]
frames = 3
"""
OVER = {"neurons.delta": [-1, 1.5], "neurons.scale": [0.5, 1.0, 2.0]}


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Enough for most of these tests: a process takes a second to begin."""
    monkeypatch.setattr("particleflow.sweeps.run.affinity", lambda: [0])


@pytest.fixture
def config(tmp_path):
    samples = pf.Samples.generate("square_wave", 6)
    rows = [f"{x!r},{y!r}" for x, y in zip(samples.x.tolist(), samples.y.tolist(), strict=True)]
    (tmp_path / "my samples.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    (tmp_path / "my config.toml").write_text(CONFIG)
    return tmp_path / "my config.toml"


def run(delta, scale, seed, end=0.5):
    neurons = pf.initialise("reduced", 30, delta=delta, scale=scale, seed=seed)
    sim = pf.Simulation(pf.Samples.generate("square_wave", 6), neurons, pf.Boost(1e-3))
    sim.run(end)
    return sim


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("neurons.delta=-100,-1,0,1e2", (-100.0, -1.0, 0.0, 100.0)),
        (" neurons.delta = 1 , 2 ", (1.0, 2.0)),
        ("neurons.scale=log:0.01:100:5", (0.01, 0.1, 1.0, 10.0, 100.0)),
        ("neurons.delta=log:-100:-1:3", (-100.0, -10.0, -1.0)),
        ("neurons.delta=lin:-1:1:3", (-1.0, 0.0, 1.0)),
        ("neurons.count=log:10:1000:3", (10, 100, 1000)),
        ("neurons.count=lin:1:3:5", (1, 2, 3)),
        ("neurons.init=gaussian,uniform", ("gaussian", "uniform")),
        ("neurons.antisymmetric=true,false", (True, False)),
        ("neurons.alpha=m,10", ("m", 10.0)),
        ("flow.t_end=inf,2", (float("inf"), 2.0)),
    ],
)
def test_axes(text, values):
    key, found = parse(text)
    assert key == text.split("=")[0].strip()
    is_exact = isinstance(values[0], (str, bool))
    assert found == (values if is_exact else pytest.approx(values))
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("neurons.dleta=1", "neurons.dleta: unknown key; did you mean delta?"),
        ("neuron.delta=1", "neuron.delta: unknown key; did you mean neurons?"),
        ("delta=1", "delta: unknown key; known are samples, neurons, flow, output"),
        ("neurons=1", "neurons: expected section.key"),
        ("neurons.delta.x=1", "neurons.delta.x: expected section.key"),
        ("neurons.delta", "--over: expected section.key=VALUES, found 'neurons.delta'"),
        ("neurons.delta=", "expected section.key=VALUES"),
        ("neurons.delta=1,1", "neurons.delta: has the value 1.0 twice"),
        ("neurons.delta=[1]", "expected numbers or words, found [1]"),
        ("neurons.delta=log:0:1:3", "log needs ends of one sign, not 0, found 0 and 1"),
        ("neurons.delta=log:1:2", "expected log:first:last:count, found log:1:2"),
        ("neurons.delta=lin:1:x:3", "expected lin:first:last:count, found lin:1:x:3"),
        ("neurons.delta=lin:1:2:0", "a count from 1 to 100,000, found lin:1:2:0"),
        ("neurons.delta=lin:1:inf:3", "expected finite ends"),
        ("neurons.delta=nan,1", "expected a finite number, found nan"),
        (
            "neurons.count=99999999999999999999,5",
            "expected at most 9223372036854775807",
        ),
        ("neurons.count=lin:1e30:2e30:2", "expected ends up to 2^53, found 1e30 and 2e30"),
        ("neurons.count=lin:1:1e12:1000000000", "a count from 1 to 100,000"),
        ("output.file=a,b", "output.file: a sweep names its files itself"),
    ],
)
def test_axes_that_are_none(text, message):
    with pytest.raises(pf.ConfigError) as problem:
        parse(text)
    assert message in str(problem.value)


@pytest.mark.slow
def test_every_run_is_that_of_its_settings(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)  # input is relative to the configuration
    ended = []
    found = pf.sweep(config, OVER, tmp_path / "a sweep.h5", seeds=2, workers=2,
                     progress=lambda done, total: ended.append((done, total)))  # fmt: skip
    assert ended == [(k, 12) for k in range(1, 13)]
    assert (found.count(DONE), found.count(FAILED), found.count(TO_DO)) == (12, 0, 0)
    assert found.design.shape == (2, 3, 2)
    assert found.design.seeds == [5, 6]
    assert set(found.design.names) == {"time", "fit", *OBSERVABLES}
    assert (found.grid("time") == 0.5).all()
    assert (found.grid("seconds") > 0.0).all()
    for i, delta in enumerate(OVER["neurons.delta"]):
        for j, scale in enumerate(OVER["neurons.scale"]):
            for k, seed in enumerate(found.design.seeds):
                sim = run(delta, scale, seed)
                assert found.grid("loss")[i, j, k] == sim.loss
                assert found.grid("steps")[i, j, k] == sim.step
                row = (i * 3 + j) * 2 + k
                settings = [found.columns[name][row] for name in (*OVER, "neurons.seed")]
                assert settings == [delta, scale, seed]
    with h5py.File(tmp_path / "a sweep.h5") as file:
        runs = file["runs"]
        assert all(runs[name].dims[0][0] == runs["run"] for name in runs if name != "run")


def test_the_configuration_says_what_else_is_recorded(config, tmp_path):
    found = pf.sweep(
        config, {"neurons.delta": [1.0]}, tmp_path / "s.h5",
        overrides=('output.observables=["residual", "pieces", "loss"]', "flow.t_end=0.1"),
    )  # fmt: skip
    assert "pieces" in found.design.names
    assert "residual" not in found.design.names  # is no number
    assert found.grid("pieces").item() > 1
    assert found.grid("time").item() == 0.1


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_was_interrupted(config, tmp_path):
    class Enough(Exception):
        pass

    def stop(done, total):
        if done == 5:
            raise Enough

    path = tmp_path / "s.h5"
    with pytest.raises(Enough):
        pf.sweep(config, OVER, path, seeds=2, progress=stop)
    half = pf.open_sweep(path)
    assert 5 <= half.count(DONE) < 12
    assert np.isnan(half.grid("loss")).sum() == half.count(TO_DO)
    ended = []
    found = pf.sweep(config, OVER, path, seeds=2, progress=lambda done, total: ended.append(done))
    assert ended == list(range(half.count(DONE) + 1, 13))
    whole = pf.sweep(config, OVER, tmp_path / "whole.h5", seeds=2)
    for name in whole.design.names:
        assert_array_equal(found.grid(name), whole.grid(name))
    before = path.read_bytes()
    pf.sweep(config, OVER, path, seeds=2, progress=lambda *_: pytest.fail("nothing is left"))
    pf.open_sweep(path)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_failures_are_noted_and_not_fatal(config, tmp_path):
    path = tmp_path / "s.h5"
    over = {"neurons.file": ["good.npz", "none.npz", "bad.npz"]}
    np.savez(tmp_path / "good.npz", a=[1.0, 2.0], b=[0.5, 0.1], c=[1.0, -1.0])
    (tmp_path / "bad.npz").write_text("no archive")
    more = ("neurons.init=file", "neurons.count=")
    found = pf.sweep(config, over, path, seeds=2, overrides=more)
    assert found.status.tolist() == [DONE, DONE, FAILED, FAILED, FAILED, FAILED]
    assert np.isfinite(found.grid("loss")[0]).all()
    assert np.isnan(found.grid("loss")[1:]).all()
    assert len(found.problems) == 2
    assert "none.npz: no such file" in found.problems[0]
    # failed runs are left alone, or tried again
    np.savez(tmp_path / "none.npz", a=[1.0], b=[0.5], c=[1.0])
    assert pf.sweep(config, over, path, seeds=2, overrides=more).count(FAILED) == 4
    found = pf.sweep(config, over, path, seeds=2, overrides=more, retry=True)
    assert found.status.tolist() == [DONE, DONE, DONE, DONE, FAILED, FAILED]


@pytest.mark.slow
def test_a_run_that_kills_its_process_fails_alone(config, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, str(HELPERS / "dying_worker.py")))
    monkeypatch.setenv("DEADLY", "2,3,7")
    found = pf.sweep(config, OVER, tmp_path / "s.h5", seeds=2, workers=2)
    assert np.flatnonzero(found.status == FAILED).tolist() == [2, 3, 7]
    assert found.count(DONE) == 9
    assert found.problems == ["its process died (signal 9)"]
    assert found.grid("loss")[0, 0, 0] == run(-1, 0.5, 5).loss


@pytest.mark.slow
def test_processes_that_do_not_begin_are_an_error(config, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, str(HELPERS / "dying_worker.py")))
    monkeypatch.setenv("DEADLY", "all")
    with pytest.raises(pf.DeviceError, match=r"its process died \(exit code 7\)"):
        pf.sweep(config, OVER, tmp_path / "s.h5", seeds=2, workers=2)
    assert pf.open_sweep(tmp_path / "s.h5").count(DONE) == 0


@pytest.mark.slow
def test_trajectories_on_request(config, tmp_path):
    found = pf.sweep(
        config, OVER, tmp_path / "s.h5", trajectories=True,
        overrides=("output.layout=particles", "output.filter=gzip"),
    )  # fmt: skip
    files = sorted((tmp_path / "s.h5.runs").iterdir())
    assert [file.name for file in files] == [f"{k:06d}.h5" for k in range(6)]
    with pf.open_trajectory(files[4]) as traj:
        assert traj.is_complete
        assert traj.frames == 3
        assert (traj.storage()["layout"], traj.storage()["filter"]) == ("particles", "gzip")
        assert traj.loss[-1] == found.columns["loss"][4]
        assert "delta = 1.5" in traj.config
    assert found.design.trajectories == "s.h5.runs"


@pytest.mark.parametrize(
    ("over", "options", "message"),
    [
        ({"neurons.dleta": [1]}, {}, "unknown key; did you mean delta?"),
        ({"neurons.delta": []}, {}, "neurons.delta: expected at least one value"),
        ({"neurons.seed": [1, 2]}, {}, r"say how many seeds instead \(--seeds\)"),
        ({"neurons.delta": [1]}, {"seeds": 0}, "seeds: expected at least 1"),
        ({"neurons.delta": [1]}, {"workers": 0}, "workers: expected at least 1"),
        ({"neurons.delta": ["a"]}, {}, "neurons.delta: expected float, found str"),
        ({"neurons.init": ["reduced", "gaussian"], "neurons.delta": [1]}, {}, 'goes with init ='),
        ({"flow.t_end": [1, -1]}, {}, "flow.t_end: expected a time above 0, found -1"),
        ({"neurons.delta": [1]}, {"overrides": ("flow.x=1",)}, "flow.x: unknown key"),
        ({"neurons.delta": [1]}, {"seeds": 2_000_000}, "more than 1,000,000 runs"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused_before_anything_is_written(
    config, tmp_path, over, options, message
):
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(pf.ConfigError, match=message):
        pf.sweep(config, over, tmp_path / "s.h5", **options)
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_axes_in_another_order_are_another_sweep(config, tmp_path):
    """Rows are numbered by it."""
    path = tmp_path / "s.h5"
    pf.sweep(config, OVER, path)
    before = path.read_bytes()
    with pytest.raises(pf.TrajectoryError, match="holds a sweep with other axes"):
        pf.sweep(config, dict(reversed(OVER.items())), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["my config.toml", "my samples.csv"])
def test_a_table_does_not_replace_an_input(config, tmp_path, name):
    before = (tmp_path / name).read_bytes()
    with pytest.raises(pf.ConfigError, match=r"output\.file: .* is .* already"):
        pf.sweep(config, OVER, tmp_path / name, overwrite=True)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.slow
def test_the_folder_of_trajectories_is_the_sweep_s_own(config, tmp_path, monkeypatch):
    def fail(*args):
        raise pf.WriteError("no room")

    folder, path = tmp_path / "s.h5.runs", tmp_path / "s.h5"
    folder.write_text("mine")
    with pytest.raises(pf.TrajectoryError, match=r"s\.h5\.runs: is a file, expected a folder"):
        pf.sweep(config, OVER, path, trajectories=True)
    folder.unlink()
    folder.mkdir()
    (folder / "000000.h5").write_text("mine")
    with pytest.raises(pf.TrajectoryError, match=r"expected an empty folder, found 000000\.h5"):
        pf.sweep(config, OVER, path, trajectories=True)
    assert not path.exists()
    assert (folder / "000000.h5").read_text() == "mine"
    pf.sweep(config, OVER, path, trajectories=True, overwrite=True)
    assert len(list(folder.iterdir())) == 6
    pf.sweep(config, {"neurons.delta": [1]}, path, trajectories=True, overwrite=True)
    assert [file.name for file in folder.iterdir()] == ["000000.h5"]  # none of the old ones
    # trajectories that have been lost are made again
    (folder / "000000.h5").unlink()
    folder.rmdir()
    pf.sweep(config, {"neurons.delta": [1]}, path, trajectories=True)
    assert [file.name for file in folder.iterdir()] == ["000000.h5"]
    # a table that cannot be made takes nothing with it
    monkeypatch.setattr("particleflow.sweeps.run.create_sweep", fail)
    with pytest.raises(pf.WriteError):
        pf.sweep(config, {"neurons.delta": [2]}, path, trajectories=True, overwrite=True)
    monkeypatch.undo()
    assert [file.name for file in folder.iterdir()] == ["000000.h5"]
    # of a sweep that is replaced by one without trajectories none are left
    pf.sweep(config, {"neurons.delta": [3]}, path, overwrite=True)
    assert not folder.exists()
    folder.mkdir()
    (folder / "my notes.txt").touch()
    with pytest.raises(pf.TrajectoryError, match=r"found my notes\.txt"):
        pf.sweep(config, OVER, path, trajectories=True, overwrite=True)


@pytest.mark.slow
def test_trajectories_of_a_table_that_was_moved_are_left(config, tmp_path):
    path, runs = tmp_path / "s.h5", tmp_path / "s.h5.runs"
    pf.sweep(config, {"neurons.delta": [1]}, path, trajectories=True)
    (kept,) = (file.name for file in runs.iterdir())
    path.rename(tmp_path / "moved.h5")
    pf.sweep(config, {"neurons.delta": [2]}, path)
    assert [file.name for file in runs.iterdir()] == [kept]


@pytest.mark.slow
def test_workers_end_with_their_parent(config, tmp_path):
    code = (
        "import sys, particleflow as pf\n"
        "pf.sweep(sys.argv[1], {'neurons.count': [3_000_000]}, sys.argv[2],\n"
        "         overrides=('flow.t_end=1e3',))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(config), str(tmp_path / "s.h5")],
                              start_new_session=True)  # fmt: skip

    def members():
        found = subprocess.run(["ps", "-o", "pid=", "-g", str(parent.pid)], capture_output=True,
                               text=True, check=False)  # fmt: skip
        return found.stdout.split()

    deadline = time.monotonic() + 60
    while len(members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2.0)  # it is at work
    assert len(members()) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while members() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert members() == []


DESIGN = Design({"neurons.delta": [1.0, 2.0]}, [0, 1, 2], ("time", "loss"), "", "")


def table(path, losses=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), design=DESIGN):
    create_sweep(path, design, overwrite=True)
    with SweepWriter(path) as writer:
        writer.put([(k, {"time": 1.0, "loss": loss}, None, 0.1) for k, loss in enumerate(losses)])
    return pf.open_sweep(path)


def test_files_that_are_no_sweep_or_another_one(config, tmp_path):
    path = tmp_path / "s.h5"
    pf.sweep(config, {"neurons.delta": [1]}, path)
    with pytest.raises(pf.TrajectoryError, match=r"other axes: .*1\.0.*, expected .*2\.0.*--overw"):
        pf.sweep(config, {"neurons.delta": [2]}, path)
    with pytest.raises(pf.TrajectoryError, match="holds a sweep with other seeds"):
        pf.sweep(config, {"neurons.delta": [1]}, path, seeds=2)
    with pytest.raises(pf.TrajectoryError, match="holds a sweep with other config"):
        pf.sweep(config, {"neurons.delta": [1]}, path, overrides=("neurons.count=31",))
    assert pf.sweep(config, {"neurons.delta": [2]}, path, overwrite=True).status.tolist() == [DONE]
    with pytest.raises(pf.TrajectoryError, match="has no 'cake', only time, fit"):
        pf.open_sweep(path).grid("cake")
    with h5py.File(path, "r+") as file:
        file.attrs["particleflow_sweep"] = 2
    with pytest.raises(pf.TrajectoryError, match=r"version 2, .*particleflow .* or newer reads it"):
        pf.open_sweep(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["particleflow_sweep"]
    for call in (lambda: pf.open_sweep(path), lambda: pf.sweep(config, OVER, path)):
        with pytest.raises(pf.TrajectoryError, match="is an HDF5 file but no sweep"):
            call()
    path.write_text("no HDF5")
    with pytest.raises(pf.TrajectoryError, match="cannot be read as a sweep"):
        pf.open_sweep(path)
    with pytest.raises(pf.TrajectoryError, match="no such file"):
        pf.open_sweep(tmp_path / "none.h5")


def test_a_table_is_one_process_s(tmp_path):
    create_sweep(tmp_path / "s.h5", DESIGN, overwrite=False)
    code = (
        "import sys; from pathlib import Path\n"
        "from particleflow.sweeps.table import SweepWriter\n"
        "with SweepWriter(Path(sys.argv[1])): print('open', flush=True); input()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s.h5")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(pf.TrajectoryError, match="is being written by another run"):
            SweepWriter(tmp_path / "s.h5")
    finally:
        other.communicate(b"\n")


def test_what_is_not_done_is_no_number(tmp_path):
    create_sweep(tmp_path / "s.h5", DESIGN, overwrite=False)
    with SweepWriter(tmp_path / "s.h5") as writer:
        writer.put([(1, {"loss": 7.0, "time": 1.0}, None, 0.1), (4, {}, "a" + "ä" * 500, 0.1)])
    found = pf.open_sweep(tmp_path / "s.h5")
    assert_array_equal(found.grid("loss"), [[np.nan, 7.0, np.nan], [np.nan] * 3])
    assert found.status.tolist() == [0, 1, 0, 0, 2, 0]
    assert found.problems == ["a" + "ä" * 199]  # cut, but no letter in half


def test_a_map_shows_the_means(tmp_path):
    axes = {"neurons.delta": [-1e3, 0.0, 1.0, 5.0], "neurons.scale": [0.1, 10.0],
            "neurons.init": ["a", "b"]}  # fmt: skip
    design = Design(axes, [0, 1], ("time", "loss", "fit"), "", "")
    losses = np.random.default_rng(0).uniform(0.1, 1.0, 32)
    found = table(tmp_path / "s.h5", losses, design)
    figure = figures.plot_sweep(found, ("loss",))
    ax = figure.axes[0]
    shown = np.asarray(ax.images[0].get_array())
    # most values to the right; means over the rest
    assert_allclose(shown, losses.reshape(4, 2, 4).mean(axis=-1).T)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["$0.1$", "$10$"]
    assert ax.get_xticklabels()[0].get_text() == "$-10^{3}$"
    assert "mean over neurons.init and 2 seeds" in ax.get_xlabel()
    assert {text.get_text() for text in ax.texts} == {f"{v:#.2g}" for v in shown.ravel()}
    with pytest.raises(pf.TrajectoryError, match="has no 'cake'"):
        figures.plot_sweep(found, ("cake",))


@pytest.mark.parametrize(
    "values", [[0.1, 1.0, 10.0], [-10.0, 0.0, 0.1], ["a", "b", "c"], [1.0, 2.0, np.inf]]
)
def test_a_sweep_over_one_setting_is_a_line(tmp_path, values):
    design = Design({"neurons.scale": values}, [0, 1], ("time", "loss"), "", "")
    found = table(tmp_path / "s.h5", design=design)
    figure = figures.plot_sweep(found, ("loss",))
    (line,) = figure.axes[0].get_lines()
    assert_allclose(line.get_ydata(), [1.5, 3.5, 5.5])
    assert_allclose(figure.get_size_inches()[0] * 2.54, 8.5)
    ends = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == (1.0, 6.0)  # the shade is of all runs
    figures.save(figure, tmp_path / "line.png")


def test_a_map_of_what_is_not_done_yet(tmp_path):
    create_sweep(tmp_path / "s.h5", DESIGN, overwrite=False)
    with pytest.raises(pf.TrajectoryError, match="has no run that is done to draw"):
        figures.plot_sweep(pf.open_sweep(tmp_path / "s.h5"), ("loss",))
    nothing = table(tmp_path / "nan.h5", [np.nan] * 6)
    assert "not a number" in figures.plot_sweep(nothing, ("loss",)).axes[0].texts[0].get_text()
    values = np.array([[np.nan, -1.0], [0.001, 2000.0]])
    ax = Figure().subplots()
    assert figures.draw_map(ax, [1, 2], ["a", "b"], values, "title") is ax
    assert [text.get_text() for text in ax.texts] == [
        "\N{EN DASH}",
        "-1.0",
        r"$1\!\cdot\!10^{-3}$",
        "2000",
    ]


# the command line


@pytest.mark.slow
def test_the_command(call, config):
    command = ["sweep", config, "--over", "neurons.delta=-1,1.5", "--over",
               "neurons.scale=log:0.5:2:3", "--seeds", 2, "-o", "a sweep.h5"]  # fmt: skip
    code, out, err = call(*command)
    assert (code, out) == (0, "a sweep.h5: 12 of 12 runs\n")
    assert not err or "compil" in err
    found = pf.open_sweep("a sweep.h5")
    assert found.grid("loss")[1, 2, 1] == run(1.5, 2.0, 6).loss
    facts = json.loads(call("info", "a sweep.h5", "--json")[1])
    assert (facts["kind"], facts["runs"], facts["done"], facts["failed"]) == ("sweep", 12, 12, 0)
    assert facts["axes"] == {"neurons.delta": [-1.0, 1.5], "neurons.scale": [0.5, 1.0, 2.0]}
    plot = ["plot", "a sweep.h5", "--column", "loss", "--column", "fit"]
    assert call(*plot, "-o", "map.pdf") == (0, "map.pdf\n", "")
    assert Path("map.pdf").read_bytes()[:4] == b"%PDF"
    assert call("plot", "a sweep.h5") == (0, "a sweep.png\n", "")
    for args, message in (
        ([*plot, "--kind", "phase"], "--kind does not go with the table of a sweep"),
        ([*plot, "--animate"], "--animate does not go with the table of a sweep"),
        ([*plot, "-o", "x.png", "--column", "cake"], "has no 'cake', only time, fit"),
        ([*command, "--over", "neurons.delta=1"], "--over: a key is there twice"),
        (
            [*command, "--over", "neurons.dleta=1"],
            "neurons.dleta: unknown key; did you mean delta?",
        ),
        ([*command, "--set", "neurons.count=31"], "holds a sweep with other config"),
        (["export", "a sweep.h5", "-o", "x.npz"], "is the table of a sweep, no trajectory"),
    ):
        code, out, err = call(*args)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert message in err


@pytest.mark.slow
def test_failures_are_told(call, config):
    Path("bad.npz").write_text("no archive")
    more = ("--set", "neurons.init=file", "--set", "neurons.count=", "-o", "s.h5")
    files = ("--over", "neurons.file=bad.npz,none.npz")
    code, out, err = call("sweep", config, *files, *more)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "s.h5: 0 of 2 runs, 2 failed: " in err
    np.savez("none.npz", a=[1.0], b=[0.5], c=[1.0])
    assert call("sweep", config, *files, *more)[0] == 3  # they are not tried again
    code, out, err = call("sweep", config, *files, *more, "--retry")
    assert code == 3
    assert out == "s.h5: 1 of 2 runs done, 1 failed; --retry carries them out again\n"
    assert re.fullmatch(r"failed: .*bad\.npz: .*\n", err)


@pytest.mark.slow
def test_a_bar_on_a_terminal(config):
    """With the runs that have ended, and the time left."""
    parent, child = os.openpty()
    command = [sys.executable, "-m", "particleflow", "sweep", str(config), "--over",
               "neurons.delta=lin:-1:1:20", "-o", str(config.with_name("s.h5"))]  # fmt: skip
    done = subprocess.Popen(command, stderr=child, stdout=subprocess.DEVNULL)
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal ends with the process
        while data := os.read(parent, 4096):
            shown += data
    os.close(parent)
    assert done.wait() == 0
    assert b"runs" in shown
    assert b"20/20" in shown
    assert re.search(rb"1/20 +0:00:\d\d left", shown)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_sweeps_keep_what_they_have(config, tmp_path, number):
    out = tmp_path / "s.h5"
    over = ("--over", "neurons.delta=lin:-1:1:400", "--set", "neurons.count=20000", "--set",
            "flow.t_end=20")  # fmt: skip
    command = [sys.executable, "-m", "particleflow", "sweep", str(config), *over, "-o", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 120
    done = 0
    while done < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        if out.exists():
            done = pf.open_sweep(out).count(DONE)
    os.killpg(process.pid, number)  # as a terminal does: to the workers as well
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    found = pf.open_sweep(out)
    assert err.splitlines()[-1] == (
        f"particleflow: interrupted; {out}: {found.count(DONE)} of 400 runs done; the same command "
        "goes on"
    )
    assert 2 <= found.count(DONE) < 400
    assert found.count(FAILED) == 0
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # nothing is left running
        left = subprocess.run(["ps", "-o", "pid=", "-g", str(process.pid)], capture_output=True,
                              text=True, check=False).stdout.split()  # fmt: skip
        if not left:
            break
        time.sleep(0.2)
    assert left == []


def test_values_that_are_no_list_are_refused(config, tmp_path):
    for values in (1, "abc", None):
        with pytest.raises(pf.ConfigError, match=r"neurons\.delta: expected a list of values"):
            pf.sweep(config, {"neurons.delta": values}, tmp_path / "s.h5")


@pytest.mark.slow
def test_what_an_interrupted_sweep_with_overwrite_has_done(config, tmp_path, call, monkeypatch):
    """The table that was to be overwritten does not count."""
    from particleflow.cli.exits import Stopped
    from particleflow.sweeps import run

    out = tmp_path / "s.h5"
    pf.sweep(config, {"neurons.delta": [-1.0, 1.0]}, out)
    args = ("sweep", config, "--over", "neurons.delta=-1,0,1", "-o", out, "--overwrite", "--quiet")
    plan = run._plan

    def interrupted(*args, **options):
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr(run, "_plan", interrupted)  # before the table is begun
    code, _, err = call(*args)
    assert code == 130
    assert err == f"particleflow: interrupted; no run was begun; {out} is as it was\n"
    monkeypatch.setattr(run, "_plan", plan)
    monkeypatch.setattr(run, "_record", interrupted)  # after it
    assert call(*args)[2] == (
        f"particleflow: interrupted; {out}: 0 of 3 runs done; without --overwrite the same command "
        "goes on\n"
    )


@pytest.mark.slow
@needs_mpi
def test_ranks_carry_out_a_sweep(config, tmp_path):
    one = pf.sweep(config, OVER, tmp_path / "one.h5", seeds=2)
    command = ["-m", "particleflow", "sweep", config, "--over", "neurons.delta=-1,1.5", "--over",
               "neurons.scale=0.5,1.0,2.0", "--seeds", 2, "-o", tmp_path / "ranks.h5"]  # fmt: skip
    done = launch(3, *command)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'ranks.h5'}: 12 of 12 runs\n")
    found = pf.open_sweep(tmp_path / "ranks.h5")
    for name in one.design.names:
        assert_array_equal(found.grid(name), one.grid(name))
    done = launch(2, *command[:-1], tmp_path / "none" / "ranks.h5")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("does not exist")
    assert done.stderr.count("\n") == 1
    shutil.copy(tmp_path / "ranks.h5", tmp_path / "again.h5")
    assert launch(2, *command[:-1], tmp_path / "again.h5").returncode == 0  # nothing is left
