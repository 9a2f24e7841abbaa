"""Neurons (a, b, c): conversions between raw, hat and reduced coordinates.

With m neurons and the network ``f(x) = (1/alpha) sum c [a x + b]_+`` of raw parameters, hat
parameters are ``kappa (a, b, c)``, ``kappa = sqrt(m/alpha)``, so that
``f(x) = (1/m) sum c [a x + b]_+``. Reduced coordinates are ``rhat = c n``, ``theta = atan2(b, a)``,
``delta = c^2 - n^2`` with ``n = |(a, b)|``.
"""

import importlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, PathLike, existing_file, finite, positive, vector
from particleflow.errors import ImmutableError, NeuronsError
from particleflow.files.csv import read_columns, write_columns

from .cells import Cells, put_on_samples
from .coordinates import angle, invariant, knots, parameters_from_reduced


class NeuronSource(Protocol):
    """Neurons, or something that can make any part of them, such as an `Initialisation`."""

    @property
    def size(self) -> int:
        """Number of all neurons m."""
        ...

    @property
    def alpha(self) -> float:
        """Scale of the raw network."""
        ...

    def part(self, first: int, last: int) -> "Neurons":
        """Neurons first .. last - 1."""
        ...


READERS: dict[str, Callable[[Path, int], NeuronSource]] = {}
"""Readers of the neurons of a frame, by the ending of the file: ``reader(path, frame)``. A package
that stands above this one enters its reader here when it is imported."""
_ENTERED_BY = {".h5": "particleflow.trajectory"}
"""For the ending of a file the package that enters its reader in `READERS`. `Neurons.from_file`
imports the package when it first meets such a file."""


