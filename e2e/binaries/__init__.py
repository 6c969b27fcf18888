"""Builds the control plane's programs from their Go modules (see build.py)."""
