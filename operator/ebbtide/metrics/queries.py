"""The fleet queries of one tick, as PromQL: one series per device, whatever the fleet's size."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ebbtide.metrics.profile import PodLabels, Profile, Scope, Source

SIGNAL_LABEL = "ebbtide_signal"
_ABSURD = 1e15
"""Above every real reading and below every "blank" marker of DCGM."""


@dataclass(frozen=True, slots=True)
class ValueQuery:
    """A query for the values of one or more signals; its rows tell them apart by SIGNAL_LABEL."""

    name: str
    text: str
    sources: Mapping[str, Source]


class QueryWriter:
    """Writes queries for one profile, step (seconds) and set of matchers."""

    def __init__(self, profile: Profile, step: float, match_labels: tuple[tuple[str, str], ...] = ()) -> None:
        self._profile = profile
        self._step = step
        self._matchers = tuple(f"{name}={_quoted(value)}" for name, value in match_labels)

    def values(self, names: PodLabels) -> tuple[ValueQuery, ...]:
        """One query per group of signals, where pods are named by these labels."""
        return tuple(self._group(group, names) for group in self._profile.groups)

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
        pods = (label for labels in profile.pod_labels for label in (labels.namespace, labels.pod))
        keys = (*profile.unit_labels, profile.instance_label, profile.model_label, profile.uid_label, *pods)
        return f"max by ({', '.join(keys)}) ({' or '.join(fresh)})"

    def _group(self, group: tuple[Source, ...], names: PodLabels) -> ValueQuery:
        sources = {str(source.signal): source for source in group}
        parts = (
            f'label_replace({self._value(source, self._keys(source, names))}, "{SIGNAL_LABEL}", "{name}", "", "")'
            for name, source in sources.items()
        )
        return ValueQuery("+".join(sources), " or ".join(parts), sources)

    def _keys(self, source: Source, names: PodLabels) -> str:
        """The labels that one row is about."""
        keys = self._profile.unit_labels
        if source.scope is not Scope.Board:
            keys = (*keys, self._profile.instance_label)
        if source.per_pod:
            keys = (*keys, names.namespace, names.pod)
        return ", ".join(keys)

    def _value(self, source: Source, keys: str) -> str:
        peak = self._over_time(source, keys, "max")
        if source.rest:
            return self._share(peak, self._over_time(replace(source, metric=source.rest), keys, "max"))
        if not source.vetted:
            return peak
        total, least = self._over_time(source, keys, "sum"), self._over_time(source, keys, "min")
        return f"{peak} + 0 * {total} + 0 * sqrt({least})"

    def _share(self, part: str, rest: str) -> str:
        """A percentage; a marker in either part gives a value far above 100 or NaN, never a plausible one."""
        whole = f"clamp_max({part}, {_ABSURD:g}) + {rest}"
        return f"100 * {part} / (({whole}) > 0) + 0 * sqrt({_ABSURD:g} - {rest})"

    def _over_time(self, source: Source, keys: str, function: str) -> str:
        """The greatest, least or sum over the samples in (t - step, t], for each row."""
        more = (f'{self._profile.instance_label}=""',) if source.scope is Scope.Undivided else ()
        window = f"{self._step * 1000:.0f}ms"
        return f"{function} by ({keys}) ({function}_over_time({self.selector(source.metric, *more)}[{window}]))"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
