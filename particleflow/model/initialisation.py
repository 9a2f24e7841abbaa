"""Neurons of the usual initialisations.

What is drawn for neuron i depends on the seed and on i alone, so that any process can draw any part
of the neurons: independent words of a counter-based generator, or a point of a low-discrepancy
sequence (``quiet``).
"""

import re
from typing import Any, Literal, get_args

import numpy as np

from particleflow.arguments import Array, brief, finite, positive
from particleflow.arguments import count as cast_count
from particleflow.errors import NeuronsError

from .conventions import scale_alpha
from .coordinates import parameters_from_reduced
from .neurons import Neurons
from .quiet import QuietPoints
from .samples import Samples

InitKind = Literal[
    "reduced", "gaussian", "uniform", "balanced", "dominated", "pytorch", "paper", "grid"
]  # fmt: skip
Sampling = Literal["random", "quiet"]
KINDS: tuple[str, ...] = get_args(InitKind)
SAMPLINGS: tuple[str, ...] = get_args(Sampling)
_WITHOUT_SCALE = ("pytorch", "paper", "grid")
_OVER_ROOT = re.compile(r"\s*(\S+)\s*/\s*sqrt\(\s*m\s*\)\s*")
"""A scale as a text: a number over sqrt(m)."""
DEFAULT_DELTA = 1.0
DEFAULT_MARGIN = 0.25
_CHUNK = 1 << 16  # neurons drawn at once: their random words take 32 bytes each


def initialise(  # noqa: PLR0913 (public: its options are keywords)
    kind: InitKind,
    count: int,
    *,
    delta: float | None = None,
    alpha: float | Literal["m"] | None = None,
    scale: float | str = 1.0,
    antisymmetric: bool = False,
    seed: int = 0,
    samples: Samples | None = None,
    margin: float = DEFAULT_MARGIN,
    sampling: Sampling = "random",
) -> Neurons:
    """Neurons of one of the usual initialisations. Numbers in options and in the table are raw.

    Parameters
    ----------
    kind : {"reduced", "gaussian", "uniform", "balanced", "dominated", "pytorch", "paper", "grid"}
        ====================  ==============================================================
        ``reduced``           theta ~ U(-pi, pi), r ~ U(-1, 1) * scale, delta as given
        ``gaussian``          a, b, c ~ N(0, 1) * scale
        ``uniform``           a, b, c ~ U(-1, 1) * scale
        ``balanced``          a, b ~ N(0, 1) * scale, c = |(a, b)| with a random sign
        ``dominated``         a, b ~ U(-1, 1) * scale, c = sqrt(2) * scale with a random sign,
                              so that |c| is at least |(a, b)|
        ``pytorch``           a, b ~ U(-1, 1), c ~ U(-1, 1) / sqrt(m)
        ``paper``             a, b ~ U(-1, 1), c ~ U(-1, 1) / m
        ``grid``              knots equispaced over the samples' interval widened on each side
                              by ``margin`` times its length, orientations alternating,
                              |a| = 1, c = 0
        ====================  ==============================================================
    count : int
        Number of neurons m.
    delta : float, optional
        c^2 - a^2 - b^2 of all neurons, for ``reduced`` only; 1 by default.
    alpha : float or "m", optional
        Scale of the network, ``f = (1/alpha) sum c [a x + b]_+``; by default 1 for ``pytorch``,
        whose networks are not divided by anything, and m for the others.
    scale : float or str
        Factor in the table, which ``pytorch``, ``paper`` and ``grid`` do not have: a number, or a
        text such as ``"1e-3/sqrt(m)"``.
    antisymmetric : bool
        Neurons 2 i and 2 i + 1 are twins with c and -c, so that f = 0 to rounding.
    seed : int
        Key of the Philox generator. Neuron i takes the four words of block i, whatever m is; of a
        quiet start the seed chooses the scramble.
    samples : Samples, optional
        Samples over which ``grid`` places the knots; no other kind needs any.
    margin : float
        Share of the samples' interval by which ``grid`` goes beyond each of its ends.
    sampling : {"random", "quiet"}
        Whether neurons are independent, or spread as evenly as a scrambled Sobol sequence: each of
        them has the distribution of the table, and together they are much closer to it
        (docs/limit.md). Twins count as one; ``grid`` has none.

    Returns
    -------
    Neurons
        In hat units.

    Raises
    ------
    NeuronsError
        A number is out of range, or the kind does not have an option that is given.
    """
    drawn = Initialisation(
        kind, count, delta, alpha, scale, antisymmetric, seed, samples, margin, sampling
    )
    return drawn.part(0, drawn.size)


