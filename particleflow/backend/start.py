"""What a state begins with: samples in its precision, and neurons with their cells."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from particleflow.arguments import Array
from particleflow.errors import ConfigError
from particleflow.kernels import cpu
from particleflow.kernels.records import Samples
from particleflow.model.cells import Cells, put_on_rays
from particleflow.model.measure import LEAST_OF_SINGLE, scale_of

from .fields import extended
from .metrics import Metric

Precision = Literal["float64", "float32"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


def samples_in(dtype: Precision, x: Array, y: Array, weights: Array | None = None) -> Samples:
    """The samples in the form that kernels take, x rounded to a precision.

    Weights are 1 by default. All arrays are copies: they can be written to whatever the originals
    are, since kernels are compiled for one of the two.

    Raises
    ------
    ConfigError
        Two samples have the same x after rounding.
    """
    rounded = x.astype(dtype).astype(np.float64)
    same = np.flatnonzero(np.diff(rounded) <= 0.0)
    if same.size:
        j = int(same[0])
        raise ConfigError(
            f"state_dtype: the samples x_{j} = {x[j]:.12g} and x_{j + 1} = {x[j + 1]:.12g} are the "
            "same in float32; use float64"
        )
    xt = extended(rounded, weights)
    return Samples(rounded, xt[:, 1] * y, xt)


class Start(NamedTuple):
    """The neurons of a rank's share at the begin of a run.

    Attributes
    ----------
    a, b, c : (m,) float64
        Hat parameters; copied.
    cells : Cells or None
        Cells of the neurons among samples, if more is known than the signs of a x_j + b say.
    slides : bool
        Whether the integrator lets neurons slide.
    mass : (m,) float64 or None
        Their weights among all neurons; None if all are equal.
    """

    a: Array
    b: Array
    c: Array
    cells: Cells | None = None
    slides: bool = False
    mass: Array | None = None

    def check(self, m: int, dtype: Precision, decays: bool = False) -> "Start":
        """Refuse weights of some of m neurons that are too small for a state of this precision.

        With weight decay neurons need the room that those without weight have else.

        Raises
        ------
        ConfigError
        """
        if dtype == "float32" and self.mass is not None:
            if decays and not self.mass.all():
                raise ConfigError(
                    "state_dtype: float32 has no room for neurons of weight 0 that decay; use "
                    "float64"
                )
            least = float(np.min(self.mass, where=self.mass > 0.0, initial=np.inf))
            if m * least < LEAST_OF_SINGLE:
                raise ConfigError(
                    f"state_dtype: float32 has no room for weights of {m * least:.3g} times the "
                    "average; use float64, or make them 0"
                )
        return self

    def placed(
        self, x: Array, metric: Metric, slots: np.ndarray, m: int, dtype: Precision
    ) -> tuple[Array, np.ndarray]:
        """Variables (3, n) and cells (n,) in the original order, among samples ``x``.

        The n neurons are some of m. With weights w the variables are sqrt(m w) times the neurons',
        for a state of this precision.

        Cells are found before the variables are rounded to the precision of the state, so that a
        neuron with its knot on a sample starts on the inactive side.
        """
        variables = np.empty((3, self.a.size))
        variables[:] = self.a, self.b, self.c
        cell = np.empty(variables.shape[1], np.int32)
        cpu.locate_all(*variables[:2], x.copy(), cell, slots)
        if self.cells is not None:
            cell, rays = self.cells.among(x, cell, self.slides)
            put_on_rays(variables[0], variables[1], rays, x)
        if metric == "euclidean":
            cpu.to_direction(*variables, slots)
        if self.mass is not None:
            variables *= scale_of(self.mass, m, dtype)
        return variables, cell
