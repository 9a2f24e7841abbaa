"""delta = c^2 - a^2 - b^2 of neurons in host arrays."""

from .._jit import driver
from ..flow import invariant


@driver
def deltas(variables, out):
    """Write delta of neurons with these variables (a, b, c), (3, m), into ``out`` (m,)."""
    for n in range(out.size):
        out[n] = invariant(variables[0, n], variables[1, n], variables[2, n])
