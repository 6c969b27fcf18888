"""Who can wait least: the time left until the deadline, less the work that is still to be done. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from ebbtide.api import labels as keys
from ebbtide.cli import moment
from ebbtide.cli.release.stopped import Stopped
from ebbtide.core.workload import Instant


def slack(item: Stopped, now: Instant) -> float:
    """Seconds that it can still wait; infinite without a deadline, negative where it is late already."""
    deadline = _deadline(item)
    return math.inf if deadline is None else deadline - now - _left_to_do(item)


def by_slack(items: list[Stopped], now: Instant) -> list[Stopped]:
    """Least slack first; of those that have none, the one first that has waited longest."""
    return sorted(items, key=lambda it: (slack(it, now), it.since or now, it.namespace, it.word))


def _deadline(item: Stopped) -> Instant | None:
    said = _spec(item).get("deadline") or (item.annotations or {}).get(keys.DEADLINE)
    found = moment.parse(said)
    return found.timestamp() if found else None


def _left_to_do(item: Stopped) -> float:
    """Expected seconds less those whose result is kept; 0 where nobody said how long it takes."""
    expected = _spec(item).get("expectedSeconds") or (item.annotations or {}).get(keys.EXPECTED_SECONDS)
    done = ((item.owner or {}).get("status") or {}).get("accrued") or {}
    return max(0.0, _number(expected) - _number(done.get("durableSeconds")))


def _spec(item: Stopped) -> Mapping[str, Any]:
    return (item.owner or {}).get("spec") or {}


def _number(value: object) -> float:
    """Annotations are text, and people mistype them: what cannot be read counts as not said."""
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
