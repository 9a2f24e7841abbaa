"""Ranks of MPI beside threads: steps, exchanges, memory; and the scaling model's small end."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scaling import PASSES, VALUES, Costs, seconds_of_step

pytest.importorskip("mpi4py", reason="needs the extra mpi, and a library of MPI")

PROGRAM = Path(__file__).with_name("ranks_program.py")
OWN = Path(sys.executable).with_name("mpiexec")
LAUNCHER = OWN if OWN.exists() else shutil.which("mpiexec")
REPEATS = 3


def launch(n, *arguments):
    """What the program says on n ranks."""
    done = subprocess.run(
        [LAUNCHER, "-n", str(n), sys.executable, PROGRAM, *map(str, arguments)], check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("s", [10, 1000])
@pytest.mark.parametrize("integrator", ["gd", "boost"])
def test_ranks_beside_threads(benchmark, fitting, quick, integrator, s):
    """A step of two ranks of one thread each, and of one rank with two threads, in turns."""
    m = fitting(10**6 if quick else 10**7)
    found = {1: [], 2: []}

    def measure():
        for ranks in (1, 2):
            found[ranks].append(launch(ranks, "step", m, s, integrator, 3 - ranks))

    benchmark.pedantic(measure, rounds=REPEATS)
    one, two = (np.median([f["seconds"] for f in found[ranks]]) for ranks in (1, 2))
    benchmark.extra_info.update(
        m=m, s=s, integrator=integrator,
        milliseconds_by_threads=1e3 * one, milliseconds_by_ranks=1e3 * two,
        speed_of_ranks=one / two,
        share_of_exchange=float(np.median([f["share_of_exchange"] for f in found[2]])),
        bytes_a_neuron_of_threads=found[1][0]["bytes_a_neuron"],
        bytes_a_neuron_of_a_rank=found[2][0]["bytes_a_neuron"],
    )  # fmt: skip


@pytest.mark.parametrize("s", [10, 100, 1000, 10_000])
def test_exchange(benchmark, s):
    """An exchange of what two ranks have ready, as in a pass of `boost`."""
    found = []
    benchmark.pedantic(lambda: found.append(launch(2, "exchange", s, 5)), rounds=REPEATS)
    seconds = float(np.median([f["seconds"] for f in found]))
    benchmark.extra_info.update(s=s, bytes=found[0]["bytes"], microseconds=1e6 * seconds)


@pytest.mark.parametrize("s", [10, 1000])
@pytest.mark.parametrize("integrator", ["gd", "boost"])
def test_scaling_model(benchmark, fitting, quick, integrator, s):
    """Steps of one thread a rank beside what the model says from its costs on this machine.

    Strong scaling: m is the same on one rank and on two; weak: twice as large on two.
    """
    large, small = fitting(10**6 if quick else 4 * 10**6), max(2**14, 2**6 * s)
    passes, values = PASSES[integrator], VALUES[integrator]
    found = {}

    def measure():
        for ranks, m in ((1, large), (2, small), (2, large), (2, 2 * large)):
            found[ranks, m] = launch(ranks, "step", m, s, integrator, 1)["seconds"]
        found["exchange"] = launch(2, "exchange", s, values)["seconds"]

    benchmark.pedantic(measure, rounds=1)
    costs = Costs(
        seconds_a_neuron=found[1, large] / large / passes,
        overhead=(found[2, small] - found[1, large] / large * small / 2) / passes
        - found["exchange"],
        latency=found["exchange"] / 2,
        bandwidth=np.inf,
    )
    predicted = {
        (ranks, m): seconds_of_step(costs, m, s, integrator, ranks)
        for ranks, m in ((2, large), (2, 2 * large))
    }
    benchmark.extra_info.update(
        m=large, s=s, integrator=integrator,
        strong_efficiency=found[1, large] / (2 * found[2, large]),
        weak_efficiency=found[1, large] / found[2, 2 * large],
        strong_over_model=found[2, large] / predicted[2, large],
        weak_over_model=found[2, 2 * large] / predicted[2, 2 * large],
        overhead_microseconds=1e6 * costs.overhead,
        ns_a_neuron_a_pass=1e9 * costs.seconds_a_neuron,
    )  # fmt: skip
