"""Exports, read back by the tools that they are for."""

import builtins
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_array_equal
from variants import variants

import particleflow as pf
from particleflow.exports import archive, by_ending, choice, netcdf

SAMPLES = pf.Samples.generate("square_wave", 6)
OBSERVABLES = (
    "loss", "residual", "kernel_spectrum", "sector_covariances", "ray_counts", "steps",
)  # fmt: skip
M, FRAMES = 40, 11


def simulate(path, metric="network", samples=SAMPLES, **options):
    sim = pf.Simulation(samples, pf.initialise("reduced", M, seed=1), metric=metric)
    sim.observables.add("largest", lambda sim: np.abs(sim.neurons.c).max(), every=3)
    sim.observables.add("pair", lambda sim: sim.neurons.c[:2], every=3)
    options = {"frames": FRAMES, "observables": OBSERVABLES} | options
    sim.writers.append(pf.TrajectoryWriter(path, **options))
    sim.run(1.0)


@pytest.fixture(scope="module", params=[("network", "float32"), ("euclidean", "float64")])
def path(request, tmp_path_factory):
    metric, precision = request.param
    path = tmp_path_factory.mktemp("runs") / "a run.h5"
    simulate(path, metric, precision=precision)
    return path


@pytest.fixture(params=[1 << 22, 1], ids=["at once", "frame by frame"])
def pieces(request, monkeypatch):
    monkeypatch.setattr(choice, "PAIRS", request.param)


def test_a_file_of_paths_is_exported_by_frames(path, tmp_path, monkeypatch):
    monkeypatch.setattr(by_ending, "PAIRS", 100)
    pf.repack(path, tmp_path / "paths.h5", "particles", "gzip")
    pf.export(path, tmp_path / "one.npz")
    pf.export(tmp_path / "paths.h5", tmp_path / "two.npz")
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.files == two.files
        for name in one.files:
            assert_array_equal(one[name], two[name])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.npz", "paths.h5", "two.npz"]


def raw(path):
    """(frames of rhat and theta, of cells) by h5py alone."""
    with h5py.File(path) as file:
        group = file["particles/neurons"]
        return group["position/value"][:], group["cell/value"][:]


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(("stride", "neurons"), [(1, "all"), (3, 7), (100, 1)])
def test_npz_is_what_numpy_reads(path, tmp_path, stride, neurons):
    pf.export(path, tmp_path / "out.npz", stride, neurons)
    position, cell = raw(path)
    n = M if neurons == "all" else neurons
    rows = np.arange(n) * M // n
    with np.load(tmp_path / "out.npz") as got, pf.open_trajectory(path) as traj:
        assert got["rhat"].dtype == position.dtype
        assert_array_equal(got["rhat"], position[::stride][:, rows, 0])
        assert_array_equal(got["theta"], position[::stride][:, rows, 1])
        assert_array_equal(got["cell"], cell[::stride][:, rows])
        assert_array_equal(got["time"], traj.time[::stride])
        assert_array_equal(got["step"], traj.step[::stride])
        assert_array_equal(got["id"], rows)
        assert_array_equal(got["x"], SAMPLES.x)
        assert (int(got["m"]), float(got["alpha"])) == (M, M)
        assert str(got["metric"]) == traj.metric
        assert ("delta" in got) == (traj.metric == "network")
        assert_array_equal(got["loss"], traj.loss)
        assert_array_equal(got["time_of_loss"], traj.observable("loss")[0])
        covariances = traj.observable("neurons/sector_covariances")[1]
        assert_array_equal(got["sector_covariances"], covariances)
        assert_array_equal(got["time_of_user_pair"], traj.observable("user/pair")[0])
        assert got["user_pair"].shape == (got["time_of_user_pair"].size, 2)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(("stride", "neurons"), [(1, "all"), (4, 5)])
def test_csv_is_what_pandas_reads(path, tmp_path, stride, neurons):
    pf.export(path, tmp_path / "out.csv", stride, neurons)
    position, cell = raw(path)
    n = M if neurons == "all" else neurons
    rows = np.arange(n) * M // n
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns) == ["frame", "time", "id", "rhat", "theta", "cell", "knot"]
    wide = {name: frame.pivot(index="frame", columns="id", values=name) for name in frame.columns
            if name not in ("frame", "id")}  # fmt: skip
    for k, name in enumerate(("rhat", "theta")):
        got = wide[name].to_numpy().astype(position.dtype)
        assert_array_equal(got, position[::stride][:, rows, k])
    assert_array_equal(wide["cell"].to_numpy(), cell[::stride][:, rows])
    with pf.open_trajectory(path) as traj:
        knots = np.stack([traj.knots(k)[rows] for k in range(0, FRAMES, stride)])
        assert_array_equal(wide["knot"].to_numpy(), knots)
        assert_array_equal(wide["time"].to_numpy()[:, 0], traj.time[::stride])
        assert_array_equal(wide["rhat"].columns, traj.ids[rows])


