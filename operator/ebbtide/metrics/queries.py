"""The fleet queries of one tick, as PromQL: one series per device, whatever the fleet's size and its vendors."""

from collections.abc import Iterable, Sequence

from ebbtide.samples.profile import Profile, Reading
from ebbtide.samples.settings import STEPS_PER_INTERVAL
from ebbtide.samples.source import ABSURD, COUNT_INTERVALS, PROFILE_LABEL, SIGNAL_LABEL, Asked, ValueRequest

_NAME_LABEL = "ebbtide_name"
"""Keeps series of the same labels under several names apart until the greatest is found."""


class QueryWriter:
    """Writes queries for one step (seconds) and set of matchers."""

    def __init__(self, step: float, match_labels: tuple[tuple[str, str], ...] = ()) -> None:
        self._step = step
        self._matchers = tuple(_matcher(name, (value,)) for name, value in match_labels)

    def values(self, request: ValueRequest) -> str:
        """The values of one group of signals."""
        return " or ".join(_marked(self._value(asked), SIGNAL_LABEL, mark) for mark, asked in request.asked.items())

    def selectors(self, profiles: Iterable[Profile]) -> list[str]:
        """Selectors of the series that say that a device was sampled."""
        return [self.selector(profile, name) for profile in profiles for name in profile.presence]

    def selector(self, profile: Profile, metric: str, *more: str) -> str:
        """One metric under the matchers of the settings and of its profile."""
        own = (_matcher(name, (value,)) for name, value in profile.matchers)
        matchers = ", ".join((*self._matchers, *own, *more))
        return f"{metric}{{{matchers}}}" if matchers else metric

    def presence(self, profiles: Sequence[Profile]) -> str:
        """Who held which device, and the true time of each sample.

        timestamp() looks back five minutes, so only times inside the step pass. It must stand around a bare selector:
        around anything else it gives the time of evaluation.
        """
        if len(profiles) == 1:
            return self._presence(profiles[0])
        return " or ".join(_marked(self._presence(profile), PROFILE_LABEL, profile.name) for profile in profiles)

    def _presence(self, profile: Profile) -> str:
        selectors = (self.selector(profile, name) for name in profile.presence)
        fresh = (f"(timestamp({selector}) > time() - {self._step:.3f})" for selector in selectors)
        return f"max by ({', '.join(profile.presence_keys)}) ({' or '.join(fresh)})"

    def _value(self, asked: Asked) -> str:
        measure = asked.measure
        if measure.reading is Reading.Count:
            return self._moves(asked)
        if measure.reading is Reading.Age:
            return self._over_time(asked, measure.metrics, "min")
        peak = self._over_time(asked, measure.metrics, "max")
        if measure.rest:
            return _share(peak, self._over_time(asked, measure.rest, "max"))
        if measure.whole:
            return f"100 * {peak} / ({self._over_time(asked, measure.whole, 'max')} > 0)"
        if not measure.vetted:
            return peak
        total, least = (self._over_time(asked, measure.metrics, function) for function in ("sum", "min"))
        return f"{peak} + 0 * {total} + 0 * sqrt({least})"

    def _over_time(self, asked: Asked, metrics: tuple[str, ...], function: str) -> str:
        """The greatest, least or sum over the samples in (t - step, t], for each row."""
        selected = (f"{function}_over_time({it}[{self._window(1)}])" for it in self._selected(asked, metrics))
        return f"{function} by ({_keys(asked)}) ({_together(tuple(selected))})"

    def _moves(self, asked: Asked) -> str:
        """How often counters changed lately, for each row that has a sample in (t - step, t]."""
        lately = self._window(COUNT_INTERVALS * STEPS_PER_INTERVAL)
        moves = (
            f"changes({it}[{lately}]) + 0 * sum_over_time({it}[{self._window(1)}])"
            for it in self._selected(asked, asked.measure.metrics)
        )
        return f"max by ({_keys(asked)}) ({_together(tuple(moves))})"

    def _selected(self, asked: Asked, metrics: tuple[str, ...]) -> list[str]:
        measure, whole = asked.measure, asked.profile.whole_only(asked.measure)
        more = [_matcher(name, (value,)) for name, value in measure.matchers]
        more += [] if whole is None else [_matcher(*whole)]
        return [self.selector(asked.profile, metric, *more) for metric in metrics]

    def _window(self, steps: int) -> str:
        return f"{steps * self._step * 1000:.0f}ms"


def _keys(asked: Asked) -> str:
    return ", ".join(asked.profile.keys(asked.measure, asked.names))


def _share(part: str, rest: str) -> str:
    """A percentage; a marker in either part gives a value far above 100 or NaN, never a plausible one."""
    whole = f"clamp_max({part}, {ABSURD:g}) + {rest}"
    return f"100 * {part} / (({whole}) > 0) + 0 * sqrt({ABSURD:g} - {rest})"


def _together(parts: tuple[str, ...]) -> str:
    """All of them: `or` alone would drop what has the labels of a part before."""
    if len(parts) == 1:
        return parts[0]
    return " or ".join(_marked(part, _NAME_LABEL, str(number)) for number, part in enumerate(parts))


def _marked(text: str, label: str, value: str) -> str:
    return f'label_replace({text}, "{label}", "{value}", "", "")'


def _matcher(name: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{name}={_quoted(values[0])}"
    return f"{name}=~{_quoted('|'.join(_literal(value) for value in values))}"


def _literal(value: str) -> str:
    """A text as a regular expression that matches it alone."""
    return "".join(f"\\{sign}" if sign in r"\.+*?()|[]{}^$" else sign for sign in value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
