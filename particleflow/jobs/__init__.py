"""From a configuration or a file to a run that is ready, and what it will need."""
