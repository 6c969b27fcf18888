"""Whether two courses of one scenario are the same: actions, reasons and order, and times within what a plane needs."""

from collections.abc import Iterator
from itertools import combinations

from e2e.parity.record import SLACK_SECONDS, Course, Deed

APART_SECONDS = SLACK_SECONDS
"""Deeds about different workloads this far apart must keep their order."""


def differences(simulated: Course, real: Course) -> list[str]:
    """One sentence for each difference; empty when both worlds tell the same."""
    names = sorted({deed.workload for deed in (*simulated.deeds, *real.deeds)})
    found = [line for name in names for line in _about(name, simulated, real)]
    return found or [*_disordered(simulated, real), *_verdicts(simulated, real)]


def _about(name: str, here: Course, there: Course) -> Iterator[str]:
    simulated, real = here.of(name), there.of(name)
    while len(real) > len(simulated) and real[-1].at > here.seconds:
        real.pop()  # beyond the end of the story, which the simulator does not tell
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
        if not verdict <= simulated.verdicts.get(name, set()):
            yield f"{name}: last verdicts simulated {simulated.verdicts.get(name)}, real {verdict}"


def _told(deeds: list[Deed]) -> str:
    return ", ".join(f"{it.action}/{it.reason}/{it.mode} at {it.at:.1f} s" for it in deeds) or "nothing"
