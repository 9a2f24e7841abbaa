"""Neurons (a, b, c): conversions between raw, hat and reduced coordinates.

With m neurons and the network ``f(x) = (1/alpha) sum c [a x + b]_+`` of raw parameters, hat
parameters are ``kappa (a, b, c)``, ``kappa = sqrt(m/alpha)``, so that
``f(x) = (1/m) sum c [a x + b]_+``. Reduced coordinates are ``rhat = c n``, ``theta = atan2(b, a)``,
``delta = c^2 - n^2`` with ``n = |(a, b)|``. Where neurons have weights w of sum 1, w stands in
place of 1/m: see ``measure``.
"""

import importlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from particleflow.arguments import Array, PathLike, existing_file, finite, vector
from particleflow.errors import ImmutableError, NeuronsError

from . import neuron_files, pytorch
from .card import neurons_card
from .cells import Cells, put_on_samples
from .conventions import scale_alpha
from .coordinates import angle, invariant, knots, parameters_from_reduced
from .measure import checked_weights, merged_weights, scale_of, weights_of


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


_FIELDS = ("a", "b", "c", "alpha", "cells", "weights")


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
    weights : array_like, (m,), optional
        Weights, at least 0 and not all 0; divided by their sum. A neuron of weight 0 is a tracer,
        which moves and does not act. All are equal by default.

    Attributes
    ----------
    a, b, c : (m,) float64
        Read-only.
    alpha : float
    cells : Cells or None
    weights : (m,) float64 or None
        Of sum 1, read-only; None if all are equal.

    Raises
    ------
    NeuronsError
        Lengths differ, there is no neuron, a value is not finite or is masked, or a weight is below
        0, or all are 0.
    ImmutableError
        An attribute is set or deleted.
    """

    __slots__ = ("a", "alpha", "b", "c", "cells", "weights")

    a: Array
    b: Array
    c: Array
    alpha: float
    cells: Cells | None
    weights: Array | None

    def __init__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        alpha: float | None = None,
        *,
        cells: Cells | None = None,
        weights: ArrayLike | None = None,
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
        shares = weights_of(weights, sizes[0])
        self._adopt(*arrays, scale_alpha(alpha, sizes[0]), cells, shares)

    def _adopt(self, *values: Any) -> None:
        """Make these values, in the order of `_FIELDS`, those of this object; arrays read-only."""
        for name, value in zip(_FIELDS, values, strict=True):
            array = value.cell if isinstance(value, Cells) else value
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise ImmutableError(f"Neurons.{name}: neurons never change; make new ones")

    def __delattr__(self, name: str) -> None:
        raise ImmutableError(f"Neurons.{name}: neurons never change")

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, tuple(getattr(self, name) for name in _FIELDS)

    @classmethod
    def _of(
        cls, a: Array, b: Array, c: Array, alpha: float, cells: Cells | None = None,
        weights: Array | None = None,
    ) -> Self:  # fmt: skip
        """Neurons of arrays that are known to be valid; the arrays are not copied."""
        neurons = cls.__new__(cls)
        neurons._adopt(a, b, c, alpha, cells, weights)
        return neurons

    _repr_html_ = neurons_card

    def __repr__(self) -> str:
        weights = "" if self.weights is None else ", weights"
        return f"Neurons({self.size}, alpha={self.alpha:g}{weights})"

    def part(self, first: int, last: int) -> "Neurons":
        """Neurons first .. last - 1, whose arrays are views of these.

        Their weights are those that they have among all neurons, whose sum is 1.
        """
        cells = None if self.cells is None else self.cells.part(first, last)
        weights = None if self.weights is None else self.weights[first:last]
        a, b, c = (values[first:last] for values in (self.a, self.b, self.c))
        return Neurons._of(a, b, c, self.alpha, cells, weights)

    @classmethod
    def from_parameters(
        cls,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        alpha: float | Literal["m"] = "m",
        *,
        weights: ArrayLike | None = None,
    ) -> Self:
        """Neurons from the raw parameters of a network of scale ``alpha``.

        With weights w that network is ``(m/alpha) sum w c [a x + b]_+``.
        """
        neurons = cls(a, b, c, weights=weights)
        return neurons._scaled(scale_alpha(alpha, neurons.size))

    def _scaled(self, alpha: float) -> Self:
        kappa = np.sqrt(self.size / alpha)
        a, b, c = (values * kappa for values in (self.a, self.b, self.c))
        return self._of(a, b, c, alpha, None, self.weights)

    @classmethod
    def from_reduced(
        cls,
        rhat: ArrayLike,
        theta: ArrayLike,
        delta: ArrayLike,
        alpha: float | None = None,
        *,
        weights: ArrayLike | None = None,
    ) -> Self:
        """Neurons from reduced coordinates in hat units (Williams et al., Lemma 8).

        ``delta`` may be one number. Where rhat = 0 < delta the neuron is (0, 0, sqrt(delta)).
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
        return cls(*parameters_from_reduced(r, turn, constants), alpha=alpha, weights=weights)

    @classmethod
    def from_file(cls, path: PathLike, frame: int = -1, alpha: float | Literal["m"] = "m") -> Self:
        """Neurons from a file, whose ending says how to read it.

        Parameters
        ----------
        path : path
            ``.npz`` or ``.csv`` with raw a, b, c, and perhaps weights; or ``.h5``, a trajectory
            that holds all neurons.
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
            return cls._of(*(getattr(whole, name) for name in _FIELDS))
        try:
            (a, b, c), weights = neuron_files.read(file)
            return cls.from_parameters(a, b, c, alpha=alpha, weights=weights)
        except NeuronsError as problem:
            text = str(problem)
            raise NeuronsError(text if str(file) in text else f"{file}: {text}") from None

    @classmethod
    def from_torch(cls, source: Any, alpha: float = 1.0) -> Self:
        """Neurons of a PyTorch network Linear(1, m) - ReLU - Linear(m, 1), or of its state.

        Parameters
        ----------
        source : torch.nn.Module or mapping of str to tensor or array
            The module or its ``state_dict``: a first layer with bias, and a second one without, or
            with one that is 0. What ``forward`` does beside that cannot be seen.
        alpha : float
            What ``forward`` divides by: 1 for a plain network.

        Raises
        ------
        NeuronsError
            The architecture is another, or a number is not finite.
        """
        return cls.from_parameters(*pytorch.parameters_of(source), alpha=alpha)

    def to_torch(self, names: tuple[str, str] = ("0", "2")) -> dict[str, Any]:
        """The ``state_dict`` of a PyTorch network of the same function and flow, in float64.

        It is that of ``Sequential(Linear(1, m), ReLU(), Linear(m, 1, bias=False))``, or of layers
        of other names: raw parameters for alpha = 1, whatever alpha these neurons have, since
        nothing divides such a network. Weighted neurons are made `unweighted`.

        Raises
        ------
        NeuronsError
            torch is not installed.
        """
        plain = self.unweighted()
        root = np.sqrt(self.size)
        return pytorch.state_of(plain.a / root, plain.b / root, plain.c / root, names)

    def to_numpy(self) -> tuple[Array, Array, Array]:
        """Raw (a, b, c), (m,) each, of the network of scale ``alpha``; ``weights`` are apart."""
        kappa = np.sqrt(self.size / self.alpha)
        return self.a / kappa, self.b / kappa, self.c / kappa

    def to_file(self, path: PathLike) -> None:
        """Write raw a, b, c to ``.npz`` or ``.csv``, for `from_file` with the same alpha to read.

        Weights are written beside them if there are any.

        ``cells`` are not written: a sliding neuron may start beside its sample in a run from the
        file.
        """
        neuron_files.write(Path(path), self.to_numpy(), self.weights)

    def as_part(self, weights: Array) -> Self:
        """These neurons as a `part` of a larger network, of whose weights these are a part.

        Their sum may be below 1. To give neurons weights of their own, make them anew with
        ``weights=``.

        Raises
        ------
        NeuronsError
            Their number is another, one is below 0 or not finite, or their sum is above 1.
        """
        own = checked_weights(weights, self.size)
        if own.sum() > 1.0 + 1e-9:
            raise NeuronsError(f"weights: are no part: their sum is {own.sum():.6g}, above 1")
        return self._of(self.a, self.b, self.c, self.alpha, self.cells, own)

    def merged(self) -> Self:
        """The same network with neurons that are equal to the bit made one each: O(m log m).

        Each gets the sum of their weights, and the place of the first of them. Raw parameters stay
        what they are: alpha changes in proportion to the number of neurons. Neurons in different
        ``cells`` are not merged.
        """
        columns = [self.a, self.b, self.c]
        if self.cells is not None:
            columns.append(self.cells.cell.astype(np.float64))
        first, weights = merged_weights(columns, self.weights)
        cells = None if self.cells is None else Cells(self.cells.x, self.cells.cell[first])
        a, b, c = (values[first] for values in (self.a, self.b, self.c))
        alpha = self.alpha * (first.size / self.size)
        return self._of(a, b, c, alpha, cells, weights)

    def unweighted(self) -> Self:
        """Neurons of equal weights with the same function: ``sqrt(m w) (a, b, c)``.

        Their tangent kernel and their flow in the network metric are the same, too; functions of
        ``pf.theory`` that take hat parameters take those of such neurons. A tracer is at rest in
        the origin. Neurons without weights are returned as they are.
        """
        if self.weights is None:
            return self
        scale = np.where(self.weights > 0.0, scale_of(self.weights, self.size), 0.0)
        cells = self.cells
        if cells is not None:
            at_rest = np.int32(4 * cells.x.size)
            cells = Cells(cells.x, np.where(scale > 0.0, cells.cell, at_rest))
        a, b, c = (values * scale for values in (self.a, self.b, self.c))
        return self._of(a, b, c, self.alpha, cells)

    def fingerprint(self) -> str:
        """A short text with the number and checksums of the neurons, to compare them by."""
        arrays = [self.a, self.b, self.c]
        if self.cells is not None:
            arrays.append(self.cells.cell)
        if self.weights is not None:
            arrays.append(self.weights)
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
