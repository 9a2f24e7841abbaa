"""Numba kernels of particleflow: arrays, numbers and records of these in and out, no files.

``sectors``, ``rays``, ``boost``, ``flow`` and others hold the scalar physics, compiled for every
target. ``maps``, ``legs``, ``events`` and ``motion`` take one neuron through a frozen field.
``host`` does what costs O(s) in a step; ``cpu`` and ``cuda`` run the physics over all neurons.
"""
