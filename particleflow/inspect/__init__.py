"""What a file holds and what a machine offers, as facts by name."""
