"""From a configuration or a trajectory file to a run that is ready, and what the run will need."""