def test_csv_of_observables(path, tmp_path):
    pf.export(path, tmp_path / "out.csv", contents="observables")
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns) == ["name", "time", "i", "j", "value"]
    with pf.open_trajectory(path) as traj:
        for name, short in (("residual", "residual"), ("user/largest", "user_largest"),
                            ("neurons/sector_covariances", "sector_covariances")):  # fmt: skip
            time, values = traj.observable(name)
            part = frame[frame.name == short]
            assert_array_equal(part.value.to_numpy(), values.ravel())
            assert_array_equal(part.time.unique(), time)
            assert part.i.isna().all() == (values.ndim == 1)
            assert part.j.isna().all() == (values.ndim < 3)
        one = frame[(frame.name == "sector_covariances") & (frame.i == 4) & (frame.j == 2)]
        assert_array_equal(
            one.value.to_numpy(), traj.observable("neurons/sector_covariances")[1][:, 4, 2]
        )


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("stride", variants([4], slow=[1]))
def test_nc_is_what_xarray_reads(path, tmp_path, stride):
    pf.export(path, tmp_path / "out.nc", stride)
    position, cell = raw(path)
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as got, \
            pf.open_trajectory(path) as traj:  # fmt: skip
        assert got.rhat.dims == ("time", "id")
        assert got.rhat.dtype == position.dtype
        assert_array_equal(got.rhat, position[::stride, :, 0])
        assert_array_equal(got.theta, position[::stride, :, 1])
        assert_array_equal(got.cell, cell[::stride])
        assert got.cell.dtype == np.int32
        assert_array_equal(got.time, traj.time[::stride])
        assert_array_equal(got.sel(time=0.5, method="nearest").knot,
                           traj.knots(5 if stride == 1 else 4))  # fmt: skip
        assert_array_equal(got.sample, SAMPLES.x)
        assert_array_equal(got.y, SAMPLES.y)
        assert got.loss.dims == ("observable_time",)
        assert_array_equal(got.loss, traj.loss)
        assert got.residual.dims == ("observable_time", "sample")
        assert got.sector_covariances.dims == ("observable_time", "sector", "component_3")
        assert got.component_3.values.tolist() == ["xx", "x1", "11"]
        assert got.kernel_spectrum.dims == ("observable_time", "mode")
        assert got.user_largest.dims == ("observable_time_1",)
        assert got.user_pair.dims == ("observable_time_1", "pair_0")
        assert_array_equal(got.user_pair, traj.observable("user/pair")[1])
        assert got.attrs["Conventions"].startswith("CF-")
        assert got.attrs["metric"] == traj.metric
        for name, variable in got.variables.items():
            assert variable.attrs["long_name"], name
            labels = name in ("mode", "sector", "ray", "component_3", "pair_0")
            assert ("units" in variable.attrs) != labels, name
        assert got.theta.attrs["units"] == "rad"


