"""What is decided about kinds of other systems: reported only, part of another, not heard of, worked in by people."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.decision import Decision
from ebbtide.core.idle import refusal
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Intent, KindClass, StatusObject, Workload, WorkloadKey
from tests.adopted import DEVICES_ONLY, deployment, foreign_job, web
from tests.builders import HOUR, NOW, job, pod, policy, restore, snapshot, state, verbs, workload

RUN, STOP = Intent(override="Running", override_until=NOW + HOUR), Intent(override="Paused")


def decided(work: Workload, **cluster: Any) -> Decision:
    seen = state(work, policies=[policy(idle=DEVICES_ONLY)])
    [found] = plan(snapshot(replace(seen, **cluster))).decisions
    return found


def of_kind(kind: str, **changes: Any) -> Workload:
    target = job("work", kind=kind, api_version="example.com/v1", **changes.pop("target", {}))
    known = {"key": WorkloadKey("vision", kind, "work"), "uid": target.uid, "target": target, "spec_hash": "5ca1ab1e"}
    return workload("work", **{**known, "status_object": StatusObject("AdoptedWorkload", "x", "uid-told"), **changes})


@pytest.mark.parametrize("reason", [Reason.UnsupportedKind, Reason.PermissionDenied])
@pytest.mark.parametrize("intent", [Intent(), STOP, RUN], ids=["nothing said", "stop", "run"])
def test_what_is_reported_only_is_never_touched_whatever_people_say(reason: Reason, intent: Intent) -> None:
    found = decided(of_kind("VolcanoJob", unsupported="why: reported only", unsupported_reason=reason, intent=intent))
    assert (found.deciding, found.message, found.refused) == (reason, "why: reported only", reason)
    assert verbs(found) == []


def test_what_is_part_of_another_workload_is_told_of_there() -> None:
    found = decided(foreign_job(part_of="JobSet/big", unsupported="part of JobSet big, which is told of instead"))
    [discard] = found.actions
    assert (discard.verb, discard.reason) == (Verb.Discard, Reason.Superseded)
    assert discard.message == "it is part of JobSet/big, which is told of instead"


def test_of_a_kind_that_is_not_heard_of_nothing_is_disrupted_and_others_are_served() -> None:
    old = {"PyTorchJob": "nothing heard of pytorchjobs.kubeflow.org for 301 s"}
    found = decided(of_kind("PyTorchJob"), unfresh_kinds=old)
    assert found.deciding is Reason.StaleMetrics
    assert found.message == "nothing heard of pytorchjobs.kubeflow.org for 301 s: nothing disruptive is done"
    assert decided(web(), unfresh_kinds=old).deciding is not Reason.StaleMetrics


@pytest.mark.parametrize("kind", ["StatefulSet", "LeaderWorkerSet"])
def test_what_somebody_scaled_to_zero_cannot_be_started_without_a_number(kind: str) -> None:
    target = deployment(0, kind=kind)
    found = decided(web(target, key=WorkloadKey("vision", kind, "web"), intent=RUN))
    assert (found.refused, verbs(found)) == (Reason.PausedByUser, [])
    assert f"kubectl scale {kind.lower()}/web -n vision --replicas=N" in found.message


@pytest.mark.parametrize("kind", ["Notebook", "RayCluster", "PyTorchJob", "InferenceService"])
def test_what_somebody_else_stopped_is_left_as_it_is(kind: str) -> None:
    found = decided(of_kind(kind, target={"suspended": True}))
    assert (found.deciding, verbs(found)) == (Reason.PausedByUser, [])
    word = "suspended" if kind in {"RayCluster", "PyTorchJob"} else "stopped"
    assert found.message == f"the {kind} was {word} by somebody else: left as it is"


def test_a_human_starts_what_has_a_switch() -> None:
    found = decided(of_kind("Notebook", target={"suspended": True}, intent=RUN))
    assert verbs(found) == [Verb.Resume]


def test_in_what_people_work_is_said_what_a_pause_would_lose() -> None:
    idle = policy(idle=DEVICES_ONLY).spec.idle  # type: ignore[union-attr]
    assert idle is not None
    lab = of_kind("Notebook", kind_class=KindClass.Neither, scratch=True)
    why = refusal(lab, (pod(),), idle, None, found=Reason.GPUIdle, now=NOW)
    assert why is not None
    assert (why.reason, "what somebody works on" in why.message) == (Reason.NoCheckpoint, True)
    assert "emptyDir" in refusal(web(scratch=True), (), idle, None, found=Reason.GPUIdle, now=NOW).message  # type: ignore[union-attr]


def test_what_we_paused_is_resumed_when_its_policy_goes() -> None:
    kind = "RayCluster"
    original = replace(restore(), kind=kind, name="work")
    work = of_kind(kind, target={"suspended": True, "restore": original})
    [found] = plan(snapshot(state(work, policies=[]))).decisions
    assert (found.deciding, verbs(found)[0]) == (Reason.PolicyRemoved, Verb.Resume)
