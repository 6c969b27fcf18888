"""From JSON to facts: pods, Jobs, nodes, quantities, statuses, and the human's word."""

import json
from decimal import Decimal
from typing import Any

import pytest

from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import BESIDE, CLAIMS, Attribution, Checkpoint, Memory, Pod, Workload
from ebbtide.objects.quantity import Container, Resources, asked, quantity
from ebbtide.objects.views_job import JobStore, decode_job
from ebbtide.objects.views_node import decode_namespace, decode_node
from ebbtide.objects.views_pod import PodStore, decode_pod
from ebbtide.objects.views_policy import decode_breaker, decode_catalog, decode_cluster_policy, decode_policy
from ebbtide.objects.views_status import memory
from ebbtide.objects.views_training_job import decode_training_job

T = 1795365436.0
AT = "2026-11-22T16:37:16Z"
LATER = "2026-11-22T16:37:46Z"


def dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def meta(**more: Any) -> dict[str, Any]:
    return {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7", "creationTimestamp": AT, **more}


def condition(kind: str, status: str = "True", at: str = AT, **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "lastTransitionTime": at, **more}


def pod(*, spec: Any = None, status: Any = None, **metadata: Any) -> Pod:
    container = {"name": "c", "resources": {"limits": {"nvidia.com/gpu": "2"}, "requests": {"cpu": "500m"}}}
    document = {
        "metadata": meta(**metadata),
        "spec": {"containers": [container], "nodeName": "n", **(spec or {})},
        "status": {"phase": "Running", "conditions": [condition("PodScheduled")], **(status or {})},
    }
    return decode_pod(dumped(document))[1]


# -- quantities -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "want"),
    [
        *(("500m", 0.5), ("2", 2.0), ("1.5", 1.5), ("64Gi", 64 * 2.0**30), ("128974848", 128974848.0), ("1e3", 1000.0)),
        *(("12E", 12e18), ("1Ki", 1024.0), ("100k", 1e5), ("1E2", 100.0), ("3u", 3e-6)),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, want: float) -> None:
    assert quantity(text) == pytest.approx(want)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1KiB", "abc", "1mm"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


def box(restart: str | None = None, **limits: Any) -> Container:
    return Container(resources=Resources(limits={key.replace("gpu", "nvidia.com/gpu"): v for key, v in limits.items()}),
                     restart_policy=restart)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "main", "init", "want"),
    [
        ("containers add up", [box(gpu=2), box(gpu="1")], [], 3),
        ("a greater init step counts instead", [box(gpu=2)], [box(gpu=4)], 4),
        ("a smaller one does not", [box(gpu=2)], [box(gpu=1)], 2),
        ("a sidecar runs beside the containers", [box(gpu=2)], [box("Always", gpu=1)], 3),
        ("an init step after a sidecar runs beside it", [box(gpu=1)], [box("Always", gpu=1), box(gpu=3)], 4),
        ("nothing asked", [box(cpu="1"), Container()], [], 0),
    ],
)
def test_devices_are_counted_as_the_scheduler_counts(
    name: str, main: list[Container], init: list[Container], want: int
) -> None:
    assert asked(main, init).accelerators == want, name


def test_mig_slices_are_devices_and_the_larger_number_names_the_resource() -> None:
    limits = {"nvidia.com/mig-1g.5gb": "3", "nvidia.com/mig-2g.10gb": "1", "nvidia.com/gpumem": "1000"}
    found = asked([Container(resources=Resources(limits=limits))])
    assert (found.accelerators, found.accelerator_resource) == (4, "nvidia.com/mig-1g.5gb")


CLAIM = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]}
CLAIMING = {**CLAIM, "containers": [{"name": "c", "resources": {"claims": [{"name": "gpu"}]}}]}


