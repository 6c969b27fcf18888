"""Reading the audit log."""

import json

import pytest

from e2e.plane.audit import AuditLog, service_account
from e2e.plane.errors import PlaneError


def event(verb="patch", user="alice", name="train", code=200, **more):
    return {
        "verb": verb,
        "stage": "ResponseComplete",
        "user": {"username": user},
        "requestURI": f"/apis/batch/v1/namespaces/ml/jobs/{name}",
        "objectRef": {"apiGroup": "batch", "resource": "jobs", "namespace": "ml", "name": name},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "stageTimestamp": "2026-01-01T00:00:00.500000Z",
        **more,
    }


@pytest.fixture
def write(tmp_path):
    path = tmp_path / "audit.log"

    def add(*events, end="\n"):
        with path.open("a", encoding="utf-8") as log:
            log.write("\n".join(json.dumps(one, separators=(",", ":")) for one in events) + end)
        return AuditLog(path)

    return add


def test_only_writes_are_writes(write):
    log = write(event("get"), event("list"), event("watch"), event("patch"), event("create"), event("delete"))
    assert [one.verb for one in log.writes()] == ["patch", "create", "delete"]


def test_filters_are_joined(write):
    log = write(event(user="bob"), event(user="alice"), event(user="alice", name="other"), event(code=409))
    assert len(list(log.writes(user="alice", name="train", succeeded=True))) == 1


def test_a_dry_run_wrote_nothing(write):
    assert list(write(event(requestURI="/apis/x?dryRun=All&fieldManager=y")).writes()) == []


def test_an_impersonated_request_is_the_impersonated_users(write):
    (found,) = write(event(impersonatedUser={"username": "carol"})).writes()
    assert found.user == "carol"


def test_a_created_object_is_named_by_the_answer(write):
    created = event("create", responseObject={"metadata": {"name": "train-x7"}})
    del created["objectRef"]["name"]
    assert [one.name for one in write(created).writes()] == ["train-x7"]


def test_a_line_that_is_still_being_written_is_left_out(write):
    write(event())
    assert len(list(write(event(), end="").writes())) == 1


def test_a_mark_hides_what_was_before(write):
    mark = write(event(name="before")).mark()
    assert [one.name for one in write(event(name="after")).after(mark).writes()] == ["after"]


def test_no_log_yet_means_no_writes(tmp_path):
    assert list(AuditLog(tmp_path / "none").writes()) == []


def test_waiting_in_vain_says_what_was_found_instead(write):
    with pytest.raises(PlaneError, match=r"(?s)1 of 2 expected writes.*patch /apis/batch/.* by alice: 200"):
        write(event()).wait_for(2, timeout_seconds=0, verb="patch")


def test_the_user_name_of_a_service_account():
    assert service_account("ebbtide", "operator") == "system:serviceaccount:ebbtide:operator"
