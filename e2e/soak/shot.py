"""When the operator is killed: at a write that is counted, or at an instant that nothing is known about."""

import random
from dataclasses import dataclass
from typing import Final

MOST_WRITES: Final = 4
"""A process that has to count further would live for seconds before enough work is due."""
_SIGHT: Final = 2


@dataclass(frozen=True, slots=True)
class Shot:
    """One kill -9: before sending write `number` of the process or after its answer; 0: at another instant."""

    number: int = 0
    moment: str = ""
    at_sight: bool = False
    """As soon as a Job is seen to be suspended whose status does not tell so yet."""
    share: float = 0.0
    """Of the time from half a start until what is due is done; 0 to 1."""

    @property
    def aimed(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        if self.aimed:
            return f"{self.moment} write {self.number}"
        return "at the sight of a pause" if self.at_sight else f"at {100 * self.share:.0f} % of its time"


def shots(count: int, seed: int) -> list[Shot]:
    """`count` kills: every other one aimed at a write, every fourth at the sight of a pause, the rest at random."""
    source = random.Random(seed)
    return [_shot(number, source) for number in range(count)]


def _shot(number: int, source: random.Random) -> Shot:
    if number % 2:
        return _aimed(source)
    share = source.random()
    return Shot(at_sight=True) if number % 4 == _SIGHT else Shot(share=share)


def _aimed(source: random.Random) -> Shot:
    return Shot(source.randint(1, MOST_WRITES), source.choice(["before", "after"]))
