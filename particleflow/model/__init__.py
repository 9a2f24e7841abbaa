"""The ingredients of a run: samples, neurons, their initial values and coordinates."""
