"""The rules of scenarios, one by one."""

import pytest

from tests.unit.sim.sim_world import (
    acts,
    busy,
    catalog,
    deployment,
    hold,
    job,
    lane,
    money,
    node,
    play,
    policy,
    ref,
    row,
    template,
    training_job,
)

T = ref()


def test_a_job_finishes_after_its_work_and_is_charged_for_it_only() -> None:
    found = play(
        node(),
        catalog(),
        training_job(expectedSeconds=1200),
        expect=[
            {"finished": True, "workload": T, "before": 1200},
            {"finished": False, "workload": T, "before": 1199},
            {"at": 1200, "workload": T, "condition": {"type": "Succeeded", "status": "True", "reason": "JobCompleted"}},
        ],
    )
    hold(found)
    assert money(found) == {"cost": "2.293333", "list_cost": "2.293333", "saved": "0", "gpu_hours": "0.333333"}
    assert lane(found) == [(0, 1200, "Running"), (1200, 3600, "Finished")]


def test_work_seconds_of_the_annotation_win_over_what_is_expected() -> None:
    meta = {"annotations": {"ebbtide.dev/simulated-work-seconds": "300"}}
    found = play(
        node(),
        training_job(expectedSeconds=1200, metadata=meta),
        expect=[{"finished": True, "workload": T, "before": 300}],
    )
    hold(found)


def test_startup_seconds_delay_running_and_are_charged() -> None:
    found = play(node(), catalog(), training_job(expectedSeconds=600), startupSeconds=120)
    assert lane(found) == [(0, 120, "Starting"), (120, 720, "Running"), (720, 3600, "Finished")]
    assert money(found)["gpu_hours"] == "0.2"
    assert money(found)["saved"] == "0", "a workload that nobody touched saves nothing"


def test_a_user_suspends_and_the_pods_stay_for_their_termination() -> None:
    off = {"at": 600, "apply": training_job(suspend=True)}
    on = {"at": 1200, "apply": training_job(suspend=False)}
    found = play(node(), catalog(), training_job(), terminationSeconds=30, events=[off, on])
    assert lane(found)[:4] == [
        (0, 600, "Running"),
        (600, 630, "Stopping"),
        (630, 1200, "Paused"),
        (1200, 3600, "Running"),
    ]
    assert acts(found, "Pause", "Resume") == [
        (600, "Pause", "t", "PausedByUser"),
        (1200, "Resume", "t", "ResumedByUser"),
    ]


@pytest.mark.parametrize(
    ("checkpoint", "pod", "finish"),
    [
        ({"mode": "None"}, {}, 1200 + 900),
        ({"mode": "Periodic", "intervalSeconds": 250}, {}, 1200 + 400),
        ({"mode": "OnSignal", "graceSeconds": 30}, {}, 1200 + 300),
    ],
    ids=["nothing is kept", "the last multiple is kept", "a signal keeps all"],
)
def test_progress_after_a_stop_with_grace(checkpoint: dict, pod: dict, finish: int) -> None:
    off = {"at": 600, "apply": training_job(suspend=True, checkpoint=checkpoint)}
    on = {"at": 1200, "apply": training_job(suspend=False, checkpoint=checkpoint)}
    found = play(
        node(),
        training_job(expectedSeconds=900, checkpoint=checkpoint),
        events=[off, on],
        expect=[
            {"finished": True, "workload": T, "before": finish},
            {"finished": False, "workload": T, "before": finish - 1},
        ],
    )
    hold(found)


def test_work_done_twice_counts_once_so_that_what_is_lost_is_a_negative_saving() -> None:
    off = {"at": 600, "apply": training_job(suspend=True, checkpoint={"mode": "None"})}
    on = {"at": 1200, "apply": training_job(suspend=False, checkpoint={"mode": "None"})}
    found = play(node(), catalog(), training_job(expectedSeconds=900, checkpoint={"mode": "None"}), events=[off, on])
    assert money(found)["gpu_hours"] == "0.416667", "600 s and 900 s"
    assert money(found)["saved"] == "-1.146667", "600 s done twice"