@pytest.mark.parametrize(
    ("name", "spec", "want"),
    [
        ("all through DRA", CLAIMING, (0, CLAIMS)),
        ("a claim beside requested devices", CLAIM, (2, f"nvidia.com/gpu{BESIDE}{CLAIMS}")),
        ("an empty list", {"resourceClaims": []}, (2, "nvidia.com/gpu")),
    ],
)
def test_what_a_pod_claims_is_no_number_and_is_known(name: str, spec: Any, want: tuple[int, str]) -> None:
    seen = pod(spec=spec)
    assert (seen.accelerators, seen.accelerator_resource) == want, name
    assert seen.alone is not None, "bare, and so reported by itself"
    assert (seen.alone.accelerators, seen.alone.accelerator_resource) == want
    assert pod(spec={"containers": [{"name": "c"}]}).alone is None


# -- pods -----------------------------------------------------------------------------------------------------------


def test_a_running_pod_carries_everything_the_ledger_needs() -> None:
    owner = {"uid": "job-uid", "kind": "Job", "apiVersion": "batch/v1", "controller": True}
    seen = pod(
        ownerReferences=[{"uid": "other", "kind": "X"}, owner],
        labels={"ebbtide.dev/team": "vision-co", "ebbtide.dev/project": "p"},
        annotations={"ebbtide.dev/team": "vision & co", "ebbtide.dev/checkpointed-at": LATER},
        status={"conditions": [condition("PodScheduled"), condition("Ready", at=LATER)]},
    )
    assert (seen.owner_uid, seen.node, seen.phase) == ("job-uid", "n", "Running")
    assert (seen.created_at, seen.bound_at, seen.ready_since, seen.ended_at) == (T, T, T + 30, None)
    assert (seen.accelerators, seen.accelerator_resource, seen.cpu) == (2, "nvidia.com/gpu", 0.5)
    assert seen.attribution == Attribution(team="vision & co", project="p")
    assert seen.checkpointed_at == T + 30
    assert (seen.host_network, pod(spec={"hostNetwork": True}).host_network) == (False, True)


@pytest.mark.parametrize(
    ("name", "status", "want"),
    [
        ("not Ready now", [condition("Ready", "False")], None),
        ("Ready", [condition("Ready", at=LATER)], T + 30),
        ("no such condition", [], None),
    ],
)
def test_ready_since_is_only_of_the_present_ready_state(name: str, status: Any, want: float | None) -> None:
    assert pod(status={"conditions": status}).ready_since == want, name


def finished(at: str) -> dict[str, Any]:
    return {"state": {"terminated": {"finishedAt": at}}}


LATEST = "2026-11-22T16:38:16Z"
READY = [condition("Ready", at=LATER)]
GPU = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
WORK, MORE, SIDE = (
    {"name": "work", **GPU},
    {"name": "b", **GPU},
    {"name": "side", "resources": {"limits": {"cpu": "1"}}},
)
NONE = {"name": "b", "resources": {"limits": {"nvidia.com/gpu": "0"}}}


def started(name: str, at: str | None) -> dict[str, Any]:
    return {"name": name, "state": {"running": {"startedAt": at}}}


@pytest.mark.parametrize(
    ("name", "containers", "statuses", "want"),
    [
        ("first start, before Ready", [WORK], [started("work", AT)], T + 30),
        ("started again in place, Ready as it was", [WORK], [started("work", LATEST)], T + 60),
        ("a sidecar that is started again", [WORK, SIDE], [started("work", AT), started("side", LATEST)], T + 30),
        ("the work beside a sidecar", [WORK, SIDE], [started("side", AT), started("work", LATEST)], T + 60),
        ("no container asks: any of them", [SIDE, {"name": "b"}], [started("side", AT), started("b", LATEST)], T + 60),
        ("an amount of none asks for nothing", [WORK, NONE], [started("work", AT), started("b", LATEST)], T + 30),
        ("the newest of two that ask", [WORK, MORE], [started("work", AT), started("b", LATEST)], T + 60),
        ("a start without a time", [WORK], [started("work", None)], T + 30),
        ("ended, to be started again", [WORK], [{"name": "work", **finished(LATEST)}], T + 30),
    ],
)  # fmt: skip
def test_what_was_started_again_in_place_is_ready_since_then(
    name: str, containers: Any, statuses: Any, want: float
) -> None:
    """P12: the window of the judgement begins at the start of the container, not of the pod."""
    seen = pod(spec={"containers": containers}, status={"conditions": READY, "containerStatuses": statuses})
    assert seen.ready_since == want, name


