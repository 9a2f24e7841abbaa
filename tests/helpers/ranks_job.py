"""Checks of ranks together: ``mpiexec -n 4 python tests/helpers/ranks_job.py FOLDER [CHECK ...]``.

Rank 0 prints the name of every check that has held. FOLDER holds the runs of one process that
``test_ranks.py`` has recorded with `record`; ranks record the same and compare every dataset.
"""

import os
import re
import shutil
import signal
import sys
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import particleflow as pf
from particleflow.files import locks
from particleflow.kernels.cpu import slots
from particleflow.ranks.mpi import MpiRanks
from particleflow.ranks.world import ALONE, ranks_of
from particleflow.trajectory import RecordedNeurons, checkpoint, parts, recording

M = 2999
END = 0.3
EVERYTHING = (
    "loss", "residual", "prediction", "dead_fraction", "sliding_fraction", "steps", "rejected",
    "crossings", "releases", "repulsors", "origins", "sector_first_moments", "sector_covariances",
    "sector_counts", "ray_counts", "ray_covariances", "kernel_spectrum", "kernel_distance",
    "knots_near_samples", "knot_mass_near_samples", "activation_distance", "pieces",
    "slope_variation", "spline_distance", "linear_distance", "parameter_distance", "penalty",
    "path_norm", "sharpness",
)  # fmt: skip
RUNS = {
    "boost": (pf.Boost(), "network", {}),
    "boost, sorted": (pf.Boost(tolerance=1e-3), "network", {"count": 33001}),
    "boost, float32": (pf.Boost(tolerance=1e-3), "network", {"state_dtype": "float32"}),
    "gd": (pf.GradientDescent(0.01), "network", {}),
    "gd, euclidean": (pf.GradientDescent(0.01), "euclidean", {"neurons": 1001}),
    "rk": (pf.RungeKutta(tolerance=1e-3), "euclidean", {"neurons": 3}),
    "boost, decay": (pf.Boost(tolerance=1e-3), "network", {"decay": 50.0}),
    "gd, decay": (pf.GradientDescent(0.01), "network", {"decay": 50.0}),
    "boost, weights": (pf.Boost(tolerance=1e-3), "network", {"has_weights": True}),
    "gd, euclidean, weights": (
        pf.GradientDescent(0.01),
        "euclidean",
        {"has_weights": True, "neurons": 501},
    ),
}


class Stop(Exception):
    """Ends a run early."""


def make_many_slots():
    """Slots of few neurons, so that there are many, of an odd number each; in this process."""
    slots.NEURONS_A_SLOT, slots.SAMPLES = 180, 1


def weighted():
    """Samples with weights, of which two have several rows."""
    plain = pf.Samples.generate("sine", 10, noise=0.1, seed=3)
    rows = [0, 1, 2, 2, 3, 4, 5, 6, 6, 6, 7, 8, 9]
    y = plain.y[rows] + 0.01 * np.arange(len(rows))
    return pf.Samples(plain.x[rows], y, weights=np.linspace(0.5, 1.5, len(rows)))


def simulate(name, path=None, comm=None, **more):
    """A simulation of these, with its writer."""
    integrator, metric, options = RUNS[name]
    options = options | more
    count = options.get("count", M)
    neurons = pf.Initialisation("reduced", count, delta=0.5, seed=4)
    if options.get("has_weights", False):
        own = np.random.default_rng(8).random(count) ** 3
        own[::10] = 0.0
        drawn = neurons.part(0, count)
        neurons = pf.Neurons(drawn.a, drawn.b, drawn.c, weights=own)
    sim = pf.Simulation(
        weighted(),
        neurons,
        integrator,
        metric=metric,
        threads=options.get("threads"),
        state_dtype=options.get("state_dtype", "float64"),
        comm=ALONE if comm is None else comm,
        decay=options.get("decay", 0.0),
    )
    sim.observables.add("mean_square", lambda sim: [np.mean(sim.neurons.c**2), sim.time], every=3)
    names = EVERYTHING + (("delta_drift",) if metric == "network" else ())
    if path is not None:
        writer = pf.TrajectoryWriter(
            path, frames=4, neurons=options.get("neurons", "all"), observables=names,
            overwrite=True, checkpoint_every=np.inf,
        )  # fmt: skip
        sim.writers.append(writer)
    return sim


def record(folder):
    """The runs of one process."""
    make_many_slots()
    for name in RUNS:
        simulate(name, folder / f"{name}.h5").run(END)


