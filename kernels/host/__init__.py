"""The O(s) work of a step, done on the host for every device: fields, residuals, control, sums."""
