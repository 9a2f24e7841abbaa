"""After the run: reading beside h5py's raw reads, repacking, animations, sweeps."""

import os
import resource
import time

import h5py
import numpy as np
import pytest
from cases import neurons, square_wave
from streams import median_seconds

import particleflow as pf
from particleflow import figures
from particleflow.files import disk
from particleflow.ranks.serial import affinity
from particleflow.sweeps.table import DONE
from particleflow.trajectory import skeleton
from particleflow.trajectory.skeleton import Plan

BASE = "particles/neurons"


def recorded(path, m, frames):
    """A file of so many frames, each a little further than the one before, without a run."""
    sim = pf.Simulation(square_wave(10), neurons(m), pf.GradientDescent(1e-4))
    times = np.linspace(0.0, 1.0, frames)
    plan = Plan(times, times, m, np.dtype("f4"), [], 0.0, 1.0, 1e-8)
    frame = sim.state.new_frame(m, "float32")
    sim.state.pack_frame(frame)

    def write(file):
        for k in range(frames):
            file[f"{BASE}/position/value"][k] = frame.position * np.float32(1.0 + 1e-3 * k)
            file[f"{BASE}/cell/value"][k] = frame.cells
        file[f"{BASE}/position/time"][:] = times
        file["parameters/progress"][:] = frames, frames

    disk.create(path, True, lambda file: skeleton.fill(file, sim, plan, []), then=write)


def forget(path):
    """Let the system drop what it keeps of a file in memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


@pytest.mark.parametrize("m", [1000, 10**6, 10**7])
def test_reading_a_frame(benchmark, fitting, tmp_path, m):
    """`position` of one frame beside h5py's read of the same dataset, the file in memory."""
    path = tmp_path / "run.h5"
    recorded(path, fitting(m), 3)
    with pf.open_trajectory(path) as trajectory, h5py.File(path, "r", locking=False) as file:
        dataset = file[f"{BASE}/position/value"]
        raw = median_seconds(lambda: dataset[1], 21)
        benchmark.pedantic(trajectory.position, args=(1,), rounds=21, warmup_rounds=1)
    ours = benchmark.stats.stats.median
    benchmark.extra_info.update(m=m, seconds_of_h5py=raw, against_h5py=ours / raw)


@pytest.mark.parametrize("layout", ["frames", "particles"])
@pytest.mark.parametrize("filter", ["none", "gzip"])
def test_reading_a_neuron(benchmark, fitting, quick, tmp_path, layout, filter):
    """`neuron` over 200 frames, of a file that is in memory and of one that is not."""
    m = fitting(10**5 if quick else 10**6)
    path = tmp_path / "run.h5"
    recorded(path, m, 200)
    begin = time.perf_counter()
    if (layout, filter) != ("frames", "none"):
        pf.repack(path, path, layout, filter, overwrite=True)
    seconds = time.perf_counter() - begin
    numbers = iter(np.random.default_rng(0).permutation(m).tolist())
    cold = []
    for _ in range(11):
        forget(path)
        with pf.open_trajectory(path) as trajectory:
            at = time.perf_counter()
            trajectory.neuron(next(numbers))
            cold.append(time.perf_counter() - at)
    with pf.open_trajectory(path) as trajectory:
        benchmark.pedantic(lambda: trajectory.neuron(next(numbers)), rounds=21, warmup_rounds=1)
    benchmark.extra_info.update(
        m=m, frames=200, layout=layout, filter=filter, seconds_not_in_memory=float(np.median(cold)),
        seconds_to_repack=seconds, bytes=path.stat().st_size,
    )  # fmt: skip


def test_animation(benchmark, quick, tmp_path):
    """200 frames of 1,000 neurons as a GIF."""
    frames = 20 if quick else 200
    sim = pf.Simulation(square_wave(10), neurons(1000))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames))
    sim.run(20.0)
    with pf.open_trajectory(tmp_path / "run.h5") as trajectory:
        benchmark.pedantic(
            figures.animate, args=(trajectory, tmp_path / "run.gif"),
            kwargs={"overwrite": True}, rounds=3,
        )  # fmt: skip
    benchmark.extra_info.update(frames=frames, bytes=(tmp_path / "run.gif").stat().st_size)


CONFIG = """
[samples]
kind = "square_wave"
count = {s}
[neurons]
count = {m}
[flow]
tolerance = {tolerance}
t_end = 20.0
"""
SWEEPS = {
    "200 of m = 1,000": (
        {"m": 1000, "s": 10, "tolerance": 1e-4},
        {"neurons.delta": [-1.0, 1.0], "neurons.scale": np.geomspace(0.1, 10.0, 10)}, 10,
    ),
    "4,624 of m = 50": (
        {"m": 50, "s": 20, "tolerance": 1e-3},
        {
            "neurons.delta": np.concatenate([-np.geomspace(100.0, 0.01, 8), [0.0],
                                             np.geomspace(0.01, 100.0, 8)]),
            "neurons.scale": np.geomspace(0.01, 100.0, 17),
        }, 16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep(benchmark, quick, tmp_path, name):
    """All runs on all processors, and how busy those are, by the time of this and its processes."""
    settings, over, seeds = SWEEPS[name]
    (tmp_path / "config.toml").write_text(CONFIG.format(**settings))
    if quick:
        over = {key: values[:2] for key, values in over.items()}

    def used():
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)

    def run():
        return pf.sweep(tmp_path / "config.toml", over, tmp_path / "s.h5", seeds, overwrite=True)

    before, begin = used(), time.perf_counter()
    found = benchmark.pedantic(run, rounds=1)
    seconds = time.perf_counter() - begin
    assert found.count(DONE) == found.status.size
    cores = len(affinity())
    benchmark.extra_info.update(
        runs=int(found.status.size), cores=cores, busy=(used() - before) / seconds / cores,
        share_in_runs=float(np.sum(found.columns["seconds"])) / seconds / cores,
    )  # fmt: skip
