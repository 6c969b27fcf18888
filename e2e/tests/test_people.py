"""What people are told beyond the cluster, and what `pauseDuring` and quotas do, on a real control plane.

Receivers are real HTTP servers on 127.0.0.1 from a Secret that the chart mounts; one hangs, one fails, one is down.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from e2e.installation import (
    NAMESPACE,
    SERVICE_ACCOUNT,
    Document,
    Installation,
    cost_policy,
    namespace,
    training_job,
)
from e2e.plane.ports import free_ports
from e2e.receiver import Receiver, receiver

pytestmark = pytest.mark.plane

NS, HUNG, FAILING, DOWN, SILENT = "vision", "hung", "failing", "down", "silent"
QUOTA, DUE = "quota", "due"
IDLE: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
WORKS_THEN_IDLE: Final = "busy:6 idle"
VALUES: Final = {
    "enforcement": {"enabled": True},
    "clusterName": "west",
    "notify": {"receiversFrom": {"secretName": "people"}},
}
RECEIVER_OF: Final = {NS: "good", HUNG: "hangs", FAILING: "fails", DOWN: "down", SILENT: "nobody"}
CONTAINER: Final = {"name": "main", "image": "registry.example/evaluate:1", "resources": {"limits": {"cpu": "1"}}}


class Town:
    """The installation and its receivers."""

    def __init__(self, it: Installation, good: Receiver, hangs: Receiver, fails: Receiver) -> None:
        self.it, self.plane = it, it.plane
        self.good, self.hangs, self.fails = good, hangs, fails

    def told(self, name: str, event: str) -> dict[str, Any]:
        """The one notification about that, once it has come."""

        def found() -> list[dict[str, Any]]:
            return self.about(name, event)

        [one] = self.it.wait(f"{event} of {name}", found)
        return one

    def about(self, name: str, event: str) -> list[dict[str, Any]]:
        every = list(self.good.notifications)
        return [it for it in every if it["workload"]["name"] == name and it["event"] == event]

    def state(self, name: str, where: str = NS) -> str:
        return str(self.it.condition(name, where, "Succeeded").get("reason"))

    def suspended(self, name: str, where: str = NS) -> bool:
        return self.it.job(name, where).get("spec", {}).get("suspend") is True

    def wait_suspended(self, name: str, where: str = NS, *, is_so: bool = True) -> None:
        def so() -> bool:
            return bool(self.it.job(name, where)) and self.suspended(name, where) is is_so

        self.it.wait(f"{name} being {'' if is_so else 'not '}suspended", so)

    def count(self, receiver_name: str, result: str) -> float:
        """ebbtide_notifications_total of one receiver."""
        lines = self.it.operator.metrics().splitlines()
        chosen = (it for it in lines if it.startswith("ebbtide_notifications_total{"))
        fits = (it for it in chosen if f'receiver="{receiver_name}"' in it and f'result="{result}"' in it)
        return sum(float(it.rpartition(" ")[2]) for it in fits)


def policies() -> Iterator[Document]:
    for where, name in RECEIVER_OF.items():
        yield namespace(where)
        policy = cost_policy(where, IDLE)
        policy["spec"]["notify"] = {"receiver": name}
        yield policy
    yield namespace(DUE)
    in_time = cost_policy(DUE, IDLE)
    in_time["spec"]["deadline"] = {"marginPercent": 0, "changeoverSeconds": 10}
    yield in_time
    yield namespace(QUOTA)
    yield cost_policy(QUOTA, IDLE)
    yield {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "one", "namespace": QUOTA},
        "spec": {"hard": {"pods": "1"}},
    }


def work() -> Iterator[Document]:
    yield training_job("resnet", NS, WORKS_THEN_IDLE)
    yield training_job("steps-aside", NS, "busy:1", pauseDuring={"kind": "Job", "name": "evaluate"})
    yield training_job("fragile", NS, "busy:1", checkpoint=False, pauseDuring={"kind": "Job", "name": "evaluate"})
    yield training_job("odd", NS, "busy:1", pauseDuring={"kind": "RayJob", "name": "evaluate"})
    yield training_job("late", NS, "busy:1", expectedSeconds=7200, deadline=_in(3600))
    for where in (HUNG, FAILING, DOWN, SILENT):
        yield training_job("idler", where, WORKS_THEN_IDLE)
    yield training_job("gang", QUOTA, "idle", workers=2)
    yield training_job("paced", DUE, WORKS_THEN_IDLE, expectedSeconds=20, deadline=_in(100))


def evaluation() -> Document:
    template = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
    metadata = {"name": "evaluate", "namespace": NS}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


def _in(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def receivers(good: Receiver, hangs: Receiver, fails: Receiver) -> Document:
    (nobody,) = free_ports(1)
    said = [
        {"name": "good", "webhook": {"url": good.url, "headers": {"X-Token": "abc"}}},
        {"name": "hangs", "webhook": {"url": hangs.url}},
        {"name": "fails", "slack": {"url": fails.url}},
        {"name": "down", "webhook": {"url": f"http://127.0.0.1:{nobody}/hook"}},
    ]
    text = yaml.safe_dump({"receivers": said})
    metadata = {"name": "people", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"receivers.yaml": text}}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    where: Path = tmp_path_factory.mktemp("people")
    with ExitStack() as stack:
        good, hangs, fails = (stack.enter_context(receiver()) for _ in range(3))
        hangs.hangs_seconds, fails.always = 600.0, 500
        it = Installation(where, values=VALUES)
        stack.callback(it.stop)
        it.install()
        it.apply(namespace(NAMESPACE), receivers(good, hangs, fails))
        it.run_operator()
        it.apply(Path("examples/quickstart/1-prices.yaml").read_text(encoding="utf-8"))
        it.apply(*policies())
        it.apply(*work())
        yield Town(it, good, hangs, fails)


def test_a_warning_says_who_what_when_the_price_and_the_one_line_that_vetoes_it(town: Town) -> None:
    warn = town.told("resnet", "Warn")
    assert warn["workload"] == {"kind": "TrainingJob", "namespace": NS, "name": "resnet"}
    assert (warn["reason"], warn["policy"]) == ("GPUIdle", "CostPolicy/batch")
    assert warn["command"] == "kubectl ebbtide keep trainingjob/resnet -n vision --for 4h"
    assert warn["actsAfter"] in warn["message"]
    assert warn["costPerHour"]["currency"] == "USD"
    assert town.good.headers[0]["X-Token"] == "abc"
    assert {body["cluster"] for body in town.good.bodies} == {"west"}


def test_the_pause_is_told_after_the_api_server_took_it_and_with_its_way_back(town: Town) -> None:
    pause = town.told("resnet", "Pause")
    assert town.suspended("resnet")
    assert pause["command"] == "kubectl ebbtide resume trainingjob/resnet -n vision"
    status = town.it.status("resnet", NS)
    assert status["pause"]["reason"] == pause["reason"]
    assert status["pause"]["recent"] == [status["pause"]["since"]]


def test_what_one_of_them_did_people_are_not_told_but_the_end_of_an_idle_pause_they_are(town: Town) -> None:
    town.told("resnet", "Pause")
    town.it.ebbtide("resume", "tjob/resnet", "-n", NS, "--for", "1h")
    resume = town.told("resnet", "Resume")
    assert resume["reason"] == "ResumedByUser"


def test_a_receiver_that_hangs_fails_or_is_down_delays_no_pause_and_no_other_receiver(town: Town) -> None:
    for where in (HUNG, FAILING, DOWN, SILENT):
        town.wait_suspended("idler", where)
    town.it.wait("a loss of `down`", lambda: town.count("down", "Failed") >= 2)
    town.it.wait("a loss of `fails`", lambda: town.count("fails", "Failed") >= 2)
    assert town.fails.requests >= 4
    assert town.count("good", "Failed") == 0
    assert town.it.operator.alive


def test_an_unknown_receiver_is_told_in_the_policys_status_and_the_policy_acts_all_the_same(town: Town) -> None:
    town.wait_suspended("idler", SILENT)

    def accepted() -> Document | None:
        path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{SILENT}/costpolicies/batch"
        conditions = town.plane.api.get(path).get("status", {}).get("conditions", [])
        return next((it for it in conditions if it["type"] == "Accepted"), None)

    found = town.it.wait("Accepted", accepted)
    assert (found["status"], found["reason"]) == ("True", "ReceiverNotFound")
    assert "nobody" in found["message"]
    assert town.count("", "UnknownReceiver") >= 1


def test_a_policy_with_a_time_zone_that_does_not_exist_is_not_used(town: Town) -> None:
    policy = cost_policy(SILENT, IDLE)
    policy["metadata"]["name"] = "martian"
    policy["spec"]["offPeak"] = {"timeZone": "Mars/Phobos", "windows": [{"start": "22:00", "end": "06:00"}]}
    town.it.apply(policy)
    path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{SILENT}/costpolicies/martian"

    def accepted() -> Document | None:
        conditions = town.plane.api.get(path).get("status", {}).get("conditions", [])
        return next((it for it in conditions if it["type"] == "Accepted"), None)

    found = town.it.wait("Accepted", accepted)
    assert (found["status"], found["reason"]) == ("False", "InvalidTimeZone")
    said = "spec.offPeak.timeZone: 'Mars/Phobos' is no IANA time zone; write one like Europe/Berlin; it is not used"
    assert found["message"] == said


def test_the_operator_never_asked_the_api_server_for_a_secret(town: Town) -> None:
    text = town.plane.kubectl(
        "auth", "can-i", "get", "secrets", "-n", NAMESPACE, f"--as={SERVICE_ACCOUNT}", check=False
    ).stdout
    assert text.strip() == "no"


def test_a_deadline_that_cannot_be_met_is_told(town: Town) -> None:
    late = town.told("late", "DeadlineAtRisk")
    assert late["reason"] == "DeadlineInfeasible"
    assert town.it.condition("late", NS, "DeadlineAtRisk")["status"] == "True"


def test_an_idle_pause_ends_at_the_latest_start_that_still_meets_the_deadline(town: Town) -> None:
    town.wait_suspended("paced", DUE)
    town.wait_suspended("paced", DUE, is_so=False)
    status = town.it.status("paced", DUE)
    deadline = datetime.fromisoformat(town.it.training_job("paced", DUE)["spec"]["deadline"]).timestamp()
    ended = datetime.fromisoformat(status["pause"]["endTime"]).timestamp()
    [resumed] = [it for it in town.it.events("paced", DUE) if it["action"] == "Resume"]
    assert resumed["reason"] == "SafetyNet"
    assert status["accrued"]["lostSeconds"] > 0  # what the stop has lost is done again, and was reckoned with
    left = 20 - (status["accrued"]["activeSeconds"] - status["accrued"]["lostSeconds"])
    assert -4 <= ended - (deadline - left - 10) <= 0
    town.it.wait("it running", lambda: town.it.condition("paced", DUE, "Running").get("status") == "True")
    time.sleep(16)  # longer than it takes to be warned and paused again
    assert not town.suspended("paced", DUE)


def test_training_steps_aside_while_a_validation_lives_and_works_between_two(town: Town) -> None:
    name = "steps-aside"
    town.it.wait("it running", lambda: town.it.condition(name, NS, "Running").get("status") == "True")
    for _ in range(2):
        town.it.apply(evaluation())
        town.wait_suspended(name)
        town.it.wait("PausedDuring", lambda: town.state(name) == "PausedDuring")
        town.it.wait("its pods gone", lambda: not town.it.pods(name, NS))
        assert town.it.condition(name, NS, "Paused")["status"] == "True"
        assert not town.suspended("fragile")
        town.it.wait("NoCheckpoint of the other", lambda: town.state("fragile") == "NoCheckpoint")
        town.plane.kubectl("delete", "job", "evaluate", "-n", NS)
        town.wait_suspended(name, is_so=False)
        town.it.wait("it running", lambda: town.it.condition(name, NS, "Running").get("status") == "True")
    assert "ebbtide.dev/restore" not in json.dumps(town.it.job(name, NS)["metadata"].get("annotations", {}))
    reasons = [it["reason"] for it in town.it.events(name, NS) if it["action"] in {"Pause", "Resume"}]
    assert set(reasons) == {"PausedDuring"}


def test_a_validation_that_ends_lets_it_run(town: Town) -> None:
    name = "steps-aside"
    done = evaluation()
    done["spec"]["template"]["metadata"] = {"annotations": {"e2e.ebbtide.dev/complete-after": "3s"}}
    town.it.apply(done)
    town.wait_suspended(name)
    town.wait_suspended(name, is_so=False)
    assert town.it.job("evaluate", NS)["status"]["succeeded"] == 1


def test_a_kind_that_is_not_watched_is_told_and_nothing_waits_for_it(town: Town) -> None:
    found = town.it.wait("Accepted", lambda: town.it.condition("odd", NS, "Accepted"))
    assert (found["status"], found["reason"]) == ("True", "UnsupportedKind")
    assert not town.suspended("odd")


def test_a_gang_with_a_pod_that_the_quota_refuses_is_not_idle(town: Town) -> None:
    town.it.wait("one pod", lambda: len(town.it.pods("gang", QUOTA)) == 1)
    ready = town.it.wait("it Ready", lambda: town.it.pods("gang", QUOTA)[0]["status"].get("startTime"))
    assert ready
    time.sleep(20)  # longer than neverUsedAfterSeconds
    verdict = town.it.status("gang", QUOTA)["verdict"]
    assert (verdict["value"], verdict["reason"]) == ("Starting", "InGracePeriod"), verdict
    assert "1 of its 2 pods exist" in verdict["message"]
    assert not town.suspended("gang", QUOTA)
    assert town.it.status("gang", QUOTA).get("idle", {}).get("warnedAt") is None
