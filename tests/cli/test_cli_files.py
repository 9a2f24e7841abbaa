"""Commands on the files of runs, as a user types them."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import h5py
import numba
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from variants import variants

import particleflow as pf
from particleflow import figures
from particleflow.cli import looking
from particleflow.integrators.gradient_descent import GradientDescentMotion

FILES = Path(__file__).parents[1] / "recorded"
SMALL = """
[samples]
kind = "square_wave"
count = 6
[neurons]
count = 40
[flow]
tolerance = 1e-3
t_end = 1.0
[output]
frames = 5
"""


@pytest.fixture
def run(call, here):
    """A finished run, "a run.h5"."""
    Path("small.toml").write_text(SMALL)
    assert call("run", "small.toml", "-o", "a run.h5", "--quiet")[0] == 0
    return here / "a run.h5"


def fails(call, *args):
    """The one line with which a command ends in exit code 2."""
    code, out, err = call(*args)
    assert (code, out) == (2, ""), (code, out, err)
    assert err.count("\n") == 1
    assert "a defect" not in err
    assert "Traceback" not in err
    return err


def test_the_command_knows_all_kinds():
    assert tuple(figures.KINDS) == looking.KINDS


@pytest.mark.parametrize("kind", variants(looking.KINDS[:1], slow=looking.KINDS[1:]))
def test_kinds_of_pictures(call, run, kind):
    name = "a run.png" if kind == "overview" else f"a run-{kind}.png"
    assert call("plot", run, "--kind", kind) == (0, f"{run.with_name(name)}\n", "")
    with Image.open(run.with_name(name)) as image:
        assert image.width == pytest.approx(
            200 * (17.0 if kind == "overview" else 8.5) / 2.54, abs=2
        )
    assert "exists already" in fails(call, "plot", run, "--kind", kind)


def test_an_animation(call, run):
    assert call("plot", run, "--animate", "--stride", "2") == (
        0,
        f"{run.with_suffix('.gif')}\n",
        "",
    )
    with Image.open(run.with_suffix(".gif")) as image:
        assert image.n_frames == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "cake"], "'cake' is not one of 'overview', 'function', 'phase', 'knots', "),
        (["--kind", "phase", "--frame", "5"], "a run.h5: has 5 frames, no frame 5"),
        (["--kind", "knots", "--frame", "1"], "--frame: knots shows all frames"),
        (["--animate", "--kind", "phase"], "--kind does not go with --animate"),
        (["--animate", "--frame", "1"], "--frame does not go with --animate"),
        (["--animate", "--follow"], "--follow does not go with --animate"),
        (["--follow", "--frame", "1"], "--frame does not go with --follow"),
        (["--stride", "2"], "--stride does not go with a picture"),
        (["--animate", "--stride", "0"], "--stride: expected at least 1, found 0"),
        (
            ["--animate", "-o", "x.png"],
            "x.png: expected a picture ending in .gif, .mp4, found '.png'",
        ),
        (["-o", "x.gif"], "x.gif: expected a picture ending in .png, .pdf, .svg, found '.gif'"),
        (["--column", "loss"], "--column does not go with a picture"),
        (["-o", "none/x.png"], "none/x.png: the folder none does not exist"),
    ],
)
def test_pictures_that_cannot_be(call, run, options, message):
    assert message in fails(call, "plot", run, *options)


def test_exports(call, run):
    assert call("export", run, "-o", "out.npz")[0] == 0
    code, out, _ = call("export", run, "-o", "out file.csv", "--stride", "2", "--neurons", "10")
    assert code == 0
    assert re.fullmatch(r"out file\.csv: \S+ MB\n", out)
    assert call("export", run, "-o", "out.nc")[0] == 0
    assert len(pd.read_csv("out file.csv")) == 3 * 10
    with np.load("out.npz") as arrays:
        assert arrays["rhat"].shape == (5, 40)
    assert call("export", run, "-o", "values.csv", "--contents", "observables")[0] == 0
    assert set(pd.read_csv("values.csv").name) >= {"loss", "residual"}
    for options, message in (
        (["-o", "out.npz"], "out.npz: exists already (--overwrite replaces it)"),
        (
            ["-o", "out.mat"],
            "out.mat: expected a name ending in .npz, .csv, .nc, .vtkhdf, .xyz, found '.mat'",
        ),
        (["-o", "x.csv", "--limit", "199"], "200 rows, more than the limit of 199; take every Nth"),
        (["-o", "x.npz", "--stride", "0"], "stride: expected at least 1, found 0"),
        (["-o", "x.npz", "--neurons", "41"], "neurons: expected at most 40"),
        ([], "Missing option '-o'"),
    ):
        assert message in fails(call, "export", run, *options)
    assert call("export", run, "-o", "out.npz", "--overwrite")[0] == 0


def test_repack(call, run):
    code, out, _ = call("repack", run, "-o", "out.h5", "--layout", "particles", "--filter", "gzip")
    assert code == 0
    assert re.fullmatch(r"out\.h5: \S+ MB, \S+ MB before\n", out)
    with pf.open_trajectory("out.h5") as traj:
        assert traj.storage()["layout"] == "particles"
    assert "exists already" in fails(call, "repack", run, "-o", "out.h5")
    assert "'rows' is not one of" in fails(call, "repack", run, "-o", "x.h5", "--layout", "rows")
    assert call("repack", "out.h5", "-o", "out.h5", "--filter", "none", "--overwrite")[0] == 0
    with pf.open_trajectory("out.h5") as traj:
        assert (traj.storage()["layout"], traj.storage()["filter"]) == ("particles", "none")


def test_a_run_is_laid_out_as_configured_when_it_ends(call, here):
    Path("small.toml").write_text(SMALL + 'layout = "particles"\nfilter = "gzip"\n')
    assert call("run", "small.toml")[0] == 0

    def storage():
        with pf.open_trajectory("small.h5") as traj:
            assert traj.is_complete
            return traj.storage()["layout"], traj.storage()["filter"]

    assert storage() == ("particles", "gzip")
    assert call("resume", "small.h5", "--t-end", "1.5")[0] == 0
    assert storage() == ("particles", "gzip")
    # killed between the end of the run and that
    assert call("repack", "small.h5", "-o", "small.h5", "--layout", "frames", "--overwrite")[0] == 0
    assert storage() == ("frames", "gzip")
    told = "small.h5: is complete; --t-end makes it longer\n"
    assert call("resume", "small.h5")[:2] == (0, told)
    assert storage() == ("particles", "gzip")
    assert not [path for path in here.iterdir() if "partial" in path.name]
    for key, known in (("layout", "frames, particles"), ("filter", "none, gzip")):
        line = fails(call, "run", "small.toml", "-o", "x.h5", "--set", f"output.{key}=zip")
        assert f"output.{key}: invalid enum value 'zip'" in line
        assert all(word in line for word in known.split(", "))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_neither_read_nor_replaced(call, run):
    os.mkfifo("pipe.h5")
    for command in (
        ("info", "pipe.h5"), ("plot", "pipe.h5"), ("export", "pipe.h5", "-o", "x.npz"),
        ("repack", run, "-o", "pipe.h5", "--overwrite"),
        ("run", "small.toml", "-o", "pipe.h5", "--overwrite"),
    ):  # fmt: skip
        assert "pipe.h5: is a device or a pipe, expected a file" in fails(call, *command)
    assert not Path("pipe.h5").is_file()


def test_info_of_every_kind_of_file(call, run):
    call("export", run, "-o", "out.npz")
    call("export", run, "-o", "out.csv")
    call("export", run, "-o", "values.csv", "--contents", "observables")
    call("export", run, "-o", "out.nc")
    np.savez("neurons.npz", a=[1.0], b=[0.0], c=[1.0])
    np.savez("other.npz", z=[1.0])
    Path("neurons.csv").write_text("a,b,c\n1,0,1\n")
    Path("samples.csv").write_text("x,y\n0,1\n1,2\n")
    assert (
        call("sweep", "small.toml", "--over", "neurons.delta=1", "-o", "s.h5", "--workers", 1)[0]
        == 0
    )
    part = next((FILES / "schema_2.h5.parts").iterdir())
    for file, kind, facts in (
        (run, "trajectory", {"frames": 5, "neurons": 40, "layout": "frames"}),
        (f"{run}.ckpt", "checkpoint", {"frames": 5, "neurons": 40, "time": 1.0}),
        (FILES / "schema_2.h5", "trajectory", {"schema": 2, "ranks": 2, "parts": 2}),
        (part, "part", {"planned_frames": 3}),
        ("s.h5", "sweep", {"runs": 1, "done": 1, "axes": {"neurons.delta": [1.0]}}),
        ("out.nc", "netCDF", {}),
        ("out.npz", "export", {}),
        ("out.csv", "export", {"rows": 200}),
        ("values.csv", "export", {}),
        ("neurons.npz", "neurons", {"arrays": ["a 1", "b 1", "c 1"]}),
        ("other.npz", "arrays", {"arrays": ["z 1"]}),
        ("neurons.csv", "neurons", {"rows": 1}),
        ("samples.csv", "samples", {"samples": 2, "x_is": "x", "y_largest": 2.0}),
        ("small.toml", "configuration", {"neurons.count": 40, "neurons.delta": 1.0}),
    ):
        code, out, err = call("info", file, "--json")
        assert (code, err) == (0, ""), (file, err)
        found = json.loads(out)
        assert found["kind"] == kind, file
        assert found["file"] == str(file)
        assert found | facts == found, file
        code, out, err = call("info", file)
        assert (code, err) == (0, "")
        assert all(re.match(r"\S+( +\S.*)?$", line) for line in out.splitlines()), out
    np.save("array.npy", np.zeros(3))
    shutil.copy("array.npy", "array.npz")
    assert "array.npz: cannot be read as .npz" in fails(call, "info", "array.npz")
    text = SMALL.replace("t_end = 1.0", "t_end = inf")
    Path("endless.toml").write_text(text)
    assert json.loads(call("info", "endless.toml", "--json")[1])["flow.t_end"] == "inf"


@pytest.mark.parametrize("integrator", ["boost", "rk", "gd"])
def test_info_of_checkpoints(call, here, integrator):
    Path("small.toml").write_text(SMALL)
    more = ("--set", "flow.tolerance=") if integrator == "gd" else ()
    call("run", "small.toml", "-o", "x.h5", "--set", f"flow.integrator={integrator}", *more)
    found = json.loads(call("info", "x.h5.ckpt", "--json")[1])
    assert found["time"] == pytest.approx(1.0)
    assert found["step"] == 1000 if integrator == "gd" else 0 < found["step"] < 1000


def spoil(run, name):
    """Files that are none of ours."""
    if name == "newer.h5":
        shutil.copy(run, name)
        with h5py.File(name, "r+") as file:
            file.attrs["schema_version"] = 99
    elif name == "other.h5":
        with h5py.File(name, "w") as file:
            file["x"] = 1.0
    elif name == "empty run.h5":
        shutil.copy(run, name)
        with h5py.File(name, "r+") as file:
            file["parameters/progress"][:] = 0
    elif name == "empty.h5":
        Path(name).touch()
    elif name != "none.h5":
        Path(name).write_text("\xff\x00 no file of ours", encoding="latin-1")
    return name


COMMANDS = [
    ("info",), ("plot",), ("plot", "--animate"), ("plot", "--kind", "spectrum"),
    ("export", "-o", "x.npz"), ("export", "-o", "x.csv"), ("export", "-o", "x.nc"),
    ("repack", "-o", "x.h5"), ("resume",),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.h5", "none.h5: no such file"),
        ("newer.h5", r"has schema 99, this version reads up to 2; particleflow \S+ or newer reads"),
        ("other.h5", r"other\.h5: "),
        ("empty.h5", r"empty\.h5: cannot be read as a trajectory"),
        ("text.h5", r"text\.h5: cannot be read as a trajectory"),
    ],
)
def test_files_that_are_none_of_ours(call, run, command, name, message):
    spoil(run, name)
    before = {path.name for path in run.parent.iterdir()}
    assert re.search(message, fails(call, command[0], name, *command[1:]))
    assert {path.name for path in run.parent.iterdir()} == before


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] in ("plot", "export")], ids=" ".join
)
def test_an_empty_run(call, run, command):
    name = spoil(run, "empty run.h5")
    assert "empty run.h5: has no complete frame to" in fails(call, command[0], name, *command[1:])
    assert call("info", name)[0] == 0
    assert call("repack", name, "-o", "x.h5")[0] == 0


@pytest.mark.parametrize("name", ["text.npz", "text.csv", "text.toml", "text.nc", "text.h5.ckpt"])
def test_info_of_what_is_none(call, run, name):
    assert name in fails(call, "info", spoil(run, name))


def test_estimates(call, here, monkeypatch):
    Path("small.toml").write_text(SMALL)
    code, out, _ = call("run", "small.toml", "--estimate")
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert [path.name for path in here.iterdir()] == ["small.toml"]  # nothing has been written
    assert call("run", "small.toml", "--quiet")[0] == 0
    size = os.path.getsize("small.h5") / 1e6
    assert float(facts["file_MB"]) == pytest.approx(size, rel=0.05)
    assert float(facts["tau_reached"]) == 1.0
    with pf.open_trajectory("small.h5") as traj:
        assert int(facts["steps"]) <= traj.step[-1]  # frames end steps
    assert float(facts["memory_MB"]) > 50
    assert float(facts["steps_per_second"]) > 0
    # a run and a picture that exist may be estimated again, and a long one is cut off
    monkeypatch.setattr("particleflow.jobs.estimate.TRIAL_SECONDS", 0.2)
    Path("small.png").touch()
    options = (
        "--set",
        "output.figure=small.png",
        "--set",
        "flow.integrator=gd",
        "--set",
        "flow.tolerance=",
        "--set",
    )
    code, out, _ = call("run", "small.toml", "--estimate", *options, "flow.t_end=1e6")
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert int(facts["steps"]) == 10**9
    expected = 1e9 / float(facts["steps_per_second"])
    assert float(facts["seconds"]) == pytest.approx(expected, rel=0.02)
    assert 0.0 < float(facts["tau_reached"]) < 1e6
    assert "unknown key" in fails(call, "run", "small.toml", "--estimate", "--set", "flow.x=1")


@pytest.mark.slow
def test_an_estimate_leaves_the_compiler_out(call, here, monkeypatch):
    Path("small.toml").write_text(SMALL)
    advance = GradientDescentMotion.advance

    def compile_and_advance(self, until):
        for _ in range(3):
            assert numba.njit(lambda x: x + 1)(1) == 2
        advance(self, until)

    monkeypatch.setattr(GradientDescentMotion, "advance", compile_and_advance)
    options = ("--set", "flow.integrator=gd", "--set", "flow.tolerance=")
    begin = time.perf_counter()
    code, out, _ = call("run", "small.toml", "--estimate", *options)
    took = time.perf_counter() - begin
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert float(facts["seconds"]) < 0.5 * took


def test_completion(call, monkeypatch):
    for words, n, expected in (
        ("particleflow sw", 1, ["plain,sweep"]),
        ("particleflow plot --an", 2, ["plain,--animate"]),
        ("particleflow repack x --layout p", 4, ["plain,particles"]),
        ("particleflow plot x --kind s", 4, ["plain,spectrum", "plain,sectors"]),
        ("particleflow info a", 2, ["file,a"]),
    ):
        monkeypatch.setenv("_PARTICLEFLOW_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(n))
        code, out, _ = call()
        assert (code, out.split()) == (0, expected)


@pytest.mark.slow
def test_a_renamed_file_has_a_picture_of_its_own(call, here):
    Path("small.toml").write_text(SMALL + 'figure = "small.png"\n')
    assert call("run", "small.toml")[0] == 0
    first = Path("small.png").read_bytes()
    shutil.copy("small.h5", "second.h5")
    shutil.copy("small.h5.ckpt", "second.h5.ckpt")
    code, out, _ = call("resume", "second.h5", "--t-end", "2")
    assert code == 0
    assert out.endswith("; picture second.png\n")
    assert Path("second.png").exists()
    assert Path("small.png").read_bytes() == first