def data_of(path):
    """Every dataset but those that say when and by whom it was made."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and name != "parameters/parts/rows":
            found[name] = item[()]

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(visit)
    return found


def require_same(path, other):
    one, two = data_of(path), data_of(other)
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(two[name], values, err_msg=f"{other}: {name}")


def failure_of(action, ranks):
    """What an action raises, the same on all ranks."""
    try:
        action()
    except pf.ParticleflowError as problem:
        found = f"{type(problem).__name__}: {problem}"
    else:
        found = "nothing"
    every = ranks.all_of(found)
    assert len(set(every)) == 1, every
    return found


def check_bits(ranks, folder):
    """Files, with all observables, are those of one process to the bit."""
    for name in RUNS:
        path = folder / f"{name} on {ranks.size}.h5"
        threads = 1 + ranks.rank % 2  # they do not matter either
        sim = simulate(name, path, ranks, threads=threads)
        sim.run(END)
        if ranks.is_first:
            require_same(folder / f"{name}.h5", path)
        with pf.open_trajectory(path) as trajectory:
            assert trajectory.is_complete
            assert trajectory.storage()["parts"] == min(ranks.size, trajectory.ids.size)


def check_sums_of_the_simulation(ranks, folder):
    """What a simulation shows is that of all neurons, on every rank."""
    alone, sim = simulate("boost"), simulate("boost", comm=ranks)
    for one in (alone, sim):
        one.run(0.2)
    x = np.linspace(-2.0, 2.0, 77)
    for shown in (
        lambda sim: sim.neurons.a, lambda sim: sim.neurons.c, lambda sim: sim.residual,
        lambda sim: sim.predict(x), lambda sim: sim.sector_covariances(),
        lambda sim: sim.ray_covariances(), lambda sim: sim.residual_rate(),
        lambda sim: sim.field(0.3, 0.4)[0], lambda sim: sim.state.cells(),
        lambda sim: np.array(sim.state.all_crossings()),
    ):  # fmt: skip
        np.testing.assert_array_equal(shown(sim), shown(alone))
    many = np.linspace(-2.0, 2.0, 200_000)
    np.testing.assert_allclose(sim.predict(many), alone.predict(many), rtol=0, atol=1e-13)
    assert sim.size == alone.size == sim.neurons.size
    assert sim.state.variables.shape[1] < alone.size


def check_allreduce(ranks, folder):
    """Beyond 1,000 samples sums are MPI's: 1e-12 after 100 steps."""
    x = np.linspace(-1.0, 1.0, 1200)
    samples = pf.Samples(x, np.sin(3.0 * x))
    neurons = pf.Initialisation("reduced", 40_000, delta=0.5, seed=4)
    for integrator in (pf.GradientDescent(1e-4), pf.Boost(step=1e-4)):
        both = [pf.Simulation(samples, neurons, integrator, comm=c) for c in (ALONE, ranks)]
        for sim in both:
            sim.run(1e-2)
            assert sim.step == 100
        np.testing.assert_allclose(both[1].residual, both[0].residual, rtol=0, atol=1e-12)
        for value in "abc":
            one, two = (getattr(sim.neurons, value) for sim in both)
            np.testing.assert_allclose(two, one, rtol=0, atol=1e-12)
        every = ranks.all_of(both[1].residual.tobytes())
        assert len(set(every)) == 1


def stop_after(time):
    def progress(sim):
        if sim.time > time:
            raise Stop

    return progress


def some_ranks(ranks, n):
    """The first n of the ranks; None on the others."""
    color = 0 if ranks.rank < n else -1
    comm = ranks.comm.Split(color if color == 0 else ranks._mpi.UNDEFINED)
    return (MpiRanks(comm) if n > 1 else ALONE) if color == 0 else None


def check_resume(ranks, folder):
    """With other numbers of ranks, to the bit; the file has the parts of the last ones."""
    everyone = ("mean_square", lambda sim: [np.mean(sim.neurons.c**2), sim.time])
    for name, numbers in (
        ("boost", (3, 2)), ("gd", (1, 4)), ("rk", (4, 1)), ("boost, sorted", (2, 3)),
        ("boost, weights", (2, 3)),
        ("gd, euclidean", (2, 2)),
    ):  # fmt: skip
        path = folder / f"{name} by {numbers}.h5"
        before, after = (some_ranks(ranks, n) for n in numbers)
        if before is not None:
            sim = simulate(name, path, before)
            with suppress(Stop):
                sim.run(END, progress=stop_after(0.1))
        ranks.all_of(None)
        if after is not None:
            run = pf.resume(path, observables=dict([everyone]), comm=after)
            assert 0.0 < run.simulation.time < END
            run.simulation.run(run.until)
        ranks.all_of(None)
        if ranks.is_first:
            require_same(folder / f"{name}.h5", path)
            left = {file.name.partition("-")[0] for file in parts.folder_of(path).glob("*.h5")}
            assert len(left) == (numbers[1] > 1)
            left = {file.name.partition("-")[0] for file in parts.folder_of(path).glob("*.ckpt")}
            assert left == set(checkpoint.tags(path))