def test_a_native_sidecar_that_holds_the_device_is_the_work() -> None:
    init = {"name": "server", "restartPolicy": "Always", **GPU}
    statuses = {"containerStatuses": [started("side", AT)], "initContainerStatuses": [started("server", LATEST)]}
    spec = {"containers": [SIDE], "initContainers": [init]}
    assert pod(spec=spec, status={"conditions": READY, **statuses}).ready_since == T + 60


def test_a_container_that_runs_makes_no_pod_ready() -> None:
    status = {"conditions": [condition("Ready", "False")], "containerStatuses": [started("c", LATEST)]}
    assert pod(status=status).ready_since is None


def test_a_pod_that_is_not_bound_says_why() -> None:
    waiting = condition("PodScheduled", "False", reason="Unschedulable")
    seen = pod(spec={"nodeName": None}, status={"phase": "Pending", "conditions": [waiting]})
    assert seen.unschedulable
    assert (seen.bound_at, seen.node) == (None, "")


@pytest.mark.parametrize(
    ("reason", "want"),
    [
        ("CrashLoopBackOff", Reason.CrashLooping),
        ("ImagePullBackOff", Reason.ImagePullFailing),
        ("ErrImagePull", Reason.ImagePullFailing),
        ("ContainerCreating", None),
    ],
)
def test_a_failing_main_container_fails_the_pod(reason: str, want: Reason | None) -> None:
    assert pod(status={"containerStatuses": [{"state": {"waiting": {"reason": reason}}}]}).failing is want


def test_an_init_container_that_fails_is_not_a_main_container() -> None:
    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    assert pod(status={"initContainerStatuses": [waiting]}).failing is None


@pytest.mark.parametrize(
    ("name", "status", "want"),
    [
        ("last container", {"containerStatuses": [finished(LATER), finished(AT)]}, T + 30),
        ("evicted without containers", {"conditions": [condition("Ready", "False", LATER)]}, T + 30),
        ("nothing known but its creation", {"conditions": []}, T),
    ],
)  # fmt: skip
def test_the_end_is_that_of_the_last_container_or_the_best_known(name: str, status: Any, want: float) -> None:
    assert pod(status={"phase": "Failed", **status}).ended_at == want, name


def test_nulls_where_lists_are_expected_are_no_fault() -> None:
    document = {"metadata": meta(labels=None, ownerReferences=None), "spec": {"containers": None}, "status": None}
    assert decode_pod(dumped(document))[1].accelerators == 0


# -- the pod store --------------------------------------------------------------------------------------------------


def stored(uid: str, owner: str = "job", **more: Any) -> Pod:
    reference = [{"uid": owner, "kind": "Job", "controller": True}] if owner else None
    return pod(uid=uid, ownerReferences=reference, **more)


def test_pods_are_found_by_owner_through_every_change() -> None:
    store = PodStore(lambda: 0.0)
    store.replace({uid: stored(uid) for uid in "ab"}, None)
    before = store.owned_by("job")
    store.put("c", stored("c"))
    store.put("a", stored("a", status={"phase": "Failed"}))
    assert [one.uid for one in before] == ["a", "b"], "what was handed out does not change"
    assert [(one.uid, one.phase) for one in store.owned_by("job")] == [
        ("a", "Failed"), ("b", "Running"), ("c", "Running"),
    ]  # fmt: skip
    store.put("b", stored("b", owner="other"))
    store.remove("c", None)
    assert [one.uid for one in store.owned_by("job")] == ["a"]
    assert [one.uid for one in store.owned_by("other")] == ["b"]
    store.remove("a", None)
    assert store.owned_by("job") == ()
    store.put("bare", stored("bare", owner=""))
    assert store.owned_by("") == ()


