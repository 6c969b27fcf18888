"""Points in time as the API server writes them and as a page shows them. All UTC."""

from datetime import UTC, datetime

from ebbtide.cli.duration import spoken


def parse(value: object) -> datetime | None:
    """An RFC 3339 time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def written(moment: datetime) -> str:
    """RFC 3339 with whole seconds, as annotations carry it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(moment: datetime, now: datetime) -> str:
    """`14:03:30Z`; with the date where it is not today's."""
    return moment.strftime("%H:%M:%SZ" if moment.date() == now.date() else "%Y-%m-%d %H:%M:%SZ")


def ago(moment: datetime, now: datetime) -> str:
    """`12 min ago`, `in 5 min`, `now`."""
    seconds = round((now - moment).total_seconds())
    if seconds == 0:
        return "now"
    return f"{spoken(seconds)} ago" if seconds > 0 else f"in {spoken(-seconds)}"
