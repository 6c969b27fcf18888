"""Devices that several exporters report on: they count once, but somebody pays for all of it, and may not know."""

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations

from ebbtide.samples.holders import Stamps, take_in
from ebbtide.samples.profile import Profile


def scraped_twice(rows: Iterable[tuple[Mapping[str, str], Stamps]], profile: Profile, suspects: Collection[str]) -> str:
    """A sentence about those suspects that several targets report on at the same time; empty: none."""
    found: dict[str, dict[str, Stamps]] = {}
    for labels, stamps in rows:
        device = profile.device(labels)
        if device in suspects:
            target = ", ".join(f"{name} {labels[name]}" for name in profile.target_labels if labels.get(name))
            take_in(found.setdefault(device, {}).setdefault(target, stamps), stamps)
    twice = {device: sorted(targets) for device, targets in found.items() if _at_once(targets.values())}
    if not twice:
        return ""
    device, targets = next(iter(sorted(twice.items())))
    many = "1 device is" if len(twice) == 1 else f"{len(twice)} devices are"
    return (
        f"{many} scraped from several targets at once, such as {device} ({'; '.join(targets)}): each counts once, but "
        "pin one job in metrics.matchLabels."
    )


def _at_once(targets: Iterable[Stamps]) -> bool:
    """Two of them take turns, not one after the other as a restarted exporter does."""
    spans = [(min(filter(None, stamps), default=0.0), max(stamps)) for stamps in targets]
    return any(one[0] <= other[1] and other[0] <= one[1] for one, other in combinations(spans, 2))
