"""What costs O(s) in a step, on the host for every device: fields, residuals, controllers, sums."""
