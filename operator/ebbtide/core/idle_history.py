"""The idle runs of every workload whose timeout is learnt, and of its siblings. Memory only; the reader counts them.

Siblings are the workloads of one namespace that one policy governs: who wrote its selector said that they are alike.
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Final, NamedTuple

from ebbtide.core.idle_hazard import OwnRuns, Seen, Siblings
from ebbtide.core.learned_timeout import WRONG_SECONDS

STEP_SECONDS: Final = 60.0
"""Ages are counted in minutes, whatever the sample interval: two samples of 30 s make a step."""
ENOUGH_ENDED: Final = 10.0
"""Until so many runs of a group have ended, as they still count, nothing is learnt."""


class Learnt(NamedTuple):
    """What is known about the idle runs of one workload."""

    hazards: tuple[float, ...]
    """Of its siblings, by bin of age: the chance per step that a run ends."""
    factor: float
    """θ: its own against theirs."""
    own_ended: float
    """Runs of its own that ended, the older the less."""
    siblings_ended: float
    """The same of all siblings, itself included."""
    watched_seconds: float
    """How long the siblings were watched."""

    @property
    def enough(self) -> bool:
        """Whether enough runs ended to choose a timeout by them."""
        return self.siblings_ended >= ENOUGH_ENDED

    @property
    def known_seconds(self) -> float:
        """Whether work wants to be busy again within half an hour can be known of runs up to this age."""
        return self.watched_seconds - WRONG_SECONDS


NOTHING: Final = Learnt((), 1.0, 0.0, 0.0, 0.0)


class IdleHistory:
    """Mutable in place. Some 300 bytes for each workload, 2 KB for each group, however long they run."""

    def __init__(self, step_seconds: float = STEP_SECONDS) -> None:
        self.step_seconds = step_seconds
        self._groups: dict[str, tuple[Siblings, dict[str, OwnRuns]]] = {}
        self._group_of: dict[str, str] = {}

    def step(self, seen: Mapping[str, Iterable[tuple[str, Seen]]]) -> None:
        """One step of everybody: by group, what each workload (by UID) did in it. Who is not named was away."""
        for group, members in seen.items():
            siblings, known = self._groups.setdefault(group, (Siblings(self.step_seconds), {}))
            siblings.step([(self._own(known, uid, group), what) for uid, what in members])
        for group in self._groups.keys() - seen.keys():
            self._groups[group][0].step(())

    def keep(self, members: Mapping[str, str]) -> None:
        """Forget everybody but these: the group of each workload, by UID."""
        for uid, group in list(self._group_of.items()):
            if members.get(uid) != group:
                self._groups[group][1].pop(uid, None)
                del self._group_of[uid]
        kept = set(members.values())
        self._groups = {group: found for group, found in self._groups.items() if group in kept}

    def learnt(self, uid: str, restart_seconds: float) -> Learnt:
        """What is known of a workload whose restart costs so much.

        An age is judged by itself if it was watched for ten times that long, as often as ten runs take to end where a
        pause just pays for its restart. Restarts are told apart by whole steps.
        """
        group = self._group_of.get(uid)
        if group is None:
            return NOTHING
        siblings, known = self._groups[group]
        own, enough = known[uid], ENOUGH_ENDED * ceil(restart_seconds / self.step_seconds)
        hazards = siblings.hazards(enough, siblings.watched - WRONG_SECONDS / self.step_seconds)
        return Learnt(hazards, own.factor, own.ended, siblings.ended, siblings.watched * self.step_seconds)

    def _own(self, known: dict[str, OwnRuns], uid: str, group: str) -> OwnRuns:
        own = known.get(uid)
        if own is None:
            own = known[uid] = OwnRuns(self.step_seconds)
            self._group_of[uid] = group
        return own
