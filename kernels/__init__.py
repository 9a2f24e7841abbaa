"""Numba kernels of particleflow: arrays and scalars in and out, no classes, no I/O.

``sectors`` and ``flow`` hold the scalar physics, compiled for every target; ``cpu`` the kernels
that run it over all neurons; ``dense`` the O(m s) form that the tests measure the kernels against.
"""
