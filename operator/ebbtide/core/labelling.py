"""Attribution labels that somebody takes off again: three times they are written, then left off for a day.

They are never worth a fight. A pod that was created since they were written last, or so shortly before that it was not
seen then, lacks them for no such reason.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from ebbtide.core.action import Action, Verb
from ebbtide.core.attempts import DAY_SECONDS, MOST
from ebbtide.core.decision import Decision
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import act
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Attempts, Pod

_PREFIX: Final = "ebbtide.dev/"


def labelled(
    situation: Situation, labels: Collection[str], missing: Sequence[str], lacking: Sequence[Pod]
) -> tuple[Action, ...]:
    """Write those of `labels` that are `missing` on the object, and all on the pods that are `lacking` some."""
    request = ",".join(sorted(label.removeprefix(_PREFIX) for label in labels))
    before = _written(situation, request)
    if before is not None and before.count >= MOST:
        return ()
    attempt = 1 if before is None else before.count + _is_taken_off(situation, before, missing, lacking)
    named = f"attribution labels {', '.join(missing) or 'of its pods'}"
    reason, said = Reason.Accepted, f"{named} are missing"
    if attempt >= MOST:
        reason = Reason.ConflictingController
        said = f"{named} were taken off {attempt - 1} times: written once more, and left off for a day if they go again"
    label = act(situation, Verb.Label, reason, said)
    return (replace(label, pods=tuple(pod.name for pod in lacking), request=request, attempt=attempt),)


def labelling_record(decision: Decision, done: frozenset[Verb]) -> Attempts | None:
    """status.labelling after this tick."""
    situation = decision.ruled.situation
    action = next((it for it in decision.actions if it.verb is Verb.Label and it.verb in done), None)
    if action is None:
        return situation.workload.memory.labelling
    return Attempts(action.request, action.attempt, situation.now)


def _written(situation: Situation, request: str) -> Attempts | None:
    """When these were written last, and how often; None: not within a day, or for another spec."""
    stored = situation.workload.memory.labelling
    if stored is None or stored.request != request or situation.is_respecified:
        return None
    return stored if situation.now - stored.since < DAY_SECONDS else None


def _is_taken_off(situation: Situation, before: Attempts, missing: Sequence[str], lacking: Sequence[Pod]) -> bool:
    """They were there. A look tells late of a pod, and its creation is told in whole seconds."""
    seen = before.since - situation.lag_seconds
    return bool(missing) or any(pod.created_at <= seen for pod in lacking)