class Initialisation:
    """The neurons that `initialise` draws with the same arguments, but only when asked for.

    A `Simulation` takes an initialisation in the place of neurons. Of many ranks each then draws
    its own share, and none needs memory for all neurons.

    Attributes
    ----------
    size : int
        Number of neurons m.
    alpha : float
        Scale of the raw network.
    """

    def __init__(  # noqa: PLR0913 (public: its options are keywords)
        self,
        kind: InitKind,
        count: int,
        delta: float | None = None,
        alpha: float | Literal["m"] | None = None,
        scale: float | str = 1.0,
        antisymmetric: bool = False,
        seed: int = 0,
        samples: Samples | None = None,
        margin: float = DEFAULT_MARGIN,
        sampling: Sampling = "random",
    ) -> None:
        self.size = m = cast_count("count", count, NeuronsError)
        self.alpha = scale_alpha(default_alpha(kind) if alpha is None else alpha, m)
        if kind not in KINDS:
            raise NeuronsError(f"init: expected one of {', '.join(KINDS)}, found {kind!r}")
        if delta is not None and kind != "reduced":
            raise NeuronsError(f'delta: only init = "reduced" has it, found init = "{kind}"')
        if scale != 1.0 and kind in _WITHOUT_SCALE:
            raise NeuronsError(f'scale: init = "{kind}" has none')
        if sampling not in SAMPLINGS:
            raise NeuronsError(
                f"sampling: expected one of {', '.join(SAMPLINGS)}, found {brief(sampling)}"
            )
        if sampling == "quiet" and kind == "grid":
            raise NeuronsError('sampling: init = "grid" draws nothing')
        if antisymmetric and m % 2:
            raise NeuronsError(f"antisymmetric: expected an even count, found {m}")
        self._kind, self._antisymmetric = kind, antisymmetric
        self._scale = scale_of_kind(scale, m)
        self._delta = DEFAULT_DELTA if delta is None else finite("delta", delta, NeuronsError)
        self._seed = 0 if kind == "grid" else cast_count("seed", seed, NeuronsError, least=0)
        self._quiet = None
        if sampling == "quiet":
            self._quiet = QuietPoints(self._seed, 2 if kind == "reduced" else 3)
        if kind == "grid":
            self._grid = _grid(samples, finite("margin", margin, NeuronsError))

    def __repr__(self) -> str:
        return (
            f"Initialisation({self._kind!r}, {self.size}, delta={self._delta}, "
            f"alpha={self.alpha:g}, scale={self._scale}, antisymmetric={self._antisymmetric}, "
            f"sampling={'quiet' if self._quiet else 'random'!r}, seed={self._seed})"
        )

    def part(self, first: int, last: int) -> Neurons:
        """Draw the neurons first .. last - 1.

        Raises
        ------
        NeuronsError
            Their parameters are too large to compute with.
        """
        # an odd first neuron copies its twin, which is drawn with it and dropped in the end
        begin = first - first % 2 if self._antisymmetric else first
        n = last - begin
        a, b, c = np.empty(n), np.empty(n), np.empty(n)
        if self._kind == "grid":
            _fill_grid(a, b, c, *self._grid, begin, self.size)
        else:
            for lo in range(0, n, _CHUNK):
                piece = slice(lo, min(lo + _CHUNK, n))
                block = self._words(begin + lo, begin + piece.stop)
                a[piece], b[piece], c[piece] = _draw(
                    self._kind, block, self._scale, self._delta, self.size
                )
        if self._antisymmetric:
            for values, sign in ((a, 1.0), (b, 1.0), (c, -1.0)):
                values[1::2] = sign * values[::2][: n // 2]
        kappa = np.sqrt(self.size / self.alpha)
        with np.errstate(over="ignore"):
            for array in (a, b, c):
                np.multiply(array, kappa, out=array)
        if not all(np.isfinite(array).all() for array in (a, b, c)):
            raise NeuronsError(
                "the parameters are too large to compute with; lower scale or margin"
            )
        skip = first - begin
        return Neurons._of(a[skip:], b[skip:], c[skip:], self.alpha)

    def _words(self, first: int, last: int) -> np.ndarray:
        """What the neurons first .. last - 1 are made of, (n, 2 to 4) uint64."""
        if self._quiet is None:
            philox = np.random.Philox(key=self._seed).advance(first)
            return philox.random_raw(4 * (last - first)).reshape(-1, 4)
        if self._antisymmetric:  # points of pairs, whose first one is even
            points = self._quiet(first // 2, -(-last // 2))
            return np.repeat(points, 2, axis=0)[: last - first]
        return self._quiet(first, last)


def scale_of_kind(scale: float | str, m: int) -> float:
    """A scale as a number, which may be given as a text that divides one by sqrt(m).

    Raises
    ------
    NeuronsError
        The text is another, or the number is no finite one above 0.
    """
    if not isinstance(scale, str):
        return positive("scale", scale, NeuronsError)
    found = _OVER_ROOT.fullmatch(scale)
    number: Any = None
    if found is not None:
        try:
            number = float(found[1])
        except ValueError:
            number = None
    if number is None:
        raise NeuronsError(
            f'scale: expected a number or a text such as "1e-3/sqrt(m)", found {brief(scale)}'
        )
    return positive("scale", number, NeuronsError) / float(np.sqrt(m))


def default_alpha(kind: str) -> float | Literal["m"]:
    """Scale of the network of this kind where none is given: 1 for PyTorch's, else m."""
    return 1.0 if kind == "pytorch" else "m"


def _draw(
    kind: str, words: np.ndarray, scale: float, delta: float, m: int
) -> tuple[Array, Array, Array]:
    """Raw (a, b, c) of n neurons from their words, (n, 2 to 4) uint64, of which 2 or 3 are used."""
    if kind in ("gaussian", "balanced"):
        from scipy.special import ndtri

        # the middles of 2^52 equal intervals: never 0 or 1, where ndtri is infinite
        a, b, c = scale * ndtri(((words[:, :3] >> np.uint64(12)) + 0.5) * 2.0**-52).T
        return a, b, c if kind == "gaussian" else np.copysign(np.hypot(a, b), c)
    u = (words[:, :3] >> np.uint64(11)).T * 2.0**-52 - 1.0
    if kind == "reduced":
        return parameters_from_reduced(u[1] * scale, np.pi * u[0], np.full(u.shape[1], delta))
    if kind == "uniform":
        return scale * u[0], scale * u[1], scale * u[2]
    if kind == "dominated":
        return scale * u[0], scale * u[1], np.copysign(np.sqrt(2.0) * scale, u[2])
    return u[0], u[1], u[2] / (np.sqrt(m) if kind == "pytorch" else m)


def _grid(samples: Samples | None, margin: float) -> tuple[float, float]:
    """Ends of the interval over which the knots of ``grid`` are spread."""
    if samples is None:
        raise NeuronsError('init = "grid" places knots over the samples: expected samples')
    if not isinstance(samples, Samples):
        raise NeuronsError(f"samples: expected Samples, found {brief(samples)}")
    if margin < 0.0:
        raise NeuronsError(f"margin: expected 0 or more, found {margin}")
    lo, hi = float(samples.network_x[0]), float(samples.network_x[-1])
    widen = margin * (hi - lo)
    return lo - widen, hi + widen


def _fill_grid(a: Array, b: Array, c: Array, lo: float, hi: float, first: int, m: int) -> None:
    """Fill in the neurons from ``first`` on, out of m with equispaced knots from lo to hi."""
    index = np.arange(first, first + a.size)
    knots = lo + (hi - lo) / max(m - 1, 1) * index
    knots[index == m - 1] = hi if m > 1 else lo  # to the bit, which the sum may miss
    a[:] = np.where(index % 2 == 0, 1.0, -1.0)
    b[:] = -a * knots
    c[:] = 0.0
