"""Stop and start as patches: the original is never lost, never overwritten, and edits of people survive."""

import copy
import json
from typing import Any

import pytest

from ebbtide.api.labels import RESTORE
from ebbtide.objects.levers.job import JOB
from ebbtide.objects.levers.patches import Note, forget, is_ours, start, stop, without_our_fields
from tests.merge_patch import merged

NOTE = Note(1795365436.0, "Policy", "CostPolicy/batch", "GPUIdle")
LEVER = JOB
WRITTEN = {
    "v": 1, "kind": "Job", "name": "web", "at": "2026-11-22T16:37:16Z", "by": "Policy", "policy": "CostPolicy/batch",
    "reason": "GPUIdle", "fields": [{"path": "/spec/suspend", "was": False, "set": True}],
}  # fmt: skip


def job(*, restore: Any = None, spec: Any = None, owners: Any = (), **status: Any) -> dict[str, Any]:
    annotations = {} if restore is None else {RESTORE: restore if isinstance(restore, str) else json.dumps(restore)}
    return {
        "kind": "Job",
        "metadata": {
            "name": "web",
            "resourceVersion": "7",
            "annotations": {"a": "b", **annotations},
            "ownerReferences": list(owners),
        },
        "spec": {"suspend": False, "parallelism": 3} if spec is None else spec,
        "status": status,
    }


def test_a_stop_is_one_patch_with_lever_original_and_version() -> None:
    step = stop(job(), LEVER, NOTE)
    written = json.loads(step.patch["metadata"]["annotations"].pop(RESTORE))
    assert written == WRITTEN
    assert step.patch == {"metadata": {"resourceVersion": "7", "annotations": {}}, "spec": {"suspend": True}}


@pytest.mark.parametrize("spec", [{"suspend": False, "x": 1}, {"x": 1}])
def test_stop_then_start_is_identity(spec: dict[str, Any]) -> None:
    before = job(spec=spec)
    stopped = merged(before, stop(copy.deepcopy(before), LEVER, NOTE).patch)
    assert stopped["spec"] == {**spec, "suspend": True}
    assert merged(stopped, start(stopped, LEVER, without_original=False).patch) == before


def test_an_original_that_still_describes_the_object_is_never_overwritten() -> None:
    both = [*WRITTEN["fields"], {"path": "/spec/parallelism", "was": 4, "set": 0}]
    half_started = job(restore={**WRITTEN, "fields": both}, spec={"suspend": False, "parallelism": 0})
    step = stop(half_started, LEVER, NOTE)
    assert step.patch == {"metadata": {"resourceVersion": "7"}, "spec": {"suspend": True}}


@pytest.mark.parametrize("stale", [{"at": "2026-01-01T00:00:00Z"}, {"name": "other"}, {"kind": "Deployment"}])
def test_an_original_that_no_field_bears_out_gives_way_to_what_the_object_is_now(stale: dict[str, str]) -> None:
    step = stop(job(restore={**WRITTEN, **stale}), LEVER, NOTE)
    assert json.loads(step.patch["metadata"]["annotations"][RESTORE]) == WRITTEN


@pytest.mark.parametrize(
    ("document", "want"),
    [
        (job(spec={"suspend": True}), "is stopped already"),
        (job(restore=WRITTEN, spec={"suspend": True}), "is stopped already"),
        (job(conditions=[{"type": "Complete", "status": "True"}]), "has finished"),
        (job(conditions=[{"type": "Failed", "status": "True"}]), "has finished"),
    ],
)
def test_nothing_is_stopped_twice_or_after_its_end(document: dict[str, Any], want: str) -> None:
    step = stop(document, LEVER, NOTE)
    assert (step.patch, step.message, step.refused) == ({}, want, False)


def test_a_job_that_a_user_suspended_is_not_started() -> None:
    step = start(job(spec={"suspend": True}), LEVER, without_original=False)
    assert (step.patch, step.message) == ({}, "was not stopped by Ebbtide")


def test_a_human_who_asks_by_name_starts_what_somebody_suspended() -> None:
    step = start(job(spec={"suspend": True}), LEVER, without_original=True)
    assert step.patch == {"metadata": {"resourceVersion": "7"}, "spec": {"suspend": False}}


def test_a_start_leaves_what_was_edited_while_stopped_and_says_so() -> None:
    fields = [*WRITTEN["fields"], {"path": "/spec/parallelism", "was": 4, "set": 0}]
    step = start(job(restore={**WRITTEN, "fields": fields}, spec={"suspend": True, "parallelism": 6}), LEVER,
                 without_original=False)  # fmt: skip
    assert step.patch["spec"] == {"suspend": False}
    assert step.patch["metadata"]["annotations"] == {RESTORE: None}
    assert step.message == "RestoreSkipped: /spec/parallelism changed while it was stopped and stays as it is"


def test_a_field_that_was_absent_is_removed_again() -> None:
    fields = [{"path": "/spec/suspend", "set": True}]
    step = start(job(restore={**WRITTEN, "fields": fields}, spec={"suspend": True}), LEVER, without_original=False)
    assert step.patch["spec"] == {"suspend": None}


@pytest.mark.parametrize(
    ("restore", "want"),
    [
        ({**WRITTEN, "v": 2}, "has version 2, this Ebbtide knows 1"),
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ({**WRITTEN, "fields": 3}, "cannot be read"),
        ({**WRITTEN, "at": "yesterday"}, "cannot be read"),
        ({**WRITTEN, "reason": "\ud800"}, "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_restore_that_cannot_be_used_leaves_everything_alone(restore: Any, want: str) -> None:
    for spec in ({"suspend": False}, {"suspend": True}):
        document = job(restore=restore, spec=spec)
        for step in (stop(document, LEVER, NOTE), start(document, LEVER, without_original=True)):
            assert step.refused
            assert not step.patch
            assert want in step.message


def test_a_stale_restore_can_be_forgotten_but_not_one_of_a_newer_version() -> None:
    assert forget(job(restore={**WRITTEN, "name": "other"})).patch["metadata"]["annotations"] == {RESTORE: None}
    assert forget(job(restore=WRITTEN)).patch["metadata"]["annotations"] == {RESTORE: None}
    assert not forget(job()).patch
    newer = forget(job(restore={**WRITTEN, "v": 2}))
    assert newer.refused
    assert not newer.patch


def test_ownership_of_fields_is_given_up_without_touching_that_of_others() -> None:
    document = job()
    document["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Apply"}, {"manager": "ebbtide"}]
    step = without_our_fields(document, "ebbtide")
    assert step.patch["metadata"]["managedFields"] == [{"manager": "kubectl", "operation": "Apply"}]
    assert step.patch["metadata"]["resourceVersion"] == "7"
    document["metadata"]["managedFields"].pop()
    assert not without_our_fields(document, "ebbtide").patch


def test_ours_is_what_one_of_our_kinds_controls() -> None:
    ours = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "TrainingJob", "controller": True}
    assert is_ours(job(owners=[ours]))
    assert not is_ours(job(owners=[{**ours, "controller": False}]))
    assert not is_ours(job(owners=[{**ours, "apiVersion": "batch/v1"}]))
    assert not is_ours(job())
