"""What others would use for the same steps: every peer takes steps of full-batch gradient descent.

A peer is a class made from a `Problem`; ``steps(n)`` takes n steps, ``residual()`` returns rho as a
NumPy array. All are in float64, on all threads, and are compared with our kernel before they are
timed.
"""

import importlib
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Problem:
    """Samples, hat parameters and the step dtau."""

    x: np.ndarray
    y: np.ndarray
    parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
    h: float

    @property
    def size(self):
        """Number of neurons m."""
        return self.parameters[0].size


LIBRARIES = ("dense Numba loop", "PyTorch", "JAX")
_PACKAGES = {"PyTorch": "torch", "JAX": "jax"}


def formulations(library):
    """The peers that a library offers, by name; skips the benchmark if it is not installed."""
    if library in _PACKAGES:
        package = _PACKAGES[library]
        pytest.importorskip(package, reason=f"{package} is missing: pip install -e '.[peers]'")
    module = {"dense Numba loop": "dense_loop", "PyTorch": "with_torch", "JAX": "with_jax"}[library]
    return importlib.import_module(f".{module}", __name__).PEERS
