"""Ebbtide: makes AI work cheap without making it late or losing it."""