class Neurons:
    """m neurons in hat units; immutable.

    Parameters
    ----------
    a, b, c : array_like, (m,)
        Hat parameters, finite. Copied.
    alpha : float, optional
        Scale of the raw network; m by default, for which raw and hat parameters are the same.
    cells : Cells, optional
        Cells of the neurons among the samples of a run. Neurons from a `Simulation` or from a frame
        of a trajectory know them, so that those that slide go on sliding in another run.

    Attributes
    ----------
    a, b, c : (m,) float64
        Read-only.
    alpha : float
    cells : Cells or None

    Raises
    ------
    NeuronsError
        Lengths differ, there is no neuron, or a value is not finite or is masked.
    ImmutableError
        An attribute is set or deleted.
    """

    __slots__ = ("a", "alpha", "b", "c", "cells")

    a: Array
    b: Array
    c: Array
    alpha: float
    cells: Cells | None

    def __init__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        alpha: float | None = None,
        *,
        cells: Cells | None = None,
    ) -> None:
        arrays = [vector(n, v, NeuronsError) for n, v in (("a", a), ("b", b), ("c", c))]
        sizes = [array.size for array in arrays]
        if len(set(sizes)) > 1:
            raise NeuronsError(f"a, b, c: expected equal lengths, found {sizes}")
        if sizes[0] == 0:
            raise NeuronsError("expected at least 1 neuron, found 0")
        if cells is not None and cells.cell.shape != arrays[0].shape:
            raise NeuronsError(
                f"cells: expected one for each of {sizes[0]} neurons, found {cells.cell.size}"
            )
        self._adopt(arrays[0], arrays[1], arrays[2], scale_alpha(alpha, sizes[0]), cells)

    def _adopt(self, a: Array, b: Array, c: Array, alpha: float, cells: Cells | None) -> None:
        for array in (a, b, c):
            array.flags.writeable = False
        if cells is not None:
            cells.cell.flags.writeable = False
        values = {"a": a, "b": b, "c": c, "alpha": alpha, "cells": cells}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise ImmutableError(f"Neurons.{name}: neurons never change; make new ones")

    def __delattr__(self, name: str) -> None:
        raise ImmutableError(f"Neurons.{name}: neurons never change")

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, (self.a, self.b, self.c, self.alpha, self.cells)

    @classmethod
    def _of(cls, a: Array, b: Array, c: Array, alpha: float, cells: Cells | None = None) -> Self:
        """Neurons of arrays that are known to be valid; the arrays are not copied."""
        neurons = cls.__new__(cls)
        neurons._adopt(a, b, c, alpha, cells)
        return neurons

    def __repr__(self) -> str:
        return f"Neurons({self.size}, alpha={self.alpha:g})"

    def part(self, first: int, last: int) -> "Neurons":
        """Neurons first .. last - 1, whose arrays are views of these."""
        cells = None if self.cells is None else self.cells.part(first, last)
        a, b, c = (values[first:last] for values in (self.a, self.b, self.c))
        return Neurons._of(a, b, c, self.alpha, cells)

    @classmethod
    def from_parameters(
        cls, a: ArrayLike, b: ArrayLike, c: ArrayLike, alpha: float | Literal["m"] = "m"
    ) -> Self:
        """Neurons from the raw parameters of a network of scale ``alpha``."""
        neurons = cls(a, b, c)
        return neurons._scaled(scale_alpha(alpha, neurons.size))

    def _scaled(self, alpha: float) -> Self:
        kappa = np.sqrt(self.size / alpha)
        return self._of(self.a * kappa, self.b * kappa, self.c * kappa, alpha)

    @classmethod
    def from_reduced(
        cls, rhat: ArrayLike, theta: ArrayLike, delta: ArrayLike, alpha: float | None = None
    ) -> Self:
        """Neurons from reduced coordinates in hat units (Lemma 8); ``delta`` may be one number.

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
        """Neurons from a file, whose ending says how to read it.

        Parameters
        ----------
        path : path
            ``.npz`` or ``.csv`` with raw a, b, c; or ``.h5``, a trajectory that holds all neurons.
        frame : int
            Number of the frame of a trajectory; a negative one counts from the end.
        alpha : float or "m"
            Scale of the raw parameters in ``.npz`` and ``.csv``; a trajectory stores its own.

        Raises
        ------
        NeuronsError, TrajectoryError
            The file is missing, or it holds no neurons.
        """
        file = existing_file(path, NeuronsError)
        ending = file.suffix.lower()
        if ending in _ENTERED_BY:
            importlib.import_module(_ENTERED_BY[ending])
            source = READERS[ending](file, frame)
            whole = source.part(0, source.size)
            return cls._of(whole.a, whole.b, whole.c, whole.alpha, whole.cells)
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

    def to_file(self, path: PathLike) -> None:
        """Write raw a, b, c to ``.npz`` or ``.csv``, for `from_file` with the same alpha to read.

        ``cells`` are not written: a sliding neuron may start beside its sample in a run from the
        file.
        """
        file = Path(path)
        columns = [v / np.sqrt(self.size / self.alpha) for v in (self.a, self.b, self.c)]
        if file.suffix.lower() == ".npz":
            np.savez(file, a=columns[0], b=columns[1], c=columns[2])
        elif file.suffix.lower() == ".csv":
            write_columns(file, ("a", "b", "c"), columns)
        else:
            raise NeuronsError(f"{file}: expected a file ending in .npz or .csv")

    def fingerprint(self) -> str:
        """A short text with the number and checksums of the neurons, to compare them by."""
        arrays = [self.a, self.b, self.c]
        if self.cells is not None:
            arrays.append(self.cells.cell)
        checks = [f"{zlib.crc32(np.ascontiguousarray(v).data):08x}" for v in arrays]
        return f"{self} with the checksums {', '.join(checks)}"

    @property
    def size(self) -> int:
        """Number of neurons m."""
        return self.a.size

    @property
    def rhat(self) -> Array:
        """rhat = c |(a, b)|, (m,)."""
        return self.c * np.hypot(self.a, self.b)

    @property
    def theta(self) -> Array:
        """theta, the angle of (a, b) in (-pi, pi], (m,)."""
        return angle(self.a, self.b)

    @property
    def delta(self) -> Array:
        """delta = c^2 - a^2 - b^2, (m,): constant along the flow of the network metric."""
        return invariant(self.a, self.b, self.c)

    @property
    def knots(self) -> Array:
        """Knots -b/a, (m,), in the x that the network sees; NaN where a = 0 and there is no knot.

        The knot of a neuron that slides according to ``cells`` is exactly the x of its sample.
        Neurons do not know the map of normalised samples: `Samples.from_network` turns knots into
        the x of the samples.
        """
        e = knots(self.a, self.b)
        if self.cells is not None:
            put_on_samples(e, self.cells.cell, self.cells.x)
        return e


def _read_npz(file: PathLike) -> list[Array]:
    try:
        # numpy does not close what it has opened if that is no archive
        with Path(file).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            missing = [name for name in "abc" if name not in archive.files]
            if missing:
                raise NeuronsError(f"expected arrays a, b, c, found {', '.join(archive.files)}")
            return [archive[name] for name in "abc"]
    except NeuronsError:
        raise
    except Exception as problem:
        # a damaged archive raises whatever the zip and npy readers stumble on
        raise NeuronsError(f"expected a NumPy .npz archive, found {problem}") from None


def scale_alpha(alpha: float | str | None, m: int) -> float:
    """The scale of a network of m neurons as a number; m if ``alpha`` is None or "m".

    Raises
    ------
    NeuronsError
        The scale is another text, or no finite number above 0.
    """
    if alpha is None or alpha == "m":
        return float(m)
    if isinstance(alpha, str):
        raise NeuronsError(f'alpha: expected a number or "m", found {alpha!r}')
    return positive("alpha", alpha, NeuronsError)
