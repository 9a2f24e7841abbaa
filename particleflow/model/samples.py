"""The samples (x_j, y_j) that a network is trained on."""

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, PathLike, count, finite, numbers, positive, vector
from particleflow.errors import ConfigError, SamplesError
from particleflow.files.csv import read_columns

SampleKind = Literal["square_wave", "sine", "step", "sawtooth", "piecewise_linear"]
KINDS: tuple[str, ...] = get_args(SampleKind)
MIN_SAMPLES = 2
PIECES = 5
"""Linear pieces of the function behind ``piecewise_linear``."""
FARTHEST, NARROWEST, WIDEST = 5.0, 0.1, 20.0
"""Bounds of an interval that can be fitted without a map: the largest |middle| in units of the half
width, and the least and largest half width."""


def spread(y: Array) -> float:
    """Root mean square of y - mean y, or max(1, |y|) if y is constant up to rounding.

    The unit of tolerances, which may not be 0.
    """
    rms = float(np.sqrt(np.mean((y - y.mean()) ** 2)))
    largest = float(np.abs(y).max())
    return rms if rms > 1e-12 * largest else max(1.0, largest)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples sorted by x; immutable.

    The network may see x through an affine map, ``network_x = (x - x_shift) / x_scale``, as after
    `normalised`. Every interface that knows the samples takes and returns the x of the samples;
    parameters (a, b, c) and angles theta of neurons always refer to ``network_x``.

    Parameters
    ----------
    x, y : array_like, (s,)
        At least two points, all finite, no x twice. Copied, and sorted by x.
    x_shift, x_scale : float
        Shift and scale of the map; x_scale is above 0.

    Attributes
    ----------
    x, y : (s,) float64
        Read-only; x strictly increasing.
    network_x : (s,) float64
        x as the network sees it; read-only, strictly increasing.

    Raises
    ------
    SamplesError
        Lengths differ, there are fewer than two points, a value is not finite or is masked, an x
        occurs twice, or x_shift and x_scale are no valid map.
    """

    x: Array
    y: Array
    x_shift: float
    x_scale: float
    network_x: Array

    def __init__(
        self, x: ArrayLike, y: ArrayLike, x_shift: float = 0.0, x_scale: float = 1.0
    ) -> None:
        xs, ys = vector("x", x, SamplesError), vector("y", y, SamplesError)
        if xs.size != ys.size:
            raise SamplesError(f"x and y: expected equal lengths, found {xs.size} and {ys.size}")
        shift = finite("x_shift", x_shift, SamplesError)
        scale = positive("x_scale", x_scale, SamplesError)
        order = np.argsort(xs, kind="stable")
        xs, ys = xs[order], ys[order]
        seen = xs if (shift, scale) == (0.0, 1.0) else (xs - shift) / scale
        self._adopt(xs, ys, shift, scale, seen)

    def _adopt(self, x: Array, y: Array, x_shift: float, x_scale: float, network_x: Array) -> None:
        """Check sorted arrays and make them, without a copy, those of this object."""
        if x.size < MIN_SAMPLES:
            raise SamplesError(f"expected at least {MIN_SAMPLES} samples, found {x.size}")
        # the map may round two different x to one network_x, so that both have to be checked
        for name, values in (("x", x), ("x, as the network sees it,", network_x)):
            twice = np.flatnonzero(np.diff(values) <= 0.0)
            if twice.size:
                raise SamplesError(f"{name} = {values[twice[0]]} occurs more than once")
        with np.errstate(over="ignore"):
            if not np.isfinite([spread(y), network_x[-1] - network_x[0]]).all():
                raise SamplesError("x and y: the numbers are too large to compute with")
        for values in (x, y, network_x):
            values.flags.writeable = False
        for name, value in (
            ("x", x), ("y", y), ("x_shift", x_shift), ("x_scale", x_scale), ("network_x", network_x)
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @classmethod
    def of_network(
        cls, network_x: ArrayLike, y: ArrayLike, x_shift: float, x_scale: float,
        x: ArrayLike | None = None,
    ) -> Self:  # fmt: skip
        """Samples whose ``network_x`` is given, not computed, so that it is the same to the bit.

        Trajectories store ``network_x``; a resumed run needs exactly the one that it had.

        Parameters
        ----------
        network_x, y : array_like, (s,)
            ``network_x`` strictly increasing.
        x_shift, x_scale : float
            Shift and scale of the map.
        x : array_like, optional
            The x of the samples, by default ``x_shift + x_scale * network_x``.
        """
        seen = vector("x", network_x, SamplesError)
        shift = finite("x_shift", x_shift, SamplesError)
        scale = positive("x_scale", x_scale, SamplesError)
        own = shift + scale * seen if x is None else vector("x", x, SamplesError)
        values = vector("y", y, SamplesError)
        if not seen.size == values.size == own.size:
            raise SamplesError(
                f"x and y: expected equal lengths, found {seen.size} and {values.size}"
            )
        samples = cls.__new__(cls)
        samples._adopt(own, values, shift, scale, seen)
        return samples

    def __reduce__(self) -> tuple[Any, ...]:
        return self.of_network, (self.network_x, self.y, self.x_shift, self.x_scale, self.x)

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

    def __repr__(self) -> str:
        return f"Samples({self.size} points, x in [{self.x[0]:g}, {self.x[-1]:g}])"

    @property
    def size(self) -> int:
        """Number of samples s."""
        return self.x.size

    @property
    def spread(self) -> float:
        """The unit in which tolerances measure errors of the prediction: the spread of y."""
        return spread(self.y)

    def hint(self) -> str | None:
        """Advice to normalise an x that is hard to fit; None if there is no need.

        Knots of the usual initialisations lie within a few units of 0, and rates grow like x^2:
        training takes very long on an interval that is far from 0 for its width, much narrower than
        a unit, or much wider than some units.
        """
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

    @classmethod
    def from_csv(cls, path: PathLike) -> Self:
        """Samples from a CSV file with the header ``x,y``.

        Raises
        ------
        SamplesError
            The file cannot be read or holds no samples; names the file, and the line if one is at
            fault.
        """
        x, y = read_columns(path, ("x", "y"), SamplesError)
        try:
            return cls(x, y)
        except SamplesError as problem:
            raise SamplesError(f"{path}: {problem}") from None

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
        x = np.linspace(-1.0, 1.0, _count(count))
        random = np.random.Generator(np.random.Philox(key=_seed(seed)))
        if kind == "square_wave":
            y = np.where(np.floor(2.0 * x) % 2.0 == 0.0, 1.0, -1.0)
        elif kind == "sine":
            y = np.sin(2.0 * np.pi * x)
        elif kind == "step":
            y = np.where(x >= 0.0, 1.0, -1.0)
        elif kind == "sawtooth":
            y = 2.0 * (x - np.floor(x + 0.5))
        elif kind == "piecewise_linear":
            corners = np.concatenate(([-1.0], np.sort(random.uniform(-1, 1, PIECES - 1)), [1.0]))
            y = np.interp(x, corners, random.uniform(-1, 1, PIECES + 1))
        else:
            raise SamplesError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
        if finite("noise", noise, SamplesError) < 0.0:
            raise SamplesError(f"noise: expected 0 or more, found {noise}")
        if noise > 0.0:
            y = y + noise * random.standard_normal(x.size)
        return cls(x, y)

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
        return self.of_network(seen, self.y, float(shift), float(scale), self.x)


def _count(value: int) -> int:
    return count("count", value, SamplesError, least=MIN_SAMPLES)


def _seed(value: int) -> int:
    return count("seed", value, SamplesError, least=0)
