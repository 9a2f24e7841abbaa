"""A configuration for samples that somebody has, with sensible settings and why they are chosen."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from particleflow.config import dump
from particleflow.errors import SamplesError
from particleflow.model.samples import Samples

LEAST_NEURONS, MOST_NEURONS = 1000, 5000
A_SAMPLE = 20
"""Neurons for each sample, within the bounds above."""


class Proposal(NamedTuple):
    """A configuration, and the samples as it reads them.

    Attributes
    ----------
    samples : Samples
    toml : str
        The configuration, with a comment behind each key.
    """

    samples: Samples
    toml: str


def propose(file: Path, options: Mapping[str, Any], config: Path) -> Proposal:
    """A configuration for the samples of a file.

    Rows without a value are left out. x is normalised if it is hard to fit as it is. The run ends
    when the loss has settled.

    Parameters
    ----------
    file : Path
        File of samples.
    options : mapping
        Options of ``Samples.from_file``.
    config : Path
        Where the configuration will lie, to which its path of the samples is relative.

    Raises
    ------
    SamplesError
        The file cannot be read with these options.
    """
    samples, own = _read(file, options)
    table = {"file": os.path.relpath(file, config.parent), **own}
    count = min(max(LEAST_NEURONS, A_SAMPLE * samples.size), MOST_NEURONS)
    is_hard = samples.hint() is not None
    lines = [f"# {note}" for note in _described(samples)]
    lines += ["", "[samples]", *dump({"samples": table}).splitlines()[1:]]
    if is_hard:
        x = samples.x
        why = f"x runs from {x[0]:.6g} to {x[-1]:.6g}: the network sees [-1, 1]"
        lines.append(f"normalise = true  # {why}")
    lines += [
        "",
        "[neurons]",
        f"count = {count}  # {A_SAMPLE} for each sample, but at least {LEAST_NEURONS} and at most "
        f"{MOST_NEURONS}",
        'init = "gaussian"  # a, b and c are normal numbers, of standard deviation 1',
        "antisymmetric = true  # twins of c and -c, so that f = 0 at the start",
        'alpha = "m"  # the mean-field scaling: f does not grow with the number of neurons',
        "",
        "[flow]",
        'integrator = "boost"  # the exact flow, which needs no learning rate',
        "tolerance = 1e-3  # error of a step, in units of the spread of y; 1e-4 is more careful",
        "t_end = inf  # until the loss has settled; Ctrl-C ends it before, and resume goes on",
        "",
        *dump({"output": _outputs(file, config)}).splitlines(),
        "frames = 101",
        'spacing = "geometric"  # denser at the start, where most happens',
        "first = 1e-4  # time of the first frame after the start",
    ]
    return Proposal(samples, "\n".join(lines) + "\n")


def _outputs(file: Path, config: Path) -> dict[str, str]:
    """Files that a run writes, none of which is that of the samples."""
    stem = config.stem
    if file.suffix.lower() in (".h5", ".png") and file.stem == stem:
        stem += "-run"
    return {"file": f"{stem}.h5", "figure": f"{stem}.png"}


def _read(file: Path, options: Mapping[str, Any]) -> tuple[Samples, dict[str, Any]]:
    """The samples of a file, and the options with which they were read."""
    try:
        return Samples.from_file(file, **options), dict(options)
    except SamplesError as problem:
        if "missing" in options or "missing =" not in str(problem):
            raise
    own = {**options, "missing": "drop"}
    return Samples.from_file(file, **own), own


def _described(samples: Samples) -> list[str]:
    """What the file holds, in sentences for a comment."""
    lines = [f"{note}." for note in samples.source.notes]
    repeats = samples.repeats()
    if repeats is not None:
        lines.append(f"{repeats}.")
    y = samples.rows.y
    lines.append(f"y runs from {y.min():.4g} to {y.max():.4g}.")
    if abs(float(samples.y.mean())) > 3.0 * samples.spread:
        lines.append(
            "y is far from 0 for its spread, which training has to learn first: take its mean off."
        )
    return lines
