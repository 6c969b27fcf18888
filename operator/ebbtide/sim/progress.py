"""How far work has come, what a stop costs it, and which of its running time was not done before. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Mode(StrEnum):
    """How work survives a stop."""

    Never = "None"
    Periodic = "Periodic"
    OnSignal = "OnSignal"
    Stateless = "Stateless"
    """It has nothing to lose."""


class Saving(NamedTuple):
    """A checkpoint setting."""

    mode: Mode = Mode.Never
    seconds: int = 0
    """Periodic: the interval; OnSignal: from SIGTERM to the finished save."""


NO_SAVING: Final = Saving()


class Span(NamedTuple):
    """[start, end), in seconds from the start."""

    start: int
    end: int


def kept(saving: Saving, reached: int, saved: int, grace: int) -> int:
    """Progress after a stop at `reached` with `grace` seconds; `saved`: the last save that a signal completed."""
    match saving.mode:
        case Mode.Never:
            return 0
        case Mode.Periodic:
            return reached - reached % saving.seconds if saving.seconds else reached
        case Mode.OnSignal:
            return reached if 0 < grace >= saving.seconds else saved
        case Mode.Stateless:
            return reached


@dataclass(slots=True)
class Progress:
    """Of one gang. Seconds of running time."""

    work: int | None = None
    """What there is to do; None: it never ends."""
    position: int = 0
    """Where the present or next run begins."""
    saved: int = 0
    furthest: int = 0
    since: int | None = None
    """Second at which the present run began; None: it does not run."""

    def begin(self, now: int) -> None:
        """All pods of the gang run."""
        self.since = now

    def reached(self, now: int) -> int:
        """Progress at this second."""
        return self.position if self.since is None else self.position + now - self.since

    @property
    def due(self) -> int | None:
        """Second at which the work is done if nothing stops it."""
        return None if self.since is None or self.work is None else self.since + max(0, self.work - self.position)

    def stop(self, now: int, saving: Saving, grace: int) -> Span | None:
        """The run ends. Returns the part of it that was not done before."""
        if self.since is None:
            return None
        first = self.since + max(0, self.furthest - self.position)
        reached = self.reached(now)
        self.furthest = max(self.furthest, reached)
        self.position = kept(saving, reached, self.saved, grace)
        if saving.mode is Mode.OnSignal:
            self.saved = self.position
        self.since = None
        return Span(first, now) if first < now else None
