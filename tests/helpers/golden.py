"""Hashes of short runs, to show that a change leaves every bit as it was.

``python tests/helpers/golden.py OUT.json`` runs integrators x metrics x precisions x threads, two
ranks of MPI where there are any, interruptions, resumed and extended runs, and writes a hash of the
state and of every dataset of each. Only public names are used, so that the script of one commit
runs in the checkout of another. With ``--against OTHER.json`` it tells what differs, and
fails then. Hashes of two machines may differ, since compilers use what a processor offers: make
both on one.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

import particleflow as pf

SAMPLES = pf.Samples.generate("sine", 9, noise=0.1, seed=3)
MANY = pf.Samples.generate("sine", 60, noise=0.2, seed=5)
OBSERVABLES = (
    "loss", "residual", "prediction", "dead_fraction", "sliding_fraction", "steps", "rejected",
    "crossings", "releases", "repulsors", "origins", "sector_first_moments", "sector_covariances",
    "sector_counts", "ray_counts", "ray_covariances", "kernel_spectrum", "kernel_distance",
    "activation_distance", "slope_variation", "parameter_distance",
)  # fmt: skip
SMALL, LARGE = 400, 33_001
"""Neurons of a run in one slot, and of one in several that are kept in sector order."""

INTEGRATORS = {
    "boost": (lambda: pf.Boost(1e-3), ("network",)),
    "boost fixed": (lambda: pf.Boost(step=0.02), ("network",)),
    "gd": (lambda: pf.GradientDescent(0.005), ("network", "euclidean")),
    "rk": (lambda: pf.RungeKutta(1e-3), ("network", "euclidean")),
}


def cases():
    """Name and settings of every run."""
    for name, (_, metrics) in INTEGRATORS.items():
        for metric in metrics:
            for dtype in ("float64", "float32"):
                for count in (SMALL, LARGE):
                    for threads in (1, 2) if count == LARGE else (1,):
                        yield (
                            f"{name}, {metric}, {dtype}, {count} neurons, {threads} threads",
                            (name, metric, dtype, count, threads, 0.3),
                        )
    yield "boost, many samples", ("boost", "network", "float64", 3000, 2, -0.5)
    yield "gd, many samples", ("gd", "network", "float64", 3000, 2, -0.5)


def simulation(settings, path, comm=None):
    """A simulation with its writer, and the end of its run."""
    name, metric, dtype, count, threads, delta = settings
    sim = pf.Simulation(
        MANY if delta < 0 else SAMPLES,
        pf.Initialisation("reduced", count, delta=delta, seed=4),
        INTEGRATORS[name][0](),
        metric,
        state_dtype=dtype,
        threads=threads,
        **({} if comm is None else {"comm": comm}),
    )
    writer = pf.TrajectoryWriter(
        path, frames=5, observables=OBSERVABLES, precision="float64", checkpoint_every=np.inf
    )
    sim.writers.append(writer)
    return sim, 0.1 if count == LARGE else 0.4


def digest(array):
    """Hash of dtype, shape and bytes."""
    array = np.ascontiguousarray(array)
    text = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(text + array.tobytes()).hexdigest()[:16]


def datasets(path):
    """Hash of every dataset of numbers of a trajectory file."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
            found[name] = digest(item[()])

    with h5py.File(path, "r") as file:
        file.visititems(note)
    return found


def state(sim):
    """Hash of what a simulation shows."""
    neurons = sim.neurons
    return {
        "a": digest(neurons.a), "b": digest(neurons.b), "c": digest(neurons.c),
        "cells": digest(neurons.cells.cell) if hasattr(neurons.cells, "cell") else "",
        "residual": digest(sim.residual), "step": sim.step, "time": float(sim.time).hex(),
        "rejected": sim.rejected, "predict": digest(sim.predict(np.linspace(-2.0, 2.0, 41))),
    }  # fmt: skip


def hashes(sim, path):
    return state(sim) | datasets(path)


class Stop(BaseException):
    pass


def one_process(folder):
    """Every case in one process, each also interrupted, resumed, and extended."""
    found = {}
    for name, settings in cases():
        path = folder / "run.h5"
        for file in folder.glob("run.h5*"):
            file.unlink()
        sim, until = simulation(settings, path)
        sim.run(until)
        found[name] = hashes(sim, path)
        run = pf.resume(path, until=1.5 * until, threads=settings[4])
        run.simulation.run(run.until)
        found[f"{name}, extended"] = hashes(run.simulation, path)
        path.unlink()
        sim, until = simulation(settings, path)
        calls = iter(range(3))

        def progress(sim, calls=calls):
            if next(calls, None) is None:
                raise Stop

        try:
            sim.run(until, progress=progress)
        except Stop:
            run = pf.resume(path, threads=settings[4])
            run.simulation.run(run.until)
            found[f"{name}, resumed"] = hashes(run.simulation, path)
        print(name, flush=True)
    return found


def by_ranks(folder):
    """The large cases on the ranks of this job; the hashes, on rank 0."""
    from mpi4py import MPI

    found = {}
    for n, (name, settings) in enumerate(cases()):
        if settings[3] == LARGE and settings[4] == 1:
            path = folder / f"ranks{n}.h5"
            sim, until = simulation(settings, path, MPI.COMM_WORLD)
            sim.run(until)
            shown = state(sim)
            if MPI.COMM_WORLD.rank == 0:
                found[f"{name}, 2 ranks"] = shown | datasets(path)
    return found if MPI.COMM_WORLD.rank == 0 else None


def two_ranks(folder):
    """`by_ranks` in a job of its own; nothing where MPI cannot be had."""
    launcher = Path(sys.executable).parent / "mpiexec"
    if not launcher.exists():
        return {}
    out = folder / "ranks.json"
    subprocess.run(
        [str(launcher), "-n", "2", sys.executable, __file__, str(out), "--ranks", str(folder)],
        check=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"},
    )  # fmt: skip
    return json.loads(out.read_text())


def differences(one, two):
    """Names of the hashes that differ or are in one of the two only."""
    for run in sorted(one.keys() | two.keys()):
        first, second = one.get(run), two.get(run)
        if first is None or second is None:
            yield f"{run}: is in one only"
            continue
        for name in sorted(first.keys() | second.keys()):
            if first.get(name) != second.get(name):
                yield f"{run}: {name}: {second.get(name)} was {first.get(name)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--ranks", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ranks is not None:
        found = by_ranks(options.ranks)
        if found is None:
            return 0
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = one_process(Path(folder)) | two_ranks(Path(folder))
    options.out.write_text(json.dumps(found, indent=1))
    if options.against is None:
        return 0
    lines = list(differences(json.loads(options.against.read_text()), found))
    print("\n".join(lines) or f"{len(found)} runs, the same bits")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
