"""What the simulated scheduler reads of a pod, and what it refuses to read."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from ebbtide.objects.quantity import Amounts, Asked, Container, asked, is_accelerator, quantity

DEVICES: Final = "nvidia.com/gpu"
"""The resource whose devices dcgm-exporter reports one by one."""
GRACE_SECONDS: Final = 30
"""terminationGracePeriodSeconds where a pod says nothing."""
_MILLI: Final = {"cpu": 1000}


class Toleration(msgspec.Struct, rename="camel", frozen=True):
    """One toleration."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def tolerates(self, taint: "Taint") -> bool:
        """As Kubernetes compares them."""
        if self.effect and self.effect != taint.effect:
            return False
        if not self.key:
            return self.operator == "Exists"
        return self.key == taint.key and (self.operator == "Exists" or self.value == taint.value)


class Taint(msgspec.Struct, rename="camel", frozen=True):
    """One taint of a node."""

    key: str
    effect: str
    value: str = ""

    @property
    def repels(self) -> bool:
        """PreferNoSchedule only prefers."""
        return self.effect in {"NoSchedule", "NoExecute"}


class Requirement(msgspec.Struct, frozen=True):
    """One condition on a label of a node."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """As Kubernetes compares them; what cannot be compared does not match."""
        has = labels.get(self.key)
        match self.operator:
            case "In":
                return has in self.values
            case "NotIn":
                return has not in self.values
            case "Exists":
                return has is not None
            case "DoesNotExist":
                return has is None
        return self._compares(has)

    def _compares(self, has: str | None) -> bool:
        try:
            one, other = int(has or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return one > other if self.operator == "Gt" else self.operator == "Lt" and one < other


class Term(msgspec.Struct, rename="camel", frozen=True):
    """Conditions that must all hold."""

    match_expressions: tuple[Requirement, ...] = ()
    match_fields: tuple[Requirement, ...] = ()

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """An empty term matches nothing."""
        fields = {"metadata.name": name}
        both = (*self.match_expressions, *self.match_fields)
        return bool(both) and (
            all(one.matches(labels) for one in self.match_expressions)
            and all(one.matches(fields) for one in self.match_fields)
        )


class _Terms(msgspec.Struct, rename="camel", frozen=True):
    node_selector_terms: tuple[Term, ...] = ()


class _NodeAffinity(msgspec.Struct, frozen=True):
    required: _Terms | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class _Affinity(msgspec.Struct, rename="camel", frozen=True):
    node_affinity: _NodeAffinity | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    """The part of a pod's spec that the world obeys."""

    containers: list[Container]
    init_containers: list[Container] | None = None
    node_name: str | None = None
    node_selector: dict[str, str] | None = None
    affinity: _Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    termination_grace_period_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Where a pod may run and what it takes there. Equal needs are met by the same nodes."""

    requests: tuple[tuple[str, int], ...]
    """Resource to amount: cpu in thousandths of a core, all else in its own unit; pods counts one."""
    node_name: str
    selector: tuple[tuple[str, str], ...]
    terms: tuple[Term, ...]
    tolerations: tuple[Toleration, ...]
    asked: Asked
    """For the price."""
    devices: int
    """Of the kind whose devices are told apart."""
    container: str
    """The one that asks for devices."""
    grace_seconds: int


def read_pod_spec(spec: object) -> PodSpec:
    """The spec of a pod or template. ValueError, with a path like `containers[0].resources`, when it is none."""
    try:
        found = msgspec.convert(spec, PodSpec)
    except msgspec.ValidationError as error:
        raise ValueError(sentence(error)) from error
    if not found.containers:
        raise ValueError("containers: needs at least one container")
    for name, one in (*_named("containers", found.containers), *_named("initContainers", found.init_containers or ())):
        resources = one.resources
        for part in ("limits", "requests"):
            check_amounts(getattr(resources, part) if resources else None, f"{name}.resources.{part}")
    return found


def needs_of(found: PodSpec) -> Needs:
    """What the scheduler and the price look at."""
    main, init = found.containers, found.init_containers or []
    names = {name for one in (*main, *init) if one.resources for name in _names(one)}
    requests = {name: amount for name in sorted(names) if (amount := _effective(main, init, name))}
    affinity = found.affinity and found.affinity.node_affinity and found.affinity.node_affinity.required
    return Needs(
        requests=tuple({**requests, "pods": 1}.items()),
        node_name=found.node_name or "",
        selector=tuple(sorted((found.node_selector or {}).items())),
        terms=affinity.node_selector_terms if affinity else (),
        tolerations=found.tolerations or (),
        asked=asked(main, init),
        devices=requests.get(DEVICES, 0),
        container=next((one.name for one in main if one.resources and _units(one, DEVICES)), main[0].name),
        grace_seconds=max(0, GRACE_SECONDS if (grace := found.termination_grace_period_seconds) is None else grace),
    )


def units(name: str, value: str | float) -> int:
    """An amount in whole units, fractions rounded up as the API server does. ValueError when it is no quantity."""
    amount = quantity(value) if isinstance(value, str) else float(value)
    if not math.isfinite(amount) or amount < 0 or amount > 1e21:
        raise ValueError(f"{value!r} is not an amount that a machine can have")
    exact = amount * _MILLI.get(name, 1)
    return math.ceil(round(exact, 6))


def check_amounts(amounts: Amounts | None, path: str) -> None:
    """ValueError with the path of the first amount that is none."""
    for name, value in (amounts or {}).items():
        try:
            units(name, value)
        except ValueError as error:
            raise ValueError(f"{path}.{name}: {error}; write a quantity such as 1, 500m or 16Gi") from error


def sentence(error: msgspec.ValidationError) -> str:
    """What msgspec says, with the path first and without its own signs."""
    text, _, path = str(error).partition(" - at ")
    where = path.strip("`").removeprefix("$").removeprefix(".")
    words = text.replace("`", "").replace("Object missing", "missing")
    return f"{where}: {words[:1].lower()}{words[1:]}" if where else f"{words[:1].lower()}{words[1:]}"


def _named(path: str, containers: Iterable[Container]) -> list[tuple[str, Container]]:
    return [(f"{path}[{place}]", one) for place, one in enumerate(containers)]


def _names(one: Container) -> Iterable[str]:
    return {**(one.resources.limits or {}), **(one.resources.requests or {})} if one.resources else {}


def _units(one: Container, name: str) -> int:
    """The request, which is the limit where only that is given."""
    if one.resources is None:
        return 0
    limits, requests = one.resources.limits or {}, one.resources.requests or {}
    if is_accelerator(name) and name in limits:
        return _cached(name, limits[name])
    return _cached(name, requests.get(name, limits.get(name, 0)))


_cached: Final = lru_cache(maxsize=4096)(units)


def _effective(main: list[Container], init: list[Container], name: str) -> int:
    """Containers and sidecars together, or the largest init step if that is more."""
    sidecars = peak = 0
    for one in init:
        wanted = _units(one, name)
        if one.restart_policy == "Always":
            sidecars += wanted
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + wanted)
    return max(peak, sidecars + sum(_units(one, name) for one in main))
