"""Adoption: which work of others is told about, and what is done for it besides what is decided about it.

An AdoptedWorkload is created and deleted in Observe too: it is ours. Labels are written on objects of users, so only
where a policy acts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final

from msgspec.structs import replace as changed

from ebbtide.api.cost_policy import AttributionWrite
from ebbtide.api.labels import ATTRIBUTION
from ebbtide.core.action import HOUSEKEEPING, Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.intent import Wish
from ebbtide.core.labelling import labelled
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import act
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Attribution, Pod

DISCARD_SECONDS: Final = 24 * 3600.0
"""So long after the work has finished its AdoptedWorkload stays (design: AdoptedWorkload)."""
LINGER_SECONDS: Final = 60.0
"""A pause that ended so lately still counts where resumes are spread over minutes."""
ROUND: Final = 400
"""Housekeeping writes of one tick; the rest come with the next ticks. At 20 writes a second that is 20 s."""
_FIELDS: Final = tuple(field.name for field in fields(Attribution))
_NAMED_IN_VAIN: Final = frozenset({Reason.PolicyNotFound, Reason.PolicyInvalid})


def attribution_labels(attribution: Attribution) -> dict[str, str]:
    """Label key to full value, of the keys that somebody gave."""
    given = ((key, getattr(attribution, name)) for key, name in zip(ATTRIBUTION.values(), _FIELDS, strict=True))
    return {key: value for key, value in given if value}


def is_shown(situation: Situation) -> bool:
    """Our own kinds always; work of others where a policy selects it, a human spoke, or something of ours is left."""
    workload = situation.workload
    return not workload.adopted or workload.status_object is not None or _is_wanted(situation)


def housekeeping(situation: Situation) -> tuple[Action, ...]:
    """Create or delete the AdoptedWorkload, write missing labels."""
    workload = situation.workload
    if not workload.adopted:
        return ()
    if workload.status_object is None:
        said = "what is known of it gets an object of its own"
        return () if _is_past(situation) else (act(situation, Verb.Adopt, Reason.Accepted, said),)
    if why := _discarded(situation):
        return (act(situation, Verb.Discard, *why),)
    return _labelling(situation)


def rationed(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """At most a round of housekeeping, so that nobody waits for a fleet that is adopted all at once."""
    left = ROUND
    for decision in decisions:
        chores = sum(_writes(action) for action in decision.actions) if decision.actions else 0
        if chores > left:
            kept = tuple(action for action in decision.actions if action.verb not in HOUSEKEEPING)
            yield changed(decision, actions=kept)
        else:
            left -= chores
            yield decision


def _writes(action: Action) -> int:
    return 1 + len(action.pods) if action.verb in HOUSEKEEPING else 0


def _is_wanted(situation: Situation) -> bool:
    governing, target = situation.governing, situation.target
    if governing.policy is not None or governing.reason in _NAMED_IN_VAIN or _is_spoken_of(situation):
        return True
    return target is not None and (
        target.restore is not None or target.held or bool(target.restore_unreadable or target.restore_misplaced)
    )


def _is_spoken_of(situation: Situation) -> bool:
    """A human said something about this very object; a namespace's never-pause is no word about each of its objects."""
    intent, wish = situation.workload.intent, situation.word.wish
    kept = intent.never_pause or intent.keep_malformed or intent.keep_until is not None
    return wish in {Wish.Stop, Wish.Run} or (wish is Wish.Keep and kept) or bool(intent.invalid)


def _is_past(situation: Situation) -> bool:
    """Finished so long ago that nothing is told of it any more."""
    ended = situation.target.finished_at if situation.target else None
    return ended is not None and situation.now - ended > DISCARD_SECONDS


def _discarded(situation: Situation) -> tuple[Reason, str] | None:
    """Why its AdoptedWorkload goes; None: it stays."""
    if _is_past(situation):
        ended = situation.target.finished if situation.target else None
        return ended or Reason.JobCompleted, "it finished more than 24 hours ago"
    if situation.workload.part_of:
        return Reason.Superseded, f"it is part of {situation.workload.part_of}, which is told of instead"
    if _is_wanted(situation) or _pause_lingers(situation):
        return None
    return Reason.NoPolicy, "no policy selects it any more, and nothing of Ebbtide is left on it"


def _pause_lingers(situation: Situation) -> bool:
    pause = situation.workload.memory.pause
    return pause is not None and (pause.ended_at is None or situation.now - pause.ended_at < LINGER_SECONDS)


def _labelling(situation: Situation) -> tuple[Action, ...]:
    labels = _labels(situation)
    if not labels:
        return ()
    borne = dict(situation.workload.labels)
    missing = [key for key in labels if key not in borne]
    lacking = [pod for pod in situation.pods if _lacks(pod, labels)] if _reaches_pods(situation) else []
    return labelled(situation, labels, missing, lacking) if missing or lacking else ()


def _labels(situation: Situation) -> dict[str, str]:
    """What is to be written; nothing where nothing of the object may be touched."""
    workload, target = situation.workload, situation.target
    may_touch = not (situation.protected or workload.unsupported or _never_touched(situation))
    is_open = target is not None and target.finished is None
    writes = situation.governing.writes is not AttributionWrite.NONE
    return attribution_labels(situation.facts.rules.attribution) if writes and may_touch and is_open else {}


def _never_touched(situation: Situation) -> bool:
    """never-pause means: report only."""
    return situation.workload.intent.never_pause or situation.namespace.never_pause


def _reaches_pods(situation: Situation) -> bool:
    return situation.governing.writes is AttributionWrite.ObjectsAndPods


def _lacks(pod: Pod, labels: dict[str, str]) -> bool:
    """Its labels are told by its attribution."""
    return not pod.deleting and bool(labels.keys() - attribution_labels(pod.attribution).keys())
