"""What is known of a workload besides its own object: whose part it is, what it scales, what its pods ask for."""

import json
from collections.abc import Callable
from dataclasses import replace

from ebbtide.core.reason import Reason
from ebbtide.core.workload import Pod, Workload
from ebbtide.objects.family import Family
from ebbtide.objects.scaling import Scaling, whole
from ebbtide.objects.views_adopted import Record


class Variants:
    """Objects as they were joined: the very same again while nothing has changed, so that nothing is judged anew."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], tuple[Workload | Pod, object, Workload]] = {}
        self._now: dict[tuple[str, str], tuple[Workload | Pod, object, Workload]] = {}

    def begin(self) -> None:
        """A new instant: what was not asked for in the one before is forgotten."""
        self._before, self._now = self._now, {}

    def kept(self, what: str, seed: Workload | Pod, because: object, make: Callable[[], Workload]) -> Workload:
        """What `make` makes of the seed; made again where seed or `because` differ."""
        key = (what, seed.uid)
        entry = self._before.get(key)
        if entry is None or entry[0] is not seed or entry[1] != because:
            entry = (seed, because, make())
        self._now[key] = entry
        return entry[2]


def whose(seed: Workload, family: Family, scaling: Scaling) -> Workload | None:
    """The workload that the object is part of; None: it is one itself."""
    top = family.top(seed.controller_uid) if seed.controller_uid else None
    return top or (scaling.over(seed) if scaling else None)


def as_part(seed: Workload, top: Workload, variants: Variants) -> Workload:
    """What was told of before and belongs to another workload now."""
    owner = f"{top.key.kind}/{top.key.name}"
    said = f"part of {top.key.kind} {top.key.name}, which is told of instead"
    return variants.kept("part", seed, owner, lambda: replace(seed, part_of=owner, unsupported=said))


def unread(seed: Workload, why: str, variants: Variants) -> Workload:
    """What is of a kind, or controlled by one, that may not be read: what is known of it may be over."""
    said = f"{seed.key.kind}s may not be read" if not seed.controller_kind else f"a {seed.controller_kind} controls it"
    return variants.kept(
        "unread",
        seed,
        why,
        lambda: replace(seed, unsupported=f"{said}: {why}; reported only", unsupported_reason=Reason.PermissionDenied),
    )


def of_kind(
    seed: Workload, family: Family, scaling: Scaling, variants: Variants, record: Record | None
) -> tuple[Workload, tuple[Pod, ...]]:
    """An object of a further kind with its pods. Where its spec does not say what it asks for, its pods do."""
    target = scaling.target(seed.uid) if seed.scales is not None else None
    if target is not None:
        pods: tuple[Pod, ...] = () if scaling.over(target) is None else family.pods_below(target.uid)
        scaled_object = seed
        seed = variants.kept("scaled", scaled_object, target, lambda: whole(scaled_object, target))
    else:
        pods = family.pods_below(seed.uid)
    if seed.accelerated:
        return seed, pods
    count, resource = _asked_by(pods) or (_held_before(seed, record), "")
    if not (count or resource):
        return seed, pods
    bare = seed
    return variants.kept("asked", seed, (count, resource), lambda: _asking(bare, count, resource, pods)), pods


def _asking(seed: Workload, count: int, resource: str, pods: tuple[Pod, ...]) -> Workload:
    return replace(seed, accelerators=count, accelerator_resource=resource, workers=seed.workers or len(pods))


def _asked_by(pods: tuple[Pod, ...]) -> tuple[int, str] | None:
    asking = [pod for pod in pods if pod.accelerator_resource and pod.ended_at is None]
    if not asking:
        return None
    return sum(pod.accelerators for pod in asking), max(asking, key=lambda pod: pod.accelerators).accelerator_resource


def _held_before(seed: Workload, record: Record | None) -> int:
    """Devices of what Ebbtide paused: as many as the evidence of the pause names, one where it names none."""
    if seed.target is None or seed.target.restore is None:
        return 0
    pause = record.memory.pause if record is not None else None
    try:
        devices = json.loads(pause.evidence)["devices"] if pause is not None and pause.evidence else ()
    except (ValueError, TypeError, KeyError):
        devices = ()
    return max(1, len(devices))
