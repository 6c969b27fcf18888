"""The same thing done to one lever again and again: somebody undoes it each time, and we are the other half of a fight.

A pause by policy that is undone is told by the object itself (`lever_untouched`). This counts what is wanted by others
than policies, and would be done again with every tick: a human's Paused or Running, the start of what was held, the
removal of a restore annotation that is out of date. Anything else that we do to the lever in between ends the count.

Before what a policy paused is started again, that is noted here too. A start that was done and never told, because the
process was killed or lost its lead, looks just like one by hand; the cause may be gone, the note is not.
"""

from typing import Final

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.intent import Wish
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Attempts

MOST: Final = 3
"""So often the same is tried within a day (design: "A human moved the lever")."""
DAY_SECONDS: Final = 24 * 3600.0
_OF_LEVERS: Final = frozenset({Verb.Pause, Verb.Resume, Verb.Start, Verb.Forget})
_BY_WORD: Final = frozenset({Wish.Stop, Wish.Run})
_COMING: Final = "Resuming/"
"""Begins the request of a start that is about to be made; what was done begins with a verb."""
_BY_ITSELF: Final = frozenset({(Verb.Start, Reason.Running), (Verb.Forget, Reason.RestoreStale)})


def made(situation: Situation, request: str) -> int:
    """How often this was done last, without anything else of ours in between and within a day.

    Once it was done as often as it may be, it stays so: until somebody wants something else or changes the spec.
    """
    stored = situation.workload.memory.attempts
    if stored is None or stored.request != request or situation.is_respecified:
        return 0
    return stored.count if stored.count >= MOST or situation.now - stored.since < DAY_SECONDS else 0


def by_word(situation: Situation, verb: Verb) -> str:
    """What a human asked for, as attempts at it are counted: each new word counts anew."""
    return f"{verb}/{situation.word.request}"


def by_itself(verb: Verb, reason: Reason) -> str:
    """What needs nobody's word, as attempts at it are counted."""
    return f"{verb}/{reason}"


def is_starting(situation: Situation) -> bool:
    """Status says that we were about to start it again, and not what became of that."""
    stored = situation.workload.memory.attempts
    return stored is not None and stored.request.startswith(_COMING)


def to_announce(decision: Decision) -> Action | None:
    """The start of what a policy paused: noted before it is made."""
    target = decision.ruled.situation.target
    if target is None or target.restore is None or target.restore.by != Actor.Policy:
        return None
    return next((it for it in decision.actions if it.verb is Verb.Resume and not it.observed), None)


def attempts_record(decision: Decision, done: frozenset[Verb]) -> Attempts | None:
    """status.attempts after this tick."""
    situation = decision.ruled.situation
    before = situation.workload.memory.attempts
    coming = to_announce(decision)
    if coming is not None and Verb.Resume not in done:
        return before if is_starting(situation) else Attempts(f"{_COMING}{coming.reason}", 1, situation.now)
    if is_starting(situation) and not situation.is_between_queue_entries:
        before = None  # it runs, and the pause ends with this status; or nobody wants to start it any more
    action = next((it for it in decision.actions if it.verb in _OF_LEVERS and it.verb in done), None)
    if action is None or action.observed or action.reason is Reason.ConflictingController:
        return before
    if action.verb is Verb.Forget and situation.word.wish in _BY_WORD:
        return before  # what a human wants is tried again at once: it is one fight
    request = _request(situation, action)
    count = made(situation, request)
    since = before.since if before is not None and count else situation.now
    return Attempts(request, count + 1, since) if request else None


def _request(situation: Situation, action: Action) -> str:
    """Empty for what is not counted here."""
    if (action.verb, action.reason) in _BY_ITSELF:
        return by_itself(action.verb, action.reason)
    is_word = action.by is Actor.User and situation.word.wish in _BY_WORD
    return by_word(situation, action.verb) if is_word else ""


def conflict(situation: Situation, concern: str, message: str) -> Ruling:
    """Somebody else has it their way: told once, and the lever is not moved any more."""
    reason, target = Reason.ConflictingController, situation.target
    stored = situation.workload.memory.condition("Succeeded")
    verb = Verb.Notify if stored is None or stored.reason != reason else None
    if situation.word.wish in _BY_WORD and target is not None and target.restore is not None:
        verb = Verb.Forget  # it tells of the last attempt, which was undone as well
    actions = (act(situation, verb, reason, message),) if verb else ()
    return Ruling(concern, reason, message, actions, refused=reason)
