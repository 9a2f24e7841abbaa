"""Neurons (a, b, c): conversions between raw, hat and reduced coordinates, and initialisations.

With m neurons and the network ``f(x) = (1/alpha) sum c [a x + b]_+`` of raw parameters, hat
parameters are ``kappa (a, b, c)``, ``kappa = sqrt(m/alpha)``, so that
``f(x) = (1/m) sum c [a x + b]_+``. Reduced coordinates are ``rhat = c n``, ``theta = atan2(b, a)``,
``delta = c^2 - n^2`` with ``n = |(a, b)|``.
"""

from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from ._cast import Array, PathLike, count, existing_file, finite, positive, vector
from ._csv import read_columns, write_columns
from .coordinates import angle, invariant, knots, parameters_from_reduced
from .errors import NeuronsError
from .samples import Samples

InitKind = Literal["reduced", "gaussian", "uniform", "pytorch", "paper", "grid"]
KINDS: tuple[str, ...] = get_args(InitKind)
DEFAULT_DELTA = 1.0
DEFAULT_MARGIN = 0.25
_CHUNK = 1 << 16


class Neurons:
    """m neurons in hat units; immutable.

    Parameters
    ----------
    a, b, c : array_like, (m,)
        Hat parameters, finite. Copied.
    alpha : float, optional
        Scale of the raw network they came from; m by default, where raw and hat are the same.

    Attributes
    ----------
    a, b, c : (m,) float64
        Read-only.
    alpha : float

    Raises
    ------
    NeuronsError
        Lengths differ, no neuron, or a value that is not finite.
    """

    __slots__ = ("a", "alpha", "b", "c")

    a: Array
    b: Array
    c: Array
    alpha: float

    def __init__(
        self, a: ArrayLike, b: ArrayLike, c: ArrayLike, alpha: float | None = None
    ) -> None:
        arrays = [vector(n, v, NeuronsError) for n, v in (("a", a), ("b", b), ("c", c))]
        sizes = [array.size for array in arrays]
        if len(set(sizes)) > 1:
            raise NeuronsError(f"a, b, c: expected equal lengths, found {sizes}")
        if sizes[0] == 0:
            raise NeuronsError("expected at least 1 neuron, found 0")
        self._adopt(arrays[0], arrays[1], arrays[2], _scale_alpha(alpha, sizes[0]))

    def _adopt(self, a: Array, b: Array, c: Array, alpha: float) -> None:
        for array in (a, b, c):
            array.flags.writeable = False
        self.a, self.b, self.c, self.alpha = a, b, c, alpha

    @classmethod
    def _of(cls, a: Array, b: Array, c: Array, alpha: float) -> Self:
        """Take over arrays that are known to be good, without a copy."""
        neurons = cls.__new__(cls)
        neurons._adopt(a, b, c, alpha)
        return neurons

    def __repr__(self) -> str:
        return f"Neurons({self.size}, alpha={self.alpha:g})"

    @classmethod
    def from_parameters(
        cls, a: ArrayLike, b: ArrayLike, c: ArrayLike, alpha: float | Literal["m"] = "m"
    ) -> Self:
        """Neurons from raw parameters of a network with this alpha."""
        neurons = cls(a, b, c)
        return neurons._scaled(_scale_alpha(alpha, neurons.size))

    def _scaled(self, alpha: float) -> Self:
        kappa = np.sqrt(self.size / alpha)
        return self._of(self.a * kappa, self.b * kappa, self.c * kappa, alpha)

    @classmethod
    def from_reduced(
        cls, rhat: ArrayLike, theta: ArrayLike, delta: ArrayLike, alpha: float | None = None
    ) -> Self:
        """Neurons from hat reduced coordinates, by Lemma 8; ``delta`` may be one number.

        Where rhat = 0 and delta > 0 the neuron is (0, 0, sqrt(delta)) and its theta is lost.
        """
        r, turn = vector("rhat", rhat, NeuronsError), vector("theta", theta, NeuronsError)
        if np.ndim(delta) == 0:
            constants = np.full(r.size, finite("delta", delta, NeuronsError))
        else:
            constants = vector("delta", delta, NeuronsError)
        if not r.size == turn.size == constants.size:
            raise NeuronsError(
                "rhat, theta, delta: expected equal lengths, "
                f"found {r.size}, {turn.size}, {constants.size}"
            )
        return cls(*parameters_from_reduced(r, turn, constants), alpha=alpha)

    @classmethod
    def from_file(cls, path: PathLike, frame: int = -1, alpha: float | Literal["m"] = "m") -> Self:
        """Neurons from a file, by its ending.

        Parameters
        ----------
        path : path
            ``.npz`` or ``.csv`` with raw a, b, c; or ``.h5``, a trajectory that holds all neurons.
        frame : int
            Of a trajectory; negative counts from the end.
        alpha : float or "m"
            Scale of the raw parameters; a trajectory knows its own.

        Raises
        ------
        NeuronsError, TrajectoryError
            The file is missing or holds something else.
        """
        file = existing_file(path, NeuronsError)
        ending = file.suffix.lower()
        if ending == ".h5":
            return cls._from_trajectory(file, frame)
        try:
            if ending == ".csv":
                a, b, c = read_columns(file, ("a", "b", "c"), NeuronsError)
            elif ending == ".npz":
                a, b, c = _read_npz(file)
            else:
                raise NeuronsError(f"expected a file ending in .npz, .csv or .h5, found {ending!r}")
            return cls.from_parameters(a, b, c, alpha=alpha)
        except NeuronsError as problem:
            text = str(problem)
            raise NeuronsError(text if str(file) in text else f"{file}: {text}") from None

    @classmethod
    def _from_trajectory(cls, path: PathLike, frame: int) -> Self:
        from .trajectory import open_trajectory

        with open_trajectory(path) as trajectory:
            a, b, c = trajectory.parameters(frame)
            return cls(a, b, c, alpha=trajectory.alpha)

    def to_file(self, path: PathLike) -> None:
        """Write raw a, b, c to ``.npz`` or ``.csv``; `from_file` with the same alpha reads them."""
        file = Path(path)
        columns = [v / np.sqrt(self.size / self.alpha) for v in (self.a, self.b, self.c)]
        if file.suffix.lower() == ".npz":
            np.savez(file, a=columns[0], b=columns[1], c=columns[2])
        elif file.suffix.lower() == ".csv":
            write_columns(file, ("a", "b", "c"), columns)
        else:
            raise NeuronsError(f"{file}: expected a file ending in .npz or .csv")

    @property
    def size(self) -> int:
        """Number of neurons m."""
        return self.a.size

    @property
    def rhat(self) -> Array:
        """c |(a, b)|, (m,)."""
        return self.c * np.hypot(self.a, self.b)

    @property
    def theta(self) -> Array:
        """Angle of (a, b) in (-pi, pi], (m,)."""
        return angle(self.a, self.b)

    @property
    def delta(self) -> Array:
        """c^2 - a^2 - b^2, (m,): constant along the flow of the network metric."""
        return invariant(self.a, self.b, self.c)

    @property
    def knots(self) -> Array:
        """-b/a, (m,); NaN where a = 0 and there is none."""
        return knots(self.a, self.b)


