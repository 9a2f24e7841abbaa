"""The appendix's figures 5 to 8 and a map of regimes, each made by one call.

A figure's recipe, `recipes/NAME.toml`, holds its runs, and its claims with the thresholds that
decide whether they hold. `make` writes into a folder

    NAME.png, NAME.pdf    the picture
    NAME-RUN.h5           the trajectory of each run, or NAME.h5
    NAME.toml             the recipe
    NAME.txt              what was measured, and whether each claim holds
"""

from .claims import Claim, Verdict
from .make import NAMES, check_targets, make

__all__ = ["NAMES", "Claim", "Verdict", "check_targets", "make"]
