"""Policies, PriceCatalogs and the leader Lease: few objects, kept as they are understood."""

from typing import Any, Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.api.cluster_cost_policy import ClusterCostPolicy
from ebbtide.api.cost_policy import CostPolicy
from ebbtide.api.parsing import Invalid, parse
from ebbtide.api.price_catalog import PriceCatalog
from ebbtide.api.time_zones import unknown_time_zone
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog, Policy
from ebbtide.core.workload import Breaker
from ebbtide.objects.document import Json
from ebbtide.objects.views_meta import ObjectMeta, time_in
from ebbtide.objects.views_status import conditions, printed


class _Stored(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None

    def as_parsed(self) -> dict[str, Any]:
        """What `parse` needs; status is read on its own."""
        return {"metadata": {"name": self.metadata.name}, "spec": self.spec or {}}


class _Lease(msgspec.Struct, gc=False):
    metadata: ObjectMeta


_DECODER: Final = msgspec.json.Decoder(_Stored)
_LEASE: Final = msgspec.json.Decoder(_Lease)


def decode_policy(raw: Json) -> tuple[str, Policy]:
    """One CostPolicy."""
    return _decoded(raw, CostPolicy)


def decode_cluster_policy(raw: Json) -> tuple[str, Policy]:
    """One ClusterCostPolicy."""
    return _decoded(raw, ClusterCostPolicy)


def _decoded(raw: Json, model: type[CostPolicy] | type[ClusterCostPolicy]) -> tuple[str, Policy]:
    seen = _DECODER.decode(raw)
    meta, status = seen.metadata, seen.status or {}
    parsed: CostPolicy | ClusterCostPolicy | Invalid = parse(model, seen.as_parsed())
    zone = None if isinstance(parsed, Invalid) else unknown_time_zone(parsed.spec)
    problem = zone or (parsed if isinstance(parsed, Invalid) else None)
    return meta.uid, Policy(
        kind=model.definition.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        created_at=meta.created_at,
        generation=meta.generation,
        spec=None if problem or isinstance(parsed, Invalid) else parsed.spec,
        problem=str(problem or ""),
        problem_reason=Reason.UnknownValue if zone is None else Reason.InvalidTimeZone,
        conditions=conditions(status),
        status_fingerprint=printed(status),
    )


def decode_catalog(raw: Json) -> tuple[str, Catalog]:
    """One PriceCatalog."""
    seen = _DECODER.decode(raw)
    meta, status = seen.metadata, seen.status or {}
    parsed = parse(PriceCatalog, seen.as_parsed())
    return meta.uid, Catalog(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        spec=None if isinstance(parsed, Invalid) else parsed.spec,
        problem=str(parsed) if isinstance(parsed, Invalid) else "",
        conditions=conditions(status),
        status_fingerprint=printed(status),
    )


def decode_breaker(raw: Json) -> tuple[str, Breaker]:
    """The breaker's state on the leader Lease; what cannot be read counts as not said."""
    meta = _LEASE.decode(raw).metadata
    until, _ = time_in(meta.annotations, keys.BREAKER_UNTIL)
    reset, _ = time_in(meta.annotations, keys.BREAKER_RESET)
    return meta.uid, Breaker(until, reset)
