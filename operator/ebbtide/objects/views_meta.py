"""Metadata as every kind carries it, and the words people put into annotations."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from ebbtide.api import labels as keys
from ebbtide.api.fields import format_timestamp, parse_timestamp
from ebbtide.core.workload import Attribution, Instant


class Owner(msgspec.Struct, rename="camel", gc=False):
    """One owner reference."""

    uid: str = ""
    kind: str = ""
    name: str = ""
    api_version: str = ""
    controller: bool | None = None


class ObjectMeta(msgspec.Struct, rename="camel", gc=False):
    """The part of metadata that is looked at; nothing of it is kept as a dict."""

    uid: str
    name: str
    namespace: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None

    @property
    def controller(self) -> Owner | None:
        """The controlling owner."""
        return next((owner for owner in self.owner_references or () if owner.controller), None)

    @property
    def created_at(self) -> Instant:
        """Creation; the epoch for an object that was never stored."""
        return instant(self.creation_timestamp) or 0.0


class Condition(msgspec.Struct, rename="camel", gc=False):
    """One condition of a kind of Kubernetes' own."""

    type: str
    status: str
    reason: str | None = None
    last_transition_time: str | None = None


@lru_cache(maxsize=1024)
def instant(text: str | None) -> Instant | None:
    """Seconds since the epoch, from a time that the API server wrote. ValueError when it is none.

    Pods of a gang are listed side by side and share their times, and so the numbers: up to 72 bytes a pod.
    """
    return datetime.fromisoformat(text).timestamp() if text else None


def rfc3339(at: Instant) -> str:
    """An instant as Kubernetes writes times: UTC, whole seconds, Z."""
    return format_timestamp(datetime.fromtimestamp(int(at), UTC))


def find(conditions: list[Condition] | None, kind: str) -> Condition | None:
    """The condition of that type."""
    return next((one for one in conditions or () if one.type == kind), None)


def time_in(words: Mapping[str, str] | None, key: str) -> tuple[Instant | None, str]:
    """A time that somebody wrote into an annotation, and the sentence to say when it cannot be read."""
    text = (words or {}).get(key, "")
    if not text:
        return None, ""
    try:
        return parse_timestamp(text).timestamp(), ""
    except ValueError as error:
        return None, f"annotation {key} {text!r} cannot be read: {error}"


def says_true(meta: ObjectMeta, key: str) -> bool:
    """Whether people set a switch, as annotation or as label: where it protects, either counts."""
    return "true" in ((meta.annotations or {}).get(key), (meta.labels or {}).get(key))


def frozen(labels: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Labels as sorted pairs; keys and values are shared between objects."""
    return tuple(sorted(_pair(key, value) for key, value in (labels or {}).items()))


@lru_cache(maxsize=4096)
def _pair(key: str, value: str) -> tuple[str, str]:
    return sys.intern(key), sys.intern(value)


def written_attribution(meta: ObjectMeta) -> Attribution:
    """Who pays, from the labels that we or people wrote; the full value stands in the annotation of the same key."""
    labels, annotations = meta.labels or {}, meta.annotations or {}
    return shared_attribution(*(annotations.get(key) or labels.get(key, "") for key in keys.ATTRIBUTION.values()))


@lru_cache(maxsize=4096)
def shared_attribution(*values: str) -> Attribution:
    """One object for all work that is paid by the same six values."""
    return Attribution(*values)
