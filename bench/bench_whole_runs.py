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
PAIRS = 7


def run(case, share, folder):
    """What ``whole_run`` prints with the build in this folder."""
    result = subprocess.run(
        [sys.executable, HERE / "whole_run.py", case, str(share)],
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_WAIT_POLICY": "passive"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(result.stdout)


@pytest.mark.parametrize("case", CASES)
def test_whole_runs(benchmark, quick, fitting, case):
    """What the last run of each build took, the median of the seconds, and the ratios of pairs."""
    share = 1e-3 if quick else 1.0
    m = fitting(int(share * CASES[case][2]))
    before = os.environ.get("BEFORE")
    builds = {"now": HERE.parent} | ({"before": Path(before)} if before else {})
    runs = {name: [] for name in builds}
    for _ in range(1 if quick else PAIRS):
        for name, folder in builds.items():
            runs[name].append(run(case, share, folder))
    seconds = {name: [one["seconds"] for one in found] for name, found in runs.items()}
    if before:
        pairs = zip(seconds["before"], seconds["now"], strict=True)
        benchmark.extra_info["ratios"] = [old / new for old, new in pairs]
    benchmark.extra_info.update(
        case=case, m=m,
        builds={name: {**runs[name][-1], "seconds": float(np.median(seconds[name]))}
                for name in builds},
    )  # fmt: skip
    benchmark.pedantic(lambda: None, rounds=1)
