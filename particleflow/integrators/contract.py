"""What the simulation asks of an integrator."""

from typing import ClassVar, Protocol

from particleflow._cast import Array
from particleflow.backend import State

SLICE_SECONDS = 0.1
"""`Motion.advance` returns after about this time, so that signals and progress are served."""


class Motion(Protocol):
    """A state on its way: made by `Integrator.start`, moved by the simulation.

    Attributes
    ----------
    step : int
        Steps taken.
    rejected : int
        Trial steps that were thrown away.
    """

    step: int
    rejected: int

    @property
    def time(self) -> float:
        """Mean-field time tau."""
        ...

    def reachable(self, times: Array) -> Array:
        """The distinct times nearest to ``times`` (ascending) at which the state can be seen."""
        ...

    def advance(self, until: float) -> None:
        """Move towards a reachable time: onto it, or less far if that takes long.

        Raises
        ------
        IntegrationError
            The state is no longer finite, or the step shrank below rounding.
        """
        ...


class Integrator(Protocol):
    """Settings of a method; immutable, may be used by many simulations."""

    name: ClassVar[str]
    run_length: ClassVar[float]
    """Average neurons a sector of a slot from which sector order pays its kernels."""

    def start(self, state: State) -> Motion:
        """A motion of this state from tau = 0; ``state`` is modified in place by it."""
        ...
