"""A workload with what was ruled on it, before the fleet's limits and after them."""

from msgspec import Struct

from ebbtide.core.ruling import Ruling
from ebbtide.core.situation import Situation


class Ruled(Struct, frozen=True, gc=False):
    """A situation and what was ruled on it; kept so that an explanation can be written when it is needed."""

    situation: Situation
    ruling: Ruling