def check_a_run_without_an_end(ranks, folder):
    path = folder / f"settled {ranks.size}.h5"
    files = []
    for comm in (ALONE, ranks):
        target = path if comm is ranks else folder / f"settled alone {ranks.rank}.h5"
        sim = simulate("boost", None, comm)
        sim.writers.append(pf.TrajectoryWriter(target, frames=40, checkpoint_every=np.inf))
        sim.run(np.inf, stop=1e-2)
        files.append(target)
    ranks.all_of(None)
    if ranks.is_first:
        require_same(*files)
    with pf.open_trajectory(path) as trajectory:
        assert trajectory.is_complete
        assert 3 < trajectory.frames < 40
    text = failure_of(lambda: pf.resume(path, observables=user_of(sim), comm=ranks), ranks)
    assert "is complete: its run has ended by itself" in text, text


def check_a_failure_of_all_ranks(ranks, folder):
    """The same error on all of them, and the frames so far are kept."""
    path = folder / "failed.h5"
    sim = pf.Simulation(
        pf.Samples.generate("sine", 10), pf.Initialisation("reduced", M, seed=1),
        pf.GradientDescent(1e60), comm=ranks,
    )  # fmt: skip
    sim.writers.append(pf.TrajectoryWriter(path, times=[0.0, 1e60, 1e63]))
    begin = time.monotonic()
    text = failure_of(lambda: sim.run(1e63), ranks)
    assert "the residuals are no longer finite; lower the step" in text, text
    assert time.monotonic() - begin < 4.0  # they do not wait for those who have failed
    with pf.open_trajectory(path) as trajectory:
        assert trajectory.frames == 2


def check_a_disk_that_fails_one_rank(ranks, folder):
    """All ranks stop with its error, it says whose it is, and only what all wrote is counted."""
    from particleflow.trajectory import writer_thread

    write, seconds = writer_thread.WriterThread._write, recording.FLUSH_SECONDS

    def fail(self, batches):
        written = [b for b in batches if b.frames <= 2 or ranks.rank < ranks.size - 1]
        write(self, written)
        if len(written) < len(batches):
            raise OSError(28, "No space left on device")

    path = folder / "full disk.h5"
    sim = simulate("gd", path, ranks)
    writer_thread.WriterThread._write, recording.FLUSH_SECONDS = fail, 0.0
    try:
        text = failure_of(lambda: sim.run(END), ranks)
    finally:
        writer_thread.WriterThread._write, recording.FLUSH_SECONDS = write, seconds
    assert f"rank {ranks.size - 1}: " in text
    assert "No space left on device" in text
    if ranks.is_first:
        with pf.open_trajectory(path) as some, pf.open_trajectory(folder / "gd.h5") as whole:
            assert 1 <= some.frames <= 2
            np.testing.assert_array_equal(some.position(0), whole.position(0))


def check_a_missing_part(ranks, folder):
    path = folder / "missing.h5"
    simulate("gd", path, ranks).run(END)
    ranks.all_of(None)
    if not ranks.is_first:
        return
    part = sorted(parts.folder_of(path).glob("*-1.h5"))[0]
    kept = part.with_name("kept")
    for damage, text in (
        (lambda: part.rename(kept), f"its part {part} is missing"),
        (lambda: part.write_bytes(kept.read_bytes()[:3000]), f"{part}"),
        (lambda: shutil.copy(part.with_name(part.name.replace("-1.", "-0.")), part),
         f"{part} is a part of another file"),
    ):  # fmt: skip
        damage()
        with pytest.raises(pf.TrajectoryError, match=re.escape(text)):
            pf.open_trajectory(path)
    shutil.copy(kept, part)
    moved = folder / "elsewhere"
    moved.mkdir()
    for name in (path.name, parts.folder_of(path).name):
        (folder / name).rename(moved / name)
    require_same(folder / "gd.h5", moved / path.name)
    other, own = moved / "other name.h5", parts.folder_of(path).name
    (moved / path.name).rename(other)
    require_same(folder / "gd.h5", other)  # HDF5 looks for the parts where they were
    pf.repack(other, moved / "one file.h5")
    require_same(folder / "gd.h5", moved / "one file.h5")
    (moved / own).rename(parts.folder_of(other))
    with pytest.raises(
        pf.TrajectoryError,
        match=re.escape(
            f"the folder {own} belongs beside the file under this name, whatever the file is"
        ),
    ):
        pf.open_trajectory(other)  # fmt: skip
    with h5py.File(other, "r") as file:  # others read no numbers either
        assert np.isnan(file["particles/neurons/position/value"][:]).all()


