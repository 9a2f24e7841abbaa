"""Normalised samples: the user's x is the x of every interface that knows the samples."""

import json
import math

import h5py
import numpy as np
import pytest

import particleflow as pf
from particleflow.model.cells import is_sliding

YEARS = np.arange(1900.0, 1940.0)
CONFIG = """
[samples]
file = "years.csv"
normalise = true
[neurons]
count = 200
seed = 3
[flow]
t_end = 5.0
[output]
frames = 5
precision = "float64"
"""


@pytest.fixture
def run(call, here):
    """A run on years; its trajectory is closed."""
    rows = (f"{x!r},{math.sin((x - 1900.0) / 6.0)!r}\n" for x in YEARS.tolist())
    (here / "years.csv").write_text("x,y\n" + "".join(rows))
    (here / "run.toml").write_text(CONFIG)
    code, _, err = call("run", "run.toml")
    assert code == 0, err
    return here / "run.h5"


def test_samples_know_their_map():
    samples = pf.Samples(YEARS, np.sin(YEARS)).normalised()
    assert samples.x.tolist() == YEARS.tolist()
    assert (samples.network_x[0], samples.network_x[-1]) == (-1.0, 1.0)
    assert samples.is_mapped
    np.testing.assert_allclose(samples.to_network(YEARS), samples.network_x, atol=1e-15)
    np.testing.assert_allclose(samples.from_network(samples.network_x), YEARS, rtol=1e-15)
    assert not pf.Samples(YEARS, YEARS).is_mapped


def test_the_function_is_one_of_the_samples_x(run):
    with pf.open_trajectory(run) as trajectory:
        samples = trajectory.samples
        assert samples.x.tolist() == YEARS.tolist()
        f = trajectory.predict(-1, YEARS)
        np.testing.assert_allclose(f - samples.y, trajectory.residual[-1], atol=1e-12)
        sim = pf.Simulation(samples, pf.Neurons.from_file(run))
        np.testing.assert_allclose(sim.predict(YEARS), f, atol=1e-12)


def test_knots_and_curvature_are_in_the_samples_x(run):
    with pf.open_trajectory(run) as trajectory:
        position, cell = trajectory.position(-1), trajectory.cell(-1)
        knots, jumps = trajectory.knots(-1), trajectory.curvature(-1)
        free = ~is_sliding(cell, 40) & np.isfinite(knots)
        mapped = -np.tan(position[free, 1])
        np.testing.assert_allclose(knots[free], 1919.5 + 19.5 * mapped, rtol=1e-12)
        assert np.isin(knots[is_sliding(cell, 40)], YEARS).all()
        # f'' between two points is the change of slope of predict
        lo, hi, h = 1907.31, 1921.77, 1e-4
        slopes = [
            (trajectory.predict(-1, x + h) - trajectory.predict(-1, x - h)) / (2 * h)
            for x in (lo, hi)
        ]
        inside = (jumps.knots > lo) & (jumps.knots < hi)
        assert jumps.masses[inside].sum() == pytest.approx(slopes[1] - slopes[0], rel=1e-6)


def test_exports_carry_the_map(call, run):
    for target in ("run.npz", "run.csv"):
        assert call("export", run, "-o", target)[0] == 0
    with np.load("run.npz") as archive:
        assert (float(archive["x_shift"]), float(archive["x_scale"])) == (1919.5, 19.5)
        assert archive["x"].tolist() == YEARS.tolist()
    table = np.genfromtxt("run.csv", delimiter=",", names=True)
    assert set(table["x_shift"]) == {1919.5}
    assert set(table["x_scale"]) == {19.5}
    known = np.isfinite(table["knot"])
    with pf.open_trajectory(run) as trajectory:
        np.testing.assert_array_equal(
            table["knot"][known], np.concatenate([trajectory.knots(k) for k in range(5)])[known]
        )


def test_netcdf_carries_the_map(call, run):
    xarray = pytest.importorskip("xarray")
    assert call("export", run, "-o", "run.nc")[0] == 0
    with xarray.open_dataset("run.nc", engine="h5netcdf") as file:
        assert (file.attrs["x_shift"], file.attrs["x_scale"]) == (1919.5, 19.5)
        assert file.sample.values.tolist() == YEARS.tolist()
        assert "all 200 neurons" in file.attrs["chosen"]


def test_info_shows_the_map(call, run):
    facts = json.loads(call("info", run, "--json")[1])
    assert (facts["x_first"], facts["x_shift"], facts["x_scale"]) == (1900.0, 1919.5, 19.5)


def test_pictures_are_over_the_samples_x(run):
    with pf.open_trajectory(run) as trajectory:
        kinds = ("function", "knots")
        function, knots = (pf.figures.plot(trajectory, kind).axes[0] for kind in kinds)
    for lo, hi in (function.get_xlim(), knots.get_ylim()):
        assert lo < YEARS[0]
        assert YEARS[-1] < hi


def test_a_file_without_the_original_x_is_read_by_its_map(run):
    with h5py.File(run, "r+") as file:
        del file["parameters/samples/original_x"]
    with pf.open_trajectory(run) as trajectory:
        np.testing.assert_allclose(trajectory.samples.x, YEARS, rtol=1e-15)
        assert trajectory.predict(-1, 1900.0) == pytest.approx(trajectory.residual[-1][0], abs=1e-9)


def test_grids_cover_what_the_network_sees():
    samples = pf.Samples(YEARS, np.sin(YEARS)).normalised()
    neurons = pf.initialise("grid", 11, samples=samples, margin=0.0)
    assert (neurons.knots.min(), neurons.knots.max()) == (-1.0, 1.0)
