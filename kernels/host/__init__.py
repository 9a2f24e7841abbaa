"""O(s) work of a step, done on the host for every device: fields, residuals, controllers, sums."""
