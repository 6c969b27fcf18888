"""The Job and the Service of a TrainingJob, as the contract's bullet "The Job" says. Pure."""

import json
from typing import Any

import pytest

from ebbtide.api.parsing import Invalid
from ebbtide.objects.levers.patches import Note
from ebbtide.objects.training_job import Owned, owned

NOTE = Note(1795365436.0, "User", "CostPolicy/batch", "PausedByUser")
CONTAINER = {"name": "train", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 2}}}


def built(held: Note | None = None, attribution: Any = None, **spec: Any) -> Owned:
    template = spec.pop("template", {"metadata": {"labels": {"mine": "1"}}, "spec": {"containers": [CONTAINER]}})
    document = {
        "kind": "TrainingJob",
        "metadata": {"name": "resnet", "namespace": "vision", "uid": "tj-uid", "resourceVersion": "1"},
        "spec": {"template": template, **spec},
        "status": {"conditions": "garbage"},
    }
    found = owned(document, attribution or {}, held)
    assert isinstance(found, Owned)
    return found


def test_one_worker_is_a_plain_job_without_a_service() -> None:
    found = built()
    spec = found.job["spec"]
    assert found.service is None
    assert "completionMode" not in spec
    assert (spec["completions"], spec["parallelism"], spec["suspend"], spec["backoffLimit"]) == (1, 1, False, 6)
    pod = spec["template"]["spec"]
    assert pod == {"containers": [CONTAINER], "restartPolicy": "Never"}


def test_a_gang_is_indexed_and_finds_its_first_worker_by_name() -> None:
    found = built(workers=4)
    spec, pod = found.job["spec"], found.job["spec"]["template"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    assert pod["subdomain"] == "resnet"
    assert pod["containers"][0]["env"] == [{"name": "EBBTIDE_MASTER_ADDR", "value": "resnet-0.resnet"}]
    assert found.service is not None
    assert found.service["metadata"]["name"] == "resnet"
    assert found.service["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"batch.kubernetes.io/job-name": "resnet"},
    }


def test_the_users_own_master_address_stays() -> None:
    own = [{"name": "EBBTIDE_MASTER_ADDR", "value": "elsewhere"}]
    found = built(workers=2, template={"spec": {"containers": [{**CONTAINER, "env": own}]}})
    assert found.job["spec"]["template"]["spec"]["containers"][0]["env"] == own


def test_reclaims_use_no_retry() -> None:
    spec = built(workers=2).job["spec"]
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    assert "ttlSecondsAfterFinished" not in built(ttlSecondsAfterFinished=60).job["spec"]


@pytest.mark.parametrize(
    ("workers", "scope", "want"),
    [
        (4, "Gang", {"backoffLimit": 3}),
        (4, "Pod", {"backoffLimitPerIndex": 3}),
        (1, "Pod", {"backoffLimit": 3}),
    ],
)
def test_retries_count_for_the_gang_or_for_each_worker(workers: int, scope: str, want: dict[str, int]) -> None:
    spec = built(workers=workers, restartScope=scope, retries=3).job["spec"]
    assert {key: value for key, value in spec.items() if key.startswith("backoff")} == want


@pytest.mark.parametrize(("given", "want"), [(None, 150), (30, 150), (600, 600)])
def test_on_signal_leaves_time_for_the_checkpoint(given: int | None, want: int) -> None:
    pod = {"containers": [CONTAINER], **({} if given is None else {"terminationGracePeriodSeconds": given})}
    found = built(checkpoint={"mode": "OnSignal", "graceSeconds": 120}, template={"spec": pod})
    assert found.job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == want


def test_everything_says_who_pays_and_whose_it_is() -> None:
    said = {"team": "vision & co", "modelVersion": "7", "extra": {"grant": "g-1"}}
    other = {"ebbtide.dev/team": "from elsewhere", "ebbtide.dev/cost-center": "cc-1"}
    document = {
        "kind": "TrainingJob",
        "metadata": {"name": "n" * 52, "namespace": "vision", "uid": "tj-uid"},
        "spec": {"workers": 2, "attribution": said, "template": {"spec": {"containers": [CONTAINER]}}},
    }
    result = owned(document, other | {"ebbtide.dev/model": ""}, None)
    assert isinstance(result, Owned)
    assert result.service is not None
    labels = {
        "ebbtide.dev/team": "vision-co",
        "ebbtide.dev/model-version": "7",
        "ebbtide.dev/grant": "g-1",
        "ebbtide.dev/cost-center": "cc-1",
    }
    for meta in (result.job["metadata"], result.service["metadata"], result.job["spec"]["template"]["metadata"]):
        workload = meta["labels"].pop("ebbtide.dev/workload")
        assert workload.startswith("TrainingJob.nnn")
        assert len(workload) <= 63
        assert meta["labels"] == labels
        assert meta["annotations"] == {"ebbtide.dev/team": "vision & co"}, "the full value, where the label is not it"
    for meta in (result.job["metadata"], result.service["metadata"]):
        assert meta["ownerReferences"] == [
            {
                "apiVersion": "ebbtide.dev/v1alpha1",
                "kind": "TrainingJob",
                "name": "n" * 52,
                "uid": "tj-uid",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]


def test_the_templates_own_labels_stay() -> None:
    assert built().job["spec"]["template"]["metadata"]["labels"]["mine"] == "1"


def test_a_queue_is_a_label_of_the_job_only() -> None:
    found = built(workers=2, queue={"name": "research", "priorityClassName": "high"})
    labels = found.job["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "research"
    assert labels["kueue.x-k8s.io/priority-class"] == "high"
    assert found.service is not None
    assert not any(key.startswith("kueue") for key in found.service["metadata"]["labels"])
    assert not any(key.startswith("kueue") for key in found.job["spec"]["template"]["metadata"]["labels"])


def test_a_held_job_says_from_the_first_moment_how_it_starts() -> None:
    job = built(NOTE).job
    assert job["spec"]["suspend"] is True
    assert json.loads(job["metadata"]["annotations"]["ebbtide.dev/restore"]) == {
        "v": 1,
        "kind": "Job",
        "name": "resnet",
        "at": "2026-11-22T16:37:16Z",
        "by": "User",
        "policy": "CostPolicy/batch",
        "reason": "PausedByUser",
        "fields": [{"path": "/spec/suspend", "was": False, "set": True}],
    }
    assert "ebbtide.dev/restore" not in job["spec"]["template"]["metadata"].get("annotations", {})


def test_an_object_that_is_not_understood_is_not_built() -> None:
    document = {"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": {"template": {"spec": {}}}}
    assert isinstance(owned(document, {}, None), Invalid)