def check_a_reader_of_parts_that_are_removed(ranks, folder):
    """It reads what it had opened, never zeros."""
    path = folder / "read.h5"
    simulate("gd", path, ranks).run(END)
    ranks.all_of(None)
    if ranks.is_first:
        with pf.open_trajectory(folder / "gd.h5") as alone, pf.open_trajectory(path) as many:
            shutil.rmtree(parts.folder_of(path))
            for frame in range(alone.frames):
                np.testing.assert_array_equal(many.position(frame), alone.position(frame))
                np.testing.assert_array_equal(many.cell(frame), alone.cell(frame))
            np.testing.assert_array_equal(many.neuron(M - 1), alone.neuron(M - 1))
            np.testing.assert_array_equal(many.parameters(1)[0], alone.parameters(1)[0])
        with pytest.raises(pf.TrajectoryError, match="is missing"):
            pf.open_trajectory(path)


def check_clocks_that_differ(ranks, folder):
    """Checkpoints are written when rank 0's clock says so, and by all."""
    path = folder / "clocks.h5"
    sim = simulate("gd", path, ranks)
    sim.writers[0].checkpoint_every = 0.5
    clock = recording.time
    if not ranks.is_first:
        recording.time = SimpleNamespace(monotonic=lambda: 0.0)
    seen = []

    def look(sim):
        time.sleep(0.03)
        found = checkpoint.path_of(path).exists()
        seen.append(found and int(checkpoint.read(checkpoint.path_of(path))["position"][1]))

    sim.run(END, progress=look)
    recording.time = clock
    if ranks.is_first:
        assert len(set(seen)) > 2, seen
        require_same(folder / "gd.h5", path)


def check_two_jobs_on_one_file(ranks, folder):
    """The second one is refused as long as the first one writes."""
    path = folder / "locked.h5"
    sim = simulate("gd", path, ranks)
    texts = []

    def try_it(sim):
        if sim.step > 3 and not texts:
            texts.append(failure_of(lambda: pf.resume(path, comm=ranks), ranks))
            texts.append(failure_of(lambda: pf.TrajectoryWriter(path, overwrite=True), ranks))
            if ranks.is_first:
                with pytest.raises(pf.TrajectoryError, match="being written by another run"):
                    locks.Lock(path)

    sim.run(END, progress=try_it)
    assert [text.endswith("is being written by another run") for text in texts] == [True] * 2


def check_foreign_files_among_the_parts(ranks, folder):
    """They stay, and what cannot be removed ends no run."""
    path = folder / "foreign.h5"
    if ranks.is_first:
        parts.folder_of(path).mkdir()
        (parts.folder_of(path) / ".snapshot").mkdir()
        (parts.folder_of(path) / "0123456789ab-0.h5").mkdir()
        (parts.folder_of(path) / "notes.txt").touch()
    ranks.all_of(None)
    simulate("gd", path, ranks).run(END)
    ranks.all_of(None)
    left = {file.name for file in parts.folder_of(path).iterdir()}
    assert {".snapshot", "notes.txt", "0123456789ab-0.h5"} <= left


def check_a_new_run_beside_a_renamed_one(ranks, folder):
    """A new run under the old name leaves the parts of the renamed file alone."""
    path, renamed = folder / "name.h5", folder / "renamed.h5"
    simulate("gd", path, ranks).run(END)
    ranks.all_of(None)
    if ranks.is_first:
        path.rename(renamed)
    ranks.all_of(None)
    simulate("rk", path, ranks).run(END)
    ranks.all_of(None)
    if ranks.is_first:
        require_same(folder / "gd.h5", renamed)
        require_same(folder / "rk.h5", path)


