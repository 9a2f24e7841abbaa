"""The limit of many neurons, with error bars."""
