"""The samples (x_j, y_j) that a network is trained on."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from ._cast import Array, PathLike, count, finite, vector
from ._csv import read_columns
from .errors import SamplesError

SampleKind = Literal["square_wave", "sine", "step", "sawtooth", "piecewise_linear"]
KINDS: tuple[str, ...] = get_args(SampleKind)
MIN_SAMPLES = 2
PIECES = 5


def spread(y: Array) -> float:
    """Root mean square of y - mean y, or max(1, |y|) where y is constant to rounding."""
    rms = float(np.sqrt(np.mean((y - y.mean()) ** 2)))
    largest = float(np.abs(y).max())
    return rms if rms > 1e-12 * largest else max(1.0, largest)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples sorted by x; immutable.

    Parameters
    ----------
    x, y : array_like, (s,)
        At least two points, all finite, no x twice. Copied, and sorted by x.
    x_shift, x_scale : float
        Where x came from: the original abscissa is ``x_shift + x_scale * x``.

    Attributes
    ----------
    x, y : (s,) float64
        Read-only; x strictly increasing.

    Raises
    ------
    SamplesError
        Shapes differ, fewer than two points, a value that is not finite, or an x twice.
    """

    x: Array
    y: Array
    x_shift: float = 0.0
    x_scale: float = 1.0

    def __init__(
        self, x: ArrayLike, y: ArrayLike, x_shift: float = 0.0, x_scale: float = 1.0
    ) -> None:
        xs, ys = vector("x", x, SamplesError), vector("y", y, SamplesError)
        if xs.size != ys.size:
            raise SamplesError(f"x and y: expected equal lengths, found {xs.size} and {ys.size}")
        if xs.size < MIN_SAMPLES:
            raise SamplesError(f"expected at least {MIN_SAMPLES} samples, found {xs.size}")
        order = np.argsort(xs, kind="stable")
        xs, ys = xs[order], ys[order]
        twice = np.flatnonzero(xs[1:] == xs[:-1])
        if twice.size:
            raise SamplesError(f"x = {xs[twice[0]]} occurs more than once")
        with np.errstate(over="ignore"):
            if not np.isfinite([spread(ys), xs[-1] - xs[0]]).all():
                raise SamplesError("x and y: the numbers are too large to compute with")
        xs.flags.writeable = ys.flags.writeable = False
        for name, value in (("x", xs), ("y", ys), ("x_shift", x_shift), ("x_scale", x_scale)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Samples({self.size} points, x in [{self.x[0]:g}, {self.x[-1]:g}])"

    @property
    def size(self) -> int:
        """Number of samples s."""
        return self.x.size

    @property
    def spread(self) -> float:
        """The unit in which tolerances measure errors of the prediction: see `spread`."""
        return spread(self.y)

    @classmethod
    def from_csv(cls, path: PathLike) -> Self:
        """Read a CSV file with the header ``x,y``.

        Raises
        ------
        SamplesError
            Naming the file, and the line where there is one.
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
            Square wave, sine and sawtooth have period 1 and amplitude 1; the step is at 0 from -1
            to 1; the piecewise linear function joins random points, drawn from ``seed``.
        count : int
            Number of points, at least 2.
        noise : float
            Standard deviation of normal noise added to y.
        seed : int
            Of the random function and of the noise.
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
        """The same samples, x mapped affinely to [-1, 1]; ``x_shift, x_scale`` record it."""
        shift = 0.5 * self.x[0] + 0.5 * self.x[-1]
        scale = 0.5 * self.x[-1] - 0.5 * self.x[0]
        if scale < np.finfo(float).tiny:
            raise SamplesError(
                f"x: the interval of length {2.0 * scale:g} is too short to normalise"
            )
        x = (self.x - shift) / scale
        x[0], x[-1] = -1.0, 1.0
        return type(self)(x, self.y, self.x_shift + self.x_scale * shift, self.x_scale * scale)


def _count(value: int) -> int:
    return count("count", value, SamplesError, least=MIN_SAMPLES)


def _seed(value: int) -> int:
    return count("seed", value, SamplesError, least=0)
