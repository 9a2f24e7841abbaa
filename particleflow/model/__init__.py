"""What a run is made of: samples, neurons, their initial values and coordinates."""
