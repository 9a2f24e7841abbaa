"""Exports as points on a cylinder: their layout, and what the programs that they are for read."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import particleflow as pf
from particleflow.exports import choice

M, FRAMES = 23, 6


@pytest.fixture(params=["float32", "float64"])
def run(request, here):
    weights = np.linspace(1.0, 2.0, M) if request.param == "float64" else None
    drawn = pf.initialise("reduced", M, delta=-1.0, seed=1)
    a, b, c = drawn.a.copy(), drawn.b, drawn.c
    a[3] = 0.0  # a neuron without a knot
    neurons = pf.Neurons(a, b, c, weights=weights)
    sim = pf.Simulation(pf.Samples.generate("sine", 5), neurons)
    sim.writers.append(
        pf.TrajectoryWriter(
            "a run.h5", frames=FRAMES, precision=request.param, spacing="geometric", first=0.1
        )
    )
    sim.run(3.0)
    return "a run.h5"


@pytest.fixture(params=[1 << 22, 1], ids=["at once", "frame by frame"])
def pieces(request, monkeypatch):
    monkeypatch.setattr(choice, "PAIRS", request.param)


def recorded(path, stride=1, rows=slice(None)):
    """Times, ids, and arrays by frame and neuron, from our own reader."""
    with pf.open_trajectory(path) as file:
        position = file.position(slice(0, None, stride))[:, rows]
        cell = file.cell(slice(0, None, stride))[:, rows]
        knot = file.knots_of(position, cell)
        rhat, theta = np.moveaxis(position, -1, 0)
        names = {"rhat": rhat, "theta": theta, "cell": cell, "knot": knot}
        return file.time[::stride], file.ids[rows], names, file.delta[rows], file.mass


def points_of(names):
    rhat, theta = names["rhat"], names["theta"].astype(float)
    return np.stack([np.cos(theta), np.sin(theta), rhat], axis=-1).astype(rhat.dtype)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(("stride", "neurons"), [(1, "all"), (2, 7)])
def test_vtkhdf_by_h5py(run, stride, neurons):
    pf.export(run, "out.vtkhdf", stride, neurons)
    rows = slice(None) if neurons == "all" else np.arange(7) * M // 7
    time, ids, names, delta, mass = recorded(run, stride, rows)
    n = ids.size
    with h5py.File("out.vtkhdf") as file:
        root = file["VTKHDF"]
        steps = root["Steps"]
        assert steps.attrs["NSteps"] == time.size
        assert_array_equal(steps["Values"], time)
        for k in range(time.size):
            begin = steps["PointOffsets"][k]
            assert_array_equal(root["Points"][begin : begin + n], points_of(names)[k])
            for name, values in names.items():
                at = steps["PointDataOffsets"][name][k]
                assert_array_equal(root["PointData"][name][at : at + n], values[k])
        assert_array_equal(root["PointData/id"], ids)
        assert_array_equal(root["PointData/delta"], delta)
        assert ("mass" in root["PointData"]) == (mass is not None)
        assert_array_equal(file["particles/trajectory/position/value"], points_of(names))
        assert_array_equal(file["particles/trajectory/position/time"], time)


@pytest.mark.usefixtures("pieces")
def test_xyz_by_hand(run):
    pf.export(run, "out.xyz", stride=2)
    time, ids, names, delta, _ = recorded(run, 2)
    lines = iter(Path("out.xyz").read_text("ascii").splitlines())
    for k in range(time.size):
        assert int(next(lines)) == M
        header = next(lines)
        assert float(header.rpartition("Time=")[2]) == time[k]
        columns = header.partition("Properties=")[2].split(" ")[0].split(":")[::3]
        for i in range(M):
            species, *numbers = next(lines).split()
            assert species == "X"
            found = dict(zip(["x", "y", "z", *columns[2:]], numbers, strict=True))
            dtype = names["rhat"].dtype.type
            assert [dtype(found[name]) for name in "xyz"] == points_of(names)[k, i].tolist()
            assert int(found["id"]) == ids[i]
            assert float(found["delta"]) == delta[i]
            for name, values in names.items():
                assert_array_equal(values.dtype.type(found[name]), values[k, i])
    assert next(lines, None) is None


def test_a_long_text_is_refused(run):
    with pytest.raises(pf.TrajectoryError, match="more than the limit of 20"):
        pf.export(run, "out.xyz", limit=20)


@pytest.mark.readers
def test_vtk_reads_every_step(run):
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    pf.export(run, "out.vtkhdf")
    time, ids, names, delta, mass = recorded(run)
    reader = vtk.vtkHDFReader()
    reader.SetFileName("out.vtkhdf")
    reader.UpdateInformation()
    key = vtk.vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    assert_array_equal(reader.GetOutputInformation(0).Get(key), time)
    for k in range(time.size):
        reader.SetStep(k)
        reader.Update()
        out = reader.GetOutput()
        assert out.GetNumberOfVerts() == M
        assert_array_equal(vtk_to_numpy(out.GetPoints().GetData()), points_of(names)[k])
        data = out.GetPointData()
        constants = {"id": ids, "delta": delta} | ({} if mass is None else {"mass": mass})
        for name, values in ({n: v[k] for n, v in names.items()} | constants).items():
            assert_array_equal(vtk_to_numpy(data.GetArray(name)), values)


@pytest.mark.readers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_mdanalysis_reads_every_frame(run):
    mda = pytest.importorskip("MDAnalysis")
    pf.export(run, "out.vtkhdf")
    time, _, names, _, _ = recorded(run)
    universe = mda.Universe.empty(M, trajectory=True)
    universe.load_new("out.vtkhdf", format="H5MD", convert_units=False)
    assert [frame.time for frame in universe.trajectory] == time.tolist()
    for k, _ in enumerate(universe.trajectory):
        expected = points_of(names)[k].astype(np.float32)
        assert_array_equal(universe.atoms.positions, expected)


@pytest.mark.readers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_ase_reads_every_frame_to_the_bit(run):
    io = pytest.importorskip("ase.io")
    pf.export(run, "out.xyz")
    time, ids, names, delta, mass = recorded(run)
    frames = io.read("out.xyz", index=":")
    assert [frame.info["Time"] for frame in frames] == time.tolist()
    for k, frame in enumerate(frames):
        dtype = names["rhat"].dtype
        assert_array_equal(frame.positions.astype(dtype), points_of(names)[k])
        constants = {"id": ids, "delta": delta} | ({} if mass is None else {"mass": mass})
        for name, values in ({n: v[k] for n, v in names.items()} | constants).items():
            assert_array_equal(frame.arrays[name].astype(values.dtype), values)


@pytest.mark.readers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_ovito_reads_every_frame(run):
    """To the last bit but one: its parser of decimal numbers is off by it now and then."""
    io = pytest.importorskip("ovito.io")
    pf.export(run, "out.xyz")
    time, ids, names, _, _ = recorded(run)
    pipeline = io.import_file("out.xyz")
    assert pipeline.source.num_frames == time.size
    for k in range(time.size):
        data = pipeline.compute(k)
        assert_allclose(data.attributes["Time"], time[k], rtol=1e-15)
        assert_allclose(data.particles["Position"], points_of(names)[k], rtol=1e-7)
        assert_array_equal(data.particles["Particle Identifier"], ids)
        for name, values in names.items():
            assert_allclose(data.particles[name], values[k], rtol=1e-7)
