"""Which time zones exist: by the IANA database, of the system or of the package tzdata."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from ebbtide.api.cost_policy import CostPolicySpec
from ebbtide.api.parsing import Invalid


def unknown_time_zone(spec: CostPolicySpec) -> Invalid | None:
    """The first time zone of a policy that does not exist; the schema cannot know (Accepted=False, InvalidTimeZone)."""
    wrong = ((path, name) for path, name in _named(spec) if not _exists(name))
    return next((Invalid(path, _sentence(name)) for path, name in wrong), None)


def _named(spec: CostPolicySpec) -> Iterator[tuple[str, str]]:
    if (section := spec.off_peak) is None:
        return
    if section.time_zone is not None:
        yield "spec.offPeak.timeZone", section.time_zone
    for index, window in enumerate(section.windows):
        if window.time_zone is not None:
            yield f"spec.offPeak.windows[{index}].timeZone", window.time_zone


def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; no name at all, such as ../x; a folder, such as Europe
        return False
    return True


def _sentence(name: str) -> str:
    return f"{name!r} is no IANA time zone; write one like Europe/Berlin"
