"""kopf only rings the bell: for what people change, not for what we write ourselves."""

from itertools import islice
from typing import Any

import pytest

from ebbtide.handlers import Doorbell, EndlessBackoff, registry, settings


def body(uid: str = "u1", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "generation": 1, "resourceVersion": "1", **metadata}}


class Bell:
    def __init__(self) -> None:
        self.rings = 0
        self.doorbell = Doorbell(self.ring)

    def ring(self) -> None:
        self.rings += 1

    def heard(self, *events: tuple[str | None, dict[str, Any]]) -> list[bool]:
        told = []
        for kind, seen in events:
            before = self.rings
            self.doorbell.event(kind, seen)
            told.append(self.rings > before)
        return told


@pytest.mark.parametrize(
    ("change", "rings"),
    [
        ({"generation": 2}, True),
        ({"annotations": {"ebbtide.dev/override": "Running"}}, True),
        ({"labels": {"tier": "batch"}}, True),
        ({"deletionTimestamp": "2026-11-18T11:10:00Z"}, True),
        ({"resourceVersion": "2"}, False),
    ],
    ids=["a spec", "an annotation", "a label", "a deletion", "our own status write"],
)
def test_what_rings(change: dict[str, Any], rings: bool) -> None:
    assert Bell().heard((None, body()), ("MODIFIED", body(**change))) == [True, rings]


def test_an_object_that_comes_back_rings_again() -> None:
    assert Bell().heard(("ADDED", body()), ("DELETED", body()), ("ADDED", body())) == [True, True, True]


def test_objects_are_told_apart() -> None:
    assert Bell().heard(("ADDED", body("u1")), ("ADDED", body("u2")), ("MODIFIED", body("u1"))) == [True, True, False]


def test_backing_off_never_ends_and_starts_anew_each_time() -> None:
    backoff = EndlessBackoff()
    assert list(islice(backoff, 10))[-2:] == [30, 30]
    assert next(iter(backoff)) == 1


def test_kopf_writes_nothing() -> None:
    chosen = settings()
    assert not chosen.posting.enabled
    assert chosen.peering.standalone
    handlers = registry(["trainingjobs", "costpolicies"], lambda: None)
    assert len(handlers._watching.get_all_handlers()) == 2
    assert not handlers._changing.get_all_handlers()
    assert not handlers._spawning.get_all_handlers()
