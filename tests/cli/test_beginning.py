"""From a file of somebody's to its first picture: info, init and run."""

import json
import math
import re
import shutil
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

import particleflow as pf

DATA = Path(__file__).parents[2] / "data"
NOISY = "t,v,s\n" + "".join(f"{n / 7},{np.sin(n)},{1 + n % 3}\n" for n in range(20))


def test_info_says_what_would_be_read(call):
    shutil.copy(DATA / "motorcycle.csv", "my data.csv")
    code, out, err = call("info", "my data.csv", "--json", "--figure", "my data.png")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["kind"] == "samples"
    assert (facts["samples"], facts["rows"]) == (94, 133)
    assert (facts["x_is"], facts["y_is"]) == ("times", "accel")
    assert facts["read"][0] == "133 rows, separated by comma, names in line 1"
    assert "samples.normalise = true" in facts["hint"]
    assert Path("my data.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = call("info", "my data.csv", "--figure", "my data.png")
    assert code == 2
    assert "exists already" in err


def test_info_of_arrays(call):
    """Files of arrays that are none of ours are samples, as a run reads them."""
    x, y = np.arange(3.0), np.array([1.0, 4.0, 2.0])
    np.savez("a.npz", x=x, y=y)
    np.save("a.npy", np.stack([x, y], axis=1))
    with h5py.File("a.h5", "w") as file:
        file["x"], file["y"] = x, y
    xr.Dataset({"v": ("t", y)}, {"t": x}).to_netcdf("a.nc", engine="h5netcdf")
    Path("a").write_text("x y\n0 1\n1 4\n2 2\n")
    for name in ("a.npz", "a.npy", "a.h5", "a.nc", "a"):
        facts = json.loads(call("info", name, "--json")[1])
        assert (facts["kind"], facts["samples"], facts["x_last"]) == ("samples", 3, 2.0), name


def test_info_of_columns_that_are_not_plain(call):
    Path("three.csv").write_text(NOISY)
    code, out, _ = call("info", "three.csv")
    assert code == 0
    assert re.search(r"as_samples +three.csv: expected x = and y = to name columns; .*1 't'", out)
    chosen = ("--set", "samples.x=t", "--set", "samples.y=v", "--set", "samples.sigma=s")
    facts = json.loads(call("info", "three.csv", "--json", *chosen)[1])
    assert facts["weight_least"] == pytest.approx(1 / 9)
    code, _, err = call("info", "three.csv", "--set", "samples.x=none")
    assert (code, err.count("\n")) == (2, 1)
    assert "no such column" in err
    code, _, err = call("info", "three.csv", "--set", "flow.step=1")
    assert code == 2
    assert "--set: expected one of samples.x, samples.y" in err


def test_init_writes_a_configuration_that_runs(call):
    shutil.copy(DATA / "motorcycle.csv", "accidents.csv")
    code, out, err = call("init", "accidents.csv")
    assert (code, out) == (0, "accidents.toml: 94 samples; particleflow run accidents.toml\n")
    assert err.startswith("samples: 133 rows, separated by comma, names in line 1; x is column 1")
    text = Path("accidents.toml").read_text()
    assert "133 rows have 94 distinct x" in text
    tables = tomllib.loads(text)
    assert tables["samples"] == {"file": "accidents.csv", "normalise": True}
    assert tables["flow"]["t_end"] == math.inf
    keys = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    assert sum("#" in line for line in keys) >= len(keys) - 4  # each says why
    code, out, err = call("run", "accidents.toml", "--set", "neurons.count=300")
    assert code == 0, err
    assert "300 neurons on 94 samples" in out
    assert "note: 133 rows have 94 distinct x" in err
    with pf.open_trajectory("accidents.h5") as traj:
        samples = traj.samples
        assert samples.rms(traj.residual[-1]) < 0.5 * samples.spread
        assert traj.loss[-1] > samples.loss_within
    code, _, err = call("init", "accidents.csv")
    assert code == 2
    assert "exists already" in err


def test_init_leaves_rows_without_a_value_out_and_says_so(call):
    Path("data").mkdir()
    lines = [f"2001-01-{n:02d},{'NA' if n % 9 == 0 else n % 5}" for n in range(1, 31)]
    Path("data/daily.csv").write_text("\n".join(["date,value", *lines]))
    assert call("init", "data/daily.csv", "-o", "daily run.toml")[0] == 0
    tables = tomllib.loads(Path("daily run.toml").read_text())
    assert tables["samples"] == {"file": "data/daily.csv", "missing": "drop"}
    assert "3 of 30 rows left out" in Path("daily run.toml").read_text()
    short = ("--set", "flow.t_end=0.01", "--set", "neurons.count=50")
    code, _, err = call("run", "daily run.toml", *short)
    assert code == 0
    assert err.splitlines()[0].startswith("samples: 30 rows, separated by comma")
    facts = json.loads(call("info", "daily run.h5", "--json")[1])
    assert facts["x_is"] == "days since 2001-01-01"
    assert any("3 of 30 rows left out" in note for note in facts["read"])


def test_init_keeps_what_it_was_told(call):
    Path("three.csv").write_text(NOISY)
    code, _, err = call("init", "three.csv")
    assert (code, err.count("\n")) == (2, 1)
    chosen = ("--set", "samples.x=t", "--set", "samples.y=2", "--set", "samples.sigma=s",
              "--set", "samples.missing_values=-9999")  # fmt: skip
    assert call("init", "three.csv", *chosen)[0] == 0
    tables = tomllib.loads(Path("three.toml").read_text())
    own = {"x": "t", "y": 2, "sigma": "s", "missing_values": [-9999]}
    assert tables["samples"] == {"file": "three.csv"} | own
    code, _, err = call("run", "three.toml", "--set", "neurons.count=60")
    assert code == 0, err
    with pf.open_trajectory("three.h5") as traj:
        assert_array_equal(traj.samples.weights, 1.0 / (1.0 + np.arange(20) % 3) ** 2)


@pytest.mark.parametrize(("more", "message"), [
    ('kind = "sine"\nx = "a"', "samples.x: goes with samples.file, not kind"),
    ('file = "three.csv"\nweights = "s"\nsigma = "s"', "expected weights or sigma, found both"),
    ('file = "three.csv"\nmissing = "skip"', "samples.missing"),
    ('file = "three.csv"\ndecimal = ";"', "samples.decimal"),
    ('file = "three.csv"', "[samples] three.csv: expected x = and y = to name columns"),
    ('file = "three.csv"\nx = "t"\ny = "w"', "[samples] three.csv: y = 'w': no such column"),
])  # fmt: skip
def test_keys_that_do_not_fit(call, more, message):
    Path("three.csv").write_text(NOISY)
    Path("c.toml").write_text(f"[samples]\n{more}\n")
    code, _, err = call("run", "c.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not Path("c.h5").exists()


def test_a_run_that_resumes_has_its_rows_without_the_file(call):
    shutil.copy(DATA / "motorcycle.csv", "m.csv")
    Path("m.toml").write_text(
        '[samples]\nfile = "m.csv"\nnormalise = true\n[neurons]\ncount = 50\n[flow]\n'
        'integrator = "gd"\nstep = 1e-6\nt_end = 1e-4\n[output]\nframes = 3\n'
    )
    assert call("run", "m.toml")[0] == 0
    Path("m.csv").unlink()
    assert call("resume", "m.h5", "--t-end", 2e-4)[0] == 0
    with pf.open_trajectory("m.h5") as traj:
        assert traj.samples.rows.x.size == 133
        assert traj.time[-1] == pytest.approx(2e-4)
