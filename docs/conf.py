"""Settings of the documentation: ``python -m sphinx -W -b html docs docs/built``.

Nothing is fetched: the pages work without a network. Pictures are drawn and examples run as the
pages are made, with kernels from numba's cache where they are compiled already.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from particleflow import __version__

os.environ.setdefault("MPLBACKEND", "agg")
HERE = Path(__file__).parent
EXAMPLES = HERE / "built" / "examples"
"""A copy of examples/: scripts run in their own folder, and leave files there."""
shutil.rmtree(EXAMPLES, ignore_errors=True)
shutil.copytree(HERE / "examples", EXAMPLES)

SHORT = 30
"""Letters of a field of a table that fit into one line."""

project = "particleflow"
author = "the particleflow developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["built", "examples/*"]
default_role = "autolink"  # `run` in a docstring is a link where there is such a name

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = [
    "config.cache",  # a function saves pictures
    "sphinx_gallery.space_in_filename",  # a checkout may lie anywhere
]

autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # numpydoc's sections say types
autosummary_generate = True
numpydoc_show_class_members = False

plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 150)]
plot_working_directory = str(HERE)


def scrape_figures(_block: Any, found: dict[str, Any], conf: Any) -> str:
    """Save figures that an example got from a function such as `plot_sweep`, without pyplot."""
    saved = found.setdefault("saved", [])
    paths = []
    for value in found["example_globals"].values():
        # pyplot numbers the figures that it makes
        is_free = isinstance(value, Figure) and not hasattr(value, "number")
        if is_free and value not in saved:
            saved.append(value)
            paths.append(next(found["image_path_iterator"]))
            value.savefig(paths[-1], dpi=150)
    return figure_rst(paths, conf["src_dir"])


sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"\.py$",
    "download_all_examples": False,
    "remove_config_comments": True,
    "ignore_repr_types": "Picture",  # it is shown as a picture
    "show_memory": False,
    "show_signature": False,
    "image_scrapers": (scrape_figures, "matplotlib"),
    "min_reported_time": 1,
}

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
html_title = f"particleflow {release}"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def show_bars(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Let |c| in a docstring be an absolute value: reStructuredText takes it for a substitution."""
    for place, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[place] = "".join(parts)


def mark_numbers(_app, doctree: nodes.document) -> None:
    """Mark tables whose fields are all short, which are not to be broken into lines."""
    for table in doctree.findall(nodes.table):
        if all(len(entry.astext()) <= SHORT for entry in table.findall(nodes.entry)):
            table["classes"].append("numbers")


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", show_bars)
    app.connect("doctree-read", mark_numbers)
