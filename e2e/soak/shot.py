"""When the operator is killed: at a write that is counted, or at an instant that nothing is known about."""

import random
from dataclasses import dataclass
from typing import Final

MOST_WRITES: Final = 4
"""A process that has to count further would live for seconds before enough work is due."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One kill -9: before sending write `number` of the process or after its answer; 0: at a random instant."""

    number: int = 0
    moment: str = ""
    share: float = 0.0
    """Of the time from half a start until what is due is done; 0 to 1."""

    @property
    def aimed(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        return f"{self.moment} write {self.number}" if self.aimed else f"at {100 * self.share:.0f} % of its time"


def shots(count: int, seed: int) -> list[Shot]:
    """`count` kills, every other one aimed."""
    source = random.Random(seed)
    return [_aimed(source) if number % 2 else Shot(share=source.random()) for number in range(count)]


def _aimed(source: random.Random) -> Shot:
    return Shot(source.randint(1, MOST_WRITES), source.choice(["before", "after"]))
