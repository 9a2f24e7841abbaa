"""What replicates say about the limit: means, standard errors, and whether there is one.

The R replicates of a level are independent, so that the standard error of their mean is their
standard deviation over sqrt(R). Errors of independent neurons fall like m^(-1/2). If the replicates
come from one limit, their standard deviation falls as m grows, and the means of two levels differ
by no more than their errors and the steps' explain. Near repulsors and the origin neither need hold
(``kernels.rays``, ``kernels.origin``): there the flow is not unique.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from particleflow.arguments import Array, PathLike, existing_file
from particleflow.errors import TrajectoryError
from particleflow.model.samples import Samples

from .table import DONE, Design, read

_APART = 4.0
"""Difference of the means of two levels, in their standard errors, above which they disagree."""
_LEAST_FALL = -0.25
"""Slope of the standard deviation over m, both logarithmic, above which it does not fall."""
_SURE = 2.0
"""Standard errors of that slope by which it has to be off."""


class Level(NamedTuple):
    """The replicates of one number of neurons.

    Attributes
    ----------
    neurons : int
        m.
    error : float
        Largest standard error of f over the samples' interval and all times, in spreads of y.
    errors : dict of str to float
        Largest standard error of each observable over all times, as a share of its largest mean.
    seconds : float
        Of all replicates together.
    """

    neurons: int
    error: float
    errors: dict[str, float]
    seconds: float


class Limit(NamedTuple):
    """The limit of many neurons as far as it is known.

    Attributes
    ----------
    path : Path
    design : Design
    levels : list of Level
        Those whose replicates are all done.
    neurons : int
        m of the last level, 0 if there is none.
    time : (T,) float64
    x : (P,) float64
        In the user's x.
    f, f_error : (T, P) float64
        Mean over the replicates of the last level, and its standard error; NaN if there is none.
    residual, residual_error : (T, s) float64
    observables : dict of str to tuple of (T,) float64
        Mean and standard error of each.
    is_reached : bool
        Whether all errors are below the tolerance.
    is_consistent : bool or None
        Whether the replicates agree with a limit; None if there are too few levels to say.
    verdict : str
        The same in words, with the neurons of which replicates disagree most.
    independent : float
        How many independent neurons would have an error of f below the tolerance; NaN if unknown.
    f_deviation : (T, P) float64
        Standard deviation of f between starts of ``design.first`` independent neurons, or NaN.
    problems : list of str
        Why replicates failed.
    """

    path: Path
    design: Design
    levels: list[Level]
    neurons: int
    time: Array
    x: Array
    f: Array
    f_error: Array
    residual: Array
    residual_error: Array
    observables: dict[str, tuple[Array, Array]]
    is_reached: bool
    is_consistent: bool | None
    verdict: str
    independent: float
    f_deviation: Array
    problems: list[str]

    def __repr__(self) -> str:
        return (
            f"Limit({str(self.path)!r}, {self.neurons:,} neurons x {self.design.replicates}, "
            f"tolerance={self.tolerance:g}, is_reached={self.is_reached})"
        )

    @property
    def tolerance(self) -> float:
        """The largest standard error that was asked for."""
        return self.design.tolerance

    @property
    def samples(self) -> Samples:
        """The samples."""
        return Samples(self.design.x, self.design.y, weights=self.design.weights)


def open_limit(path: PathLike) -> Limit:
    """Read the file of a limit, finished or not.

    Raises
    ------
    TrajectoryError
        The file is missing, is no limit, is of a newer version, or is damaged.
    """
    file = existing_file(path, TrajectoryError)
    design, columns, problems = read(file)
    return assess(file, design, columns, problems)


def assess(
    path: Path, design: Design, columns: dict[str, np.ndarray], problems: list[str]
) -> Limit:
    """The limit that the columns of the rows describe."""
    blocks = [
        slice(first, first + design.replicates)
        for first in range(0, design.rows, design.replicates)
        if (columns["status"][first : first + design.replicates] == DONE).all()
    ]
    quiet = [block for block in blocks if block.start > 0]
    levels = [_level(design, columns, block) for block in quiet]
    names = ("f", "residual", *design.observables)
    if quiet:
        means = {name: _mean(columns[name][quiet[-1]]) for name in names}
    else:
        shapes = design.shapes()
        means = {name: (np.full(shapes[name], np.nan),) * 2 for name in names}
    is_consistent, verdict = _verdict(design, columns, quiet)
    independent, deviation = np.nan, np.full(design.shapes()["f"], np.nan)
    if len(blocks) > len(quiet):
        error = _level(design, columns, blocks[0]).error
        independent = design.first * (error / design.tolerance) ** 2
        deviation = columns["f"][blocks[0]].std(axis=0, ddof=1)
    return Limit(
        path=path, design=design, levels=levels, neurons=levels[-1].neurons if levels else 0,
        time=np.array(design.times), x=np.array(design.points),
        f=means["f"][0], f_error=means["f"][1],
        residual=means["residual"][0], residual_error=means["residual"][1],
        observables={name: means[name] for name in design.observables},
        is_reached=_is_reached(design, levels), is_consistent=is_consistent, verdict=verdict,
        independent=float(independent), f_deviation=deviation, problems=problems,
    )  # fmt: skip


def _mean(values: Array) -> tuple[Array, Array]:
    """Mean and standard error over the first axis."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(values.shape[0])


