"""What a notebook shows of an object: a table of facts and small pictures, as HTML and SVG.

The pictures are no figures: they are drawn without matplotlib, in the size of a thumbnail, and say
no more than what an object looks like. `figures` has the pictures for papers.
"""

import html
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

BLUE, ORANGE, INK = "#0072B2", "#D55E00", "currentColor"
_WIDTH, _HEIGHT, _EDGE = 220, 120, 6
_MOST_DOTS = 400


class Marks(NamedTuple):
    """Points of a small picture, joined by a line or not."""

    x: ArrayLike
    y: ArrayLike
    colour: str = BLUE
    is_line: bool = False


def card(name: str, facts: Mapping[str, str], *pictures: str) -> str:
    """The HTML of an object: its name, a table of facts, and pictures beside it."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(key)}</th>'
        f'<td style="text-align:left">{html.escape(value)}</td></tr>'
        for key, value in facts.items()
    )
    shown = "".join(f'<div style="padding-left:1em">{picture}</div>' for picture in pictures)
    return (
        f"<div><b>{html.escape(name)}</b>"
        f'<div style="display:flex;flex-wrap:wrap;align-items:center"><table>{rows}</table>{shown}'
        "</div></div>"
    )


def picture(title: str, *layers: Marks) -> str:
    """The SVG of layers of points and lines over common axes; empty if no number is finite."""
    columns = [np.broadcast_arrays(*map(np.atleast_1d, layer[:2])) for layer in layers]
    both = np.concatenate([np.stack(pair, axis=1) for pair in columns]).astype(float)
    both = both[np.isfinite(both).all(axis=1)]
    if not both.size:
        return ""
    low, high = both.min(axis=0), both.max(axis=0)
    size = np.array([_WIDTH - 2 * _EDGE, _HEIGHT - 2 * _EDGE])
    scale = size / np.where(high > low, high - low, 1.0)
    drawn = []
    for layer, pair in zip(layers, columns, strict=True):
        points = np.stack(pair, axis=1).astype(float)
        places = _EDGE + (points - low) * scale
        places[:, 1] = _HEIGHT - places[:, 1]
        draw = _line if layer.is_line else _dots
        drawn.append(draw(places[np.isfinite(places).all(axis=1)], layer.colour))
    return (
        f'<svg role="img" aria-label="{html.escape(title)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><title>{html.escape(title)}</title>'
        f'<rect x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" fill="none" '
        f'stroke="currentColor" stroke-opacity="0.3"/>{"".join(drawn)}</svg>'
        f'<div style="font-size:smaller">{html.escape(title)}</div>'
    )


def _line(places: np.ndarray, colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _dots(places: np.ndarray, colour: str) -> str:
    if len(places) > _MOST_DOTS:
        places = places[np.linspace(0, len(places) - 1, _MOST_DOTS).astype(int)]
    return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in places)
