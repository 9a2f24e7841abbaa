"""Facts by name about files and about this machine, for the commands info and doctor."""