def _level(design: Design, columns: dict[str, np.ndarray], block: slice) -> Level:
    errors = {}
    for name in design.observables:
        mean, error = _mean(columns[name][block])
        largest = float(np.abs(mean).max())
        errors[name] = 0.0 if largest == 0.0 else float(error.max()) / largest
    return Level(
        design.neurons_of(block.start),
        float(_mean(columns["f"][block])[1].max()) / design.spread,
        errors,
        float(columns["seconds"][block].sum()),
    )


def _is_reached(design: Design, levels: list[Level]) -> bool:
    """Whether the last of at least two levels has errors below the tolerance."""
    if len(levels) < 2:
        return False
    last = levels[-1]
    errors = [last.error, *(last.errors[name] for name in design.named)]
    return all(error <= design.tolerance for error in errors)  # NaN is no error that small


def _verdict(
    design: Design, columns: dict[str, np.ndarray], quiet: list[slice]
) -> tuple[bool | None, str]:
    if len(quiet) < 2:
        return None, "one level says nothing about a limit"
    means, errors = zip(*(_mean(columns["f"][block]) for block in quiet), strict=True)
    apart = float(np.abs(means[-1] - means[-2]).max())
    allowed = _APART * float(np.hypot(errors[-1], errors[-2]).max()) + design.noise
    deviations = np.sqrt(design.replicates) * np.array([error.max() for error in errors])
    slope, unsure = _slope(design, deviations)
    if apart > allowed:
        why = (
            f"means of the last two levels are {apart:.2g} apart, and their errors explain no more "
            f"than {allowed:.2g}"
        )
    elif deviations[-1] <= design.noise or slope + unsure < 0.0:
        return True, "replicates agree with a limit of f"
    elif slope - unsure > _LEAST_FALL:
        why = f"the standard deviation of f stays at {deviations[-1]:.2g} as neurons grow"
    else:
        return None, (
            "means of the last two levels agree; more levels or replicates would say whether the "
            "standard deviation falls"
        )
    return (
        False,
        f"replicates do not agree with a limit: {why}; {_cohort(design, columns, quiet[-1])}",
    )


def _slope(design: Design, deviations: Array) -> tuple[float, float]:
    """Slope of the standard deviation over m, both logarithmic, and how unsure it is.

    The logarithm of a standard deviation of R normal values has itself one of 1/sqrt(2 (R - 1)).
    """
    steps = np.log(2.0) * np.arange(deviations.size)
    slope = float(np.polyfit(steps, np.log(np.maximum(deviations, 1e-300)), 1)[0])
    spread = np.sqrt(((steps - steps.mean()) ** 2).sum())
    return slope, float(_SURE / np.sqrt(2.0 * (design.replicates - 1)) / spread)


def _cohort(design: Design, columns: dict[str, np.ndarray], block: slice) -> str:
    """Words on the cell whose share of the neurons differs most between replicates."""
    shares = columns["cell_share"][block]
    mean, deviation = shares.mean(axis=0), shares.std(axis=0, ddof=1)
    k, s = int(np.argmax(deviation)), len(design.x)
    if k >= 4 * s:
        where = "are at rest in the origin"
    elif k >= 2 * s:
        where = f"slide on a ray of the sample at x = {design.x[(k - 2 * s) % s]:g}"
    else:
        where = f"are in sector {k}" if k != s else "are dead"
    text = f"most differ those that {where}: {mean[k]:.3g} +- {deviation[k]:.2g} of all"
    _, repulsors, origins = columns["events"][block].mean(axis=0)
    if repulsors > 0.0 or origins > 0.0:
        text += f" ({repulsors:.2g} met a repulsor, {origins:.2g} came to the origin)"
    return text
