"""ScaledObjects and what they scale: KEDA undoes whatever somebody else does to the replicas there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ebbtide.core.endless import RUNNING
from ebbtide.core.workload import Intent, Target, Workload, WorkloadKey


class Scaling:
    """Which workload stands for which at one instant."""

    def __init__(self, scaled_objects: Iterable[Workload], seeds: Iterable[Workload]) -> None:
        """`seeds`: objects that may be scaled. A ScaledObject that another object controls is that one's tool."""
        self._over: dict[WorkloadKey, Workload] = {
            one.scales: one for one in scaled_objects if one.scales is not None and not one.controller_uid
        }
        self._targets: Mapping[str, Workload] = (
            {over.uid: seed for seed in seeds if (over := self._over.get(seed.key))} if self._over else {}
        )

    def __bool__(self) -> bool:
        return bool(self._over)

    def over(self, seed: Workload) -> Workload | None:
        """The ScaledObject that the workload is told of under.

        What bears an original of ours is told of itself until that is put back, whoever began to scale it meanwhile.
        """
        found = self._over.get(seed.key)
        return None if found is None or _is_paused(seed) else found

    def target(self, uid: str) -> Workload | None:
        """What the ScaledObject of that UID scales, where it is there."""
        return self._targets.get(uid)


def whole(scaled_object: Workload, target: Workload) -> Workload:
    """The ScaledObject with what it scales: the target's work, its own lever, and what people say on either."""
    if _is_paused(target):
        said = f"what it scales, {target.key.kind} {target.key.name}, is paused by its own lever: reported only"
        return replace(scaled_object, unsupported=said)
    return replace(
        scaled_object,
        kind_class=target.kind_class,
        workers=target.workers,
        accelerators=target.accelerators,
        accelerator_resource=target.accelerator_resource,
        scratch=scaled_object.scratch or target.scratch,
        queue=scaled_object.queue or target.queue,
        intent=_both(scaled_object.intent, target.intent),
        scaled=target.target,
        target=_wanting(scaled_object.target, target.target),
    )


def _wanting(lever: Target | None, scaled: Target | None) -> Target | None:
    """The lever with how many pods there should be, which what it scales tells."""
    return replace(lever, wanted=scaled.wanted) if lever is not None and scaled is not None else lever


def _both(first: Intent, second: Intent) -> Intent:
    """Both words, for which of them is in force the clock and the memory tell; of two vetoes the stronger."""
    spoken, other = (first, second) if first.override else (second, first)
    same = (spoken.override, spoken.override_until) == (other.override, other.override_until)
    # Of a Running without an end the second one may be newer, though it says the same.
    adds = bool(other.override) and (not same or (other.override, other.override_until) == (RUNNING, None))
    return Intent(
        suspend=first.suspend or second.suspend,
        override=spoken.override,
        override_until=spoken.override_until,
        keep_until=max((it for it in (first.keep_until, second.keep_until) if it is not None), default=None),
        keep_malformed=first.keep_malformed or second.keep_malformed,
        never_pause=first.never_pause or second.never_pause,
        policy_name=first.policy_name or second.policy_name,
        invalid=(*first.invalid, *second.invalid),
        beside=(other.override, other.override_until) if adds else None,
    )


def _is_paused(seed: Workload) -> bool:
    return seed.target is not None and seed.target.restore is not None
