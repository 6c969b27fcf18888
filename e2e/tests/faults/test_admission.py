"""An admission policy of the cluster refuses some pauses: the others are made, and these come when it is gone.

Acceptance test 14. A real ValidatingAdmissionPolicy on the real API server; conflicts, missing rights and outages are
in `test_api.py`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

import pytest

from e2e.plane.waiting import wait_until
from e2e.soak.kill import IDLE
from e2e.soak.proof import check_pause, check_resume
from e2e.soak.stage import RESTORE, SERVICE_ACCOUNT, Stage
from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

ALLOWED: Final = ("one", "two", "five")
DENIED: Final = {"three": ("Invalid", 422), "four": ("Forbidden", 403)}
"""Which reason the admission policy gives, and what the API server answers then."""
SENTENCE: Final = "the platform team keeps this Job running"
_API: Final = "/apis/admissionregistration.k8s.io/v1"
TICKS: Final = 20
MOST_ATTEMPTS: Final = 10
"""In so many ticks: after 1, 2, 4, 8 and 16 of them; a few more where a late sample makes it begin anew."""
LONG_GAP: Final = 6.0
"""Seconds between two of them in the end; without patience it would be one."""


def admission_policy(name: str, reason: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operator may not change the Job of that name; and its binding."""
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": f"keep-{name}"}}
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["jobs"]}
    about = f"request.userInfo.username == '{SERVICE_ACCOUNT}' && request.name == '{name}'"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "the-operator", "expression": about}],
        "validations": [{"expression": "false", "message": SENTENCE, "reason": reason}],
    }
    binding = {"policyName": f"keep-{name}", "validationActions": ["Deny"]}
    return (
        {**head, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    )


@contextmanager
def denied(stage: Stage) -> Iterator[None]:
    """Both policies are in force for a while."""
    api = stage.plane.api
    for name, (reason, _) in DENIED.items():
        policy, binding = admission_policy(name, reason)
        api.post(f"{_API}/validatingadmissionpolicies", policy)
        api.post(f"{_API}/validatingadmissionpolicybindings", binding)
    try:
        yield
    finally:
        for name in DENIED:
            api.delete(f"{_API}/validatingadmissionpolicybindings/keep-{name}")
            api.delete(f"{_API}/validatingadmissionpolicies/keep-{name}")


def attempts(stage: Stage, name: str) -> list[tuple[float, int]]:
    """When the operator has sent a PATCH of that Job, and how it was answered."""
    sent = stage.writes(verb="patch", resource="jobs", namespace=stage.namespace, name=name)
    return [(one.received.timestamp(), one.code) for one in sent]


def told(stage: Stage, name: str) -> dict[str, Any]:
    """The condition Succeeded, which tells what decides."""
    return stage.installation.condition(name, stage.namespace, "Succeeded")


def _is_told(stage: Stage, name: str) -> bool:
    return told(stage, name).get("reason") == "PermissionDenied"


def writes_about(stage: Stage, name: str) -> int:
    """Status writes and Events that it has led to so far."""
    statuses = stage.writes(verb="patch", resource="trainingjobs", subresource="status", name=name)
    return len(statuses) + len(stage.installation.events(name, stage.namespace))


def test_a_pause_that_admission_denies_harms_nothing_is_tried_ever_more_rarely_and_comes_when_it_may(
    world: World,
) -> None:
    stage, names = world.stage, (*ALLOWED, *DENIED)
    with denied(stage):
        for name in names:
            stage.train(name, "busy:4 idle")
        stage.wait_paused(*ALLOWED)
        wait_until(lambda: all(_is_told(stage, name) for name in DENIED), "both refusals in status", 30)
        before = {name: writes_about(stage, name) for name in DENIED}
        stage.wait_ticks(TICKS)
        for name, (_, code) in DENIED.items():
            _untouched(world, name)
            _tried_ever_more_rarely(stage, name, code)
            assert writes_about(stage, name) - before[name] <= 1, "told once, and once more where a number changed"
        assert stage.suspended() == set(ALLOWED)
        for name in ALLOWED:
            stage.annotate(name, override="Running")
            stage.wait_running(name)
            check_resume(stage, name)
    stage.wait_paused(*DENIED)
    for name in DENIED:
        check_pause(stage, name, IDLE["warnSeconds"])
        assert [action for action, _ in world.events(name)] == ["Create", "Warn", "Pause"]


def _untouched(world: World, name: str) -> None:
    """It goes on, nothing of a pause is on it, and the API server's sentence can be read, with a remedy."""
    stage = world.stage
    job = stage.job(name)
    assert job["spec"].get("suspend") is False
    assert RESTORE not in json.dumps(job["metadata"])
    assert job["status"]["active"] == 1
    assert "since" not in (stage.status(name).get("pause") or {})
    assert "Pause" not in [action for action, _ in world.events(name)]
    condition = told(stage, name)
    assert (condition["status"], condition["reason"]) == ("Unknown", "PermissionDenied")
    assert f"ValidatingAdmissionPolicy 'keep-{name}'" in condition["message"]
    assert SENTENCE in condition["message"]
    page = " ".join(stage.installation.ebbtide("explain", f"tjob/{name}", "-n", stage.namespace).split())
    assert SENTENCE in page
    assert "grant what it names, or exempt Ebbtide's ServiceAccount from the admission policy it names" in page


def _tried_ever_more_rarely(stage: Stage, name: str, code: int) -> None:
    sent = attempts(stage, name)
    assert {answer for _, answer in sent} == {code}
    assert 4 <= len(sent) <= MOST_ATTEMPTS, sent
    gaps = [later - at for (at, _), (later, _) in pairwise(sent)]
    assert max(gaps) >= LONG_GAP, gaps