def test_the_last_word_on_a_pod_is_kept_for_the_ledger() -> None:
    store = PodStore(lambda: 500.0)
    store.replace({uid: stored(uid) for uid in ("deleted", "vanished", "finished", "stays")}, None)
    store.remove("deleted", stored("deleted"))
    done = {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"finishedAt": AT}}}]}
    store.remove("finished", stored("finished", status=done))
    store.replace({"stays": stored("stays")}, unseen_since=400.0)
    ended = {one.pod.uid: (one.ended_at, one.certain) for one in store.take_ended()}
    assert ended == {"deleted": (500.0, True), "finished": (T, True), "vanished": (400.0, False)}
    assert store.take_ended() == []


# -- Jobs -----------------------------------------------------------------------------------------------------------


def job(*, status: Any = None, suspend: bool = False, **metadata: Any) -> Any:
    return decode_job(dumped({"metadata": meta(**metadata), "spec": {"suspend": suspend}, "status": status}))[1]


RESTORE = {"v": 1, "kind": "Job", "name": "a", "at": AT, "by": "Policy", "policy": "CostPolicy/p", "reason": "GPUIdle",
           "fields": [{"path": "/spec/suspend", "was": False, "set": True}]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "conditions", "want"),
    [
        ("running", [condition("Suspended", "False")], (None, None)),
        ("complete", [condition("Complete", at=LATER)], (Reason.JobCompleted, T + 30)),
        ("retries used up", [condition("Failed", reason="BackoffLimitExceeded")], (Reason.RetriesExhausted, T)),
        ("failed otherwise", [condition("Failed", reason="DeadlineExceeded")], (Reason.JobFailed, T)),
        ("failing, pods not gone yet", [condition("FailureTarget")], (None, None)),
    ],
)
def test_a_job_is_finished_when_its_condition_says_so(name: str, conditions: Any, want: Any) -> None:
    target = job(status={"conditions": conditions}).target
    assert (target.finished, target.finished_at) == want, name


def test_a_restore_is_read_with_its_original() -> None:
    target = job(suspend=True, annotations={"ebbtide.dev/restore": json.dumps(RESTORE)}).target
    assert target.suspended
    assert target.restore is not None
    assert (target.restore.reason, target.restore.at, target.restore_unreadable) == ("GPUIdle", T, "")
    assert [(one.path, one.was, one.set) for one in target.restore.fields] == [("/spec/suspend", False, True)]


def test_a_restore_that_a_controller_copied_means_nothing() -> None:
    copied = {"ebbtide.dev/restore": json.dumps(RESTORE)}
    owners = [{"uid": "x", "kind": "JobSet", "apiVersion": "jobset.x-k8s.io/v1alpha2", "controller": True}]
    target = job(annotations=copied, ownerReferences=owners).target
    assert target.restore is None
    assert target.restore_unreadable == "ebbtide.dev/restore stands on a Job that JobSet controls"


@pytest.mark.parametrize("owner", [("TrainingJob", "ebbtide.dev/v1alpha1"), ("CronJob", "batch/v1")])
def test_below_our_kinds_and_below_cron_jobs_a_job_carries_its_own_restore(owner: tuple[str, str]) -> None:
    kind, version = owner
    owners = [{"uid": "x", "kind": kind, "apiVersion": version, "controller": True}]
    own = job(annotations={"ebbtide.dev/restore": json.dumps(RESTORE)}, ownerReferences=owners).target
    assert own.restore is not None
    copied = {"ebbtide.dev/restore": json.dumps({**RESTORE, "name": "another"})}
    target = job(annotations=copied, ownerReferences=owners).target
    assert (target.restore, target.restore_unreadable) == (None, "")
    assert "belongs to Job/another" in target.restore_misplaced


def test_a_successor_of_the_same_name_survives_the_end_of_its_predecessor() -> None:
    store = JobStore()
    store.put("old", job(uid="old"))
    store.put("new", job(uid="new"))
    store.remove("old", None)
    found = store.named("ns", "a")
    assert found is not None
    assert found.target.uid == "new"
    store.remove("new", None)
    assert store.named("ns", "a") is None


# -- nodes, namespaces, Lease ---------------------------------------------------------------------------------------


