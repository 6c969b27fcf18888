"""The whole system on one plane, and long runs of it: `python -m e2e.soak kill`."""
