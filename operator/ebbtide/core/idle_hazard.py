"""How soon idleness ends, by how long it has lasted: of a group of siblings, and of one workload against them.

A hazard is the chance that an idle run ends within its next step. It is learnt from runs as they are, those that still
go on included: to leave them out would make every run look short. What was not seen is neither end nor exposure, and
a run whose beginning was not seen is neither, for its age is not known: work that was idle long before it was watched
would pass for young work that lasts. Time goes in steps of one length, and what was learnt fades with each. Mutable in
place, and derived: Prometheus tells it again after a start.
"""

from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum
from typing import Final

EDGES: Final = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 62, 78, 98, 125, 160, 200, 260, 340, 450,
                600, 800, 1400)  # fmt: skip
"""Where the bins of age begin, in steps; the last has no end. Each is about a quarter wider than the one before, so
that bins far out gather runs too."""
BINS: Final = len(EDGES)
SIBLINGS_HALF_LIFE: Final = 5400.0
"""Seconds after which what siblings did counts half: load changes through the day."""
OWN_HALF_LIFE: Final = 7200.0
"""The same for what the workload itself did, of which there is less."""
PRIOR: Final = 2.0
"""k of θ = (O + k) / (E + k): a workload passes for one like its siblings until more runs of its own have ended."""


NEAR: Final = 0.5
"""An age seen too little is judged with younger ones, at most down to this share of it."""


class Seen(Enum):
    """What a workload did in one step."""

    Busy = "Busy"
    Idle = "Idle"
    Missing = "Missing"
    """Samples are missing, but no more than the idle clock tolerates: not counted, and the run goes on."""
    Broken = "Broken"
    """Nobody can say: a hole, a pod that is not Ready. The idle clock starts anew; so the run counts as ended, which
    can only make timeouts longer."""
    Away = "Away"
    """It did not run, or is not judged now. The run is cut off: neither ended nor going on."""


class Siblings:
    """Exits and exposure by age of a group of workloads, in runs and steps."""

    __slots__ = ("_exits", "_exposure", "_fading", "_hazards", "watched")

    def __init__(self, step_seconds: float) -> None:
        self._fading = 0.5 ** (step_seconds / SIBLINGS_HALF_LIFE)
        self._exits = [0.0] * BINS
        self._exposure = [0.0] * BINS
        self._hazards: dict[tuple[float, float], tuple[float, ...]] = {}
        self.watched = 0
        """Steps in which some of them was seen."""

    @property
    def ended(self) -> float:
        """Runs that have ended, the older the less."""
        return sum(self._exits)

    def hazards(self, enough: float, known: float) -> tuple[float, ...]:
        """The chance per step that a run of each bin ends.

        A bin that was watched for less than `enough` steps is judged together with the bins below it, as many as it
        takes: down to half its age, or down to nothing where it begins after `known` steps, which is how old runs may
        be that could be watched for as long as matters. Nobody is seen to end at ages that nobody reached though they
        were watched for; where nothing at all was watched, every run ends.
        """
        found = self._hazards.get((enough, known))
        if found is None:
            found = tuple(self._together(place, enough, known) for place in range(BINS))
            self._hazards[enough, known] = found
        return found

    def _together(self, place: int, enough: float, known: float) -> float:
        exits, steps, youngest = self._exits[place], self._exposure[place], place
        least = EDGES[place] * NEAR if EDGES[place] <= known else 0
        while steps < enough and EDGES[youngest] > least:
            youngest -= 1
            exits += self._exits[youngest]
            steps += self._exposure[youngest]
        if steps <= 0:
            return 0.0 if EDGES[place] <= known else 1.0
        return min(exits / steps, 1.0)

    def _seen(self) -> list[float]:
        """By bin, nothing judged together; 0 where none was seen to end."""
        pairs = zip(self._exits, self._exposure, strict=True)
        return [min(exits / steps, 1.0) if steps > 0 else 0.0 for exits, steps in pairs]

    def step(self, members: Iterable[tuple["OwnRuns", Seen]]) -> None:
        """One step of all members together."""
        before = self._seen()
        present = False
        self._exits = [exits * self._fading for exits in self._exits]
        self._exposure = [steps * self._fading for steps in self._exposure]
        for member, seen in members:
            member.step(seen, self, before)
            present = present or seen is not Seen.Away
        self.watched += present
        self._hazards = {}

    def expose(self, place: int) -> None:
        """A run was idle for one step more."""
        self._exposure[place] += 1.0

    def leave(self, place: int) -> None:
        """A run ended."""
        self._exits[place] += 1.0


class OwnRuns:
    """The idle runs of one workload: how many ended, and how many would have, were it like its siblings."""

    __slots__ = ("_begun", "_fading", "age", "ended", "expected")

    def __init__(self, step_seconds: float) -> None:
        self._fading = 0.5 ** (step_seconds / OWN_HALF_LIFE)
        self._begun = False
        """Whether the beginning of the present run was seen, or would be of the next."""
        self.age = -1
        """Steps that the present run has been watched for before its newest one; -1: none."""
        self.ended = 0.0
        self.expected = 0.0

    @property
    def factor(self) -> float:
        """θ: how much more often than its siblings' the runs of this workload end."""
        return (self.ended + PRIOR) / (self.expected + PRIOR)

    def step(self, seen: Seen, siblings: Siblings, hazards: list[float]) -> None:
        """One step. `hazards`: of the siblings, as they were before it."""
        self.ended *= self._fading
        self.expected *= self._fading
        if seen is Seen.Idle:
            self.age += 1
            self._idle(siblings, hazards)
        elif seen is Seen.Missing:
            self.age += self.age >= 0
        else:
            self._end(seen, siblings)

    def _idle(self, siblings: Siblings, hazards: list[float]) -> None:
        if self._begun:
            place = bin_of(self.age)
            siblings.expose(place)
            self.expected += hazards[place]

    def _end(self, seen: Seen, siblings: Siblings) -> None:
        if self.age >= 0 and self._begun and seen is not Seen.Away:
            siblings.leave(bin_of(self.age))
            self.ended += 1.0
        self._begun, self.age = True, -1


def bin_of(age: float) -> int:
    """The bin of an age in steps, 0 or more."""
    return bisect_right(EDGES, age) - 1
