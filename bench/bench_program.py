"""The program as a whole: start-up and compiling, memory a neuron, and the writer."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from streams import median_seconds

import particleflow as pf

CHILD = """
import sys
from particleflow.config import load
from particleflow.jobs.prepare import prepare

def peak():
    # of this process alone: ru_maxrss starts from that of the parent
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))

def run(m):
    source = load("memory.toml", (f"neurons.count={m}", *sys.argv[2:]))
    prepared = prepare(source, overwrite=True)
    prepared.simulation.run(prepared.until)

run(1000)
before = peak()
run(int(sys.argv[1]))
print((peak() - before) / int(sys.argv[1]))
"""
CONFIG = """
samples = { kind = "square_wave", count = 10 }
neurons = { init = "reduced", delta = 1.0 }
flow = { t_end = 0.01 }
output = { frames = 4, observables = ["loss", "residual", "dead_fraction"] }
"""


def command(*args, **options):
    subprocess.run(
        [sys.executable, "-m", "particleflow", *args], check=True, capture_output=True, **options
    )


def seconds_of_python(*modules):
    """To start the interpreter and import these, nothing else."""
    call = [sys.executable, "-c", f"import {', '.join(modules)}"]
    return median_seconds(lambda: subprocess.run(call, check=True), 5)


def test_help(benchmark):
    """Beside Python alone."""
    benchmark.pedantic(lambda: command("--help"), rounds=9, warmup_rounds=1)
    benchmark.extra_info["over_python"] = benchmark.stats.stats.median / seconds_of_python("sys")


@pytest.fixture
def small_run(tmp_path):
    """Arguments of a small run from the command line."""
    config = tmp_path / "start.toml"
    config.write_text(CONFIG)
    return "run", str(config), "-o", str(tmp_path / "start.h5"), "--overwrite"


def test_start(benchmark, small_run):
    """A small run with compiled kernels on disk, beside the import of what it stands on."""
    benchmark.pedantic(lambda: command(*small_run), rounds=5, warmup_rounds=1)
    imports = seconds_of_python("numba", "numpy", "h5py", "scipy.linalg")
    benchmark.extra_info["over_imports"] = benchmark.stats.stats.median / imports


@pytest.mark.parametrize("settings", [
    ["flow.integrator=gd", "flow.step=1e-3"], ["flow.integrator=boost"],
], ids=["gd", "boost"])  # fmt: skip
def test_compiling(benchmark, quick, small_run, tmp_path, settings):
    """The same with nothing compiled."""
    if quick:
        pytest.skip("compiling takes a while: without --quick")
    chosen = [part for setting in settings for part in ("--set", setting)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    benchmark.pedantic(lambda: command(*small_run, *chosen, env=environment), rounds=1)
    benchmark.extra_info["integrator"] = settings[0].partition("=")[2]


@pytest.mark.parametrize("settings", [
    ["flow.integrator=gd", "flow.step=1e-3"], ["flow.integrator=boost"],
], ids=["gd", "boost"])  # fmt: skip
def test_memory(benchmark, quick, most_neurons, tmp_path, settings):
    """Peak bytes a neuron beyond a run of 1,000 neurons in the same process, with frames."""
    if quick:
        pytest.skip("needs more neurons than --quick has to stand out from Python itself")
    m = min(most_neurons, 10**7)
    (tmp_path / "memory.toml").write_text(CONFIG)

    def run(m=m):
        command = [sys.executable, "-c", CHILD, str(m), *settings]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return float(done.stdout)

    run()  # compiling takes more memory than the frames of many neurons
    bytes_a_neuron = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(
        m=m, integrator=settings[0].partition("=")[2], peak_bytes_a_neuron=bytes_a_neuron
    )


def test_writer(benchmark, quick, most_neurons, tmp_path):
    """Frames of all neurons in float32, against the same run without a writer and plain h5py."""
    m, frames = min(most_neurons, 10**5 if quick else 10**6), 41
    samples = pf.Samples.generate("square_wave", 10)
    cloud = pf.initialise("reduced", m, seed=0)

    def run(write):
        sim = pf.Simulation(samples, cloud, pf.GradientDescent(1e-4))
        if write:
            path = tmp_path / "run.h5"
            sim.writers.append(pf.TrajectoryWriter(path, frames=frames, overwrite=True))
        sim.run(40e-4)

    def write_plainly():
        position, cell = np.zeros((m, 2), np.float32), np.zeros(m, np.int32)
        with h5py.File(tmp_path / "plain.h5", "w") as file:
            positions = file.create_dataset("position", (frames, m, 2), "f4", chunks=(1, m, 2))
            cells = file.create_dataset("cell", (frames, m), "i4", chunks=(1, m))
            for k in range(frames):
                positions[k], cells[k] = position, cell

    run(True)
    alone, plain = median_seconds(lambda: run(False), 3), median_seconds(write_plainly, 3)
    benchmark.pedantic(lambda: run(True), rounds=3)
    written = benchmark.stats.stats.median - alone
    megabytes = frames * m * 12 / 1e6
    benchmark.extra_info.update(
        m=m,
        frames=frames,
        megabytes=megabytes,
        seconds_of_writing=written,
        megabytes_a_second=megabytes / max(written, 1e-9),
        over_plain_h5py=written / plain,
    )
