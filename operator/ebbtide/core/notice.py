"""What people are told beyond Events and conditions: who, what, when it acts, its cost, and the line that vetoes it.

Made only where a policy names a receiver, and only of what the API server has accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ebbtide.api.cost_policy import NotifyEvent, NotifySection
from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.deadline import AT_RISK
from ebbtide.core.decision import Decision
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import command_target, veto_command
from ebbtide.core.situation import Situation
from ebbtide.core.slack import outlook_of
from ebbtide.core.workload import HourlyCost, Instant, WorkloadKey

_EVENTS = {Verb.Warn: NotifyEvent.Warn, Verb.Pause: NotifyEvent.Pause, Verb.Resume: NotifyEvent.Resume}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one receiver."""

    receiver: str
    event: NotifyEvent
    workload: WorkloadKey
    uid: str
    reason: str
    message: str
    policy: str
    """Kind/name."""
    at: Instant
    hourly: HourlyCost | None
    """What an hour costs; None: no pod is bound."""
    acts_after: Instant | None = None
    """Warn: not paused before; None: no pause follows."""
    command: str = ""
    """The one line that vetoes it, or undoes it; empty where there is nothing to veto."""
    transition: str = ""
    """What makes it this change and no other: the same one is told once."""

    @property
    def key(self) -> str:
        """The same for the same workload, event and transition, whoever tells it."""
        return f"{self.uid}/{self.event}/{self.transition}"


def notices(decision: Decision, done: frozenset[Verb], *, told: bool) -> tuple[Notice, ...]:
    """What this tick has to tell. `done`: verbs that changed something; `told`: its status was written."""
    policy = decision.ruled.situation.governing.policy
    section = policy.spec.notify if policy is not None and policy.spec is not None else None
    if section is None or not (done or told):
        return ()
    found = (*_acted(decision, done, section), *(_changed(decision, section) if told else ()))
    return tuple(it for it in found if not section.events or it.event in section.events)


def _acted(decision: Decision, done: frozenset[Verb], section: NotifySection) -> Iterator[Notice]:
    for action in decision.actions:
        event = _EVENTS.get(action.verb)
        if event is not None and action.verb in done and not action.observed and not _is_humans(decision, action):
            yield _notice(decision, section, event, str(action.reason), action.message)


def _changed(decision: Decision, section: NotifySection) -> Iterator[Notice]:
    """Conditions that have become true with the status that was just written."""
    situation = decision.ruled.situation
    stored = {it.type: it for it in situation.workload.memory.conditions}
    deadline, state = stored.get("DeadlineAtRisk"), stored.get("Succeeded")
    outlook = outlook_of(situation) if situation.workload.deadline is not None else None
    if outlook is not None and outlook.reason in AT_RISK and (deadline is None or deadline.status != "True"):
        yield _notice(decision, section, NotifyEvent.DeadlineAtRisk, str(outlook.reason), outlook.message)
    conflict = Reason.ConflictingController
    if decision.deciding is conflict and (state is None or state.reason != conflict):
        yield _notice(decision, section, NotifyEvent.Conflict, str(conflict), decision.message)


def _is_humans(decision: Decision, action: Action) -> bool:
    """People need not be told of what one of them did: their own pause, and its end."""
    if action.verb is Verb.Pause:
        return action.by is Actor.User
    return action.verb is Verb.Resume and decision.ruled.situation.paused_by == Actor.User


def _notice(decision: Decision, section: NotifySection, event: NotifyEvent, reason: str, message: str) -> Notice:
    situation, ruling = decision.ruled.situation, decision.ruled.ruling
    announces = event is NotifyEvent.Warn and ruling.withheld is None
    return Notice(
        receiver=section.receiver,
        event=event,
        workload=decision.workload,
        uid=situation.workload.uid,
        reason=reason,
        message=message,
        policy=decision.policy,
        at=decision.ruled.situation.now,
        hourly=decision.hourly,
        acts_after=decision.eligible_after if announces else None,
        command=_command(situation, event, announces=announces),
        transition=f"{reason}/{_began(situation, event)}/{ruling.withheld or ''}",
    )


def _began(situation: Situation, event: NotifyEvent) -> str:
    restore = situation.target.restore if situation.target is not None else None
    match event:
        case NotifyEvent.Warn | NotifyEvent.Pause:
            began = situation.judgement.idle_since or situation.now
        case NotifyEvent.Resume:
            began = restore.at if restore is not None else situation.now
        case NotifyEvent.DeadlineAtRisk:
            began = situation.workload.deadline or 0.0
        case _:
            return str(situation.reverts)
    return f"{began:.0f}"


def _command(situation: Situation, event: NotifyEvent, *, announces: bool) -> str:
    if event is NotifyEvent.Warn:
        return veto_command(situation) if announces else ""
    return f"kubectl ebbtide resume {command_target(situation)}" if event is NotifyEvent.Pause else ""
