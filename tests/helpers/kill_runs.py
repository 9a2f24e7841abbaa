"""Kill runs for good at random instants, resume them, and compare with the run that was let alone.

``python tests/helpers/kill_runs.py 1000`` does it a thousand times; the test-suite ten times.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

CONFIG = """
[samples]
kind = "square_wave"
count = 6
[neurons]
count = 3000
delta = {delta}
[flow]
integrator = "{integrator}"
t_end = {end}
{setting}
[output]
file = "{file}"
frames = 101
observables = ["loss", "residual", "steps", "crossings", "delta_drift"]
checkpoint_every = {every}
"""
RUNS = {
    "boost": ("tolerance = 1e-5", 60.0),
    "gd": ("step = 1e-3", 60.0),
    "rk": ("tolerance = 1e-2", 1.0),
}


def command(*args):
    return [sys.executable, "-m", "particleflow", *map(str, args), "--quiet"]


def data_of(path):
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()])
                        if isinstance(item, h5py.Dataset) else None)  # fmt: skip
    del found["parameters/config"]
    return found


def check_same(one, two):
    one, two = data_of(one), data_of(two)
    for name, values in one.items():
        if not np.array_equal(values, two[name]):
            sys.exit(f"{name} differs")


def kill_until_done(folder, integrator, kills, chance):
    """Run, kill, resume, until the run is complete or was killed so often; returns how often."""
    setting, end = RUNS[integrator]
    words = {"integrator": integrator, "setting": setting, "end": end, "delta": 0.3, "every": 0.2}
    whole, path = folder / f"{integrator} whole.h5", folder / f"{integrator}.h5"
    config = folder / f"{integrator}.toml"
    if not whole.exists():
        config.write_text(CONFIG.format(file=whole, **words))
        begin = time.monotonic()
        subprocess.run(command("run", config), check=True)
        print(f"{integrator}: {time.monotonic() - begin:.1f} s", flush=True)
    config.write_text(CONFIG.format(file=path, **words))
    for old in folder.glob(f"{integrator}.h5*"):
        old.unlink()
    done = 0
    while True:
        args = ("resume", path) if path.exists() else ("run", config)
        child = subprocess.Popen(command(*args), stderr=subprocess.PIPE, text=True)
        if done < kills:
            try:
                child.wait(chance.uniform(0.3, 2.5))
            except subprocess.TimeoutExpired:
                child.kill()
                done += 1
        _, problem = child.communicate()
        if child.returncode not in (0, -9):
            sys.exit(f"{' '.join(map(str, args))}: exit {child.returncode}: {problem}")
        if child.returncode == 0:
            break
    check_same(whole, path)
    left = sorted(p.name for p in folder.glob(f"{integrator}.h5*"))
    print(f"{integrator}: {done} kills, {left}", flush=True)
    return done


def main(kills):
    """Until so many processes were killed."""
    chance, total = random.Random(), 0
    with tempfile.TemporaryDirectory() as name:
        while total < kills:
            for integrator in RUNS:
                if total < kills:
                    most = min(kills - total, 5)
                    total += kill_until_done(Path(name), integrator, most, chance)
    print(f"{total} kills, all runs the same to the bit")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
