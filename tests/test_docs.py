"""The README and the pages of docs/ show what happens: what they say to type is run, in turn."""

import importlib.util
import re
from pathlib import Path

import matplotlib as mpl
import pytest
from click.testing import CliRunner
from pages import blocks, commands

import particleflow as pf
from particleflow.cli import cli
from particleflow.run.observables import BUILT_IN

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
SLOW = {
    "README.md",
    "limit.md",
    "papers.md",
    "pictures.md",
    "sweeps.md",
    "choosing.md",
    "viewer.md",
}
"""Pages whose blocks take more than some seconds."""
MADE = {
    "README.md": {"motorcycle.h5", "motorcycle.png", "my.toml"},
    "reading.md": {
        "run.npz", "run.csv", "observables.csv", "run.nc", "run.vtkhdf", "run.xyz", "paths.h5",
    },
    "pictures.md": {
        "run.png", "run-phase.png", "knots.pdf", "run-function.png", "run-loss.png",
        "run-spectrum.png", "run-interpolants.png", "run-curvature.png", "run-density.png",
        "run-sectors.png", "one-compared.png", "run.gif", "both.svg",
    },
    "viewer.md": {"run.html", "small.html", "page.html", "from_python.html"},
    "sweeps.md": {"sweep.h5", "sweep.png", "small.h5"},
}  # fmt: skip
"""Files that a page says are made."""
ERRORS = {name for name in pf.__all__ if name.endswith("Error")}
NOT_FOR_USERS = {
    "check_target", "draw_alignment", "draw_edge", "draw_knots_between", "draw_min_norm",
    "plot_fluctuations", "plot_scalings",
}  # fmt: skip
"""What `figures` has for the recipes of the gallery alone."""
MOST_WORDS = 900
"""Of the README."""


def text_of(name):
    return PAGES[name].read_text("utf-8")


def run_page(name, has_torch):
    """Run a page's blocks with one set of names, as somebody who types them into one session."""
    names = {"__name__": "__main__"}
    for block in blocks(text_of(name)):
        if block.is_run_elsewhere or (block.mark == "needs torch" and not has_torch):
            continue
        if block.language == "python":
            exec(compile(block.text, name, "exec"), names)
            continue
        for command in commands(block):
            result = CliRunner().invoke(cli, command, catch_exceptions=False)
            assert result.exit_code == 0, (command, result.output)


@pytest.fixture
def folder(here, monkeypatch):
    """An empty folder with the samples of the repository."""
    (here / "data").symlink_to(ROOT / "data")
    monkeypatch.setattr("particleflow.backend.when_compiling", lambda *_: None)
    mpl.use("agg")
    return here


def shown():
    """Pages that show something to type."""
    slow = {name: pytest.mark.slow if name in SLOW else () for name in PAGES}
    return [pytest.param(name, marks=slow[name]) for name in PAGES if blocks(text_of(name))]


@pytest.mark.parametrize("name", shown())
def test_what_a_page_says_to_type_works(name, folder):
    run_page(name, has_torch=importlib.util.find_spec("torch") is not None)
    assert MADE.get(name, set()) <= {path.name for path in folder.iterdir()}


def test_readme_is_short_and_shows_a_picture():
    text = text_of("README.md")
    assert len(text.split()) <= MOST_WORDS
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", text)
    assert len(pictures) == 1
    description, path = pictures[0]
    assert len(description) > 50
    assert (ROOT / path).stat().st_size < 200_000


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    """Every relative link of a page is a file, as it is on a disk and in a browser of sources."""
    page = PAGES[name]
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith(("http", "#", "gallery/")):
            path = (page.parent / target.partition("#")[0]).resolve()
            assert path.exists(), f"{name}: {target}"


@pytest.mark.parametrize("folder_name", ["particleflow", "kernels", "docs"])
def test_whoever_names_a_lemma_names_the_paper(folder_name):
    numbered = re.compile(r"\b(Lemma|Theorem|Proposition|Appendix|eqs?\.) \(?[0-9A-Z]")
    for path in (ROOT / folder_name).rglob("*"):
        if path.suffix in (".py", ".md") and "built" not in path.parts:
            text = " ".join(path.read_text("utf-8").split())
            if numbered.search(text):
                assert "Williams et al" in text, path


def test_the_ten_lines_are_about_ten():
    """The README's example, and post-processing by h5py, our reader and xarray, are short."""
    for name in ("README.md", "reading.md"):
        for block in blocks(text_of(name)):
            if block.language == "python":
                assert len([line for line in block.text.splitlines() if line.strip()]) <= 12


def test_every_observable_is_explained():
    explained = re.findall(r"`(\w+)`", "".join(
        line.split("|")[1] for line in text_of("observables.md").splitlines()
        if line.startswith("| `")
    ))  # fmt: skip
    assert sorted(explained) == sorted(BUILT_IN)


def test_everything_public_is_in_the_api():
    """Each public name, of `figures` and `theory` too, is on a page of the API by task."""
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    listed = set(re.findall(r"^   ([\w.]+)$", pages, re.M))
    missing = set(pf.__all__) - listed - {"__version__", "figures", "theory", *ERRORS}
    assert not missing
    constants = {"ATTRACTOR", "BORDER", "PASS_THROUGH", "REPULSOR", "KINDS"}
    of_recipes = {name for name in pf.figures.__all__ if name.startswith("draw_fig")}
    for names in (pf.figures.__all__, pf.theory.__all__):
        assert not set(names) - listed - constants - of_recipes - NOT_FOR_USERS
