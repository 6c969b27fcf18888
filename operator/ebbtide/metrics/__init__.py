"""Adapter: Prometheus and what speaks its API. Samples in, evidence out; it decides nothing."""
