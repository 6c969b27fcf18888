"""What a concern answers when it hits, and how it words its actions."""

from msgspec import Struct

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.idle import Countdown
from ebbtide.core.reason import Reason
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Instant


class Ruling(Struct, frozen=True, gc=False):
    """What the concern that hit says."""

    concern: str
    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    refused: Reason | None = None
    countdown: Countdown | None = None
    override: tuple[Instant, str] | None = None
    """(until, request) to remember in status.override besides what the human's word says."""
    withheld: Reason | None = None
    """Why no pause is announced with a warning, nor follows one that stands."""


def act(
    situation: Situation, verb: Verb, reason: Reason, message: str, by: Actor = Actor.Policy, *, observed: bool = False
) -> Action:
    """An action on this workload, under the policy that governs it."""
    policy = situation.governing.reference
    return Action(verb, situation.workload.key, reason, message, by=by, policy=policy, observed=observed)


def command_target(situation: Situation) -> str:
    """The workload as `kubectl ebbtide` takes it."""
    key = situation.workload.key
    return f"{key.kind.lower()}/{key.name} -n {key.namespace}"


def veto_command(situation: Situation) -> str:
    """The one line that vetoes what a warning announces."""
    return f"kubectl ebbtide keep {command_target(situation)} --for 4h"


def known_reason(text: str) -> Reason:
    """A stored reason, which anybody can edit and a newer version may have written."""
    try:
        return Reason(text)
    except ValueError:
        return Reason.UnknownValue
