"""From what the API server answers to what the engine counts."""

from collections.abc import Mapping
from typing import Final

from ebbtide.objects.errors import ApiError
from ebbtide.ports import Outcome, OutcomeKind

DONE: Final = Outcome(OutcomeKind.Done)
OBSERVED: Final = Outcome(OutcomeKind.Observed)
NOT_LEADER: Final = Outcome(OutcomeKind.NotLeader, "another replica leads; nothing was written")

_BY_STATUS: Final[Mapping[int, OutcomeKind]] = {
    400: OutcomeKind.Rejected,
    401: OutcomeKind.Denied,
    403: OutcomeKind.Denied,
    404: OutcomeKind.Conflict,  # gone since it was seen: planned again
    409: OutcomeKind.Conflict,
    422: OutcomeKind.Rejected,
    429: OutcomeKind.RateLimited,
}


def unchanged(message: str) -> Outcome:
    """Nothing to write, and why."""
    return Outcome(OutcomeKind.Unchanged, message)


def conflict(message: str) -> Outcome:
    """The world is not as the decision saw it; the next tick decides again."""
    return Outcome(OutcomeKind.Conflict, message)


def rejected(message: str) -> Outcome:
    """It cannot be done as it stands; trying again will not help."""
    return Outcome(OutcomeKind.Rejected, message)


def outcome_of(error: ApiError) -> Outcome:
    """A refusal or failure as an outcome, with the API server's own sentence."""
    return Outcome(_BY_STATUS.get(error.status, OutcomeKind.Failed), error.message)
