"""Claims of captions: each is a measured quantity and a threshold, which is set before the run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from particleflow.errors import ConfigError


class Claim(NamedTuple):
    """One claim of a figure's caption.

    Attributes
    ----------
    text : str
        What is claimed.
    measure : str
        The quantity that decides, "run.quantity".
    below, above : float or None
        The threshold of the quantity. One of the two is given.
    reason : str
        Why the claim fails, if it does and the reason is known.
    """

    text: str
    measure: str
    below: float | None = None
    above: float | None = None
    reason: str = ""

    def judge(self, measured: Mapping[str, float]) -> "Verdict":
        """Decide whether the claim holds, given all measured quantities by name.

        Raises
        ------
        ConfigError
            The quantity was not measured, or the claim has no threshold.
        """
        if self.measure not in measured:
            raise ConfigError(
                f"claims: expected one of {', '.join(measured)}, found {self.measure!r}"
            )
        value = measured[self.measure]
        # NaN, the value of what could not be measured, fails either way
        holds = value < self.below if self.below is not None else value > _threshold(self)
        return Verdict(self, value, holds)


class Verdict(NamedTuple):
    """A claim, the measured value of its quantity, and whether the claim holds."""

    claim: Claim
    value: float
    holds: bool

    def __str__(self) -> str:
        claim = self.claim
        wanted = f"< {claim.below:g}" if claim.below is not None else f"> {claim.above:g}"
        said = f"{claim.text} ({claim.measure} = {self.value:.3g}, claimed {wanted})"
        if self.holds:
            return f"holds: {said}"
        return f"FAILS: {said}" + (f": {claim.reason}" if claim.reason else "")


def _threshold(claim: Claim) -> float:
    """The threshold of a claim that has no ``below``."""
    if claim.above is None:
        raise ConfigError(f"claims: {claim.measure}: expected below or above, found neither")
    return claim.above


def claims_of(tables: list[dict[str, Any]]) -> list[Claim]:
    """The claims of a recipe, from its ``[[claims]]``."""
    return [Claim(**table) for table in tables]
