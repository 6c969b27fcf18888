"""Whether the object that spec.pauseDuring names lives, and how many pods there should be, as the inventory sees it."""

import json
from typing import Any

import pytest

from ebbtide.core.workload import Workload
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.queueing import entry_decoder
from ebbtide.objects.views_deployment import decode_deployment
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_training_job import decode_training_job

AT = "2026-11-22T16:37:16Z"
CONTAINER = {"name": "c", "image": "x", "resources": {"limits": {"nvidia.com/gpu": 1}}}
TEMPLATE = {"spec": {"containers": [CONTAINER]}}


def meta(name: str, namespace: str = "ns", **more: Any) -> dict[str, Any]:
    known = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "creationTimestamp": AT}
    return {**known, "resourceVersion": "7", "generation": 1, **more}


class Shelf(Inventory):
    """An inventory that is filled with manifests."""

    def train(
        self, name: str, kind: str = "", waits_for: str = "", status: Any = None, annotations: Any = None, **spec: Any
    ) -> None:
        during = {"pauseDuring": {"kind": kind, "name": waits_for}} if kind else {}
        document = {
            "metadata": meta(name, annotations=annotations or {}),
            "spec": {"template": TEMPLATE, **during, **spec},
            "status": status or {},
        }
        self.training_jobs.put(*decode_training_job(json.dumps(document).encode()))

    def job(self, name: str, namespace: str = "ns", owner: str = "", status: Any = None, **spec: Any) -> None:
        uid = f"uid-{namespace}-{name}" if owner == "TrainingJob" else "uid-owner"
        owners = [{"kind": owner, "name": name.rpartition("-")[0], "uid": uid, "controller": True}]
        metadata = meta(f"{name}", namespace, ownerReferences=owners if owner else [])
        metadata["uid"] = f"uid-job-{namespace}-{name}"
        document = {"metadata": metadata, "spec": {"template": TEMPLATE, **spec}, "status": status or {}}
        self.jobs.put(*decode_job(json.dumps(document).encode()))

    def enqueue(self, name: str, *, active: bool = True, ended: bool = False) -> None:
        """Kueue's Workload of a Job, which has not been admitted."""
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": f"uid-job-ns-{name}", "controller": True}
        document = {
            "metadata": meta(f"job-{name}", ownerReferences=[owner]),
            "spec": {"active": active, "queueName": "research", "podSets": []},
            "status": {"conditions": [{"type": "Finished", "status": str(ended), "lastTransitionTime": AT}]},
        }
        self.queue.put(*entry_decoder(KUEUE_WORKLOAD.resource)(json.dumps(document).encode()))

    def deploy(self, name: str, replicas: int) -> None:
        spec = {"replicas": replicas, "template": TEMPLATE}
        self.deployments.put(*decode_deployment(json.dumps({"metadata": meta(name), "spec": spec}).encode()))

    def chain(self, links: int) -> None:
        """t0 waits for t1, which waits for t2, and so on: all TrainingJobs, no Job exists yet."""
        for number in range(links):
            self.train(f"t{number}", "TrainingJob", f"t{number + 1}")
        self.train(f"t{links}")

    def seen(self, name: str = "t") -> Workload:
        found = (it for it in self.state().workloads if it.key.kind == "TrainingJob" and it.key.name == name)
        return next(found)


def ended(kind: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": AT}]}


JOBS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "none of that name": ([], False),
    "one that runs": ([{"name": "evaluate"}], True),
    "one that waits for a node": ([{"name": "evaluate", "status": {"active": 1, "ready": 0}}], True),
    "one that is suspended": ([{"name": "evaluate", "suspend": True}], False),
    "one that is complete": ([{"name": "evaluate", "status": ended("Complete")}], False),
    "one that has failed": ([{"name": "evaluate", "status": ended("Failed")}], False),
    "one of another namespace": ([{"name": "evaluate", "namespace": "other"}], False),
    "one of another name": ([{"name": "evaluate-2"}], False),
}


@pytest.mark.parametrize("case", JOBS.values(), ids=JOBS)
def test_a_job_lives_until_it_has_ended(case: tuple[list[dict[str, Any]], bool]) -> None:
    jobs, lives = case
    shelf = Shelf()
    shelf.train("t", "Job", "evaluate")
    for one in jobs:
        shelf.job(**one)
    assert shelf.seen().during == ("Job evaluate runs" if lives else "")


def test_a_job_that_kueue_holds_back_lives_and_one_that_is_deactivated_does_not() -> None:
    shelf = Shelf()
    shelf.train("t", "Job", "evaluate")
    shelf.job("evaluate", suspend=True)
    assert not shelf.seen().during
    shelf.enqueue("evaluate")
    assert shelf.seen().during == "Job evaluate waits in queue research"
    shelf.enqueue("evaluate", active=False)
    assert not shelf.seen().during
    shelf.enqueue("evaluate", ended=True)
    assert not shelf.seen().during
    shelf.enqueue("evaluate")
    shelf.job("evaluate")
    assert shelf.seen().during == "Job evaluate runs"


