"""Claims of captions: a quantity that is measured, and a threshold that stands before the run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from particleflow.errors import ConfigError


class Claim(NamedTuple):
    """One claim.

    Attributes
    ----------
    text : str
        What is claimed.
    measure : str
        The quantity that decides, "run.quantity".
    below, above : float or None
        Its threshold; one of them.
    reason : str
        Why it fails, where that was found out.
    """

    text: str
    measure: str
    below: float | None = None
    above: float | None = None
    reason: str = ""

    def judge(self, measured: Mapping[str, float]) -> "Verdict":
        """Whether it holds of what was measured.

        Raises
        ------
        ConfigError
            The quantity was not measured.
        """
        if self.measure not in measured:
            raise ConfigError(
                f"claims: expected one of {', '.join(measured)}, found {self.measure!r}"
            )
        value = measured[self.measure]
        holds = value < self.below if self.below is not None else value > _threshold(self)
        return Verdict(self, value, holds)


class Verdict(NamedTuple):
    """A claim and what came of it."""

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
    if claim.above is None:
        raise ConfigError(f"claims: {claim.measure}: expected below or above, found neither")
    return claim.above


def claims_of(tables: list[dict[str, Any]]) -> list[Claim]:
    """The claims of a recipe."""
    return [Claim(**table) for table in tables]