def test_a_gang_binds_whole_or_not_at_all() -> None:
    found = play(node(gpus=3), training_job("a", workers=2, gpus=2), training_job("b", gpus=1))
    assert lane(found, "a") == [(0, 3600, "Waiting")]
    assert lane(found, "b") == [(0, 3600, "Running")]


def test_first_fit_goes_by_node_names_and_devices_by_index() -> None:
    found = play(
        node("b"),
        node("a", gpus=1),
        training_job("x", gpus=2),
        training_job("y"),
        activity=[busy("x"), busy("y")],
        expect=[{"at": 600, "workload": ref("y"), "running": True}],
    )
    hold(found)


def test_taints_selectors_and_affinity_keep_pods_off() -> None:
    taint = {"spec": {"taints": [{"key": "dedicated", "value": "x", "effect": "NoSchedule"}]}}
    tolerate = {"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "x", "effect": "NoSchedule"}]}
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]
    affine = {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    }
    found = play(
        node("a", **taint),
        node("b", gpus=1, labels={"zone": "b"}),
        node("c", gpus=1, labels={"zone": "c"}),
        training_job("tolerates", pod=tolerate),
        training_job("affine", pod=affine),
        training_job("selects", pod={"nodeSelector": {"zone": "c"}}),
        training_job("waits"),
    )
    assert [lane(found, name)[0][2] for name in ("tolerates", "affine", "selects", "waits")] == [
        "Running",
        "Running",
        "Running",
        "Waiting",
    ]


def test_a_removed_node_takes_its_pods_and_the_gang_starts_again() -> None:
    spot = {"karpenter.sh/capacity-type": "spot"}
    found = play(
        node("a", gpus=1, labels=spot),
        node("b", gpus=1),
        node("c", gpus=1),
        catalog(),
        training_job(workers=2, gpus=1, expectedSeconds=1500, checkpoint={"mode": "Periodic", "intervalSeconds": 600}),
        capacity=[{"nodeSelector": spot, "stepSeconds": 900, "available": "1 0"}],
        expect=[
            {"finished": True, "workload": T, "before": 900 + 900},
            {"finished": False, "workload": T, "before": 1799},
        ],
    )
    hold(found)
    assert money(found)["gpu_hours"] == "1", "two devices for 900 s, and again for 900 s"


def test_notice_is_sigterm_at_the_taint_and_the_pod_ends_at_removal() -> None:
    spot = {"karpenter.sh/capacity-type": "spot"}
    found = play(
        node("a", gpus=1, labels=spot),
        catalog(),
        training_job(checkpoint={"mode": "OnSignal", "graceSeconds": 100}, expectedSeconds=1200),
        capacity=[{"nodeSelector": spot, "stepSeconds": 900, "available": "1 0 1", "noticeSeconds": 120}],
        expect=[{"finished": True, "workload": T, "before": 1800 + 1200 - 780}],
    )
    hold(found)
    assert lane(found) == [
        (0, 780, "Running"),
        (780, 900, "Stopping"),
        (900, 1800, "Waiting"),
        (1800, 2220, "Running"),
        (2220, 3600, "Finished"),
    ]
    assert money(found)["gpu_hours"] == "0.366667", "900 s and 420 s"


def test_a_node_billed_while_used_costs_from_the_first_bind_until_the_last_pod_leaves() -> None:
    spot = {"karpenter.sh/capacity-type": "spot"}
    found = play(
        node("a", gpus=1, labels=spot),
        catalog(),
        training_job(expectedSeconds=1200),
        capacity=[{"nodeSelector": spot, "stepSeconds": 900, "available": "1", "billed": "WhileUsed"}],
        expect=[{"total": "total", "equals": "18.346667"}, {"total": "unallocated", "equals": "0"}],
    )
    hold(found)


def test_without_a_price_there_are_hours_and_no_costs() -> None:
    found = play(
        node("a", gpus=1),
        node("b", gpus=1, labels={"node.kubernetes.io/instance-type": "other"}),
        catalog(),
        training_job("a"),
        training_job("b"),
        expect=[
            {"total": "cost", "workload": ref("b"), "equals": None},
            {"total": "gpuHours", "workload": ref("b"), "equals": "1"},
            {"total": "cost", "workload": ref("a"), "equals": "55.04"},
            {"total": "total", "equals": "55.04"},
        ],
    )
    hold(found)
    assert found.costs.unpriced
    assert money(found, "b") == {"cost": None, "list_cost": None, "saved": None, "gpu_hours": "1"}


