"""Kueue's Workload as the carrier of a lever: read, joined with its job, moved by one patch, decided about."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.intent import Intent
from ebbtide.core.reason import Reason
from ebbtide.core.status import workload_status
from ebbtide.core.workload import Workload
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.levers import patches
from ebbtide.objects.levers.kinds import lever_of
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.patches import Note
from ebbtide.objects.queueing import Entry, entry_decoder, queued
from ebbtide.objects.training_job import QUEUE_LABEL, Owned, owned
from ebbtide.objects.views_job import decode_job
from tests.adopted import foreign_job, web
from tests.builders import NOW, decide, job, policy, verbs, workload
from tests.kinds import BY_KIND

NOTE = Note(NOW, "Policy", "CostPolicy/batch", "GPUIdle")
Document = dict[str, Any]
POLICY = policy()


def entry_document(*, active: bool = True, admitted: bool = True, owner: str = "uid-train", **meta: Any) -> Document:
    """As Kueue writes it."""
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": owner, "controller": True}
    conditions = [{"type": "Admitted", "status": str(admitted), "lastTransitionTime": "2026-11-22T16:00:00Z"}]
    known = {"name": "job-train-1", "namespace": "vision", "uid": "uid-entry", "resourceVersion": "9"}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {**known, "creationTimestamp": "2026-11-22T10:00:00Z", "ownerReferences": [reference], **meta},
        "spec": {"active": active, "queueName": "research", "podSets": [{"name": "main", "count": 1}]},
        "status": {"conditions": conditions},
    }


def entry(**said: Any) -> Entry:
    return entry_decoder(KUEUE_WORKLOAD.resource)(json.dumps(entry_document(**said)).encode())[1]


def merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(document)
    for key, value in patch.items():
        result[key] = merged(result.get(key, {}), value)
    return {key: value for key, value in result.items() if value is not None}


def in_queue(*, intent: Intent | None = None, **said: Any) -> Workload:
    """A Job of others that Kueue has."""
    found = queued(replace(foreign_job(), queue="research"), entry(**said))
    return replace(found, intent=intent) if intent is not None else found


def test_one_patch_stops_it_and_one_gives_it_back() -> None:
    document = entry_document()
    stopped = merged(document, patches.stop(document, KUEUE_WORKLOAD, NOTE).patch)
    assert stopped["spec"]["active"] is False
    seen = entry_decoder(KUEUE_WORKLOAD.resource)(json.dumps(stopped).encode())[1]
    assert seen.lever.suspended
    assert seen.lever.restore is not None
    assert seen.lever.restore.fields[0].path == "/spec/active"
    back = merged(stopped, patches.start(stopped, KUEUE_WORKLOAD, without_original=False).patch)
    assert back["spec"] == document["spec"]
    assert back["metadata"]["annotations"] == {}


def test_both_versions_that_kueue_serves_are_read() -> None:
    older = KUEUE_WORKLOAD.resource.served_as("kueue.x-k8s.io/v1beta1")
    found = entry_decoder(older)(json.dumps(entry_document()).encode())[1]
    assert found.lever.api_version == "kueue.x-k8s.io/v1beta1"
    assert lever_of(found.lever) is KUEUE_WORKLOAD


class TestJoin:
    def inventory(self, *entries: Document) -> Inventory:
        found = Inventory(lambda: NOW)
        document = BY_KIND["Job"].manifest("train", labels={QUEUE_LABEL: "research"})
        document["spec"] = {**document["spec"], "suspend": True}
        known = {"namespace": "vision", "uid": "uid-train", "resourceVersion": "7"}
        document["metadata"] |= {**known, "creationTimestamp": "2026-11-22T10:00:00Z"}
        found.jobs.put(*decode_job(json.dumps(document).encode()))
        for one in entries:
            found.queue.put(*entry_decoder(KUEUE_WORKLOAD.resource)(json.dumps(one).encode()))
        return found

    def test_the_workload_of_kueue_is_the_target_and_the_job_is_itself(self) -> None:
        [found] = self.inventory(entry_document()).state().workloads
        assert found.key.kind == "Job"
        assert found.target is not None
        assert found.itself is not None
        assert (found.target.kind, found.target.uid, found.target.suspended) == ("Workload", "uid-entry", False)
        assert (found.itself.kind, found.itself.suspended, found.uid) == ("Job", True, "uid-train")
        assert found.admitted

    def test_without_one_the_job_is_on_its_own_and_kueue_holds_it(self) -> None:
        [found] = self.inventory().state().workloads
        assert found.itself is None
        assert found.in_hands_of_queue

    def test_it_is_the_very_same_while_nothing_changes(self) -> None:
        """Else every tick would judge it anew."""
        inventory = self.inventory(entry_document())
        assert inventory.state().workloads[0] is inventory.state().workloads[0]

    def test_of_two_the_newest_that_has_not_finished_counts(self) -> None:
        old = entry_document(uid="uid-old", name="job-train-0", creationTimestamp="2026-11-22T09:00:00Z")
        [found] = self.inventory(old, entry_document()).state().workloads
        assert found.target is not None
        assert found.target.uid == "uid-entry"

    def test_what_kueue_deleted_is_gone(self) -> None:
        inventory = self.inventory(entry_document())
        inventory.queue.remove("uid-entry", None)
        assert inventory.state().workloads[0].itself is None

    def test_what_kueue_writes_into_the_job_is_no_edit(self) -> None:
        """Selectors and tolerations of a flavor: its spec is what Kueue keeps of it."""
        [found] = self.inventory(entry_document()).state().workloads
        assert found.spec_hash == entry().spec_hash

    def test_a_server_keeps_its_own_lever(self) -> None:
        server = replace(web(), queue="research")
        assert queued(server, entry()) is server


class TestDecisions:
    def test_an_idle_one_is_paused_by_its_workload(self) -> None:
        paused = decide(in_queue(), idle_for=1300, policies=[POLICY])
        assert "Warn" in verbs(paused)

    def test_one_whose_pods_were_not_all_created_is_not_idle(self) -> None:
        """A quota refuses some of a gang that Kueue has admitted; the others wait for them."""
        whole, part = (queued(replace(foreign_job(job("train", wanted=n)), queue="research"), entry()) for n in (1, 4))
        assert decide(whole, idle_for=1300, policies=[POLICY]).judgement.verdict == "Idle"
        found = decide(part, idle_for=1300, policies=[POLICY])
        assert (found.judgement.verdict, verbs(found)) == ("Starting", [])
        assert "1 of its 4 pods exist" in found.judgement.message

    def test_a_human_stops_it(self) -> None:
        found = decide(in_queue(intent=Intent(override="Paused")))
        assert (found.deciding, verbs(found)[:1]) == (Reason.PausedByUser, ["Pause"])

    def test_what_waits_is_not_paused(self) -> None:
        found = decide(in_queue(admitted=False), pods={}, policies=[POLICY])
        assert found.deciding is Reason.QueueWaiting
        told = _told(found)
        assert told["Running"] == ("False", "QueueWaiting")
        assert told["Paused"] == ("False", "Running")

    def test_what_was_resumed_waits_for_admission(self) -> None:
        found = decide(in_queue(admitted=False, intent=Intent(override="Running")), pods={})
        assert found.deciding is Reason.ResumedByUser
        assert _told(found)["Running"] == ("False", "QueueWaiting")

    def test_what_somebody_else_deactivated_is_left_as_it_is(self) -> None:
        found = decide(in_queue(active=False, admitted=False), policies=[POLICY])
        assert (found.deciding, verbs(found)) == (Reason.PausedByUser, [])
        assert "deactivated by somebody else" in found.message

    def test_without_a_workload_of_kueue_s_nothing_is_moved(self) -> None:
        bare = replace(foreign_job(), queue="research")
        stop = decide(replace(bare, intent=Intent(override="Paused")))
        assert (stop.deciding, verbs(stop)) == (Reason.QueueManaged, [])

    def test_a_training_job_that_is_to_be_suspended_is_not_put_into_its_queue(self) -> None:
        new = workload(target=None, queue="research", intent=Intent(suspend=True))
        found = decide(new)
        assert (found.deciding, verbs(found)) == (Reason.PausedByUser, [])

    def test_a_server_in_a_queue_is_paused_by_its_replicas(self) -> None:
        found = decide(replace(web(), queue="research", intent=Intent(override="Paused")))
        assert verbs(found)[:1] == ["Pause"]


def _told(decision: Any) -> dict[str, tuple[str, str]]:
    status = workload_status(decision, done=frozenset())
    return {it["type"]: (it["status"], it["reason"]) for it in status["conditions"]}


@pytest.mark.parametrize("suspended", [True, False])
def test_job_status_is_still_the_job_s(suspended: bool) -> None:
    own = replace(foreign_job(), target=job("train", suspended=suspended, active=3, ready=2))
    found = queued(own, entry())
    assert found.target is not None
    assert (found.target.active, found.target.ready) == (3, 2)


def test_the_job_of_a_training_job_in_a_queue_is_created_without_a_word_about_suspend() -> None:
    document = {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "train", "namespace": "vision", "uid": "u"},
        "spec": {"queue": {"name": "research"}, "template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}},
    }
    made = owned(document, {}, None)
    assert isinstance(made, Owned)
    assert "suspend" not in made.job["spec"]
    assert made.job["metadata"]["labels"][QUEUE_LABEL] == "research"
    plain = owned({**document, "spec": {"template": document["spec"]["template"]}}, {}, None)
    assert isinstance(plain, Owned)
    assert plain.job["spec"]["suspend"] is False
