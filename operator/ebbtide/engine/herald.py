"""What people are told of a workload: its status, then events, then what is sent to receivers."""

from collections.abc import Iterable
from typing import Final

import structlog

from ebbtide.core.action import HOUSEKEEPING, Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.notice import notices
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.unsaid import unsaid
from ebbtide.core.workload import Instant
from ebbtide.engine.acted import Acted
from ebbtide.engine.statuses import Statuses
from ebbtide.engine.turns import in_turns
from ebbtide.ports import Cluster, EventNote, Notifier, Outcome, OutcomeKind

log = structlog.get_logger(__name__)

_WARNING_VERBS: Final = frozenset({Verb.Warn, Verb.Pause})
_GOOD_NEWS: Final = frozenset(
    {Reason.GPUActive, Reason.RecentlyActive, Reason.CPUActive, Reason.NetworkActive, Reason.RequestsServed}
)
_NO_ALARM: Final = frozenset({OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.NotLeader})


class Herald:
    """An Event never tells what was not accepted."""

    def __init__(self, cluster: Cluster, statuses: Statuses, notifier: Notifier | None) -> None:
        """`notifier`: None where nobody is told beyond the cluster."""
        self._cluster, self._statuses, self._notifier = cluster, statuses, notifier

    async def tell(self, acted: Acted, health: MetricsHealth) -> bool:
        """Whether a status was written. Made only now: 5,000 would be 75 MiB."""
        write = self._statuses.due(acted, health)
        if write is None:
            await self._publish(acted, told=False)
            return False
        outcome = await self._cluster.write_status(write)
        if outcome.kind not in _NO_ALARM:
            log.warning("status not written", workload=str(acted.decision.workload), why=outcome.message)
        acted.outcomes = [(it, _by_status(it, how, outcome)) for it, how in acted.outcomes]
        await self._publish(acted, told=outcome.kind is OutcomeKind.Done)
        return outcome.kind is OutcomeKind.Done

    async def tell_unsaid(self, decisions: Iterable[Decision]) -> None:
        """Pauses that the process before this one made and could not tell; twice is once."""
        late = [(each, news) for each in decisions if (news := unsaid(each)) is not None]
        await in_turns(self._say(decision, *news) for decision, news in late)

    async def _publish(self, acted: Acted, *, told: bool) -> None:
        """Events about the workload itself."""
        done = [(it, how.at) for it, how in acted.outcomes if how.kind is OutcomeKind.Done and _is_told(it)]
        for action, at in done:
            await self._say(acted.decision, action, at)
        if self._notifier is not None and (done or told):
            for notice in notices(acted.decision, frozenset(action.verb for action, _ in done), told=told):
                self._notifier.notify(notice)

    async def _say(self, decision: Decision, action: Action, at: Instant | None) -> None:
        """One Event."""
        await self._cluster.publish(_event(action, at, decision.ruled.situation.workload.uid))


def _by_status(action: Action, how: Outcome, status: Outcome) -> Outcome:
    """The status write is what gives a warning and records a planned step: how it ended is how they ended."""
    if action.observed:
        return how if status.kind in _NO_ALARM else status
    return status if action.verb is Verb.Warn else how


def _is_told(action: Action) -> bool:
    """What is done to an object of ours beside the work is nobody's news, but for a fight that ends."""
    return action.verb not in HOUSEKEEPING or action.reason is Reason.ConflictingController


def _event(action: Action, at: Instant | None, uid: str) -> EventNote:
    """`at`: when the object says that it was done."""
    alarming = action.verb in _WARNING_VERBS or (action.verb is Verb.Notify and action.reason not in _GOOD_NEWS)
    kind = "Warning" if alarming and action.by == "Policy" and action.reason is not Reason.PausedDuring else "Normal"
    identity = "" if at is None else f"{at:.0f}"
    return EventNote(action.workload, uid, kind, str(action.reason), str(action.verb), action.message, identity)