def test_a_node_counts_by_capacity_and_keeps_the_labels_that_matter() -> None:
    labels = {"node.kubernetes.io/instance-type": "p5", "feature.node.kubernetes.io/cpu-x": "1", "site": "dc1"}
    status = {"capacity": {"nvidia.com/gpu": "8", "cpu": "192", "memory": "2Gi"}, "allocatable": {"cpu": "190"}}
    node = decode_node(dumped({"metadata": meta(labels=labels), "status": status}))[1]
    assert (node.accelerators, node.cpu, node.memory_bytes) == (8, 192.0, 2 * 2**30)
    assert node.labels == (("node.kubernetes.io/instance-type", "p5"), ("site", "dc1"))


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_what_protects_a_namespace_may_stand_as_label_or_annotation(where: str) -> None:
    words = {"ebbtide.dev/protected": "true", "ebbtide.dev/never-pause": "true"}
    namespace = decode_namespace(dumped({"metadata": meta(**{where: words})}))[1]
    assert namespace.protected
    assert namespace.never_pause


def test_the_breaker_is_read_from_the_lease() -> None:
    words = {"ebbtide.dev/breaker-until": AT, "ebbtide.dev/breaker-reset": "soon"}
    breaker = decode_breaker(dumped({"metadata": meta(annotations=words), "spec": {}}))[1]
    assert (breaker.open_until, breaker.reset_at) == (T, None)


# -- TrainingJobs ---------------------------------------------------------------------------------------------------

POD = {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 2}}}]}


def training_job(spec: Any = None, status: Any = None, **metadata: Any) -> Workload:
    document = {
        "metadata": meta(**metadata),
        "spec": {"workers": 4, "template": {"spec": POD}, **(spec or {})},
        "status": status,
    }
    return decode_training_job(dumped(document))[1]


def test_a_training_job_is_read_without_keeping_its_template() -> None:
    spec = {
        "checkpoint": {"mode": "OnSignal", "graceSeconds": 120},
        "policyRef": {"kind": "CostPolicy", "name": "batch"},
        "attribution": {"team": "vision & co"},
        "deadline": LATER,
        "queue": {"name": "research"},
        "suspend": True,
    }
    seen = training_job(spec, labels={"tier": "batch", "ebbtide.dev/project": "own-label"}, generation=3)
    assert (seen.workers, seen.accelerators, seen.accelerator_resource) == (4, 8, "nvidia.com/gpu")
    assert seen.checkpoint == Checkpoint("OnSignal", 0, 120)
    assert (seen.intent.policy_name, seen.intent.suspend) == ("CostPolicy/batch", True)
    assert seen.attribution == Attribution(team="vision & co", project="own-label")
    assert (seen.deadline, seen.queue, seen.invalid, seen.generation) == (T + 30, "research", None, 3)
    assert not seen.deleting


@pytest.mark.parametrize(("more", "want"), [(CLAIM, (8, f"nvidia.com/gpu{BESIDE}{CLAIMS}")), (CLAIMING, (0, CLAIMS))])
def test_a_training_job_whose_template_claims_devices_says_so(more: Any, want: tuple[int, str]) -> None:
    seen = training_job({"template": {"spec": {**POD, **more}}})
    assert (seen.accelerators, seen.accelerator_resource, seen.accelerated) == (*want, True)


