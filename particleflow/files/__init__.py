"""Files on any disk: making them whole, locking and opening them, and basics of HDF5 and CSV."""
