"""Fixtures that several files of tests use."""

import signal
import sys

import pytest

from particleflow import cli

LONGEST = (
    "test_gallery.py",
    "test_cli.py",
    "test_ranks.py",
    "test_cuda_offline.py",
    "test_cuda_simulator.py",
    "test_kills.py",
    "test_benchmarks.py",
    "test_sweeps.py",
)
"""Files that take longest.

They start first: with ``-n 2 --dist loadfile`` a long one that starts last keeps one process busy
for minutes after the other has ended. The first two need kernels of their own, those of ``boost``
and of ``gd``: where none are compiled yet, neither process waits for the other.
"""


def pytest_configure(config):
    """Keep the order of files: pytest-xdist would start those with the most tests first.

    A shell without job control lets what it starts with & ignore Ctrl-C, and so would the runs that
    tests interrupt.
    """
    config.option.loadscopereorder = False
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(here, monkeypatch, capsys):
    """Call the command line; returns (exit code, stdout, stderr).

    Without the notice of the compiler, which depends on what other tests have compiled before.
    """
    monkeypatch.setattr("particleflow.backend.when_compiling", lambda *_: None)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["particleflow", *map(str, args)])
        handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            with pytest.raises(SystemExit) as stop:
                cli.main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run