def test_a_price_that_changes_counts_from_its_second_on() -> None:
    until = "2026-03-02T08:20:00Z"
    found = play(
        node(gpus=1),
        catalog(row("old", "36", effectiveTo=until), row("new", "72", effectiveFrom=until)),
        training_job(),
        expect=[{"total": "cost", "workload": T, "equals": "60"}, {"total": "total", "equals": "60"}],
    )
    hold(found)


def test_spot_is_listed_at_what_the_same_machine_costs_on_demand() -> None:
    labels = {"karpenter.sh/capacity-type": "spot"}
    rows = [
        row("od", "55.04", match={"capacityClass": "OnDemand"}),
        row("spot", "19.20", match={"capacityClass": "Spot"}),
    ]
    found = play(node(gpus=8, labels=labels), catalog(*rows), training_job())
    assert money(found) == {"cost": "2.4", "list_cost": "6.88", "saved": "4.48", "gpu_hours": "1"}


def test_a_job_of_a_user_is_judged_and_paused_as_adopted_work() -> None:
    found = play(
        node(),
        catalog(),
        policy(
            kinds=["Job"],
            idle={"afterSeconds": 3600, "warnSeconds": 600, "graceSeconds": 300, "withoutCheckpoint": "Pause"},
        ),
        job(),
        activity=[busy("j", "80x9 0x200", kind="Job")],
        seconds=7200,
        expect=[
            {"at": 4200, "workload": ref("j", "Job"), "paused": True, "reason": "GPUIdle"},
            {"action": "Pause", "count": 1},
        ],
    )
    hold(found)


def test_replicas_of_a_deployment_come_back_as_they_were() -> None:
    off = {"metadata": {"name": "d", "namespace": "ml", "annotations": {"ebbtide.dev/override": "Paused"}}}
    on = {"metadata": {"name": "d", "namespace": "ml", "annotations": {"ebbtide.dev/override": None}}}
    whole = {"apiVersion": "apps/v1", "kind": "Deployment"}
    found = play(
        node(),
        catalog(),
        policy(kinds=["Deployment"]),
        deployment(replicas=3),
        activity=[busy("d", kind="Deployment")],
        events=[{"at": 600, "apply": whole | off}, {"at": 1800, "apply": whole | on}],
        expect=[
            {"at": 540, "workload": ref("d", "Deployment"), "replicas": 3, "running": True},
            {"at": 660, "workload": ref("d", "Deployment"), "replicas": 0, "running": False, "paused": True},
            {"at": 1800, "workload": ref("d", "Deployment"), "replicas": 3, "running": True},
        ],
    )
    hold(found)
    assert money(found, "d")["saved"] == "6.88", "what serves would have held its three devices all the time"


def test_an_unscheduled_deployment_replaces_lost_pods_one_by_one() -> None:
    found = play(
        node(),
        catalog(),
        deployment(replicas=2),
        events=[{"at": 600, "delete": {"kind": "Pod", "namespace": "ml", "name": "d-1"}}],
    )
    assert lane(found, "d") == [(0, 3600, "Running")]


def test_pods_of_other_kinds_are_listed_and_follow_their_owner() -> None:
    cluster = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "r", "namespace": "ml"},
        "spec": {},
    }
    owner = [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "r"}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "head", "namespace": "ml", "ownerReferences": owner},
        "spec": template()["spec"],
    }
    off = {"at": 600, "apply": cluster | {"spec": {"suspend": True}}}
    on = {"at": 1800, "apply": cluster | {"spec": {"suspend": False}}}
    found = play(node(), catalog(), cluster, pod, events=[off, on])
    assert lane(found, "r") == [(0, 600, "Running"), (600, 1800, "Paused"), (1800, 3600, "Running")]
    assert money(found, "r")["gpu_hours"] == "0.666667"
