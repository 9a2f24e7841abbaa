"""What the README shows is what happens: its blocks of Python, and commands on what they leave."""

import re
import shlex
from pathlib import Path

import matplotlib as mpl
import pytest
from click.testing import CliRunner

from particleflow.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = ("After the run", "Sweeps")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)[1]


def commands(text):
    """Commands of this package in the shell blocks, without comments."""
    lines = "".join(blocks(text, "sh")).splitlines()
    prefix = ".venv/bin/particleflow "
    return [shlex.split(line.removeprefix(prefix), comments=True) for line in lines
            if line.startswith(prefix)]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("read me")
    (folder / "data").symlink_to(ROOT / "data")
    return folder


def run(code):
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.slow
def test_every_block_runs_in_turn(folder, monkeypatch):
    monkeypatch.chdir(folder)
    mpl.use("agg")
    before, after = README.split("## After the run\n")
    for code in blocks(before, "python"):
        run(code)
    runner = CliRunner()
    for title in SECTIONS:
        text = section(title)
        parts = re.split(r"^(```(?:sh|python)\n.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
        for part in parts:
            for code in blocks(part, "python"):
                run(code)
            for command in commands(part):
                result = runner.invoke(cli, command, catch_exceptions=False)
                assert result.exit_code == 0, (command, result.output)
    for code in blocks(after.split("## Many ranks\n")[1], "python"):
        run(code)
    made = {path.name for path in folder.iterdir()}
    assert {
        "run.npz", "run.csv", "observables.csv", "run.nc", "paths.h5", "run-phase.png", "knots.pdf",
        "run-function.png", "run-loss.png", "run-spectrum.png", "run-sectors.png", "run.gif",
        "both.svg", "sweep.h5", "sweep.png",
    } <= made  # fmt: skip


@pytest.mark.parametrize("title", SECTIONS)
def test_sections_have_blocks_and_commands(title):
    assert len(blocks(section(title), "python")) == (4 if title == "After the run" else 1)
    assert len(commands(section(title))) >= 2


def test_ten_lines_are_ten_lines():
    """Post-processing by h5py, by our reader and by xarray takes about ten lines each."""
    for code in blocks(section("After the run"), "python"):
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) <= 12
