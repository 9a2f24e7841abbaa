"""Files on any disk: written whole, locked, opened; primitives of HDF5 and CSV."""
