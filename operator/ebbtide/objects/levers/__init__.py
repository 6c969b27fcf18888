"""One file per way of stopping and starting work."""
