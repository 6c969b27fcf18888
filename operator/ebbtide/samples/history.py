"""How much history is read and kept: as long as the most patient policy judges, and a margin."""

from collections.abc import Iterable

from ebbtide.core.auto_timeout import AUTO_CEILING_SECONDS
from ebbtide.core.snapshot import Policy
from ebbtide.samples.settings import ReadingSettings

_MARGIN_SECONDS = 600.0
"""Room beyond the longest patience: the last busy sample before it must still be seen."""


def look_back(settings: ReadingSettings, policies: Iterable[Policy]) -> float:
    """Seconds of history that judgements under these policies need, within the limits of the settings."""
    longest = max((_patience(policy) for policy in policies), default=0.0)
    return min(max(settings.look_back_seconds, longest + _MARGIN_SECONDS), settings.max_look_back_seconds)


def _patience(policy: Policy) -> float:
    idle = policy.spec.idle if policy.spec else None
    if idle is None:
        return 0.0
    after = idle.after_seconds if isinstance(idle.after_seconds, int) else AUTO_CEILING_SECONDS
    return float(max(after, idle.never_used_after_seconds, idle.memory_held_after_seconds))
