"""What goes to the disk: frames beside a run, the writer and checkpoints beside raw writes."""

import os

import numpy as np
import pytest
from cases import neurons, square_wave
from streams import median_seconds

import particleflow as pf
from particleflow.files import disk, opening
from particleflow.trajectory import checkpoint, skeleton
from particleflow.trajectory.skeleton import Plan
from particleflow.trajectory.writer_thread import Batch, WriterThread

STEPS_A_FRAME = 10


def raw_write(path, arrays, sync):
    """The bytes of arrays into a new file, and onto the disk if ``sync``."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for array in arrays:
            view = memoryview(np.ascontiguousarray(array)).cast("B")
            while view:
                view = view[os.write(handle, view[: 1 << 30]) :]
        if sync:
            os.fsync(handle)
    finally:
        os.close(handle)


@pytest.mark.parametrize("integrator", [pf.GradientDescent(1e-4), pf.Boost(step=1e-3)],
                         ids=lambda integrator: integrator.name)  # fmt: skip
@pytest.mark.parametrize("s", [10, 1000])
def test_frames(benchmark, fitting, quick, tmp_path, integrator, s):
    """A run with a frame every 10 steps, against the same run without a writer."""
    m, frames = fitting(10**5 if quick else 10**6), 21
    h = integrator.step / (s / 10)
    kind = type(integrator)(step=h) if integrator.name == "boost" else type(integrator)(h)
    until = (frames - 1) * STEPS_A_FRAME * h

    def run(write):
        sim = pf.Simulation(square_wave(s), neurons(m), kind)
        if write:
            writer = pf.TrajectoryWriter(tmp_path / "run.h5", frames, overwrite=True,
                                         observables=["loss"])  # fmt: skip
            writer.observable_times = np.linspace(0.0, until, frames)
            sim.writers.append(writer)
        return lambda: sim.run(until)

    def seconds(write, rounds=3):
        return float(np.median([median_seconds(run(write), 1, warm=False) for _ in range(rounds)]))

    seconds(True, 1)
    alone = seconds(False)
    benchmark.pedantic(lambda call: call(), setup=lambda: ((run(True),), {}), rounds=3)
    with_frames = benchmark.stats.stats.median
    benchmark.extra_info.update(
        m=m, s=s, integrator=integrator.name, frames=frames, steps_a_frame=STEPS_A_FRAME,
        seconds_without_frames=alone, cost_of_frames=with_frames / alone - 1.0,
    )  # fmt: skip


def test_writer_beside_raw_writes(benchmark, fitting, quick, tmp_path):
    """The writer's thread alone: frames that are ready, against the same bytes written raw."""
    m, frames = fitting(10**5 if quick else 10**6), 41
    sim = pf.Simulation(square_wave(10), neurons(m), pf.GradientDescent(1e-4))
    times = np.linspace(0.0, 1.0, frames)
    plan = Plan(times, times, m, np.dtype("f4"), [], 0.0, 1.0, 1e-8)
    path, frame = tmp_path / "run.h5", sim.state.new_frame(m, "float32")
    sim.state.pack_frame(frame)

    def write():
        disk.create(path, True, lambda file: skeleton.fill(file, sim, plan, []))
        with opening.open_file(path, "r+") as file:
            thread = WriterThread(file, path)
            base = "particles/neurons"
            for k in range(frames):
                batch = Batch(k + 1, k + 1)
                batch.add(f"{base}/position/value", k, frame.position)
                batch.add(f"{base}/cell/value", k, frame.cells)
                thread.put(batch)
            thread.finish()
        disk.sync(path)

    arrays = [frame.position, frame.cells] * frames
    raw = tmp_path / "raw"
    write()
    before = median_seconds(lambda: raw_write(raw, arrays, sync=True), 3)
    benchmark.pedantic(write, rounds=5)
    after = median_seconds(lambda: raw_write(raw, arrays, sync=True), 3)
    benchmark.extra_info.update(
        m=m, frames=frames, megabytes=frames * m * 12 / 1e6,
        share_of_raw=0.5 * (before + after) / benchmark.stats.stats.median,
    )  # fmt: skip


@pytest.mark.parametrize("integrator", [pf.GradientDescent(1e-4), pf.Boost(1e-3)],
                         ids=lambda integrator: integrator.name)  # fmt: skip
def test_checkpoint(benchmark, fitting, quick, tmp_path, integrator):
    """A checkpoint on the disk, against the same bytes written raw, with fsync both."""
    m = fitting(10**6 if quick else 10**7)
    sim = pf.Simulation(square_wave(10), neurons(m), integrator)
    sim.run(1e-4)
    arrays, path = dict(sim.snapshot()), tmp_path / "run.h5"
    raw = tmp_path / "raw"
    checkpoint.save(path, "benchmark", arrays)
    before = median_seconds(lambda: raw_write(raw, arrays.values(), sync=True), 3)
    benchmark.pedantic(lambda: checkpoint.save(path, "benchmark", arrays), rounds=5)
    after = median_seconds(lambda: raw_write(raw, arrays.values(), sync=True), 3)
    benchmark.extra_info.update(
        m=m, integrator=integrator.name,
        megabytes=sum(values.nbytes for values in arrays.values()) / 1e6,
        over_raw=benchmark.stats.stats.median / (0.5 * (before + after)),
    )  # fmt: skip


@pytest.mark.parametrize("m", [10**5, 10**6])
def test_pack(benchmark, fitting, m):
    """A frame made ready in the memory: (rhat, theta) and cells in the original order."""
    sim = pf.Simulation(square_wave(10), neurons(fitting(m)), pf.GradientDescent(1e-4))
    sim.run(1e-3)
    frame = sim.state.new_frame(m, "float32")
    benchmark.pedantic(lambda: sim.state.pack_frame(frame), rounds=9, warmup_rounds=1)
    benchmark.extra_info.update(m=m, ns_a_neuron=1e9 * benchmark.stats.stats.median / m)
