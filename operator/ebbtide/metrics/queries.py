"""The fleet queries of one tick, as PromQL: one series per device, whatever the fleet's size."""

from dataclasses import replace

from ebbtide.samples.profile import Measure, Profile, Scope
from ebbtide.samples.source import ABSURD, SIGNAL_LABEL, ValueRequest


class QueryWriter:
    """Writes queries for one profile, step (seconds) and set of matchers."""

    def __init__(self, profile: Profile, step: float, match_labels: tuple[tuple[str, str], ...] = ()) -> None:
        self._profile = profile
        self._step = step
        self._matchers = tuple(f"{name}={_quoted(value)}" for name, value in match_labels)

    def values(self, request: ValueRequest) -> str:
        """The values of one group of signals."""
        parts = (
            f'label_replace({self._value(measure, self._keys(measure, request))}, "{SIGNAL_LABEL}", "{name}", "", "")'
            for name, measure in request.measures.items()
        )
        return " or ".join(parts)

    def selectors(self) -> list[str]:
        """Selectors of the series that say that a device was sampled."""
        return [self.selector(name) for name in self._profile.presence]

    def selector(self, metric: str, *more: str) -> str:
        """One metric under the matchers of the settings."""
        matchers = ", ".join((*self._matchers, *more))
        return f"{metric}{{{matchers}}}" if matchers else metric

    def presence(self) -> str:
        """Who held which device, and the true time of each sample.

        timestamp() looks back five minutes, so only times inside the step pass. It must stand around a bare selector:
        around anything else it gives the time of evaluation.
        """
        profile = self._profile
        fresh = (f"(timestamp({self.selector(name)}) > time() - {self._step:.3f})" for name in profile.presence)
        return f"max by ({', '.join(profile.presence_keys)}) ({' or '.join(fresh)})"

    def _keys(self, measure: Measure, request: ValueRequest) -> str:
        return ", ".join(self._profile.keys(measure, request.names))

    def _value(self, measure: Measure, keys: str) -> str:
        peak = self._over_time(measure, keys, "max")
        if measure.rest:
            return self._share(peak, self._over_time(replace(measure, metric=measure.rest), keys, "max"))
        if not measure.vetted:
            return peak
        total, least = self._over_time(measure, keys, "sum"), self._over_time(measure, keys, "min")
        return f"{peak} + 0 * {total} + 0 * sqrt({least})"

    def _share(self, part: str, rest: str) -> str:
        """A percentage; a marker in either part gives a value far above 100 or NaN, never a plausible one."""
        whole = f"clamp_max({part}, {ABSURD:g}) + {rest}"
        return f"100 * {part} / (({whole}) > 0) + 0 * sqrt({ABSURD:g} - {rest})"

    def _over_time(self, measure: Measure, keys: str, function: str) -> str:
        """The greatest, least or sum over the samples in (t - step, t], for each row."""
        more = (f'{self._profile.instance_label}=""',) if measure.scope is Scope.Undivided else ()
        window = f"{self._step * 1000:.0f}ms"
        return f"{function} by ({keys}) ({function}_over_time({self.selector(measure.metric, *more)}[{window}]))"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
