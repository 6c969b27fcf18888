"""The loop over the fleet, written against ports."""

from ebbtide.engine.loop import Engine

__all__ = ["Engine"]