@pytest.mark.parametrize(
    ("spec", "scheduling", "singly"),
    [
        ({}, {}, True),
        ({}, {"schedulerName": "default-scheduler"}, True),
        ({"workers": 1}, {}, False),
        ({"queue": {"name": "research"}}, {}, False),
        ({}, {"schedulerName": "volcano"}, False),
        ({}, {"schedulerName": ["volcano"]}, False),
        ({}, {"schedulingGroup": {"podGroupName": "a"}}, False),
        ({}, {"workloadRef": {"name": "a", "podGroup": "workers"}}, False),
        ({"workers": "four"}, {}, False),
    ],
)
def test_several_workers_start_singly_where_nothing_that_starts_them_together_is_named(
    spec: Any, scheduling: Any, singly: bool
) -> None:
    seen = training_job({**spec, "template": {"spec": {**POD, **scheduling}}})
    assert seen.starts_singly is singly


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"checkpoint": {"mode": "Sometimes"}}, "spec.checkpoint.mode"),
        ({"restartScope": "Universe"}, "spec.restartScope"),
        ({"template": {"spec": {"containers": []}}}, "spec.template"),
        ({"workers": "four"}, "spec.workers"),
    ],
)
def test_a_stored_value_that_is_not_understood_makes_it_invalid_never_a_default(spec: Any, path: str) -> None:
    seen = training_job({**spec, "suspend": True}, annotations={"ebbtide.dev/never-pause": "true"})
    assert seen.invalid is not None
    assert seen.invalid[0] == path
    assert (seen.intent.suspend, seen.intent.never_pause) == (True, True), "the human's word is heard all the same"


def test_a_template_that_no_pod_could_have_asks_for_no_device() -> None:
    seen = training_job({"template": {"spec": {"containers": [{"name": "c", "resources": "none"}]}}})
    assert (seen.accelerators, seen.invalid) == (0, None)


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ({"override": "Paused"}, {"override": "Paused"}),
        ({"override": "Running", "override-until": LATER}, {"override": "Running", "override_until": T + 30}),
        ({"keep-until": LATER}, {"keep_until": T + 30}),
        ({"keep-until": "tomorrow"}, {"keep_malformed": True}),
        ({"keep-until": "2026-11-22T16:37:16"}, {"keep_malformed": True}),
        ({"never-pause": "true"}, {"never_pause": True}),
        ({"never-pause": "yes"}, {"never_pause": False}),
        ({"policy": "batch"}, {"policy_name": "CostPolicy/batch"}),
        ({"policy": "ClusterCostPolicy/all"}, {"policy_name": "ClusterCostPolicy/all"}),
        ({"policy": "Deployment/x"}, {"policy_name": ""}),
        ({"override": "paused"}, {"override": ""}),
    ],
)
def test_the_human_word_is_read_from_annotations(words: dict[str, str], want: dict[str, Any]) -> None:
    seen = training_job(annotations={f"ebbtide.dev/{key}": value for key, value in words.items()}).intent
    assert {key: getattr(seen, key) for key in want} == want


@pytest.mark.parametrize("word", ["override", "override-until", "keep-until", "never-pause", "policy"])
def test_a_word_that_cannot_be_read_is_said(word: str) -> None:
    seen = training_job(annotations={f"ebbtide.dev/{word}": "gib/ber/ish"}).intent
    assert len(seen.invalid) == 1
    assert f"ebbtide.dev/{word} 'gib/ber/ish'" in seen.invalid[0]


def test_status_is_remembered() -> None:
    status = {
        "startTime": AT,
        "idle": {"since": AT, "warnedAt": LATER},
        "pause": {"since": AT, "reason": "GPUIdle", "by": "Policy", "countToday": 2, "reverts": 1, "endTime": LATER},
        "override": {"until": LATER, "request": "Running"},
        "wouldBe": {"action": "Pause", "reason": "GPUIdle", "since": AT},
        "verdict": {"value": "Idle", "since": AT, "asOf": LATER},
        "capacityClass": "Spot",
        "conditions": [condition("Accepted", reason="Accepted", observedGeneration=3)],
    }
    seen = memory(status)
    assert (seen.start_time, seen.idle_since, seen.warned_at) == (T, T, T + 30)
    assert seen.pause is not None
    assert (seen.pause.count_today, seen.pause.reverts, seen.pause.ended_at) == (2, 1, T + 30)
    assert (seen.override_until, seen.override_request) == (T + 30, "Running")
    assert seen.would_be == ("Pause", "GPUIdle", T)
    assert (seen.verdict, seen.verdict_as_of, seen.capacity_class) == (("Idle", T), T + 30, "Spot")
    assert [(one.type, one.status, one.since, one.observed_generation) for one in seen.conditions] == [
        ("Accepted", "True", T, 3)
    ]


