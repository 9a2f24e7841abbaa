"""The samples of benchmarks that take another kind than the square wave of ``cases``.

Public names of particleflow only: ``whole_run`` runs with older builds, too.
"""

from pathlib import Path

import numpy as np

import particleflow as pf

DATA = Path(__file__).parent.parent / "data"


def co2(count):
    """``count`` weeks of the CO2 series, evenly spread."""
    whole = pf.Samples.from_csv(DATA / "co2.csv").normalised()
    chosen = np.linspace(0, whole.size - 1, count).astype(int)
    return pf.Samples(whole.network_x[chosen], whole.y[chosen])


def samples_of(kind, s):
    """s samples of a kind of `Samples.generate`, or of the CO2 series if it is None."""
    return co2(s) if kind is None else pf.Samples.generate(kind, s)
