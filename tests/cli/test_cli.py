"""Configurations and the command line, as a user types them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import h5py
import numba
import numpy as np
import pytest
from variants import variants

import particleflow as pf
from particleflow.backend.compiling import when_compiling
from particleflow.cli import looking
from particleflow.integrators.gradient_descent import GradientDescentMotion

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
SMALL = """
[samples]
kind = "square_wave"
count = 6

[neurons]
count = 40

[flow]
integrator = "gd"
step = 1e-2
t_end = 1.0

[output]
frames = 5
"""


def write(text, name="small.toml"):
    Path(name).write_text(text)
    return name


@pytest.mark.parametrize("compiled", variants([True], slow=[False]))
def test_the_first_run_says_that_it_compiles(call, monkeypatch, compiled):
    call("run", write(SMALL), "--quiet")
    monkeypatch.setattr("particleflow.backend.when_compiling", when_compiling)
    if not compiled:
        advance = GradientDescentMotion.advance

        def compile_and_advance(self, until):
            kernel = numba.njit(lambda x: x + 1)
            assert kernel(1) + kernel(2.0) == 5.0  # twice, which is said once
            advance(self, until)

        monkeypatch.setattr(GradientDescentMotion, "advance", compile_and_advance)
    code, out, err = call("run", "small.toml", "--overwrite")
    assert code == 0
    assert err.count("compiling the kernels") == (not compiled)
    assert (
        bool(re.search(r" steps and [\d.e-]+ s \(and [\d.]+ s of compiling\), ", out)) != compiled
    )


def test_what_is_compiled_after_a_command_is_not_told(call, monkeypatch, capsys):
    monkeypatch.setattr("particleflow.backend.when_compiling", when_compiling)
    assert call("run", write(SMALL))[0] == 0
    assert numba.njit(lambda x: x - 1)(1) == 0
    assert capsys.readouterr() == ("", "")


def test_a_run_writes_its_file_and_one_line(call, here):
    call("run", write(SMALL), "--quiet")  # which compiles what has not been compiled
    code, out, err = call("run", "small.toml", "--overwrite")
    assert code == 0
    assert re.fullmatch(r"note: the loss ends at .*: not converged yet, .*\n", err)
    assert out.count("\n") == 1
    assert out.startswith("small.h5: 40 neurons on 6 samples, tau = 1 in 100 steps")
    assert sorted(p.name for p in here.iterdir()) == ["small.h5", "small.h5.ckpt", "small.toml"]
    with pf.open_trajectory("small.h5") as traj:
        assert traj.is_complete
        config = tomllib.loads(traj.config)
    assert config["flow"] == {"metric": "network", "integrator": "gd", "t_end": 1.0, "step": 0.01,
                              "state_dtype": "float64"}  # fmt: skip
    assert config["neurons"]["delta"] == 1.0
    # what was resolved is itself a configuration of the same run
    code, _, _ = call("run", write(tomllib_dump(config), "again.toml"), "-o", "again.h5", "--quiet")
    assert code == 0
    with pf.open_trajectory("small.h5") as one, pf.open_trajectory("again.h5") as two:
        assert (one.position(-1) == two.position(-1)).all()


def tomllib_dump(tables):
    import tomli_w

    return tomli_w.dumps(tables)


def test_options(call, here):
    name = write(SMALL)
    assert call("run", name, "-o", "my run.h5", "--set", "neurons.count=10", "--set",
                "neurons.init=gaussian", "--quiet", "--threads", "1") == (0, "", "")  # fmt: skip
    with pf.open_trajectory("my run.h5") as traj:
        assert traj.size == 10
    code, _, err = call("run", name, "-o", "my run.h5")
    assert code == 2
    assert "my run.h5: exists already (--overwrite replaces it)" in err
    assert call("run", name, "-o", "my run.h5", "--overwrite", "--quiet")[0] == 0
    with pf.open_trajectory("my run.h5") as traj:
        assert traj.size == 40


def test_output_names_in_any_script(call, here):
    assert call("run", write(SMALL), "-o", "été 😀.h5", "--quiet") == (0, "", "")
    assert (here / "été 😀.h5").exists()


def test_a_defect_is_one_line_too(call, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("particleflow.run.simulation.Simulation.run", fail)
    code, _, err = call("run", write(SMALL))
    assert code == 3
    assert err.splitlines()[-1] == (
        "particleflow: ZeroDivisionError: oops (a defect: please report it)"
    )


def test_a_disk_that_fails_is_exit_3(call, monkeypatch):
    def fail(self, batches):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("particleflow.trajectory.writer_thread.WriterThread._write", fail)
    code, _, err = call("run", write(SMALL))
    assert code == 3
    assert "small.h5: cannot be written: [Errno 28] No space left on device" in err


@pytest.mark.parametrize(("setting", "look"), [
    ("neurons.seed=1", lambda t: t.position(0)[0, 0]),
    ("neurons.init=gaussian", lambda t: t.position(0)[0, 0]),
    ("neurons.scale=3.0", lambda t: t.position(0)[0, 0]),
    ("neurons.delta=-2.0", lambda t: float(t.parameters(0)[2][0])),
    ("neurons.alpha=7.0", lambda t: t.alpha),
    ("neurons.antisymmetric=true", lambda t: t.position(0)[1, 0]),
    ("neurons.sampling=quiet", lambda t: t.position(0)[0, 0]),
    ("samples.kind=sine", lambda t: t.samples.y[1]),
    ("samples.count=7", lambda t: t.samples.size),
    ("samples.noise=0.5", lambda t: t.samples.y[1]),
    ("flow.metric=euclidean", lambda t: t.metric),
    ("flow.t_end=0.5", lambda t: t.time[-1]),
    ("flow.step=0.02", lambda t: t.step[-1]),
    ("output.frames=3", lambda t: t.frames),
    ("output.spacing=geometric", lambda t: t.time[1]),
    ("output.precision=float64", lambda t: t.storage()["dtype"]),
    ("output.neurons=5", lambda t: t.ids.size),
    ("output.observables=['loss']", lambda t: len(t.observables)),
])  # fmt: skip
def test_every_key_has_its_effect(call, setting, look):
    name = write(SMALL)
    assert call("run", name, "-o", "one.h5", "--quiet")[0] == 0
    assert call("run", name, "-o", "two.h5", "--quiet", "--set", setting)[0] == 0
    with pf.open_trajectory("one.h5") as one, pf.open_trajectory("two.h5") as two:
        assert look(one) != look(two)


@pytest.mark.parametrize(("first", "second"), [
    (["samples.noise=0.5"], ["samples.noise=0.5", "samples.seed=1"]),
    (["output.spacing=geometric"], ["output.spacing=geometric", "output.first=0.1"]),
])  # fmt: skip
def test_keys_that_need_another(call, first, second):
    name, seen = write(SMALL), []
    for settings in (first, second):
        options = [word for setting in settings for word in ("--set", setting)]
        assert call("run", name, "--quiet", "--overwrite", *options)[0] == 0
        with pf.open_trajectory("small.h5") as traj:
            seen.append((traj.samples.y[1], traj.time[1]))
    assert seen[0] != seen[1]


def test_a_key_set_to_nothing_is_left_out(call):
    name = write(SMALL.replace('integrator = "gd"\nstep = 1e-2', "tolerance = 1e-2"))
    gd = ["--set", "flow.integrator=gd"]
    code, _, err = call("run", name, *gd)
    assert code == 2
    assert 'flow.tolerance: goes with integrator = "boost" or "rk"' in err
    assert call("run", name, "--quiet", *gd, "--set", "flow.tolerance= ")[0] == 0
    with pf.open_trajectory("small.h5") as traj:
        assert "tolerance" not in traj.config


def test_normalise(call):
    Path("s.csv").write_text("x,y\n1870,1\n1900,2\n1970,0\n")
    text = SMALL.replace('kind = "square_wave"\ncount = 6', 'file = "s.csv"\nnormalise = true')
    assert call("run", write(text), "--quiet")[0] == 0
    with pf.open_trajectory("small.h5") as traj:
        assert (traj.samples.x_shift, traj.samples.x_scale) == (1920.0, 50.0)
        assert traj.samples.network_x[1] == pytest.approx(-0.4)
        assert traj.samples.x.tolist() == [1870.0, 1900.0, 1970.0]


def test_input_lies_beside_the_config_and_output_here(call, here):
    other = here / "some where"
    other.mkdir()
    shutil.copy(DATA / "square_wave.csv", other)
    text = SMALL.replace('kind = "square_wave"\ncount = 6', 'file = "square_wave.csv"')
    (other / "c.toml").write_text(text)
    assert call("run", other / "c.toml", "--quiet")[0] == 0
    assert (here / "c.h5").exists()


def test_learning_rate_and_epochs_are_raw(call):
    text = SMALL.replace("step = 1e-2\nt_end = 1.0", "learning_rate = 0.5\nepochs = 30")
    text = text.replace("count = 40", "count = 40\nalpha = 20.0")
    assert call("run", write(text), "--quiet")[0] == 0
    with pf.open_trajectory("small.h5") as traj:
        assert traj.step[-1] == 30
        assert traj.time[-1] == pytest.approx(30 * 0.5 / 20.0)
        assert traj.alpha == 20.0


def test_start_from_a_frame_of_another_run(call):
    name = write(SMALL)
    call("run", name, "--quiet")
    text = SMALL.replace("count = 40", 'init = "file"\nfile = "small.h5"\nframe = 0')
    assert call("run", write(text, "next.toml"), "--quiet")[0] == 0
    with pf.open_trajectory("small.h5") as one, pf.open_trajectory("next.h5") as two:
        assert two.loss[0] == pytest.approx(one.loss[0], rel=1e-6)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("step = 1e-2", "stpe = 1e-2", "line 11: flow.stpe: unknown key; did you mean step?"),
    ("[neurons]", "[nerons]", "nerons: unknown key; did you mean neurons?"),
    ("count = 40", 'count = "40"', "line 7: neurons.count: expected int, found str"),
    ("count = 40", "count = 0", "small.toml: [neurons] count: expected at least 1, found 0"),
    ("count = 40", "count = -4", "[neurons] count: expected at least 1, found -4"),
    ("count = 6", "count = 1", "[samples] count: expected at least 2, found 1"),
    ('"square_wave"', '"cube"', "samples.kind: invalid enum value 'cube'; expected one of square"),
    ('kind = "square_wave"', 'kind = "sine"\nfile = "s.csv"', "either file or kind, found both"),
    ('kind = "square_wave"\ncount = 6', "", "samples: expected either file or kind, found neither"),
    ('[samples]\nkind = "square_wave"\ncount = 6', "", "samples: is missing"),
    ("count = 40", 'init = "file"', 'neurons.file: init = "file" needs it'),
    ("count = 40", 'init = "file"\nfile = "no.npz"', "no.npz: no such file"),
    ("count = 40", 'count = 4\ninit = "file"\nfile = "n.npz"', "the file has its own count"),
    ("count = 40", 'init = "paper"\ndelta = 1.0', 'neurons.delta: goes with init = "reduced"'),
    ("count = 40", "count = 5\nantisymmetric = true", "expected an even count, found 5"),
    ("count = 40", 'sampling = "sobol"', "invalid enum value 'sobol'; expected one of random"),
    ("count = 40", 'init = "grid"\nsampling = "quiet"', 'sampling: init = "grid" draws nothing'),
    ("step = 1e-2", "tolerance = 1e-3",
     'flow.tolerance: goes with integrator = "boost" or "rk"'),
    ('"gd"', '"rk"', 'flow.step: goes with integrator = "boost" or "gd"'),
    ('"gd"', '"euler"', "flow.integrator: expected one of boost, gd, rk, found 'euler'"),
    ("step = 1e-2", "learning_rate = 0.1", "learning_rate and epochs go together"),
    ("step = 1e-2", "step = 0.0", "[flow] step: expected a number above 0, found 0"),
    ("step = 1e-2", "step = 1e-2 1", "is no TOML: Expected newline"),
    ("t_end = 1.0", "t_end = nan", "flow.t_end: expected a time above 0, found nan"),
    ("t_end = 1.0", "t_end = inf\nstop = 0.0", "flow.stop: expected a finite number above 0"),
    ("t_end = 1.0", "t_end = 1.0\nstop = 1e-6", "flow.stop: goes with t_end = inf"),
    ("t_end = 1.0\n\n[output]", 't_end = inf\n[output]\nspacing = "linear"',
     't_end = inf needs "geometric", found "linear"'),
    ("t_end = 1.0\n\n[output]\nframes = 5", "t_end = inf\n[output]\nframes = 2",
     "small.toml: output.frames: t_end = inf needs at least 3, found 2"),
    ('integrator = "gd"\nstep = 1e-2', 'integrator = "boost"\nmetric = "euclidean"',
     'flow.integrator: "boost" needs metric = "network"; with "euclidean" use "rk" or "gd"'),
    ('"gd"', '"boost"\ntolerance = 1e-3', '"boost" with a step has a fixed step'),
    ('integrator = "gd"\nstep = 1e-2', "tolerance = 0.0", "[flow] tolerance: expected a number ab"),
    ('integrator = "gd"\nstep = 1e-2', "tolerance = 1.0", "[flow] tolerance: expected a number be"),
    ('integrator = "gd"\nstep = 1e-2', "epochs = 4", "learning_rate and epochs go together"),
    ("step = 1e-2", 'step = 1e-2\nloss = "mean"', "flow.loss: goes with learning_rate"),
    ("step = 1e-2\nt_end = 1.0", 'learning_rate = 0.1\nepochs = 3\nloss = "rms"',
     "flow.loss: invalid enum value 'rms'; expected one of half_sum, sum, mean, half_mean"),
    ("step = 1e-2\nt_end = 1.0", "learning_rate = -0.1\nepochs = 3",
     "[flow] learning_rate: expected a number above 0, found -0.1"),
    ("t_end = 1.0", "t_end = 1e-9", "by at least half a step"),
    ("frames = 5", "frames = 1", "[output] frames: expected at least 2, found 1"),
    ("frames = 5", "first = 1e-2", 'output.first: goes with spacing = "geometric" or "power"'),
    ("frames = 5", 'observables = ["los"]', "expected some of loss"),
    ("frames = 5", 'file = "none/run.h5"', "the folder none does not exist"),
    ("frames = 5", 'file = ""', "output.file: expected a file name, found ''"),
    ("frames = 5", 'file = "small.toml"', "output.file: small.toml is the configuration already"),
    ("frames = 5", 'file = "a.png"\nfigure = "a.png"', "figure: a.png is output.file already"),
    ("frames = 5", 'spacing = "geometric"\nfirst = 2.0', "first: expected a time below 1, found 2"),
    ("count = 40", "seed = 99999999999999999999", "seed: expected"),
    ("count = 40", 'alpha = "n"', "neurons.alpha: "),
    ("count = 40", "scale = 1e308\nalpha = 1e-300", "too large to compute with"),
    ("step = 1e-2", "step = 1e-320", "is too small to reach tau = 1"),
    ("step = 1e-2", f"step = 1{'0' * 5000}", "is no TOML"),
    ("frames = 5", 'figure = "run.bmp"', "ending in .png, .pdf, .svg, found '.bmp'"),
    ("frames = 5", "neurons = 41", "neurons: expected at most 40 or 'all', found 41"),
])  # fmt: skip
def test_bad_configurations_are_one_line_and_write_nothing(call, here, old, new, message):
    assert old in SMALL
    code, out, err = call("run", write(SMALL.replace(old, new)))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("particleflow: ")
    assert message in err
    assert [p.name for p in here.iterdir()] == ["small.toml"]


@pytest.mark.parametrize(("args", "message"), [
    (["run", "none.toml"], "none.toml: no such file"),
    (["run", "."], "is a folder"),
    (["run"], "Missing argument 'CONFIG.toml'"),
    (["run", "small.toml", "--set", "flow"], "expected section.key=value, found 'flow'"),
    (["run", "small.toml", "--set", "flow.t_emd=1"], "flow.t_emd: unknown key; did you mean"),
    (["run", "small.toml", "--set", "flow.t_emd="], "flow.t_emd: unknown key; did you mean"),
    (["run", "small.toml", "--set", "flaw.t_end="], "flaw: unknown key; did you mean flow"),
    (["run", "small.toml", "--set", "samples.kind="], "expected either file or kind"),
    (["run", "small.toml", "--threads", "0"], "threads: expected 1 to"),
    (["run", "small.toml", "--device", "tpu"], "'tpu' is not one of"),
    (["run", "small.toml", "--frames"], "No such option"),
    (["sing"], "No such command 'sing'"),
    (["run", "small.toml", "-o", ""], "output.file: expected a file name"),
    (["run", "small.toml", "-o", "small.toml", "--overwrite"], "is the configuration already"),
    (["info", "none.h5"], "none.h5: no such file"),
    (["plot", "."], ".: is a folder"),
    (["plot", "none.h5"], "none.h5: no such file"),
    (["plot", "small.toml", "-o", "p.txt"], "expected a picture ending in"),
    (["repack", "small.toml", "-o", "x.h5"], "cannot be read as a trajectory"),
])  # fmt: skip
def test_bad_usage_is_one_line(call, here, args, message):
    write(SMALL)
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert [p.name for p in here.iterdir()] == ["small.toml"]


def test_bad_samples_name_file_and_line(call):
    Path("s.csv").write_text("x,y\n0,1\n1,two\n2,3\n")
    text = SMALL.replace('kind = "square_wave"\ncount = 6', 'file = "s.csv"')
    code, _, err = call("run", write(text))
    assert code == 2
    assert "[samples] s.csv, line 3, column y: expected a number, found 'two'" in err


def test_divergence_is_exit_3_and_keeps_frames(call):
    code, out, err = call("run", write(SMALL), "--set", "flow.step=1e60", "--set",
                          "flow.t_end=1e61", "--set", "neurons.init=gaussian", "--set",
                          "neurons.count=100", "--set", "samples.kind=sine", "--set",
                          "samples.count=5")  # fmt: skip
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert "the residuals are no longer finite; lower the step" in err
    with pf.open_trajectory("small.h5") as traj:
        assert 0 < traj.frames < traj.planned_frames
        assert np.isfinite(traj.position(-1)).all()


def test_info(call):
    call("run", write(SMALL), "--quiet")
    code, out, _ = call("info", "small.h5")
    assert code == 0
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["neurons"] == "40"
    assert lines["complete"] == "True"
    facts = json.loads(call("info", "small.h5", "--json")[1])
    assert facts["frames"] == facts["planned_frames"] == 5
    assert facts["dtype"] == "float32"
    assert facts["chunks"] == [1, 40, 2]
    assert facts["filter"] == "none"
    assert facts["time_last"] == 1.0
    assert facts["loss_last"] < facts["loss_first"]
    assert facts["schema"] == 1


@pytest.mark.slow
def test_plot(call, here):
    call("run", write(SMALL), "--quiet")
    assert call("plot", "small.h5") == (0, "small.png\n", "")
    assert (here / "small.png").read_bytes().startswith(b"\x89PNG")
    assert call("plot", "small.h5")[0] == 2
    assert call("plot", "small.h5", "--overwrite")[0] == 0
    assert call("plot", "small.h5", "-o", "s.pdf")[0] == 0


def test_figure_of_a_run(call, here):
    code, out, _ = call("run", write(SMALL), "--set", "output.figure=run.svg")
    assert code == 0
    assert "picture run.svg" in out
    assert "<svg" in (here / "run.svg").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted(DATA.glob("*.toml")), ids=lambda p: p.stem)
def test_every_config_of_data_runs(call, config):
    """The shipped configurations, with fewer neurons and a short time."""
    settings = "neurons.count=60", "output.frames=3", "flow.t_end=0.01", "flow.stop="
    shorter = [word for setting in settings for word in ("--set", setting)]
    code, _, err = call("run", config, *shorter, "--quiet")
    assert (code, err) == (0, "")
    with pf.open_trajectory(f"{config.stem}.h5") as traj:
        assert traj.is_complete
    assert Path(f"{config.stem}.png").exists()


def test_learning_rate_and_epochs_in_raw_units(call):
    text = SMALL.replace("step = 1e-2\nt_end = 1.0", "learning_rate = 0.4\nepochs = 50")
    assert call("run", write(text), "--quiet")[0] == 0
    with pf.open_trajectory("small.h5") as traj:
        assert traj.step[-1] == 50
        assert traj.time[-1] == pytest.approx(50 * 0.4 / 40)


def test_a_run_without_an_end(call):
    text = SMALL.replace("step = 1e-2\nt_end = 1.0", "t_end = inf\nstop = 1e-2")
    text = text.replace('integrator = "gd"', "").replace("frames = 5", "frames = 40")
    code, out, _ = call("run", write(text))
    assert code == 0
    with pf.open_trajectory("small.h5") as traj:
        assert traj.integrator == "boost"
        assert traj.is_complete
        assert 3 < traj.frames < 40
        assert f"tau = {traj.time[-1]:g}" in out
    code, out, _ = call("resume", "small.h5")
    assert (code, out) == (
        0, 'small.h5: is complete, its run has ended by itself; init = "file" begins another with '
        "its neurons\n",
    )  # fmt: skip
    code, _, err = call("resume", "small.h5", "--t-end", "1e9")
    assert code == 2
    assert 'has no other end; init = "file" begins another' in err


def test_help_needs_neither_numba_nor_matplotlib():
    code = (
        "import sys; from particleflow import cli; sys.argv = ['particleflow', 'run', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'matplotlib', 'numpy', 'h5py'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                         check=True).stdout  # fmt: skip
    assert "--overwrite" in out
    assert out.splitlines()[-1] == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [
    (signal.SIGINT, 130), (signal.SIGTERM, 143),
])  # fmt: skip
def test_an_interrupted_run_can_be_resumed(here, number, code):
    write(SMALL.replace("t_end = 1.0", "t_end = 1e5").replace("frames = 5", "frames = 10001"))
    child = subprocess.Popen(
        [sys.executable, "-m", "particleflow", "run", str(here / "small.toml"), "-o",
         str(here / "small.h5")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    while not frames_of(here / "small.h5"):
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    os.kill(child.pid, number)
    out, err = child.communicate()
    assert child.returncode == code, err
    assert out == ""
    assert err.splitlines()[-1].endswith(
        f"interrupted; 'particleflow resume {here}/small.h5' goes on"
    )
    assert all("compil" in line for line in err.splitlines()[:-1])
    assert 0 < frames_of(here / "small.h5") < 10001


def frames_of(path):
    try:
        with pf.open_trajectory(path) as traj:
            return traj.frames
    except pf.TrajectoryError:
        return 0


def test_resume_goes_on_and_extends(call, here):
    """After a kill, after the end, and again; the picture and the summary are those of a run."""
    name = write(SMALL + 'figure = "small.png"\ncheckpoint_every = 1e-9\n')
    child = subprocess.Popen(
        [sys.executable, "-m", "particleflow", "run", name, "--set", "flow.t_end=2000"],
        stderr=subprocess.DEVNULL,
    )
    while frames_of(here / "small.h5") < 2:
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    code, out, err = call("resume", "small.h5", "--t-end", 1000, "--threads", 1)
    assert code == 0, err
    assert out.startswith("small.h5: 40 neurons on 6 samples, tau = 1000 in 100000 steps")
    assert out.endswith("picture small.png\n")
    assert Path("small.png").stat().st_size > 10_000
    told = "small.h5: is complete; --t-end or --epochs make it longer\n"
    assert call("resume", "small.h5") == (0, told, "")
    assert call("resume", "small.h5", "--quiet") == (0, "", "")
    code, out, _ = call("resume", "small.h5", "--t-end", "1001", "--quiet")
    assert (code, out) == (0, "")
    with pf.open_trajectory("small.h5") as traj:
        assert traj.is_complete
        assert traj.time[-1] == 1001.0
        assert tomllib.loads(traj.config)["flow"]["t_end"] == 1001.0


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(call, here):
    folder = here / "elsewhere"
    folder.mkdir()
    shutil.copy(DATA / "square_wave.csv", folder)
    text = SMALL.replace('kind = "square_wave"\ncount = 6', 'file = "square_wave.csv"')
    (folder / "small.toml").write_text(text)
    assert call("run", folder / "small.toml")[0] == 0
    with pf.open_trajectory("small.h5") as traj:
        expected = traj.position(-1), traj.residual
    Path("small.h5.ckpt").unlink()
    with h5py.File("small.h5", "r+") as file:
        file["parameters/progress"][:] = 0
        file["parameters/checkpointed"][:] = 0
    os.rename("small.h5", "moved.h5")
    code, out, err = call("resume", "moved.h5")
    assert code == 0, err
    assert err.splitlines()[0] == "moved.h5: the run begins again from its configuration"
    assert out.startswith("moved.h5: 40 neurons")
    with pf.open_trajectory("moved.h5") as traj:
        assert traj.is_complete
        assert (traj.position(-1) == expected[0]).all()
        assert (traj.residual == expected[1]).all()


@pytest.mark.parametrize(("args", "message"), [
    (["none.h5"], "none.h5: no such file"),
    (["small.toml"], "small.toml: cannot be read as a trajectory: "),
    (["small.h5", "--t-end", "0.5"], "has come to tau = 1; expected a later end, found 0.5"),
    (["small.h5", "--t-end", "nan"], "small.h5: the end: expected a finite number, found nan"),
    (["small.h5", "--t-end", "inf"], "small.h5: the end: expected a finite number, found inf"),
    (["small.h5", "--t-end", "-3"], "has come to tau = 1; expected a later end, found -3"),
    (["small.h5", "--t-end", "x"], "'x' is not a valid float"),
    (["v1.h5"], "v1.h5: was written by a version whose runs cannot be resumed"),
])  # fmt: skip
def test_what_cannot_be_resumed(call, args, message):
    call("run", write(SMALL))
    old = ROOT / "tests" / "recorded" / "schema_1.h5"
    shutil.copy(old, "v1.h5")
    with h5py.File("v1.h5", "r+") as file:
        file["parameters/progress"][0] -= 1
    code, out, err = call("resume", *args)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_epochs_have_no_other_end(call):
    flow = 'integrator = "gd"\nlearning_rate = 0.4\nepochs = 100\n'
    call("run", write(SMALL.replace('integrator = "gd"\nstep = 1e-2\nt_end = 1.0\n', flow)))
    code, _, err = call("resume", "small.h5", "--t-end", 5)
    assert code == 2
    assert "the run was configured by epochs" in err


@pytest.mark.parametrize(("value", "names"), [
    ("0", ["small.h5", "small.toml"]), ("inf", ["small.h5", "small.h5.ckpt", "small.toml"]),
])  # fmt: skip
def test_checkpoints_can_be_left_out(call, here, value, names):
    assert call("run", write(SMALL), "--set", f"output.checkpoint_every={value}")[0] == 0
    assert sorted(p.name for p in here.iterdir()) == names


def test_checkpoint_every_is_checked(call):
    code, _, err = call("run", write(SMALL), "--set", "output.checkpoint_every=-1")
    assert code == 2
    assert "output.checkpoint_every: expected seconds (0: no checkpoints), found -1" in err


def test_doctor(call):
    code, out, _ = call("doctor", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["particleflow"] == pf.__version__
    assert facts["numpy"] == np.__version__
    assert 0.01 < facts["share_of_stream"] < 5.0
    assert facts["share_of_stream"] == pytest.approx(
        facts["stream_ns_a_neuron"] / facts["push_ns_a_neuron"], abs=0.02
    )
    assert facts["thread_layer"] in ("omp", "tbb", "workqueue")
    assert ("cuda_difference" in facts) == (facts["cuda"].startswith("running on CUDA"))
    assert Path(facts["cache"]).is_dir() or facts["cache"].startswith("none: ")


@pytest.mark.slow
def test_plot_follows_a_running_file(call, here, monkeypatch):
    """It draws when there are new frames, and ends when all are there."""
    call("run", write(SMALL), "--quiet")
    with h5py.File("small.h5", "r+") as file:
        file["parameters/progress"][:] = 2, 11
    drawn, draw = [], looking.draw

    def draw_and_note(file, figure, kind):
        with pf.open_trajectory(file) as traj:
            drawn.append(traj.frames)
        draw(file, figure)

    steps = iter([(2, 11), (3, 21), (5, 41)])

    def wait(seconds):
        with h5py.File("small.h5", "r+") as file:
            file["parameters/progress"][:] = next(steps)

    monkeypatch.setattr(looking, "draw", draw_and_note)
    monkeypatch.setattr("particleflow.files.locks.is_locked", lambda file: True)
    monkeypatch.setattr(looking.time, "sleep", wait)
    assert call("plot", "small.h5", "--follow") == (0, "small.png\n", "")
    assert drawn == [2, 3, 5]


def test_plot_follows_a_run_that_ends_while_its_picture_is_drawn(call, here, monkeypatch):
    call("run", write(SMALL), "--quiet")
    with h5py.File("small.h5", "r+") as file:
        file["parameters/progress"][:] = 2, 11
    drawn, writers = [], [True]

    def draw_meanwhile(file, figure, kind):
        with pf.open_trajectory(file) as traj:
            drawn.append(traj.frames)
        with h5py.File("small.h5", "r+") as opened:
            opened["parameters/progress"][:] = 3, 21
        writers[0] = False  # it was killed

    monkeypatch.setattr(looking, "draw", draw_meanwhile)
    monkeypatch.setattr("particleflow.files.locks.is_locked", lambda file: writers[0])
    monkeypatch.setattr(looking.time, "sleep", lambda seconds: None)
    assert call("plot", "small.h5", "--follow")[0] == 0
    assert drawn == [2, 3]


def test_frames_are_not_given_up_for_a_run_that_begins_again(call):
    """A complete file without a checkpoint, or with damaged ones, stays as it is."""
    call("run", write(SMALL))
    before, saved = Path("small.h5").read_bytes(), Path("small.h5.ckpt").read_bytes()
    Path("small.h5.ckpt").write_bytes(saved[:-900])
    code, _, err = call("resume", "small.h5", "--t-end", 3)
    assert code == 2
    assert "has no checkpoint to go on from; small.h5.ckpt: " in err
    assert "--begin-again runs it from the start and replaces its" in err
    Path("small.h5.ckpt").unlink()
    code, _, err = call("resume", "small.h5", "--t-end", 3)
    assert code == 2
    assert "has no checkpoint to go on from; small.h5.ckpt belongs beside it; --begin-again" in err
    assert Path("small.h5").read_bytes() == before


def test_a_damaged_configuration_in_the_file_is_one_line(call):
    call("run", write(SMALL))
    with h5py.File("small.h5", "r+") as file:
        text = file["parameters/config"][()]
        file["parameters/config"][()] = text.replace(b"[flow]", b"[flow[")
    code, _, err = call("resume", "small.h5", "--t-end", 3)
    assert code == 2
    assert err.startswith("particleflow: small.h5: its configuration is damaged: ")


@pytest.mark.slow
def test_following_ends_with_a_run_that_has_died(call, monkeypatch):
    call("run", write(SMALL), "--quiet")
    with h5py.File("small.h5", "r+") as file:
        file["parameters/progress"][:] = 2, 11
    monkeypatch.setattr(looking.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert call("plot", "small.h5", "--follow") == (0, "small.png\n", "")
