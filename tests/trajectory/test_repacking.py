"""Trajectories in other layouts and with filters: the same values, attributes, links and scales."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyh5md import File as H5MD
from variants import variants

import particleflow as pf
from particleflow.config import convert
from particleflow.jobs.prepare import prepare
from particleflow.trajectory import repack, repacking, to_planned_layout
from particleflow.trajectory.schema import CHUNK, path_chunk

SAMPLES = pf.Samples.generate("square_wave", 6)
OBSERVABLES = ("loss", "residual", "sector_covariances", "ray_counts", "kernel_distance")


def simulate(path, until=1.0, m=50, **options):
    sim = pf.Simulation(SAMPLES, pf.initialise("reduced", m, seed=1), pf.Boost(1e-3))
    sim.observables.add("size", lambda sim: np.abs(sim.neurons.c).max(), every=3)
    writer = pf.TrajectoryWriter(path, observables=OBSERVABLES, frames=7, **options)
    sim.writers.append(writer)
    sim.run(until)
    return sim


def contents(path):
    """Everything in a file: shapes, bytes, links, attributes and scales by name."""
    found, places = {}, {}

    def walk(group):
        for name, item in group.items():
            place = h5py.h5o.get_info(item.id).addr
            full = f"{group.name.rstrip('/')}/{name}"
            first = places.setdefault(place, full)
            attributes = {
                key: np.asarray(value).tobytes()
                for key, value in item.attrs.items()
                if key not in ("DIMENSION_LIST", "REFERENCE_LIST")
            }
            if isinstance(item, h5py.Group):
                found[full] = first, attributes
                walk(item)
            else:
                scales = [[first_name(s) for s in d.values()] for d in item.dims]
                found[full] = (
                    first,
                    attributes,
                    item.shape,
                    item.dtype,
                    item[()].tobytes(),
                    scales,
                )

    def first_name(scale):
        return places.get(h5py.h5o.get_info(scale.id).addr, scale.name)

    with h5py.File(path) as file:
        found["/"] = {key: str(value) for key, value in file.attrs.items()}
        walk(file)
        places_of_all = dict(places)
        places = places_of_all
        walk(file)  # once more: now all scales are known by their first name
    return found


@pytest.mark.parametrize("precision", variants(["float32"], slow=["float64"]))
@pytest.mark.parametrize("layout", ["frames", "particles"])
@pytest.mark.parametrize("filter", variants(["gzip"], slow=["none"]))
def test_everything_is_the_same(tmp_path, precision, layout, filter):
    old, new = tmp_path / "old run.h5", tmp_path / "new run.h5"
    simulate(old, precision=precision)
    repack(old, new, layout, filter)
    assert contents(new) == contents(old)
    with h5py.File(new) as file:
        for name in ("position", "cell"):
            value = file[f"particles/neurons/{name}/value"]
            assert value.chunks[:2] == ((7, 50) if layout == "particles" else (1, 50))
            assert (value.compression or "none") == filter
    with pf.open_trajectory(new) as traj:
        assert (traj.storage()["layout"], traj.storage()["filter"]) == (layout, filter)
        assert traj.is_complete
    with H5MD(new, "r") as file:
        assert file.particles_group("neurons")["position/value"].shape == (7, 50, 2)
    # and back, in its own place
    repack(new, new, "frames", "none", overwrite=True)
    assert contents(new) == contents(old)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new run.h5", "old run.h5"]


def test_large_files_go_through_memory_in_slabs(tmp_path, monkeypatch):
    monkeypatch.setattr("particleflow.files.slabs.BUDGET", 64)
    monkeypatch.setattr(repacking.slabs, "__defaults__", (64,))
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    simulate(old, m=500)
    repack(old, new, "particles", "gzip")
    assert contents(new) == contents(old)
    repack(new, new, "frames", overwrite=True)
    assert contents(new) == contents(old)
    with pf.open_trajectory(new) as traj:
        assert traj.storage()["filter"] == "gzip"  # as it was


def test_gzip_makes_a_smooth_run_smaller(tmp_path):
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    simulate(old, until=1e-3, m=5000)
    repack(old, new, "particles", "gzip")
    assert new.stat().st_size < 0.8 * old.stat().st_size


@pytest.mark.parametrize(("frames", "n"), [(2, 1), (201, 10**6), (10**6, 10), (5000, 5000)])
def test_chunks_of_paths_are_about_as_large_as_those_of_frames(frames, n):
    long, wide = path_chunk(frames, n)
    assert 1 <= long <= frames
    assert 1 <= wide <= n
    assert long * wide <= 1.5 * CHUNK
    assert long * wide >= min(frames * n, CHUNK) / 4


class Enough(Exception):
    """Ends a run early."""


@pytest.mark.parametrize("filter", variants(["gzip"], slow=["none"]))
def test_an_incomplete_run_stays_incomplete_and_can_be_gone_on_with(tmp_path, filter):
    path, whole = tmp_path / "run.h5", tmp_path / "whole.h5"

    def size(sim, end=0.6):
        if sim.time > end:
            raise Enough
        return np.abs(sim.neurons.c).max()

    times = np.linspace(0.0, 1.0, 13)
    for file, end in ((whole, 2.0), (path, 0.6)):
        sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1), pf.Boost(1e-3))
        sim.observables.add("size", lambda sim, end=end: size(sim, end))
        # a checkpoint after every moment, however fast the machine
        sim.writers.append(
            pf.TrajectoryWriter(file, frames=7, observable_times=times, checkpoint_every=1e-9)
        )
        if file == whole:
            sim.run(1.0)
        else:
            with pytest.raises(Enough):
                sim.run(1.0)
    with pf.open_trajectory(path) as traj:
        done, before = traj.frames, traj.position(slice(None))
        assert 0 < done < 7
    repack(path, path, "particles", filter, overwrite=True)
    with pf.open_trajectory(path) as traj:
        assert (traj.frames, traj.planned_frames, traj.is_complete) == (done, 7, False)
        assert_array_equal(traj.position(slice(None)), before)
    # frames are written into it, which needs the layout of runs
    run = pf.resume(path, observables={"size": lambda sim: size(sim, 2.0)})
    assert 0.0 < run.simulation.time < 0.7
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as one, pf.open_trajectory(whole) as two:
        assert one.is_complete
        assert one.storage()["layout"] == "frames"
        assert_array_equal(one.position(slice(None)), two.position(slice(None)))
        assert_array_equal(one.loss, two.loss)


def test_a_repacked_run_can_be_made_longer(tmp_path):
    path, longer = tmp_path / "run.h5", tmp_path / "longer.h5"
    for file, end in ((path, 1.0), (longer, 2.0)):
        sim = pf.Simulation(SAMPLES, pf.initialise("reduced", 50, seed=1), pf.GradientDescent(1e-2))
        frames = 5 if end == 1.0 else 9
        sim.writers.append(pf.TrajectoryWriter(file, frames=frames, checkpoint_every=np.inf))
        sim.run(end)
    repack(path, path, "particles", "gzip", overwrite=True)
    run = pf.resume(path, until=2.0)
    run.simulation.run(run.until)
    with pf.open_trajectory(path) as one, pf.open_trajectory(longer) as two:
        assert one.storage()["layout"] == "frames"  # until it is settled again
        assert_array_equal(one.position(slice(None)), two.position(slice(None)))
        assert_array_equal(one.loss, two.loss)


def test_a_value_read_back_differently_is_refused(tmp_path, monkeypatch):
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    simulate(old)
    copy = repacking._NewFile.copy

    def spoil(self, source, file, counts):
        copied = copy(self, source, file, counts)
        file["particles/neurons/position/value"][3, 7, 1] += 1e-6
        return copied

    monkeypatch.setattr(repacking._NewFile, "copy", spoil)
    with pytest.raises(pf.WriteError, match=r"position/value was read back differently"):
        repack(old, new, "particles")
    assert [p.name for p in tmp_path.iterdir()] == ["old.h5"]


def test_a_file_that_grows_meanwhile_is_repacked_as_it_was(tmp_path, monkeypatch):
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    simulate(old)
    with h5py.File(old, "r+") as file:
        file["parameters/progress"][:] = 3, 21
    copy, lay_out = repacking._NewFile.copy, repacking._NewFile.lay_out

    def grow(name, value):
        code = (
            "import h5py, sys\nwith h5py.File(sys.argv[1], 'r+', locking=False) as file:\n"
            "    file[sys.argv[2]][-1] = float(sys.argv[3])"
        )
        subprocess.run([sys.executable, "-c", code, str(old), name, str(value)], check=True)

    def lay_out_and_grow(self, source, file):
        grow("parameters/progress", 30)
        lay_out(self, source, file)

    def copy_and_grow(self, source, file, counts):
        copied = copy(self, source, file, counts)
        grow("observables/loss/value", 17.0)  # beyond what counts
        return copied

    monkeypatch.setattr(repacking._NewFile, "lay_out", lay_out_and_grow)
    monkeypatch.setattr(repacking._NewFile, "copy", copy_and_grow)
    repack(old, new, "particles")
    with pf.open_trajectory(new) as traj:
        assert traj.acknowledged() == (3, 21)


def test_no_run_goes_on_in_a_file_that_is_being_replaced(tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    simulate(path, checkpoint_every=np.inf)
    copy, tried = repacking._NewFile.copy, []

    def try_to_resume(self, source, file, counts):
        with pytest.raises(pf.TrajectoryError, match="is being written by another run"):
            pf.resume(path, until=2.0, observables={"size": lambda sim: 0.0})
        tried.append(path)
        return copy(self, source, file, counts)

    monkeypatch.setattr(repacking._NewFile, "copy", try_to_resume)
    repack(path, path, "particles", overwrite=True)
    assert tried
    run = pf.resume(path, until=2.0, observables={"size": lambda sim: 0.0})
    assert run.until == 2.0


def test_a_link_shows_the_file_that_is_replaced(tmp_path):
    (tmp_path / "data").mkdir()
    path, link = tmp_path / "data" / "run.h5", tmp_path / "link.h5"
    simulate(path)
    link.symlink_to(path)
    repack(link, link, "particles", overwrite=True)
    assert link.is_symlink()
    for name in (path, link):
        with pf.open_trajectory(name) as traj:
            assert traj.storage()["layout"] == "particles"


def test_parts_that_have_been_gathered_are_removed(tmp_path):
    files, path = Path(__file__).parents[1] / "recorded", tmp_path / "schema_2.h5"
    shutil.copy(files / "schema_2.h5", path)
    shutil.copytree(files / "schema_2.h5.parts", f"{path}.parts")
    with pf.open_trajectory(path) as traj:
        before = traj.position(slice(None))
    repack(path, path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["schema_2.h5"]
    with pf.open_trajectory(path) as traj:
        assert traj.schema_version == 1
        assert_array_equal(traj.position(slice(None)), before)


def test_what_cannot_be_repacked_is_refused(tmp_path):
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    simulate(old)
    new.write_text("mine")
    with pytest.raises(pf.TrajectoryError, match="exists already"):
        repack(old, new)
    with pytest.raises(pf.TrajectoryError, match="layout: expected one of frames, particles"):
        repack(old, tmp_path / "x.h5", "rows")
    with pytest.raises(pf.TrajectoryError, match="filter: expected one of none, gzip"):
        repack(old, tmp_path / "x.h5", filter="lzf")
    with pytest.raises(pf.TrajectoryError, match="cannot be read as a trajectory"):
        repack(new, tmp_path / "x.h5")
    assert new.read_text() == "mine"


def test_a_file_gets_the_layout_of_its_configuration(tmp_path):
    text = (
        '[samples]\nkind = "square_wave"\n[neurons]\ncount = 50\n[flow]\nt_end = 0.5\n'
        '[output]\nframes = 5\nlayout = "particles"\nfilter = "gzip"\n'
    )
    tables = tomllib.loads(text)
    tables["output"]["file"] = str(tmp_path / "run.h5")
    run = prepare(convert(tmp_path / "x.toml", tables))
    run.simulation.run(run.until)
    before = contents(tmp_path / "run.h5")
    to_planned_layout(tmp_path / "run.h5")
    assert contents(tmp_path / "run.h5") == before
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        assert (traj.storage()["layout"], traj.storage()["filter"]) == ("particles", "gzip")
    identity = (tmp_path / "run.h5").stat().st_ino
    to_planned_layout(tmp_path / "run.h5")
    assert (tmp_path / "run.h5").stat().st_ino == identity  # nothing to do
