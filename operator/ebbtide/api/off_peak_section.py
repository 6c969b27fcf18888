"""The section `offPeak` of a policy: the windows in which work runs."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ebbtide.api.fields import (
    ATOMIC,
    SET,
    EndTime,
    Identifier,
    LocalDate,
    ObjectName,
    Seconds,
    StartTime,
    TimeZone,
    at_most,
)
from ebbtide.api.model import ApiModel, Rule


class Day(StrEnum):
    """Days of the week."""

    Mon = "Mon"
    Tue = "Tue"
    Wed = "Wed"
    Thu = "Thu"
    Fri = "Fri"
    Sat = "Sat"
    Sun = "Sun"


class WhenClosed(StrEnum):
    """What happens to running work when no window is open."""

    Pause = "Pause"
    Drain = "Drain"
    Continue = "Continue"


class Window(ApiModel):
    """A span of local time on some days of the week; an end at or before the start is on the next day."""

    rules: ClassVar = (
        Rule(
            "self.start != self.end",
            'start and end are the same: write "00:00" to "24:00" for the whole day, or two different times',
            ".end",
            lambda it: it.start != it.end,
        ),
    )

    days: Annotated[tuple[Day, ...], at_most(7, at_least=1), SET] = tuple(Day)
    """Days on which the window starts; every day unless given."""
    start: StartTime
    """Local time "HH:MM" at which it opens."""
    end: EndTime
    """Local time "HH:MM" at which it closes, up to "24:00"."""
    time_zone: TimeZone | None = None
    """IANA name, for example Europe/Berlin; absent: that of offPeak."""


class TariffRef(ApiModel):
    """A tariff of a PriceCatalog."""

    catalog: ObjectName
    """Name of the PriceCatalog."""
    name: Identifier
    """Name of the tariff in it."""


class OffPeakSection(ApiModel):
    """Run-to-completion work runs while any window is open."""

    rules: ClassVar = (
        Rule(
            "has(self.timeZone) || self.windows.all(window, has(window.timeZone))",
            "write offPeak.timeZone, for example Europe/Berlin, or a timeZone in every window",
            ".timeZone",
            lambda it: it.time_zone is not None or all(window.time_zone is not None for window in it.windows),
        ),
    )

    time_zone: TimeZone | None = None
    """IANA name, for example Europe/Berlin; needed unless every window has its own."""
    windows: Annotated[tuple[Window, ...], at_most(16, at_least=1), ATOMIC]
    """Open when any of them is open."""
    except_dates: Annotated[tuple[LocalDate, ...], at_most(366), SET] = Field(default_factory=tuple)
    """Local dates on which no window starts; one begun before runs to its end."""
    open_dates: Annotated[tuple[LocalDate, ...], at_most(366), SET] = Field(default_factory=tuple)
    """Local dates that are open all day."""
    when_closed: WhenClosed = WhenClosed.Pause
    """Pause (without checkpoint: Drain), Drain (let it finish, start only what fits) or Continue."""
    tariff_ref: TariffRef | None = None
    """Inside the windows prefer the cheap slots of this tariff."""
    max_wait_seconds: Seconds = 86400
    """Without a deadline: open-window time to wait for a cheaper slot. Never opens a window."""
