"""Figures 5 to 8 of Williams et al. (2019) and other published pictures, by `make`.

The recipe of a figure, `recipes/NAME.toml`, holds its runs, and the claims of its caption with the
thresholds that decide whether they hold. `make` writes into a folder

    NAME.png, NAME.pdf    the picture
    NAME-RUN.h5           the trajectory of each run; the map has the table of its sweep, NAME.h5,
                          and fluctuations have their variances, NAME.npz
    NAME-RUN.npz          neurons that a run starts from, if the recipe rescales them
    NAME.toml             the recipe
    NAME.txt              what was measured, and whether each claim holds
"""

from .claims import Claim, Verdict
from .make import NAMES, USUAL, check_targets, make

__all__ = ["NAMES", "USUAL", "Claim", "Verdict", "check_targets", "make"]
