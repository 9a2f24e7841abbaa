"""Processes that share a folder of compiled kernels."""

import os
import subprocess
import sys
import textwrap

from particleflow.kernels import _turns

MODULE = """
import numpy as np
from particleflow.kernels._jit import driver, leaf


@leaf
def inner(x):
    return x[0] + x[1]


@driver
def outer(x):
    return inner(x) + np.linalg.eigh(np.outer(x, x))[0].sum()
"""
SCRIPT = """
import sys
import time
from pathlib import Path

import numpy as np

from particleflow.kernels import _turns
from slow import inner, outer

_turns.when_waiting(lambda: print("waits"))
Path(sys.argv[1]).touch()
while len(list(Path.cwd().glob("ready-*"))) < 3:
    time.sleep(0.001)
outer(np.arange(3.0))
print(sum(sum(f.stats.cache_misses.values()) for f in (inner, outer)))
"""


def test_one_process_compiles_and_the_others_wait(tmp_path):
    (tmp_path / "slow.py").write_text(MODULE)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen([sys.executable, "script.py", f"ready-{n}"], cwd=tmp_path, text=True,
                         stdout=subprocess.PIPE, env=environment)
        for n in range(3)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(int(output[-1]) for output in outputs) == 2  # each of the two kernels once
    assert sorted(output[:-1] for output in outputs) == [[], ["waits"], ["waits"]]


def test_a_process_that_is_waited_for_too_long_is_passed_over(tmp_path, monkeypatch):
    code = textwrap.dedent("""
        import sys
        from particleflow.kernels import _turns
        with _turns._turn(sys.argv[1]):
            print("holds", flush=True)
            sys.stdin.read()
    """)
    path = str(tmp_path / "kernel.lock")
    holder = subprocess.Popen([sys.executable, "-c", code, path], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout.readline() == "holds\n"
    told = []
    _turns.when_waiting(lambda: told.append("waits"))
    monkeypatch.setattr(_turns, "LONGEST", 0.2)
    with _turns._turn(path):
        assert told == ["waits"]
    holder.communicate("")
    with _turns._turn(path):
        assert told == ["waits"]


def test_a_folder_without_locks_is_no_obstacle(tmp_path):
    with _turns._turn(str(tmp_path / "none" / "kernel.lock")):
        pass
