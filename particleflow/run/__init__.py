"""A run: the simulation, its loop and end, and what can be observed of it."""