def test_observables_of_many_samples_go_with_the_frames(tmp_path):
    many = pf.Samples.generate("sine", 300)
    simulate(tmp_path / "run.h5", samples=many, observables=("loss", "residual"))
    pf.export(tmp_path / "run.h5", tmp_path / "out.nc", stride=5)
    pf.export(tmp_path / "run.h5", tmp_path / "out.npz", stride=5)
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as got, \
            pf.open_trajectory(tmp_path / "run.h5") as traj:  # fmt: skip
        assert got.residual.dims == ("time", "sample")
        assert_array_equal(got.residual, traj.residual[::5])
    with np.load(tmp_path / "out.npz") as got:
        assert got["residual"].shape == (3, 300)
        assert "time_of_residual" not in got


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.txt", {}, "expected a name ending in .npz, .csv, .nc, .vtkhdf, .xyz, found '.txt'"),
        ("out", {}, "found ''"),
        ("none/out.npz", {}, "does not exist"),
        ("taken.npz", {}, "exists already"),
        ("out.npz", {"stride": 0}, "stride: expected at least 1, found 0"),
        ("out.npz", {"neurons": 0}, "neurons: expected at least 1, found 0"),
        ("out.npz", {"neurons": M + 1}, f"neurons: expected at most {M}"),
        ("out.csv", {"limit": 439}, "440 rows, more than the limit of 439"),
        ("out.csv", {"limit": 0}, "limit: expected at least 1"),
        ("out.npz", {"contents": "observables"}, "contents: goes with .csv, found out.npz"),
        ("out.csv", {"contents": "all"}, "contents: expected one of neurons, observables"),
        ("out.csv", {"contents": "observables", "limit": 10}, "more than the limit of 10"),
    ],
)
def test_what_cannot_be_exported_is_refused(path, tmp_path, name, options, message):
    (tmp_path / "taken.npz").write_text("mine")
    with pytest.raises(pf.TrajectoryError, match=message):
        pf.export(path, tmp_path / name, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["taken.npz"]
    pf.export(path, tmp_path / "taken.npz", overwrite=True)
    assert np.load(tmp_path / "taken.npz")["time"].size == FRAMES


def test_a_file_that_grows_meanwhile_is_exported_as_it_was(tmp_path, monkeypatch):
    path, samples = tmp_path / "run.h5", pf.Samples.generate("sine", 300)
    simulate(path, samples=samples, observables=("loss", "residual"))
    with h5py.File(path, "r+") as file:
        counts = file["parameters/progress"][:]
        file["parameters/progress"][:] = 4, 31
    write = archive.write

    def write_later(choice, target):
        code = (
            "import h5py, sys\nwith h5py.File(sys.argv[1], 'r+', locking=False) as file:\n"
            "    file['parameters/progress'][:] = [int(n) for n in sys.argv[2:]]"
        )
        subprocess.run([sys.executable, "-c", code, str(path), *map(str, counts)], check=True)
        write(choice, target)

    monkeypatch.setattr(by_ending.archive, "write", write_later)
    pf.export(path, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as got:
        assert got["rhat"].shape == (4, M)
        assert got["residual"].shape == (4, 300)
        assert got["loss"].shape == got["time_of_loss"].shape == (31,)
        assert got["time_of_user_pair"].size == got["user_pair"].shape[0] == 11


def test_names_do_not_collide(tmp_path):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", M, seed=1))
    sim.observables.add("foo", lambda sim: sim.time, every=2)
    sim.observables.add("foo_time", lambda sim: -1.0)
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=3))
    sim.run(1.0)
    pf.export(tmp_path / "run.h5", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as got:
        assert_array_equal(got["time_of_user_foo"], got["user_foo"])
        assert (got["user_foo_time"] == -1.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".nc", ".npz", ".csv"])
def test_a_disk_that_refuses(path, tmp_path, ending):
    """HDF5 may crash where it does: it is asked beforehand."""
    code = (
        "import resource, sys\nfrom particleflow import cli\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        f"sys.argv = ['particleflow', 'export', {str(path)!r}, '-o', 'out{ending}']\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"out{ending}: cannot be created: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_run_is_refused(path, tmp_path):
    empty = tmp_path / "empty.h5"
    empty.write_bytes(path.read_bytes())
    with h5py.File(empty, "r+") as file:
        file["parameters/progress"][:] = 0
    with pytest.raises(pf.TrajectoryError, match=r"empty\.h5: has no complete frame to export"):
        pf.export(empty, tmp_path / "out.npz")


def test_a_missing_library_is_named(path, tmp_path, monkeypatch):
    known = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5netcdf":
            raise ImportError(name)
        return known(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(pf.TrajectoryError, match=r"pip install h5netcdf"):
        netcdf.require()
    with pytest.raises(pf.TrajectoryError, match="needs h5netcdf"):
        pf.export(path, tmp_path / "out.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(path, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("particleflow.exports.archive._add", fail)
    with pytest.raises(pf.WriteError, match=r"out\.npz: cannot be created: .*No space left"):
        pf.export(path, tmp_path / "out.npz")
    assert list(tmp_path.iterdir()) == []


def test_nc_keeps_the_names_of_columns(here):
    (here / "d.csv").write_text("day,level (m)\n2020-01-01,1\n2020-02-01,2\n2020-03-01,1\n")
    simulate("run.h5", samples=pf.Samples.from_file("d.csv").normalised())
    pf.export("run.h5", "run.nc")
    with xr.open_dataset("run.nc", engine="h5netcdf") as run:
        assert run.sample.long_name == "x of the samples: days since 2020-01-01"
        assert run.y.long_name == "y of the samples: level (m)"
