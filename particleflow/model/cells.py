"""Which cell each neuron is in, where (a, b, c) alone do not say.

A neuron that slides on a sample has its knot exactly there, but (a, b) rounds beside it; a dead one
may round to the other side of its sample. A cell is a sector 0 .. 2 s - 1, of which s is the dead
one, or 2 s + r for a neuron that slides on ray r, or 4 s at rest in (a, b) = 0. Ray r belongs to
the sample r mod s.
"""

from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array


class Cells(NamedTuple):
    """Cells of neurons among samples.

    Attributes
    ----------
    x : (s,) float64
        The samples' ``network_x``.
    cell : (m,) int32
    """

    x: Array
    cell: np.ndarray

    def part(self, first: int, last: int) -> "Cells":
        """The cells of neurons first .. last - 1; a view."""
        return Cells(self.x, self.cell[first:last])

    def among(self, x: Array, found: np.ndarray, slides: bool) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the same neurons at the start of a run on samples ``x``.

        Parameters
        ----------
        x : (s,) float64
            Samples of the run, which may be others: a neuron that slides on a sample that the run
            has too still slides on it, and whether others are dead is asked anew.
        found : (m,) int32
            Cells by the signs of a x_j + b.
        slides : bool
            Whether the run lets neurons slide; else they start on the inactive side.

        Returns
        -------
        cells : (m,) int32
        rays : (m,) int64
            The ray on which a neuron lies, -1 for most.
        """
        cells, s, own = found.copy(), x.size, self.x.size
        rays = np.full(found.size, -1)
        if np.array_equal(x, self.x):
            is_living = (self.cell < 2 * s) & (self.cell != s)
            was_found = (found < 2 * s) & (found != s)
            kept = ~(is_living & was_found)
            cells[kept] = self.cell[kept]
        sliding = np.flatnonzero(is_sliding(self.cell, own))
        ray = self.cell[sliding] - 2 * own
        sample = np.minimum(np.searchsorted(x, self.x[ray % own]), s - 1)
        shared = x[sample] == self.x[ray % own]
        sliding, ray = sliding[shared], (sample + s * (ray >= own))[shared]
        rays[sliding] = ray
        inactive = np.where(ray < s, ray + 1, ray)
        cells[sliding] = 2 * s + ray if slides else inactive
        return cells, rays


def is_sliding(cell: np.ndarray, s: int) -> Any:
    """Whether neurons in these cells slide on one of s samples."""
    return (cell >= 2 * s) & (cell < 4 * s)


def put_on_samples(e: Array, cell: np.ndarray, x: Array) -> None:
    """Replace the knots of sliding neurons by their x_j itself, in place."""
    sliding = is_sliding(cell, x.size)
    e[sliding] = x[(cell[sliding] - 2 * x.size) % x.size]


def put_on_rays(a: Array, b: Array, rays: np.ndarray, x: Array) -> None:
    """Turn (a, b) of neurons on rays (-1: on none) into the direction of the ray, in place.

    Ray r < s has the direction (1, -x_j) / |(x_j, 1)|, ray r + s its opposite.
    """
    on = rays >= 0
    s, ray = x.size, rays[on]
    xj = x[ray % s]
    length = np.hypot(a[on], b[on]) / np.sqrt(1.0 + xj * xj)
    slope = np.where(ray < s, length, -length)
    a[on], b[on] = slope, -xj * slope


def rays_of(cell: np.ndarray, s: int) -> np.ndarray:
    """The ray on which neurons in these cells slide, -1 for the others; shaped as ``cell``."""
    return np.where(is_sliding(cell, s), cell - 2 * s, -1)
