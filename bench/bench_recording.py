"""What it costs to record small runs: moments, many frames, marks of what is not recorded."""

import time

import numpy as np
import pytest

import particleflow as pf
from particleflow.files import hdf5
from particleflow.trajectory import parts


def simulation(m, s, path=None, frames=201):
    sim = pf.Simulation(
        pf.Samples.generate("square_wave", s), pf.initialise("reduced", m, delta=1.0, seed=0)
    )
    if path is not None:
        sim.writers.append(pf.TrajectoryWriter(path, frames, overwrite=True))
    return sim


def processor_seconds(sim, until):
    begin = time.process_time()
    sim.run(until)
    return time.process_time() - begin


@pytest.mark.parametrize("m", [50, 1000])
def test_small_run(benchmark, tmp_path, m):
    """201 frames and 2,001 moments of a run to tau = 20, beside the run without a writer."""
    path, seconds = tmp_path / "run.h5", {True: [], False: []}

    def run():
        for records in (True, False):
            sim = simulation(m, 8, path if records else None)
            seconds[records].append(processor_seconds(sim, 20.0))

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    with_writer, without = (float(np.median(seconds[records])) for records in (True, False))
    benchmark.extra_info.update(
        m=m, processor_seconds=with_writer, processor_seconds_without=without,
        microseconds_a_moment=1e6 * (with_writer - without) / 2001,
    )  # fmt: skip


def test_many_frames(benchmark, quick, tmp_path):
    """10^5 frames of 1,000 neurons, and ten times as many moments."""
    frames = 2_001 if quick else 100_001
    path = tmp_path / "run.h5"
    benchmark.pedantic(
        lambda: simulation(1000, 10, path, frames).run(20.0), rounds=1, warmup_rounds=0
    )
    moments = 10 * (frames - 1) + 1
    benchmark.extra_info.update(
        frames=frames, microseconds_a_moment=1e6 * benchmark.stats.stats.median / moments
    )


@pytest.mark.parametrize("m", [1000, 1700])
def test_marking(benchmark, tmp_path, monkeypatch, m):
    """Positions that are NaN until recorded, of the whole time of a run with a writer."""
    assert 201 * m * 12 <= parts.MOST_FILLED
    marked = []
    mark = hdf5.mark_unrecorded

    def timed(file):
        begin = time.perf_counter()
        mark(file)
        marked.append(time.perf_counter() - begin)

    monkeypatch.setattr(hdf5, "mark_unrecorded", timed)
    path = tmp_path / "run.h5"
    benchmark.pedantic(lambda: simulation(m, 10, path).run(20.0), rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(
        m=m, milliseconds=1e3 * float(np.median(marked)),
        share_of_the_run=float(np.median(marked)) / benchmark.stats.stats.median,
    )  # fmt: skip
