"""Facts by name about files and about this machine."""