def test_a_job_that_is_deleted_and_created_again_lives_again() -> None:
    shelf = Shelf()
    shelf.train("t", "Job", "evaluate")
    seen = []
    for _ in range(2):
        shelf.job("evaluate")
        seen.append(bool(shelf.seen().during))
        shelf.jobs.remove("uid-job-ns-evaluate", None)
        seen.append(bool(shelf.seen().during))
    assert seen == [True, False, True, False]


def test_what_has_not_changed_is_the_very_same() -> None:
    shelf = Shelf()
    shelf.train("t", "Job", "evaluate")
    shelf.job("evaluate")
    assert shelf.seen() is shelf.seen()


def test_a_cron_job_stands_for_its_runs() -> None:
    shelf = Shelf()
    shelf.train("t", "CronJob", "nightly")
    shelf.job("nightly-29561760", owner="CronJob", status=ended("Complete"))
    shelf.job("nightly-by-hand", owner="CronJob")
    shelf.job("nightly-29561999")
    assert shelf.seen().during == ""
    shelf.job("nightly-29561761", owner="CronJob")
    assert shelf.seen().during == "CronJob nightly runs"


def test_a_deployment_lives_while_it_has_replicas() -> None:
    shelf = Shelf()
    shelf.train("t", "Deployment", "web")
    shelf.deploy("web", 1)
    assert shelf.seen().during
    shelf.deploy("web", 0)
    assert not shelf.seen().during


def test_a_training_job_lives_from_its_creation_until_it_has_ended_or_is_held_back() -> None:
    shelf = Shelf()
    shelf.train("t", "TrainingJob", "other")
    assert not shelf.seen().during
    shelf.train("other")
    assert shelf.seen().during
    shelf.job("other", owner="TrainingJob", suspend=True)
    assert not shelf.seen().during
    shelf.job("other", owner="TrainingJob")
    assert shelf.seen().during
    shelf.train("other", suspend=True)
    assert not shelf.seen().during
    done = {"type": "Succeeded", "status": "True", "reason": "JobCompleted", "lastTransitionTime": AT}
    shelf.train("other", status={"conditions": [done]})
    assert not shelf.seen().during


@pytest.mark.parametrize("length", [2, 3])
def test_work_that_waits_for_each_other_waits_for_nobody(length: int) -> None:
    shelf = Shelf()
    names = [f"t{number}" for number in range(length)]
    for name, after in zip(names, [*names[1:], names[0]], strict=True):
        shelf.train(name, "TrainingJob", after)
    for name in names:
        seen = shelf.seen(name)
        assert not seen.during
        assert "waits for this work in turn" in seen.during_unusable


def test_the_job_of_a_training_is_the_training() -> None:
    """Two that name each other's Jobs would stop and start each other for ever; and one that names its own, itself."""
    shelf = Shelf()
    shelf.train("t", "Job", "t")
    assert shelf.seen().invalid is not None
    assert shelf.seen().pause_during is None
    shelf.train("a", "Job", "b")
    shelf.train("b", "Job", "a")
    for name in ("a", "b"):
        shelf.job(name, owner="TrainingJob")
        assert "waits for this work in turn" in shelf.seen(name).during_unusable
        assert not shelf.seen(name).during


def test_a_chain_is_followed_for_sixteen_links() -> None:
    """One by one each waits while the next one does not."""
    shelf = Shelf()
    shelf.chain(16)
    found = [shelf.seen(f"t{number}") for number in range(17)]
    assert {it.during_unusable for it in found} == {""}
    assert [bool(it.during) for it in found] == [number % 2 == 1 for number in range(16)] + [False]


def test_a_chain_of_more_links_is_said_and_stops_nobody() -> None:
    """So long a one ended every look at the cluster with a RecursionError."""
    shelf = Shelf()
    shelf.chain(400)
    found = {it.key.name: it for it in shelf.state().workloads}
    assert len(found) == 401
    for number in range(384):
        it = found[f"t{number}"]
        assert it.during_unusable.startswith(
            f"spec.pauseDuring: TrainingJob t{number + 1} waits in turn, and more than 16"
        )
        assert not it.during
    assert {found[f"t{number}"].during_unusable for number in range(384, 401)} == {""}
    assert found["t399"].during == "TrainingJob t400 runs"


