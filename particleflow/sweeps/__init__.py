"""Sweeps: a configuration run over a grid of settings and seeds, into one table."""