@pytest.mark.parametrize("status", [{}, {"idle": None, "pause": "x", "conditions": [1, {}], "verdict": {"since": 3}}])
def test_a_status_that_cannot_be_read_is_forgotten(status: dict[str, Any]) -> None:
    seen = memory(status)
    assert (seen.idle_since, seen.pause, seen.verdict) == (None, None, None)
    assert isinstance(seen, Memory)


@pytest.mark.parametrize(
    ("cost", "want"),
    [
        ({"hourly": "27.36", "currency": "EUR"}, (Decimal("27.36"), "EUR")),
        ({"hourly": "-", "currency": "EUR"}, (None, "")),
        ({"hourly": "NaN", "currency": "EUR"}, (None, "")),
        ({"hourly": "1e99", "currency": "EUR"}, (None, "")),
        ({"currency": "EUR"}, (None, "")),
        ("27.36", (None, "")),
        (None, (None, "")),
    ],
)
def test_what_a_pause_gave_back_is_an_amount_or_nothing(cost: Any, want: tuple[Decimal | None, str]) -> None:
    pause = memory({"pause": {"since": AT, "reason": "GPUIdle", "by": "Policy", "cost": cost}}).pause
    assert pause is not None
    assert (pause.hourly, pause.currency) == want


def test_policies_and_catalogs_that_cannot_be_read_say_why() -> None:
    good = decode_policy(dumped({"metadata": meta(), "spec": {"selector": {}, "mode": "Enforce"}}))[1]
    bad = decode_policy(dumped({"metadata": meta(), "spec": {"selector": {}, "mode": "Maybe"}}))[1]
    catalog = decode_catalog(dumped({"metadata": meta(), "spec": {"currency": "dollars"}}))[1]
    assert good.spec is not None
    assert (bad.spec, bad.reference) == (None, "CostPolicy/a")
    assert bad.problem.startswith("spec.mode: 'Maybe' is not known")
    assert bad.problem_reason is Reason.UnknownValue
    assert catalog.spec is None
    assert "spec.currency" in catalog.problem


def policy_with_zones(decode: Any, whole: str | None, *windows: str | None) -> Policy:
    """Windows with these time zones; None: without one."""
    named = [{"start": "22:00", "end": "06:00", **({"timeZone": zone} if zone else {})} for zone in windows]
    off_peak = {"windows": named, **({"timeZone": whole} if whole else {})}
    found: Policy = decode(dumped({"metadata": meta(), "spec": {"selector": {}, "offPeak": off_peak}}))[1]
    return found


@pytest.mark.parametrize("decode", [decode_policy, decode_cluster_policy])
@pytest.mark.parametrize(
    ("zones", "path"),
    [
        (("Mars/Phobos", None), "spec.offPeak.timeZone: 'Mars/Phobos'"),
        (("Europe/Berlin", None, "Mars/Phobos"), "spec.offPeak.windows[1].timeZone: 'Mars/Phobos'"),
        ((None, "europe berlin"), "spec.offPeak.windows[0].timeZone: 'europe berlin'"),
        (("../../etc/passwd", None), "spec.offPeak.timeZone: '../../etc/passwd'"),
        (("Europe", None), "spec.offPeak.timeZone: 'Europe'"),
        (("Europe/Berl\x00n", None), "spec.offPeak.timeZone: 'Europe/Berl\\x00n'"),
        (("Zürich", None), "spec.offPeak.timeZone: 'Zürich'"),
    ],
)
def test_a_time_zone_that_does_not_exist_makes_a_policy_unusable(decode: Any, zones: Any, path: str) -> None:
    seen = policy_with_zones(decode, *zones)
    assert seen.spec is None
    assert seen.problem == f"{path} is no IANA time zone; write one like Europe/Berlin"
    assert seen.problem_reason is Reason.InvalidTimeZone


def test_time_zones_that_exist_are_used() -> None:
    assert policy_with_zones(decode_policy, "Europe/Berlin", "UTC", "Asia/Kolkata", None).spec is not None
    assert policy_with_zones(decode_policy, None, "America/Argentina/Ushuaia").problem == ""
