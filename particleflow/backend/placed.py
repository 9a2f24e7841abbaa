"""`Placed`: neurons on a device, in an order of its own, and how the original order shows them."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from particleflow.arguments import Array
from particleflow.kernels import cpu
from particleflow.kernels.host.decay import HALVINGS, SIGMA, least_of
from particleflow.kernels.records import Neurons
from particleflow.model.measure import scale_of
from particleflow.ranks.world import Ranks

from .devices import kernels_of
from .exchange import Share, wholes
from .frame import Frame, ScaledFrame
from .snapshot import like, mass_of, order_of, original_order
from .start import Precision

_LAYOUT = ("bounds", "homes", "pace")
"""Arrays of an order by which `Placed.restore` tells whether a snapshot has the slots and the kind
of device of a state; the other arrays of an order mean nothing elsewhere."""


_MOST_HALVINGS = 400.0
"""Halvings up to which delta can be traced back to the start without an overflow."""


class Ordering(NamedTuple):
    """When slots of the CPU are sorted by sector; those of a device always are.

    Attributes
    ----------
    run_length : float
        Average number of neurons in a sector of a slot from which they are; infinite if never.
    sorted_from : int
        Number of neurons from which they are at all.
    """

    run_length: float
    sorted_from: int


class Placed:
    """The neurons of a share with their cells, on a device.

    Parameters
    ----------
    s : int
        Number of samples, which says how many cells there are.
    device : {"cpu", "cuda"}
    dtype : {"float64", "float32"}
    share : Share
    ranks : Ranks
        The ranks that share the neurons.
    ordering : Ordering

    Attributes
    ----------
    kernels : module
        The kernels of the device.
    variables : (3, m) array of the device
        Network: (a, b, c). Euclidean: (cos theta, sin theta, rhat). With weights, sqrt(m w) times
        these; with weight decay, over the decay factor.
    cell : (m,) int32
        Sector 0 .. 2s-1, or 2s + r sliding on ray r, or 4s at rest in the origin.
    order : Order
        How the neurons lie: ``kernels.records.Order`` on the CPU, ``DeviceOrder`` on CUDA.
    mass : (m,) float64 or None
        The weights w of the share's neurons in the original order; None if all are equal.
    sigma : (2,) float64
        The decay factor of the neurons: see ``kernels.host.decay``.
    whole : Whole or None
        Completes sums over the slots of the share to those of all ranks.
    """

    _decays = False
    """Whether the decay factor may ever be another than 1."""
    variables: Any
    cell: Any
    order: Any
    mass: Array | None

    def __init__(
        self,
        s: int,
        device: str,
        dtype: Precision,
        share: Share,
        ranks: Ranks,
        ordering: Ordering,
    ) -> None:
        self.kernels = kernels = kernels_of(device)
        self.share, self.ranks = share, ranks
        self._s, self._dtype = s, np.dtype(dtype)
        self.mass = None
        self.sigma = np.array([1.0, 0.0])
        self.whole, self._whole_by_rank = wholes(share, ranks, s, device)
        if device == "cuda":
            self._is_sorted = True
            self._new_order = partial(
                kernels.order_of, kernels.split_of(share.last - share.first, s)
            )
        else:
            self._is_sorted = kernels.wants_order(share.m, s, int(share.edges[-1]), *ordering)
            self._new_order = partial(kernels.order_of, share.slots, s, self._is_sorted)

    def _place(self, variables: Array, cell: np.ndarray) -> None:
        """Make variables (3, m) and cells (m,), in the original order, those of the state.

        The arrays may be used without a copy, and are sorted in place.
        """
        kernels = self.kernels
        self.variables = kernels.upload(variables, self._dtype)
        self.cell = kernels.upload(cell, np.dtype(np.int32))
        self.order = self._new_order()
        if self._is_sorted:
            kernels.sort_slots(self.neurons, self.order)

    def snapshot(self, neurons: bool = True) -> dict[str, np.ndarray]:
        """Host arrays from which `restore` makes this state again, its order included.

        Variables and cells are left out if ``neurons`` is False.
        """
        download = self.kernels.download
        own = {"variables": self.variables, "cell": self.cell} if neurons else {}
        arrays = {name: np.asarray(download(array)) for name, array in own.items()}
        arrays |= self.kernels.arrays_of(self.order)
        arrays["bounds"] = arrays["bounds"] + self.share.first
        if self.mass is not None:
            arrays["mass"] = self.mass[order_of(arrays)]
        return arrays | {"sigma": self.sigma.copy()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Make this state that of a `snapshot`.

        Returns
        -------
        bool
            Whether the order of the neurons is that of the snapshot, too, so that the state goes on
            to the same bits. It is not if the snapshot is of another device or of other slots.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        same, self.mass = self._has_order_of(arrays), mass_of(arrays)
        # versions without weight decay have not written it
        found = like(self.sigma, arrays, "sigma") if "sigma" in arrays else [1.0, 0.0]
        self.sigma = np.array(found)
        if same:
            for name in ("variables", "cell"):
                now = getattr(self, name)
                setattr(self, name, self.kernels.upload(like(now, arrays, name), now.dtype))
            self.restore_order(arrays)
        else:
            self._place(*original_order(arrays))
            self.crossings[0] = arrays["crossings"].sum()
        return same

    def restore_order(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Make the order of the neurons that of a snapshot of a state with the same slots.

        Raises
        ------
        KeyError, ValueError
            Arrays are missing or have other shapes.
        """
        own = self.kernels.arrays_of(self.order)
        found = {name: like(now, arrays, name) for name, now in own.items() if name != "bounds"}
        self.order = self.kernels.restored(self.order, found)

    def _has_order_of(self, arrays: Mapping[str, np.ndarray]) -> bool:
        own = self.kernels.arrays_of(self.order)
        return all(
            (name in arrays) == (name in own)
            and (name not in own or arrays[name].shape == own[name].shape)
            for name in _LAYOUT
        ) and np.array_equal(arrays["bounds"], own["bounds"] + self.share.first)

    @property
    def size(self) -> int:
        """Number of all neurons m."""
        return self.share.m

    @property
    def dtype(self) -> Precision:
        """Precision of the neurons."""
        return "float32" if self.variables.dtype == np.float32 else "float64"

    @property
    def neurons(self) -> Neurons:
        """Views of the three variables, and the cells, in the form that kernels take."""
        return Neurons(self.variables[0], self.variables[1], self.variables[2], self.cell)

    @property
    def crossings(self) -> np.ndarray:
        """Crossings of this rank so far, (n_slots,) int64; only the sum over the slots has meaning.

        `gd` and `rk` count neurons that a step has moved to another cell, the exact flow ends of
        legs in a sector (``kernels.events``).
        """
        crossings: np.ndarray = self.order.crossings
        return crossings

    def cell_counts(self) -> np.ndarray:
        """Number of neurons in each cell, (4 s + 1,) int64."""
        if self.kernels is cpu and self.whole is None and self.crossings.size == 1:
            # a single slot has so few neurons that a parallel region costs more than the counting
            return np.bincount(self.cell, minlength=4 * self._s + 1)
        counts = self.kernels.cell_counts(self.cell, self.order.slots, self._s, self.whole)
        return np.asarray(counts)

    def all_crossings(self) -> int:
        """Crossings of all neurons so far, as `crossings` counts them; collective."""
        return self.ranks.total(int(self.crossings.sum()))

    def set_crossings(self, n: int) -> None:
        """Set the number of crossings of all neurons so far, the same n on every rank."""
        self.crossings[:] = 0
        self.crossings[0] = n if self.ranks.is_first else 0  # `all_crossings` adds up the ranks

    @property
    def sigma_square(self) -> float:
        """By what sums of products of two stored variables are to be multiplied."""
        return float(self.sigma[SIGMA] ** 2)

    @property
    def delta_factor(self) -> float:
        """By what weight decay has multiplied every delta since the start."""
        return math.ldexp(self.sigma_square, -2 * int(self.sigma[HALVINGS]))

    @property
    def shared_by(self) -> float:
        """What sums of products of two stored variables are to be divided by; m without decay."""
        return self.size / self.sigma_square

    def halve_if_due(self) -> None:
        """Halve stored neurons that weight decay has let grow."""
        self.kernels.halve_if_due(self.neurons, self.order.slots, self.sigma)

    def mean_square(self) -> float:
        """(1/m) sum of a^2 + b^2 + c^2 over all neurons, with weights w the sum of w times it."""
        sums = self.kernels.square_sums(self.neurons, self.order.slots, self._s, self.whole)
        return float(np.asarray(sums)[:, [0, 2, 3]].sum()) / self.shared_by

    def relative_mass(self) -> Array | None:
        """m w of the share's neurons in the original order; None if all are 1."""
        return None if self.mass is None else self.share.m * self.mass

    def weights_of_all(self) -> Array | None:
        """The weights of all neurons in the original order, (m,); None if all are equal."""
        return None if self.mass is None else self.ranks.joined(self.mass)

    def cell_masses(self) -> Array:
        """Sum of the weights of the neurons in each cell, (4 s + 1,)."""
        if self.mass is None:
            return self.cell_counts() / self.share.m
        # on the host for any device: nothing else needs the weights there
        is_cpu, download = self.kernels is cpu, self.kernels.download
        slots = self.order.slots if is_cpu else np.array([0, self.mass.size])
        cell, ident = (np.asarray(download(array)) for array in (self.cell, self.order.ident))
        return np.asarray(cpu.cell_masses(cell, ident, self.mass, slots, self._s, self.whole))

    def _scale(self) -> Array:
        """What the variables of weighted neurons are multiplied by, (m,)."""
        assert self.mass is not None
        return scale_of(self.mass, self.share.m, self.dtype)

    def parameters(self) -> Array:
        """The three variables of all neurons in the original order, (3, m), without any factor."""
        out = np.empty((3, self.cell.size))
        self.kernels.unpack_state(self.neurons, self.order.ident, self.order.slots, out)
        if self.mass is not None:
            out /= self._scale()
        out *= self.sigma[SIGMA]
        return self.ranks.joined(out)

    def original_indices(self) -> np.ndarray:
        """The index in the original order of every neuron of the share, in that of the state."""
        return order_of(self.snapshot(neurons=False)) + self.share.first

    def cells(self) -> np.ndarray:
        """The cell of every neuron in the original order, (m,) int32."""
        out = np.empty(self.cell.size, np.int32)
        self.kernels.unpack_cells(self.cell, self.order.ident, self.order.slots, out)
        return self.ranks.joined(out)

    def new_frame(self, n: int, dtype: np.dtype[Any] | str) -> Frame:
        """Arrays for the share's rows of a frame of n neurons, with positions of this precision."""
        first, last = self.share.rows(n)
        chosen = self.size, n, self.share.first, first
        is_plain = self.mass is None and not self._decays
        inner = np.dtype(dtype if is_plain else np.float64)
        frame: Frame = self.kernels.Frame(last - first, inner, chosen)
        if is_plain:
            return frame
        factor: Array | float = 1.0
        if self.mass is not None:
            shown = np.arange(first, last) * self.size // n - self.share.first
            factor = self._scale()[shown] ** 2
        return ScaledFrame(frame, factor, np.dtype(dtype))

    def pack_frame(self, frame: Frame) -> None:
        """Fill a frame with (rhat, theta) and cells in the original order.

        The frame may be read after its ``wait``.
        """
        to_fill = frame.begin(self.sigma_square) if isinstance(frame, ScaledFrame) else frame
        self.kernels.pack_frame(self.neurons, self.order.ident, self.order.slots, to_fill)

    def own_delta(self) -> Array:
        """delta = c^2 - a^2 - b^2 of the share's neurons in the original order."""
        delta = self._delta_of_variables()
        if self.mass is not None:
            delta /= self._scale() ** 2
        return delta * self.sigma_square

    def delta_at_start(self) -> Array:
        """What `own_delta` was at the start, if nothing but weight decay has changed it since.

        Where decay has left nothing of it, this is its rounding, as large as it was then.
        """
        # finite, so that nothing remains of it where `delta_factor` is 0
        delta = self._delta_of_variables() * 4.0 ** min(self.sigma[HALVINGS], _MOST_HALVINGS)
        if self.mass is not None:
            delta /= self._scale() ** 2
        return delta

    def _delta_of_variables(self) -> Array:
        out = np.empty(self.cell.size)
        self.kernels.pack_delta(self.neurons, self.order.ident, self.order.slots, out)
        return out

    def delta(self) -> Array:
        """delta = c^2 - a^2 - b^2 of all neurons in the original order, (m,)."""
        return self.ranks.joined(self.own_delta())

    def drift_from_here(self) -> Callable[[], float]:
        """A function that returns `largest_drift` from the present delta of the neurons."""
        upload, dtype = self.kernels.upload, np.dtype(self.dtype)
        start, since = self._delta_of_variables(), self.sigma[HALVINGS]
        on_device = {since: upload(start, dtype)}

        def drift() -> float:
            now = self.sigma[HALVINGS]
            if now not in on_device:
                on_device.clear()
                on_device[now] = upload(start * 4.0 ** (since - now), dtype)
            return self.largest_drift(on_device[now])

        return drift

    def largest_drift(self, delta0: Any) -> float:
        """Largest |delta - delta0| / (a^2 + b^2 + c^2) of all neurons.

        ``delta0`` is an array of the device with the earlier delta of the share's variables,
        decayed as they are.
        """
        # those that were halved less than others are below twice that size in each variable
        least = float(12.0 * least_of(self.variables.dtype.itemsize) ** 2)
        own = self.kernels.largest_drift(
            self.neurons, self.order.ident, self.order.slots, self._s, delta0,
            least if self.sigma[HALVINGS] > 0.0 else 0.0,
        )  # fmt: skip
        return float(self.ranks.most(np.array(own)))