def test_what_has_ended_is_no_link() -> None:
    """A pipeline of which each step names the one before it."""
    shelf = Shelf()
    shelf.chain(40)
    for number in range(11, 41):
        shelf.train(f"t{number}", "TrainingJob", f"t{number + 1}", status=ended("Succeeded"))
    assert {shelf.seen(f"t{number}").during_unusable for number in range(40)} == {""}
    assert shelf.seen("t9").during == "TrainingJob t10 runs"


def test_names_are_looked_up_and_not_searched() -> None:
    """Where many name what is not there, nothing is walked once for each of them."""
    for kind, store in (("Job", "training_jobs"), ("TrainingJob", "training_jobs"), ("Deployment", "deployments"),
                        ("CronJob", "jobs")):  # fmt: skip
        walks = []
        for many in (2, 40):
            shelf = Shelf()
            for number in range(many):
                shelf.train(f"t{number}", kind, "evaluate")
            walks.append(walked(shelf, store))
        assert walks[0] == walks[1] <= 2, kind


def walked(shelf: Shelf, name: str) -> int:
    """How often one observation goes through all that a store has."""
    store, count = getattr(shelf, name), 0
    values = store.values

    def counted() -> Any:
        nonlocal count
        count += 1
        return values()

    store.values = counted
    shelf.state()
    return count


def test_where_nobody_names_anything_no_index_is_made() -> None:
    shelf = Shelf()
    shelf.train("t")
    assert walked(shelf, "training_jobs") == 1


def test_one_that_cannot_be_looked_at_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours, which no input is known to cause: it is logged as one."""
    shelf = Shelf()
    shelf.train("first", "TrainingJob", "t")
    shelf.train("t", "Job", "broken")
    shelf.train("other", "Job", "evaluate")
    shelf.job("evaluate")
    shelf.job("broken", suspend=True)

    def fails(uid: str) -> Any:
        raise ValueError(uid)

    monkeypatch.setattr(shelf.queue, "of", fails)
    found = {it.key.name: it for it in shelf.state().workloads}
    assert found["other"].during == "Job evaluate runs"
    assert "a mistake of Ebbtide's own" in found["t"].during_unusable
    assert not found["t"].during
    assert found["first"].during == "TrainingJob t runs"
    [said] = [it for it in caplog.records if it.exc_info]
    assert "ns/TrainingJob/t" in said.getMessage()


def test_a_strangers_job_of_a_trainings_name_is_a_job() -> None:
    shelf = Shelf()
    shelf.train("t", "Job", "b")
    shelf.train("b", "TrainingJob", "t")
    shelf.job("b")
    assert shelf.seen("t").during == "Job b runs"


HELD_BACK: dict[str, dict[str, Any]] = {
    "a human": {"annotations": {"ebbtide.dev/override": "Paused"}},
    "its template": {"status": {"conditions": [{"type": "Accepted", "status": "False", "reason": "TemplateRejected",
                                                "lastTransitionTime": AT}]}},
    "what it waits for": {"kind": "Job", "waits_for": "evaluate"},
}  # fmt: skip


@pytest.mark.parametrize("held", HELD_BACK.values(), ids=HELD_BACK)
def test_a_training_job_that_gets_no_job_does_not_live(held: dict[str, Any]) -> None:
    shelf = Shelf()
    shelf.job("evaluate")
    shelf.train("t", "TrainingJob", "other")
    shelf.train("other")
    assert shelf.seen().during == "TrainingJob other runs"
    shelf.train("other", **held)
    assert not shelf.seen().during


def test_a_kind_that_is_not_watched_is_said() -> None:
    shelf = Shelf()
    shelf.train("t", "RayJob", "evaluate")
    assert "name one of Job, CronJob, TrainingJob, Deployment" in shelf.seen().during_unusable


WANTED: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "one": ({}, {}, 1),
    "an indexed gang": ({"parallelism": 4, "completions": 4}, {}, 4),
    "of which two are done": ({"parallelism": 4, "completions": 4}, {"succeeded": 2}, 2),
    "few at once of many": ({"parallelism": 2, "completions": 10}, {"succeeded": 3}, 2),
    "the last of many": ({"parallelism": 2, "completions": 10}, {"succeeded": 9}, 1),
    "a work queue": ({"parallelism": 3}, {}, 3),
    "a work queue that is nearly empty": ({"parallelism": 3}, {"succeeded": 1}, 0),
    "suspended": ({"parallelism": 4, "completions": 4, "suspend": True}, {}, 0),
}


@pytest.mark.parametrize("case", WANTED.values(), ids=WANTED)
def test_how_many_pods_there_should_be(case: tuple[dict[str, Any], dict[str, Any], int]) -> None:
    spec, status, wanted = case
    for owner in ("", "TrainingJob"):
        shelf = Shelf()
        shelf.job("j", owner=owner, status=status, **({"completions": 1} | spec if spec == {} else spec))
        [found] = shelf.jobs.values()
        assert found.target.wanted == wanted
