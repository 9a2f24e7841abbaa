"""A process that was forked from one that has run kernels is told so, before any kernel runs."""

import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing, sys
import numpy as np
import particleflow as pf

samples = pf.Samples.generate("sine", 6)

def work(seed):
    try:
        pf.Simulation(samples, pf.initialise("reduced", 20, seed=seed)).run(0.1)
    except pf.DeviceError as problem:
        return str(problem)
    return "ran"

def predict(_):
    try:
        from particleflow.backend import predict
        predict(*np.ones((3, 4)), np.array([0.0, 1.0]))
    except pf.DeviceError as problem:
        return str(problem)
    return "ran"

if __name__ == "__main__":
    print(work(0))
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        for task in (work, predict):
            print(pool.apply_async(task, (1,)).get(timeout=120))
"""


def outputs(tmp_path, how):
    program = tmp_path / "pool of workers.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(program), how], capture_output=True, text=True,
                          timeout=240, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_forked_workers_are_told_to_be_spawned(tmp_path):
    own, *forked = outputs(tmp_path, "fork")
    assert own == "ran"
    assert all("get_context('spawn')" in text for text in forked)
    assert len(forked) == 2


@pytest.mark.slow
def test_spawned_workers_run(tmp_path):
    assert outputs(tmp_path, "spawn") == ["ran"] * 3
