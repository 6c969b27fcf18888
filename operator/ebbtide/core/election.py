"""Who acts: the rules by which replicas share one Lease. Pure; instants are seconds of a clock that only runs forward.

No replica ever compares its clock with another's. A holder counts from when it *sent* its last good renewal; everybody
else counts from when they *saw* the record change, which is later. So a holder has stopped `lease - renew` seconds
before anybody can take its place.
"""

from dataclasses import dataclass, field, replace

JITTER = 0.2
"""Those who wait ask after up to this much more than the retry period, so that they do not ask together."""
MARGIN = 0.2
"""Of the time between the last write and the lease's end, kept free for clocks that do not run alike."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long leadership lasts, in seconds. The defaults are those of Kubernetes' own components."""

    lease_seconds: int = 15
    """A record that does not change for so long is given up. An integer, because the Lease stores one."""
    renew_seconds: float = 10.0
    """A holder writes nothing when its last good renewal is older."""
    retry_seconds: float = 2.0
    """From one renewal, or one look, to the next."""

    @property
    def problem(self) -> str:
        """Why these cannot work together, as a sentence; empty when they can."""
        if not self.retry_seconds * (1 + JITTER) < self.renew_seconds:
            return (
                f"the retry period of {self.retry_seconds:g} s is too long: it must fit {1 + JITTER:g} times "
                f"into the renew deadline of {self.renew_seconds:g} s"
            )
        if not self.renew_seconds < self.lease_seconds:
            return (
                f"the renew deadline of {self.renew_seconds:g} s must be shorter than "
                f"the lease duration of {self.lease_seconds} s"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the Lease says. Times are kept as they are written: only whether they change matters."""

    uid: str
    holder: str = ""
    """Empty: nobody, or the last holder let go."""
    transitions: int = 0
    lease_seconds: int = 0
    """The holder's promise; 0: not said."""
    acquired: str = ""
    renewed: str = ""


@dataclass(frozen=True, slots=True)
class Election:
    """What one replica knows about the Lease and about its own place."""

    identity: str
    terms: Terms = field(default_factory=Terms)
    record: Record | None = None
    """As it was last seen."""
    free_at: float = 0.0
    """From this instant on the place may be taken."""
    sent_at: float | None = None
    """When the last good renewal was sent; None: this replica does not hold the Lease."""

    def saw(self, record: Record, now: float) -> "Election":
        """A record was read; `now` is taken after the answer."""
        if record == self.record:
            return self
        if record.holder == self.identity:
            return replace(self, record=record, free_at=now)
        wait = self._promised(record) if record.holder else 0
        if self.record is not None and record.uid != self.record.uid:
            # A Lease that was deleted and made anew says nothing about the holder of the old one.
            wait = max(wait, self._promised(self.record))
        return replace(self, record=record, free_at=now + wait, sent_at=None)

    def renewed(self, record: Record, sent_at: float) -> "Election":
        """Our own write was accepted and left this record; `sent_at` is taken before it was sent."""
        return replace(self, record=record, free_at=sent_at, sent_at=sent_at)

    def lost(self) -> "Election":
        """The Lease is gone, and our place with it."""
        return replace(self, sent_at=None)

    def may_claim(self, now: float) -> bool:
        """Whether to write our name now: to take the place, or to stay."""
        return self.record is not None and now >= self.free_at

    def leads(self, now: float) -> bool:
        """Whether this replica may write now."""
        return self.sent_at is not None and now - self.sent_at < self.terms.renew_seconds

    def write_seconds(self, now: float) -> float:
        """How long a write that is sent now may take: until shortly before anybody else can act. 0: not at all."""
        if self.sent_at is None:
            return 0.0
        spare = MARGIN * (self.terms.lease_seconds - self.terms.renew_seconds)
        return max(0.0, self.sent_at + self.terms.lease_seconds - spare - now)

    @property
    def transitions(self) -> int:
        """What our claim says about how often the place changed hands."""
        if self.record is None:
            return 0
        return self.record.transitions + (self.record.holder != self.identity)

    def _promised(self, record: Record) -> int:
        return record.lease_seconds if record.lease_seconds > 0 else self.terms.lease_seconds
