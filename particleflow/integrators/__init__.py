"""Integrators, one a file; each states its order and source."""

from .contract import Integrator, Motion
from .gradient_descent import GradientDescent
from .runge_kutta import RungeKutta

__all__ = ["GradientDescent", "Integrator", "Motion", "RungeKutta"]
