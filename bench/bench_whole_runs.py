"""Whole runs of `boost`, in processor time of one thread, beside those of another build.

``BEFORE=FOLDER pytest --benchmark bench/bench_whole_runs.py`` runs each case by turns with the
checkout in FOLDER; a build is the one with ``kernels/`` and ``particleflow/`` there. The steps are
those of whole runs, with sorting, rejections and all that is O(s).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from whole_run import CASES

HERE = Path(__file__).parent
PAIRS = 3


def run(case, share, folder, times=1):
    """What ``whole_run`` prints with the build in this folder."""
    result = subprocess.run(
        [sys.executable, HERE / "whole_run.py", case, str(share), str(times)],
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_WAIT_POLICY": "passive"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    *runs, rejections = (json.loads(line) for line in result.stdout.splitlines())
    return runs, rejections["share_of_rejections"]


@pytest.mark.parametrize("case", CASES)
def test_whole_runs(benchmark, quick, fitting, case):
    share = 1e-3 if quick else 1.0
    fitting(int(share * CASES[case][2]))
    before = os.environ.get("BEFORE")
    builds = {"now": HERE.parent} | ({"before": Path(before)} if before else {})
    seconds, info = {name: [] for name in builds}, {}
    for _ in range(1 if quick else PAIRS):
        for name, folder in builds.items():
            (one,), info["share_of_rejections"] = run(case, share, folder)
            seconds[name].append(one.pop("seconds"))
            info[name] = one
    info["seconds"] = {name: float(np.median(taken)) for name, taken in seconds.items()}
    if before:
        pairs = zip(seconds["before"], seconds["now"], strict=True)
        info["ratios"] = [old / new for old, new in pairs]
    benchmark.extra_info.update(case=case, m=int(share * CASES[case][2]), **info)
    benchmark.pedantic(lambda: None, rounds=1)