def initialise(
    kind: InitKind,
    count: int,
    *,
    delta: float | None = None,
    alpha: float | Literal["m"] = "m",
    scale: float = 1.0,
    antisymmetric: bool = False,
    seed: int = 0,
    samples: Samples | None = None,
    margin: float = DEFAULT_MARGIN,
) -> Neurons:
    """Neurons of one of the usual initialisations. All numbers here are raw.

    Parameters
    ----------
    kind : {"reduced", "gaussian", "uniform", "pytorch", "paper", "grid"}
        ====================  ==============================================================
        ``reduced``           theta ~ U(-pi, pi), r ~ U(-1, 1) * scale, delta as given
        ``gaussian``          a, b, c ~ N(0, 1) * scale
        ``uniform``           a, b, c ~ U(-1, 1) * scale
        ``pytorch``           a, b ~ U(-1, 1), c ~ U(-1, 1) / sqrt(m)
        ``paper``             a, b ~ U(-1, 1), c ~ U(-1, 1) / m
        ``grid``              knots equispaced over the samples' interval widened on each side
                              by ``margin`` times its length, orientations alternating,
                              |a| = 1, c = 0
        ====================  ==============================================================
    count : int
        Number of neurons m.
    delta : float, optional
        For ``reduced`` only; 1 by default.
    alpha : float or "m"
        Scale of the network, ``f = (1/alpha) sum c [a x + b]_+``.
    scale : float
        For ``reduced``, ``gaussian`` and ``uniform``.
    antisymmetric : bool
        Neurons 2 i and 2 i + 1 are twins with c and -c, so that f = 0 to rounding.
    seed : int
        Philox key. Neuron i takes the four words of block i, whatever m is.
    samples : Samples, optional
        For ``grid``, which needs them.
    margin : float
        For ``grid``.

    Returns
    -------
    Neurons
        In hat units.

    Raises
    ------
    NeuronsError
        A number out of range, or an option that the kind does not have.
    """
    m = _count(count)
    alpha_number = _scale_alpha(alpha, m)
    if kind not in KINDS:
        raise NeuronsError(f"init: expected one of {', '.join(KINDS)}, found {kind!r}")
    if delta is not None and kind != "reduced":
        raise NeuronsError(f'delta: only init = "reduced" has it, found init = "{kind}"')
    if scale != 1.0 and kind not in ("reduced", "gaussian", "uniform"):
        raise NeuronsError(f'scale: init = "{kind}" has none')
    if antisymmetric and m % 2:
        raise NeuronsError(f"antisymmetric: expected an even count, found {m}")
    size = positive("scale", scale, NeuronsError)
    kappa = np.sqrt(m / alpha_number)
    a, b, c = np.empty(m), np.empty(m), np.empty(m)
    if kind == "grid":
        _fill_grid(a, b, c, samples, finite("margin", margin, NeuronsError))
    else:
        words = np.random.Philox(key=_seed(seed))
        constant = DEFAULT_DELTA if delta is None else finite("delta", delta, NeuronsError)
        for lo in range(0, m, _CHUNK):
            part = slice(lo, min(lo + _CHUNK, m))
            block = words.random_raw(4 * (part.stop - lo)).reshape(-1, 4)
            a[part], b[part], c[part] = _draw(kind, block, size, constant, m)
    if antisymmetric:
        a[1::2], b[1::2], c[1::2] = a[::2], b[::2], -c[::2]
    with np.errstate(over="ignore"):
        for array in (a, b, c):
            np.multiply(array, kappa, out=array)
    if not all(np.isfinite(array).all() for array in (a, b, c)):
        raise NeuronsError("the parameters are too large to compute with; lower scale or margin")
    return Neurons._of(a, b, c, alpha_number)


