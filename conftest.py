"""Test options of the project, and the environment that kernels are tested in."""

import argparse
import os
import re
import sys
from pathlib import Path

import pytest

# before numba is imported: several threads on any machine, except where time is measured, and
# threads that sleep while they wait
if "--benchmark" not in sys.argv:
    os.environ.setdefault("NUMBA_NUM_THREADS", "4")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ROOT = Path(__file__).parent
BENCH = ROOT / "bench"
APART = ("slow", "readers", "browser")
"""Marks of tests that run with ``--slow`` only, or if ``-m`` names one of these."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest --benchmark`` runs bench/ instead of tests/."""
    parser.addoption(
        "--benchmark", action="store_true", help="run the benchmarks in bench/, and only them"
    )
    parser.addoption(
        "--slow", action="store_true",
        help="run the tests that are marked slow, readers or browser, too: jobs of many ranks, "
        "kills, CUDA's simulator, files in other programs, pages in Chromium",
    )  # fmt: skip
    parser.addoption(
        "--quick", action="store_true", help="with --benchmark: smaller sizes, under 2 minutes"
    )
    parser.addoption(
        "--most-neurons", type=_count, metavar="M",
        help="with --benchmark: leave out what needs more neurons (as many as memory allows)",
    )  # fmt: skip


def _count(text: str) -> int:
    """A whole number above 0, as 100000 or 1e5."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1.0 <= number < 2.0**31 or number != int(number):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(number)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that take long or need more packages, and say how many, unless asked for."""
    # -m "not browser" does not ask for it
    asked = re.findall(r"(?<!not )\b(\w+)\b", config.getoption("markexpr"))
    if config.getoption("--slow") or not set(APART).isdisjoint(asked):
        return
    left_out = [item for item in items if any(map(item.get_closest_marker, APART))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_configure(config: pytest.Config) -> None:
    """Point the session at bench/ when benchmarks are asked for."""
    if not config.getoption("--benchmark"):
        for option in ("--quick", "--most-neurons"):
            if config.getoption(option):
                raise pytest.UsageError(f"{option} goes with --benchmark")
        return
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(BENCH)]
        return
    for arg in config.args:
        path = Path(arg.partition("::")[0]).resolve()
        if path != BENCH and BENCH not in path.parents:
            raise pytest.UsageError(f"--benchmark runs bench/ only, found {arg}")
