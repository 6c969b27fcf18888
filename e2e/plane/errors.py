"""The error of this package."""


class PlaneError(Exception):
    """A part of the local control plane failed; the message names it and shows its last log lines."""