def _draw(
    kind: str, words: np.ndarray, scale: float, delta: float, m: int
) -> tuple[Array, Array, Array]:
    """Raw (a, b, c) of some neurons from their words, (n, 4) uint64."""
    if kind == "gaussian":
        from scipy.special import ndtri

        a, b, c = scale * ndtri(((words[:, :3] >> np.uint64(12)) + 0.5) * 2.0**-52).T
        return a, b, c
    u = (words[:, :3] >> np.uint64(11)).T * 2.0**-52 - 1.0
    if kind == "reduced":
        return parameters_from_reduced(u[1] * scale, np.pi * u[0], np.full(u.shape[1], delta))
    if kind == "uniform":
        return scale * u[0], scale * u[1], scale * u[2]
    return u[0], u[1], u[2] / (np.sqrt(m) if kind == "pytorch" else m)


def _fill_grid(a: Array, b: Array, c: Array, samples: Samples | None, margin: float) -> None:
    if samples is None:
        raise NeuronsError('init = "grid" places knots over the samples: expected samples')
    if margin < 0.0:
        raise NeuronsError(f"margin: expected 0 or more, found {margin}")
    lo, hi = samples.x[0], samples.x[-1]
    widen = margin * (hi - lo)
    knots = np.linspace(lo - widen, hi + widen, a.size)
    a[::2], a[1::2] = 1.0, -1.0
    b[:] = -a * knots
    c[:] = 0.0


def _read_npz(file: PathLike) -> list[Array]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            missing = [name for name in "abc" if name not in archive.files]
            if missing:
                raise NeuronsError(f"expected arrays a, b, c, found {', '.join(archive.files)}")
            return [archive[name] for name in "abc"]
    except NeuronsError:
        raise
    except Exception as problem:
        # a damaged archive raises whatever the zip and npy readers stumble on
        raise NeuronsError(f"expected a NumPy .npz archive, found {problem}") from None


def _count(value: int) -> int:
    return count("count", value, NeuronsError)


def _seed(value: int) -> int:
    return count("seed", value, NeuronsError, least=0)


def _scale_alpha(alpha: float | str | None, m: int) -> float:
    if alpha is None or alpha == "m":
        return float(m)
    if isinstance(alpha, str):
        raise NeuronsError(f'alpha: expected a number or "m", found {alpha!r}')
    return positive("alpha", alpha, NeuronsError)
