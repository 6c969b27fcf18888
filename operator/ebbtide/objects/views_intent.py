"""The human's word, read from annotations. It always wins, so what cannot be read is said, never guessed."""

from collections.abc import Mapping

from ebbtide.api import labels as keys
from ebbtide.core.workload import Intent
from ebbtide.objects.views_meta import ObjectMeta, says_true, time_in

OVERRIDES = ("Paused", "Running")


def intent(meta: ObjectMeta, *, suspend: bool, policy_ref: str) -> Intent:
    """Annotations of a workload; `policy_ref` (Kind/name) is what its spec names, and beats the annotation."""
    words = meta.annotations or {}
    override, bad_override = _override(words)
    until, bad_until = time_in(words, keys.OVERRIDE_UNTIL)
    keep, bad_keep = time_in(words, keys.KEEP_UNTIL)
    never, bad_never = _never_pause(meta, words)
    policy, bad_policy = _policy(words)
    return Intent(
        suspend=suspend,
        override=override,
        override_until=until,
        keep_until=keep,
        keep_malformed=bool(bad_keep),
        never_pause=never,
        policy_name=policy_ref or policy,
        invalid=tuple(bad for bad in (bad_override, bad_until, bad_keep, bad_never, bad_policy) if bad),
    )


def _override(words: Mapping[str, str]) -> tuple[str, str]:
    said = words.get(keys.OVERRIDE, "")
    if not said or said in OVERRIDES:
        return said, ""
    return "", f"annotation {keys.OVERRIDE} {said!r} is not known: write Paused or Running"


def _never_pause(meta: ObjectMeta, words: Mapping[str, str]) -> tuple[bool, str]:
    said = words.get(keys.NEVER_PAUSE, "")
    bad = "" if said in {"", "true", "false"} else f'annotation {keys.NEVER_PAUSE} {said!r} is not known: write "true"'
    return says_true(meta, keys.NEVER_PAUSE), bad


def _policy(words: Mapping[str, str]) -> tuple[str, str]:
    """A bare name means a CostPolicy of the same namespace."""
    said = words.get(keys.POLICY, "")
    kind, slash, name = said.partition("/")
    if not said or (slash and name and kind in {"CostPolicy", "ClusterCostPolicy"}):
        return said, ""
    if not slash:
        return f"CostPolicy/{said}", ""
    return "", f"annotation {keys.POLICY} {said!r} cannot be read: write CostPolicy/NAME"
