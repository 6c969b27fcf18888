"""What a sign beside the devices says: when there was work, or why it is not known that there was none."""

from typing import Final, NamedTuple

from ebbtide.core.reason import Reason
from ebbtide.core.series import NEVER
from ebbtide.core.workload import Instant


class Sign(NamedTuple):
    """The newest sign of work beside the devices; at NEVER: none."""

    at: Instant
    reason: Reason
    message: str


NONE: Final = Sign(NEVER, Reason.GPUIdle, "")


class Doubt(NamedTuple):
    """Why a sign that counts cannot be trusted to be absent."""

    reason: Reason
    message: str
