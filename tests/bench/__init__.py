"""Measures what docs/benchmarks.md states: `python -m tests.bench`."""
