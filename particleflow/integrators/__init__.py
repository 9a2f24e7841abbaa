"""Integrators, one a file; each states its order and source."""

from .boost import Boost
from .contract import Integrator, Motion
from .gradient_descent import GradientDescent
from .runge_kutta import RungeKutta

__all__ = ["Boost", "GradientDescent", "Integrator", "Motion", "RungeKutta"]