def check_memory_of_a_resumed_share(ranks, folder):
    """A rank reads its own neurons of a checkpoint of all, and no more."""
    path, m = folder / "large.ckpt", 400_000
    bounds = np.arange(9) * m // 8
    if ranks.is_first:
        ident = np.concatenate([np.arange(n, dtype=np.int32) for n in np.diff(bounds)])
        arrays = {"variables": np.arange(3.0 * m).reshape(3, m), "ident": ident, "bounds": bounds}
        checkpoint.save(folder / "large", "x", arrays)
    ranks.all_of(None)
    first, last = (int(bounds[2 * ranks.rank]), int(bounds[2 * ranks.rank + 2]))
    checkpoint._PIECE = 4096
    tracemalloc.start()
    arrays = checkpoint.read(path, "x", (first, last))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = np.arange(3.0 * m).reshape(3, m)[:, first:last]
    np.testing.assert_array_equal(arrays["variables"], expected)
    assert peak < 1.3 * (last - first) * 28, peak


def check_overwriting(ranks, folder):
    """Nothing of an old file is left, whoever had written it."""
    path = folder / "again.h5"
    for comm in (ranks, ALONE, ranks):
        if comm is ranks or ranks.is_first:
            simulate("gd", path, comm).run(END)
        ranks.all_of(None)
    if ranks.is_first:
        names = [file.name for file in parts.folder_of(path).iterdir()]
        assert len(names) == 2 * ranks.size, names
    ranks.all_of(None)
    text = failure_of(lambda: pf.TrajectoryWriter(path), ranks)
    assert "exists already" in text


