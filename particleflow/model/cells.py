"""Which cell each neuron is in, where (a, b, c) alone do not say.

A neuron that slides on a sample has its knot exactly there, but -b/a of its rounded (a, b) may lie
beside the sample; and the knot of a dead neuron may round to the other side of its sample. A cell
is a sector 0 .. 2 s - 1, of which s is the dead one, or 2 s + r for a neuron that slides on ray r,
or 4 s at rest in (a, b) = 0. Ray r belongs to the sample r mod s.
"""

from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array


class Cells(NamedTuple):
    """Cells of neurons, with the samples that define these cells.

    Attributes
    ----------
    x : (s,) float64
        The samples' ``network_x``.
    cell : (m,) int32
        The cell of each neuron.
    """

    x: Array
    cell: np.ndarray

    def part(self, first: int, last: int) -> "Cells":
        """The cells of neurons first .. last - 1; a view."""
        return Cells(self.x, self.cell[first:last])

    def among(self, x: Array, found: np.ndarray, slides: bool) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the same neurons at the start of a run on samples ``x``, which may be others.

        Parameters
        ----------
        x : (s,) float64
            Samples of the run. A neuron that slides on a sample which the run has too still slides
            on it. Dead neurons and those at rest stay so if all samples are the same; if not, their
            cells are those of ``found``.
        found : (m,) int32
            Cells by the signs of a x_j + b.
        slides : bool
            Whether the run lets neurons slide; else they start on the inactive side of the ray.

        Returns
        -------
        cells : (m,) int32
        rays : (m,) int64
            The ray on which a neuron slid before, -1 for a neuron that slid on none of the samples.
        """
        cells, s, own = found.copy(), x.size, self.x.size
        rays = np.full(found.size, -1)
        if np.array_equal(x, self.x):
            # a known slide, death or rest does not show in the signs of a rounded (a, b); where
            # both cells are sectors of living neurons, the signs of what will move decide
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
    """Replace the knots ``e`` of sliding neurons by the x_j of their samples, in place."""
    sliding = is_sliding(cell, x.size)
    e[sliding] = x[(cell[sliding] - 2 * x.size) % x.size]


def put_on_rays(a: Array, b: Array, rays: np.ndarray, x: Array) -> None:
    """Turn the vectors (a, b) of neurons into the directions of their rays, in place.

    ``rays`` holds -1 for a neuron on no ray, which stays as it is. Ray r < s has the direction
    (1, -x_j) / |(x_j, 1)|, ray r + s the opposite one. Lengths of (a, b) do not change.
    """
    on = rays >= 0
    s, ray = x.size, rays[on]
    xj = x[ray % s]
    length = np.hypot(a[on], b[on]) / np.sqrt(1.0 + xj * xj)
    slope = np.where(ray < s, length, -length)
    a[on], b[on] = slope, -xj * slope


def rays_of(cell: np.ndarray, s: int) -> np.ndarray:
    """The ray on which the neuron in each cell slides, -1 if it slides on none."""
    return np.where(is_sliding(cell, s), cell - 2 * s, -1)
