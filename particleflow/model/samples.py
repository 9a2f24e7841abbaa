"""The samples (x_j, y_j) that a network is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import (
    Array,
    PathLike,
    existing_file,
    finite,
    numbers,
    positive,
    vector,
)
from particleflow.errors import ConfigError, SamplesError
from particleflow.files.tabular import Choice, Missing, Table, checked, read_object, read_table

from .card import samples_card
from .generated import SampleKind, generated
from .rows import NO_SOURCE, Rows, Source, merged, rows_of

FARTHEST, NARROWEST, WIDEST = 5.0, 0.1, 20.0
"""Bounds of an interval that can be fitted without a map: the largest |middle| in units of the half
width, and the least and largest half width."""


def spread(y: Array, weights: Array) -> float:
    """Root mean square of y - mean y, or max(1, |y|) if y is constant up to rounding; weighted.

    The unit of tolerances, which may not be 0.
    """
    total = np.sum(weights)
    mean = np.sum(weights * y) / total
    rms = float(np.sqrt(np.sum(weights * (y - mean) ** 2) / total))
    largest = float(np.abs(y).max())
    return rms if rms > 1e-12 * largest else max(1.0, largest)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples sorted by x; immutable.

    The loss is L = 1/2 sum w_j (f(x_j) - y_j)^2 over all rows. Rows of equal x are one sample, with
    the sum of their weights and their weighted mean y: s counts distinct x, and so do residuals and
    predictions.

    The network may see x through an affine map, ``network_x = (x - x_shift) / x_scale``, as after
    `normalised`. Every interface that knows the samples takes and returns the x of the samples;
    parameters (a, b, c) and angles theta of neurons always refer to ``network_x``.

    Parameters
    ----------
    x, y : array_like, (n,)
        At least one row, all finite. Copied, and sorted by x. Without y, ``x`` is a table: a Series
        or DataFrame of pandas, a DataArray or Dataset of xarray, or a mapping; see `from_table`.
    x_shift, x_scale : float
        Shift and scale of the map; x_scale is above 0.
    weights : array_like, (n,), optional
        Weights w of the rows in the loss, above 0, used as they are; 1 by default. One number
        stands for all rows, here and in sigma.
    sigma : array_like, (n,), optional
        Standard deviations of y, above 0, in place of weights: w = 1 / sigma^2.

    Attributes
    ----------
    x, y, weights : (s,) float64
        Read-only; x strictly increasing.
    network_x : (s,) float64
        x as the network sees it; read-only, strictly increasing.
    rows : Rows
        The n rows as they were given.
    loss_within : float
        The part of the loss that rows of equal x have for any f: 1/2 sum w_r (y_r - y_j)^2.
    source : Source
        Names of x and y, and how a file was read.

    Raises
    ------
    SamplesError
        Lengths differ, there is no row, a value is not finite or is masked, a weight is not above
        0, or x_shift and x_scale are no valid map.
    """

    x: Array
    y: Array
    weights: Array
    x_shift: float
    x_scale: float
    network_x: Array
    rows: Rows
    loss_within: float
    source: Source

    def __init__(
        self, x: Any, y: ArrayLike | None = None, x_shift: float = 0.0, x_scale: float = 1.0, *,
        weights: ArrayLike | None = None, sigma: ArrayLike | None = None,
    ) -> None:  # fmt: skip
        source = NO_SOURCE
        if y is None:
            table = read_object(x, Choice(), SamplesError)
            x, y, source = table.x, table.y, _source_of(table)
        rows = rows_of(x, y, weights, sigma)
        shift = finite("x_shift", x_shift, SamplesError)
        scale = positive("x_scale", x_scale, SamplesError)
        self._adopt(rows, source, shift, scale)

    def _adopt(
        self,
        rows: Rows,
        source: Source,
        x_shift: float,
        x_scale: float,
        network_x: Array | None = None,
    ) -> None:
        """Make this object that of these rows, seen through this map or as ``network_x``."""
        x, y, weights, within = merged(rows)
        if x.size == 0:
            raise SamplesError("expected at least 1 sample, found none")
        if network_x is None:
            network_x = x if (x_shift, x_scale) == (0.0, 1.0) else (x - x_shift) / x_scale
        # the map may round two different x to one
        twice = np.flatnonzero(np.diff(network_x) <= 0.0)
        if twice.size:
            raise SamplesError(
                f"x, as the network sees it, = {network_x[twice[0]]} occurs more than once"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = spread(y, weights), network_x[-1] - network_x[0], within, weights.sum()
        if not np.isfinite(sizes).all():
            raise SamplesError("x and y: the numbers are too large to compute with")
        for values in (*rows, x, y, weights, network_x):
            values.flags.writeable = False
        for name, value in (
            ("x", x), ("y", y), ("weights", weights), ("x_shift", x_shift), ("x_scale", x_scale),
            ("network_x", network_x), ("rows", rows), ("loss_within", within),
            ("source", source),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @classmethod
    def of_network(
        cls, network_x: ArrayLike, rows: Rows, x_shift: float, x_scale: float,
        source: Source = NO_SOURCE,
    ) -> Self:  # fmt: skip
        """Samples whose ``network_x`` is given, not computed, so that it is the same to the bit.

        Trajectories store ``network_x``; a resumed run needs exactly the one that it had.

        Parameters
        ----------
        network_x : array_like, (s,)
            What the network sees for each distinct x of the rows, strictly increasing.
        rows : Rows
            Columns x, y and weights, in any order.
        x_shift, x_scale : float
            Shift and scale of the map.
        source : Source, optional
        """
        seen = vector("x", network_x, SamplesError)
        shift = finite("x_shift", x_shift, SamplesError)
        scale = positive("x_scale", x_scale, SamplesError)
        own = rows_of(rows.x, rows.y, rows.weights, None)
        n_distinct = np.unique(own.x).size
        if seen.size != n_distinct:
            raise SamplesError(
                f"x and y: expected equal lengths, found {seen.size} and {n_distinct}"
            )
        samples = cls.__new__(cls)
        samples._adopt(own, source, shift, scale, seen)
        return samples

    def __reduce__(self) -> tuple[Any, ...]:
        values = self.network_x, self.rows, self.x_shift, self.x_scale, self.source
        return self.of_network, values

    @property
    def is_weighted(self) -> bool:
        """Whether a weight differs from 1, be it that rows of equal x add up."""
        return bool((self.weights != 1.0).any())

    @property
    def has_repeats(self) -> bool:
        """Whether rows have equal x, so that there are fewer samples than rows."""
        return self.rows.x.size > self.x.size

    @property
    def is_mapped(self) -> bool:
        """Whether the network sees x through a map other than the identity."""
        return (self.x_shift, self.x_scale) != (0.0, 1.0)

    def to_network(self, x: ArrayLike) -> Array:
        """Points as the network sees them, in the shape of ``x``: (x - x_shift) / x_scale.

        Raises
        ------
        ConfigError
            ``x`` does not consist of numbers, or one is masked.
        """
        points = numbers("x", x, ConfigError)
        return (points - self.x_shift) / self.x_scale if self.is_mapped else points

    def from_network(self, points: Array) -> Array:
        """The x of the samples for points as the network sees them: x_shift + x_scale * points."""
        return self.x_shift + self.x_scale * points if self.is_mapped else points

    _repr_html_ = samples_card

    def __repr__(self) -> str:
        rows = f" of {self.rows.x.size} rows" if self.has_repeats else ""
        return f"Samples({self.size} points{rows}, x in [{self.x[0]:g}, {self.x[-1]:g}])"

    @property
    def size(self) -> int:
        """Number of samples s."""
        return self.x.size

    @property
    def spread(self) -> float:
        """The unit in which tolerances measure errors of the prediction: the spread of y."""
        return spread(self.y, self.weights)

    def rms(self, values: Array) -> float:
        """Root mean square of values by sample, sqrt(sum w v^2 / sum w)."""
        return float(np.sqrt(np.sum(self.weights * values**2) / np.sum(self.weights)))

    def window(self, margin: float) -> tuple[float, float]:
        """The samples' interval and this part of it to either side; of one sample, of 1."""
        first, last = float(self.x[0]), float(self.x[-1])
        wide = margin * ((last - first) or 1.0)
        return first - wide, last + wide

    def hint(self) -> str | None:
        """Advice to normalise an x that is hard to fit; None if there is no need.

        Knots of the usual initialisations lie within a few units of 0, and rates grow like x^2:
        training takes very long on an interval that is far from 0 for its width, much narrower than
        a unit, or much wider than some units.
        """
        if self.size == 1:
            return None
        lo, hi = float(self.network_x[0]), float(self.network_x[-1])
        half, middle = 0.5 * (hi - lo), abs(0.5 * lo + 0.5 * hi)
        if FARTHEST * half >= middle and NARROWEST <= half <= WIDEST:
            return None
        where = f"x runs from {lo:.12g} to {hi:.12g}"
        why = "far from 0 for its width" if FARTHEST * half < middle else f"{2 * half:.3g} wide"
        return (
            f"{where}, {why}: training will be slow or leave samples unreached; "
            "samples.normalise = true maps x to [-1, 1]"
        )

    def repeats(self) -> str | None:
        """What becomes of rows of equal x, in a sentence; None if there are none."""
        if not self.has_repeats:
            return None
        return (
            f"{self.rows.x.size} rows have {self.size} distinct x: rows of equal x are one sample, "
            f"and {self.loss_within:.4g} of the loss is within them"
        )

    @classmethod
    def from_file(  # noqa: PLR0913 (public: its options are keywords)
        cls,
        path: PathLike,
        *,
        x: str | int | None = None,
        y: str | int | None = None,
        weights: str | int | None = None,
        sigma: str | int | None = None,
        missing: Missing = "error",
        missing_values: Sequence[float] = (),
        delimiter: str | None = None,
        decimal: str | None = None,
    ) -> Self:
        """Samples from a file: delimited text, .npy, .npz, HDF5 or netCDF.

        How a text is laid out is found out, with or without a header, and said in
        ``source.notes``. What can be read in two ways is refused. Dates become days since the
        first.

        Parameters
        ----------
        path : path-like
            A name that ends in .npy, .npz, .h5, .hdf5 or .nc has arrays; any other is text, which
            may be compressed (.gz).
        x, y : str or int, optional
            Names of columns (arrays), or their numbers, counted from 1. By default the columns
            that are called x and y, or the only two with numbers.
        weights, sigma : str or int, optional
            The column of the weights, or of standard deviations of y.
        missing : {"error", "drop"}
            What becomes of rows without a value in one of these columns.
        missing_values : sequence of float
            Numbers that stand for a value that is not there, as -99.99.
        delimiter, decimal : str, optional
            The delimiter ("tab" and "blanks" too) and the decimal sign of a text that leaves a
            doubt. With ``decimal`` the other sign may separate thousands.

        Raises
        ------
        SamplesError
            The file cannot be read, or it is not plain what it holds; names the file, the line if
            one is at fault, and the key that settles it.
        """
        options = Choice(x, y, weights, sigma, missing, missing_values, delimiter, decimal)
        choice, file = checked(options, SamplesError), existing_file(path, SamplesError)
        return cls._of(str(path), read_table(file, choice, SamplesError))

    @classmethod
    def from_csv(cls, path: PathLike, **options: Any) -> Self:
        """Samples from a file of delimited text: `from_file`, which has the options."""
        return cls.from_file(path, **options)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        x: str | int | None = None,
        y: str | int | None = None,
        weights: str | int | None = None,
        sigma: str | int | None = None,
        missing: Missing = "error",
        missing_values: Sequence[float] = (),
    ) -> Self:
        """Samples from a table in memory; the options are those of `from_file`.

        Parameters
        ----------
        table
            A DataFrame of pandas, a Dataset of xarray, or a mapping of names to arrays; a Series,
            of which the index is x; or a DataArray of one dimension, of which the coordinate is x.

        Raises
        ------
        SamplesError
            It is not plain which columns are meant, or a value is missing.
        """
        choice = checked(Choice(x, y, weights, sigma, missing, missing_values), SamplesError)
        return cls._of(type(table).__name__, read_object(table, choice, SamplesError))

    @classmethod
    def _of(cls, where: str, table: Table) -> Self:
        """The samples of a table; errors begin with ``where``."""
        try:
            rows = rows_of(table.x, table.y, table.weights, table.sigma)
            samples = cls.__new__(cls)
            samples._adopt(rows, _source_of(table), 0.0, 1.0)
        except SamplesError as problem:
            raise SamplesError(f"{where}: {problem}") from None
        return samples

    @classmethod
    def generate(cls, kind: SampleKind, count: int = 10, noise: float = 0.0, seed: int = 0) -> Self:
        """Equispaced points in [-1, 1] on one of the built-in functions.

        Parameters
        ----------
        kind : {"square_wave", "sine", "step", "sawtooth", "piecewise_linear"}
            Square wave, sine and sawtooth have period 1 and amplitude 1; the step jumps from -1 to
            1 at x = 0; the piecewise linear function joins random points, drawn from ``seed``.
        count : int
            Number of points, at least 2.
        noise : float
            Standard deviation of normal noise added to y.
        seed : int
            Seed of the random function and of the noise.
        """
        return cls(*generated(kind, count, noise, seed))

    def normalised(self) -> Self:
        """The same samples, seen by the network in [-1, 1] through a map ``x_shift, x_scale``.

        Raises
        ------
        SamplesError
            The interval of x is too short to be mapped.
        """
        # halves first: the sum or the difference of the ends may overflow
        shift = 0.5 * self.x[0] + 0.5 * self.x[-1]
        scale = 0.5 * self.x[-1] - 0.5 * self.x[0]
        if scale < np.finfo(float).tiny:
            raise SamplesError(
                f"x: the interval of length {2.0 * scale:g} is too short to normalise"
            )
        seen = (self.x - shift) / scale
        seen[0], seen[-1] = -1.0, 1.0  # which rounding may have missed
        return self.of_network(seen, self.rows, float(shift), float(scale), self.source)


def _source_of(table: Table) -> Source:
    return Source(table.x_name, table.y_name, tuple(table.notes))
