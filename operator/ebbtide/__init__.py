"""Ebbtide: makes AI work cheap without making it late or losing it."""

__version__ = "0.1.0"
