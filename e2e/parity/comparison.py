"""Whether two courses of one scenario are the same: actions, reasons and order, and times within what a plane needs."""

from collections.abc import Iterator
from itertools import combinations

from e2e.parity.record import Course, Deed

SLACK_SECONDS = 10.0
"""Real pods need seconds to be Running and real ticks come when a busy machine lets them; a pause out of place would be
off by the idle time, which is thirty."""
APART_SECONDS = SLACK_SECONDS
"""Deeds about different workloads this far apart must keep their order."""


def differences(simulated: Course, real: Course) -> list[str]:
    """One sentence for each difference; empty when both worlds tell the same."""
    names = sorted({deed.workload for deed in (*simulated.deeds, *real.deeds)})
    found = [line for name in names for line in _about(name, simulated.of(name), real.of(name))]
    return found or [*_disordered(simulated, real), *_verdicts(simulated, real)]


def _about(name: str, simulated: list[Deed], real: list[Deed]) -> Iterator[str]:
    if [deed.what for deed in simulated] != [deed.what for deed in real]:
        yield f"{name}: simulated {_told(simulated)}, real {_told(real)}"
        return
    for one, other in zip(simulated, real, strict=True):
        if abs(one.at - other.at) > SLACK_SECONDS:
            yield f"{name}: {one.action} simulated at {one.at:.1f} s, real at {other.at:.1f} s"


def _disordered(simulated: Course, real: Course) -> Iterator[str]:
    """Both worlds have the same deeds here, so each has its counterpart by workload and number."""
    place = {(deed.workload, number): index for index, (deed, number) in enumerate(_numbered(real.deeds))}
    for (one, first), (other, second) in combinations(_numbered(simulated.deeds), 2):
        apart = other.at - one.at
        if apart > APART_SECONDS and place[one.workload, first] > place[other.workload, second]:
            yield f"{one.workload} {one.action} before {other.workload} {other.action}: not so on the plane"


def _numbered(deeds: list[Deed]) -> list[tuple[Deed, int]]:
    counts: dict[str, int] = {}
    found = []
    for deed in deeds:
        counts[deed.workload] = counts.get(deed.workload, 0) + 1
        found.append((deed, counts[deed.workload]))
    return found


def _verdicts(simulated: Course, real: Course) -> Iterator[str]:
    for name, verdict in real.verdicts.items():
        if simulated.verdicts.get(name) != verdict:
            yield f"{name}: last verdict simulated {simulated.verdicts.get(name)}, real {verdict}"


def _told(deeds: list[Deed]) -> str:
    return ", ".join(f"{it.action}/{it.reason}/{it.mode} at {it.at:.1f} s" for it in deeds) or "nothing"
