"""The program as a whole: start-up, and memory a neuron of a run with its writer."""

import os
import subprocess
import sys

import pytest

CHILD = """
import os, resource, sys
import particleflow as pf
from particleflow.config import load
from particleflow.preparation import prepare

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

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


def command(*args):
    subprocess.run([sys.executable, "-m", "particleflow", *args], check=True, capture_output=True)


def test_help(benchmark):
    benchmark.pedantic(lambda: command("--help"), rounds=9, warmup_rounds=1)


def test_start(benchmark, tmp_path):
    """A small run from the command line with compiled kernels on disk."""
    config = tmp_path / "start.toml"
    config.write_text(CONFIG)
    output = str(tmp_path / "start.h5")
    benchmark.pedantic(
        lambda: command("run", str(config), "-o", output, "--overwrite"), rounds=5, warmup_rounds=1
    )


@pytest.mark.parametrize("settings", [
    ["flow.integrator=gd", "flow.step=1e-3"], ["flow.integrator=boost"],
], ids=["gd", "boost"])  # fmt: skip
def test_memory(benchmark, quick, tmp_path, settings):
    """Peak bytes a neuron beyond a run of 1,000 neurons in the same process, with frames."""
    m = 10**6 if quick else int(os.environ.get("PARTICLEFLOW_BENCH_MEMORY", "10000000"))
    (tmp_path / "memory.toml").write_text(CONFIG)

    def run(m=m):
        command = [sys.executable, "-c", CHILD, str(m), *settings]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return float(done.stdout)

    run(1000)  # compiling takes more memory than a small run
    bytes_a_neuron = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(m=m, peak_bytes_a_neuron=bytes_a_neuron)
