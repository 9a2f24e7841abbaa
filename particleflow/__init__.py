"""Particle simulation of the training dynamics of shallow ReLU networks with one input.

Start with `Samples`, `initialise` and `Simulation`; write a trajectory with `TrajectoryWriter` and
read it with `open_trajectory`. Everything in `Neurons`, `Simulation` and the trajectory file is in
hat units and mean-field time tau; see the README for what they mean.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._version import __version__

# Where Python runs in a checkout, its folder particleflow/ hides an installed package. That folder
# has no kernels/ of its own, which stands beside it: with the root of the checkout on the path of
# this package, the kernels are found as particleflow.kernels.
_root = Path(__file__).resolve().parent.parent
if (_root / "setup.cfg").is_file() and (_root / "kernels" / "_jit.py").is_file():
    __path__.append(str(_root))

_HOME = {
    "Samples": "model.samples",
    "Neurons": "model.neurons",
    "Initialisation": "model.initialisation",
    "initialise": "model.initialisation",
    "step_in_tau": "model.conventions",
    "decay_in_tau": "model.conventions",
    "Simulation": "run.simulation",
    "Boost": "integrators",
    "GradientDescent": "integrators",
    "RungeKutta": "integrators",
    "TrajectoryWriter": "trajectory",
    "resume": "jobs.resume",
    "open_trajectory": "trajectory",
    "repack": "trajectory",
    "export": "exports",
    "view": "viewer",
    "sweep": "sweeps.run",
    "open_sweep": "sweeps.table",
    "mean_field_limit": "limits.run",
    "open_limit": "limits.assess",
    "ParticleflowError": "errors",
    "SamplesError": "errors",
    "NeuronsError": "errors",
    "ConfigError": "errors",
    "DeviceError": "errors",
    "ImmutableError": "errors",
    "CopyError": "errors",
    "TrajectoryError": "errors",
    "RangeError": "errors",
    "WriteError": "errors",
    "IntegrationError": "errors",
}

_MODULES = ("figures", "theory")

__all__ = ["__version__", *_HOME, *_MODULES]  # noqa: PLE0604 (names of strings)

if TYPE_CHECKING:
    from . import figures, theory
    from .errors import (
        ConfigError,
        CopyError,
        DeviceError,
        ImmutableError,
        IntegrationError,
        NeuronsError,
        ParticleflowError,
        RangeError,
        SamplesError,
        TrajectoryError,
        WriteError,
    )
    from .exports import export
    from .integrators import Boost, GradientDescent, RungeKutta
    from .jobs.resume import resume
    from .limits.assess import open_limit
    from .limits.run import mean_field_limit
    from .model.conventions import decay_in_tau, step_in_tau
    from .model.initialisation import Initialisation, initialise
    from .model.neurons import Neurons
    from .model.samples import Samples
    from .run.simulation import Simulation
    from .sweeps.run import sweep
    from .sweeps.table import open_sweep
    from .trajectory import TrajectoryWriter, open_trajectory, repack
    from .viewer import view


def __getattr__(name: str) -> Any:
    # names are imported when first used, so that `particleflow --help` need not wait for numba
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value  # found there from now on, without a call of this function
        return value
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
