"""Numba kernels of particleflow: arrays and scalars in and out, no classes, no I/O.

``sectors``, ``rays``, ``boost``, ``flow`` and others hold the scalar physics, compiled for every
target; ``maps``, ``legs``, ``events`` and ``motion`` the ways of one neuron through a frozen field;
``host`` what costs O(s) in a step; ``cpu`` and ``cuda`` the kernels that run it over all neurons.
"""