def check_bad_input(ranks, folder):
    samples = pf.Samples.generate("sine", 10)

    def begin(count=M, seed=0, **options):
        options = {"integrator": pf.GradientDescent(0.01)} | options
        return pf.Simulation(
            options.pop("samples", samples), pf.Initialisation("reduced", count, seed=seed),
            comm=ranks, **options,
        )  # fmt: skip

    text = failure_of(lambda: begin(count=300), ranks)
    assert text == (
        "DeviceError: ranks: 300 neurons on 10 samples are split into 1 slots, expected at most so "
        "many ranks, found 4"
    )
    mine = pf.GradientDescent(0.01 if ranks.rank < 2 else 0.02)
    text = failure_of(lambda: begin(integrator=mine), ranks)
    assert "rank 0 and rank 2 on" in text
    assert "different integrator: GradientDescent(step=0.01) and GradientDescent(step=0.02)" in text
    text = failure_of(lambda: begin(seed=ranks.rank), ranks)
    assert "rank 0 and rank 1 on" in text
    assert "seed=0) and ...Init" in text or "seed=0)" in text, text
    whole = pf.initialise("reduced", M, seed=ranks.rank // 3)
    text = failure_of(lambda: pf.Simulation(samples, whole, comm=ranks), ranks)
    assert "rank 0 and rank 3 on" in text
    assert "have different neurons: " in text
    whole = pf.initialise("reduced", M, seed=1)
    tiny = pf.Neurons(whole.a, whole.b, whole.c, weights=np.r_[1e-30, np.ones(M - 1)])
    one = {"state_dtype": "float32", "comm": ranks}  # only rank 0 has the neuron
    text = failure_of(lambda: pf.Simulation(samples, tiny, **one), ranks)
    assert "state_dtype: float32 has no room for weights of" in text
    sim = begin()
    text = failure_of(lambda: sim.run(1.0 + (ranks.rank == 1)), ranks)
    assert "have different until: 1.0 and 2.0" in text
    if ranks.is_first:
        sim.writers.append(pf.TrajectoryWriter(folder / "only one.h5"))
    assert "rank 0 and rank 1 on" in failure_of(lambda: sim.run(1.0), ranks)
    assert not (folder / "only one.h5").exists()
    other = pf.Samples.generate("sine", 10, noise=0.1 * ranks.rank)
    assert "rank 0 and rank 1" in failure_of(lambda: begin(samples=other), ranks)
    from particleflow.ranks import mpi

    versions = mpi._versions
    if ranks.rank == 3:
        mpi._versions = lambda: "particleflow 0.0"
    text = failure_of(begin, ranks)
    mpi._versions = versions
    assert "rank 0 and rank 3" in text
    assert text.endswith(f"different versions: {versions()!r} and 'particleflow 0.0'")
    text = failure_of(lambda: begin(threads=10**6 if ranks.rank == 1 else None), ranks)
    assert "rank 1: threads: expected 1 to" in text
    text = failure_of(lambda: begin(device="gpu" if ranks.rank == 1 else "cpu"), ranks)
    assert "rank 1: device: expected one of" in text
    assert "expected an mpi4py communicator, found 3" in failure_of(
        lambda: pf.Simulation(samples, pf.initialise("reduced", M), comm=3), ranks
    )


def check_a_folder_that_one_rank_cannot_see(ranks, folder):
    """As if it had another disk at this place."""
    here, folder_of = folder / "shared", parts.folder_of
    here.mkdir(exist_ok=True)
    parts._SECONDS_TO_SEE = 0.2
    sim = simulate("gd", here / "run.h5", ranks)
    if ranks.rank == 2:
        parts.folder_of = lambda path: folder / "other"
    text = failure_of(lambda: sim.run(END), ranks)
    parts.folder_of = folder_of
    assert "rank 2: " in text
    assert "expected a folder on a file system that all ranks share" in text, text
    assert list(here.iterdir()) == []


def check_a_signal_to_one_rank(ranks, folder):
    """All ranks stop at the same step, with a checkpoint."""
    path = folder / "signal.h5"
    sim = simulate("gd", path, ranks)

    def send(sim):
        if ranks.rank == 1 and sim.step > 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sim.run(END, progress=send)
    assert len(set(ranks.all_of(sim.step))) == 1
    assert 0.0 < sim.time < END
    run = pf.resume(path, observables=user_of(sim), comm=ranks)
    assert run.simulation.time == sim.time
    run.simulation.run(run.until)
    if ranks.is_first:
        require_same(folder / "gd.h5", path)


def user_of(sim):
    return {"mean_square": lambda sim: [np.mean(sim.neurons.c**2), sim.time]}


def check_progress_that_fails_on_one_rank(ranks, folder):
    """All ranks stop there, with a checkpoint."""
    path = folder / "progress.h5"
    sim = simulate("gd", path, ranks)

    def fail(sim):
        if ranks.rank == 1 and sim.time > 0.1:
            raise BrokenPipeError("nobody listens")

    with pytest.raises(BrokenPipeError, match="nobody listens"):
        sim.run(END, progress=fail)
    assert len(set(ranks.all_of(sim.step))) == 1
    run = pf.resume(path, observables=user_of(sim), comm=ranks)
    assert run.simulation.time == sim.time


def check_damaged_checkpoint(ranks, folder):
    """A part that is damaged gives way to the checkpoint before, on all ranks."""
    path = folder / "damaged.h5"
    sim = simulate("gd", path, ranks)
    for until in (0.1, 0.2):
        with suppress(Stop):
            sim.run(END, progress=stop_after(until))
        if until == 0.1:
            run = pf.resume(path, observables=user_of(sim), comm=ranks, checkpoint_every=np.inf)
            sim, first = run.simulation, run.simulation.time
    ranks.all_of(None)
    if ranks.is_first:
        tag = checkpoint.tags(path)[0]
        part = parts.folder_of(path) / f"{tag}-1.ckpt"
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    ranks.all_of(None)
    run = pf.resume(path, observables=user_of(sim), comm=ranks)
    assert run.simulation.time == first
    assert len(run.notes) == 1
    assert "-1.ckpt: " in run.notes[0], run.notes


def check_initial_neurons_of_a_file(ranks, folder):
    """Each rank takes its own of what all have read."""
    neurons = pf.initialise("gaussian", M, seed=2)
    sims = [
        pf.Simulation(pf.Samples.generate("sine", 10), neurons, comm=comm)
        for comm in (ALONE, ranks)
    ]
    for sim in sims:
        sim.run(0.1)
    np.testing.assert_array_equal(sims[0].residual, sims[1].residual)
    recorded = RecordedNeurons(folder / "boost.h5", frame=1)
    ours = [
        pf.Simulation(pf.Samples.generate("sine", 10), source, comm=comm).neurons
        for source, comm in ((pf.Neurons.from_file(folder / "boost.h5", 1), ALONE),
                             (recorded, ranks))
    ]  # fmt: skip
    np.testing.assert_array_equal(ours[0].b, ours[1].b)


CHECKS = {name.removeprefix("check_"): check for name, check in globals().items()
          if name.startswith("check_")}  # fmt: skip


def main():
    make_many_slots()
    folder = Path(sys.argv[1])
    world = ranks_of()
    for name in sys.argv[2:] or CHECKS:
        begin = time.monotonic()
        CHECKS[name](world, folder)
        world.all_of(None)
        if world.is_first:
            print(name, f"{time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
