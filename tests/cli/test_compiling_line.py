"""What a terminal shows while a kernel is being compiled."""

import io
import json
import re
import time

import numba

from particleflow.backend import compiling
from particleflow.cli import shared
from particleflow.kernels import _jit


class Terminal(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self):
        return True


def test_the_line_counts_and_is_erased(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    line = shared._CompilingLine()
    line.begin(compiling.Compiling("cpu.steps.take_steps", 31.2))
    deadline = time.monotonic() + 60.0
    while "2 s" not in terminal.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    line.end()
    told = terminal.getvalue()
    assert "compiling cpu.steps.take_steps: 1 s, 31 s the last time" in told
    assert told.endswith("\r" + shared._ERASE)


def test_a_kernel_that_takes_no_second_leaves_no_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    line = shared._CompilingLine()
    line.begin(compiling.Compiling("a.kernel", None))
    line.end()
    line.end()
    assert terminal.getvalue() == ""


def test_how_long_a_kernel_took_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(_jit, "cache_folder", str(tmp_path / "version"))
    monkeypatch.setattr(compiling, "_WORTH_KEEPING", -1.0)
    told = []
    compiling.when_compiling(told.append, None, None)
    try:
        numba.njit(lambda x: x + 1)(1)
        (kept,) = json.loads((tmp_path / "compiling.json").read_text()).values()
        numba.njit(lambda x: x + 2)(1)
    finally:
        compiling.when_compiling(None, None, None)
    first, second = told
    assert re.fullmatch(r".*test_compiling_line\.<lambda>", first.kernel)
    assert first.last_time is None
    assert second.last_time == kept


def test_a_file_of_times_that_is_none_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(_jit, "cache_folder", str(tmp_path / "version"))
    for content in ("[1]", "{", ""):
        (tmp_path / "compiling.json").write_text(content)
        assert compiling._seconds_of_last_time() == {}
