"""Integrators, one a file; each file states order and source of its method and registers it."""

from . import registry
from .boost import Boost
from .contract import Integrator, Memory, Motion, StepCounter
from .gradient_descent import GradientDescent
from .runge_kutta import RungeKutta

__all__ = [
    "Boost",
    "GradientDescent",
    "Integrator",
    "Memory",
    "Motion",
    "RungeKutta",
    "StepCounter",
    "registry",
]
