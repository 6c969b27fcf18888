"""From an idle GPU to a pause and back on a real control plane: what was written, by whom, in which order, and why.

All work is applied at once, each job for one test, so that their seconds pass together. An hour of a real policy is
12 s here: idle 12 s, warned 3 s before at the latest, 2 s of grace. They are fewer than 20, from which number on the
chart's default safety limits would let only a tenth of them be paused in an hour.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.exporter.activity import Sample
from e2e.exporter.trace import STEP_SECONDS, samples
from e2e.installation import SERVICE_ACCOUNT, Document, Installation, cost_policy, namespace, training_job
from e2e.plane import AuditWrite, PlaneError
from e2e.requirements_guard import shared

pytestmark = pytest.mark.plane

NS: Final = "vision"
LEFT: Final = "left"
OBSERVED: Final = "observed"
PROTECTED: Final = "protected"
IDLE: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
AFTER, WARN, GRACE, NEVER_USED = IDLE.values()
RESTORE: Final = "ebbtide.dev/restore"
PRICES: Final = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
ATTRIBUTION: Final = {"team": "vision", "project": "maps", "model": "Ünet (großes Modell)", "modelVersion": "3"}
WORKS_THEN_IDLE: Final = "busy:6 idle"
SPEEDUP: Final = 60
BEFORE_RUNNING: Final = 4
"""MiB that a device holds while its pod is not Running yet."""
# A pod of the recorded day: a few samples of work, then four hours of nothing while it holds its memory.
POD, START = "p142", 1172


def work() -> Iterator[Document]:
    """Every TrainingJob of this module, one for each story."""
    yield training_job("gang", NS, WORKS_THEN_IDLE, gpus=2, workers=2, attribution=ATTRIBUTION)
    yield training_job("busy", NS, "busy:1")
    yield training_job("unused", NS, "idle")
    yield training_job("fragile", NS, WORKS_THEN_IDLE, checkpoint=False)
    yield training_job("kept", NS, WORKS_THEN_IDLE, annotations={"keep-until": _stamp(timedelta(hours=1))})
    yield training_job("never", NS, WORKS_THEN_IDLE, annotations={"never-pause": "true"})
    yield training_job("switched", NS, "busy:1", suspend=True)
    yield training_job("overridden", NS, "busy:1")
    yield training_job("lever", NS, WORKS_THEN_IDLE)
    yield training_job("edited", NS, WORKS_THEN_IDLE)
    yield training_job("deleted", NS, "busy:1", workers=2)
    yield training_job("finishing", NS, "busy:1", pod_annotations={"e2e.ebbtide.dev/complete-after": "6s"})
    mount = {
        "name": "train",
        "image": "registry.example/train:7",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    yield training_job("rejected", NS, "idle", pod={"containers": [mount]})
    yield training_job("taken", NS, "idle")
    yield training_job("orphan", LEFT, WORKS_THEN_IDLE)
    yield training_job("looked-at", OBSERVED, WORKS_THEN_IDLE)
    yield training_job("sheltered", PROTECTED, WORKS_THEN_IDLE)
    yield training_job("replay", NS, f"trace:{POD}@{START * STEP_SECONDS}", gpus=2)


STRANGER: Final = """
apiVersion: batch/v1
kind: Job
metadata: {name: taken, namespace: vision}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: main, image: registry.example/x:1}]}}}
"""


class Light:
    """The installation with what was seen of it before anything happened."""

    def __init__(self, it: Installation) -> None:
        self.it, self.plane = it, it.plane
        self.untouched: dict[str, Document] = {}
        self.gang_pods: list[Document] = []
        self.replay_began = 0.0

    def job(self, name: str, where: str = NS) -> Document:
        return self.it.job(name, where)

    def suspended(self, name: str, where: str = NS) -> bool:
        return self.job(name, where).get("spec", {}).get("suspend") is True

    def state(self, name: str, where: str = NS) -> str:
        """The deciding reason: what `kubectl get tjob` shows as STATE."""
        return str(self.it.condition(name, where, "Succeeded").get("reason"))

    def wait_state(self, name: str, reason: str, where: str = NS, seconds: float = 60) -> None:
        self.it.wait(f"{name} being {reason}", lambda: self.state(name, where) == reason, seconds)

    def wait_paused(self, name: str, where: str = NS, seconds: float = 60) -> Document:
        """Suspended, and told with its evidence: gives status.pause."""

        def told() -> Document | None:
            pause: Document = self.it.status(name, where).get("pause") or {}
            return pause if "evidence" in pause and "endTime" not in pause and self.suspended(name, where) else None

        return self.it.wait(f"a pause of {name}", told, seconds)

    def given_back(self, name: str, where: str = NS) -> float | None:
        """What the operator's /metrics say of an hour of what its pause gave back; None: nothing."""
        wanted = ("ebbtide_workload_paused_cost_per_hour{", f'namespace="{where}"', f'name="{name}"', 'currency="USD"')
        lines = [it for it in self.it.operator.metrics().splitlines() if all(word in it for word in wanted)]
        return float(lines[0].rpartition(" ")[2]) if lines else None

    def wait_running(self, name: str, where: str = NS, seconds: float = 60) -> Document:
        """Not suspended, without an original to go back to, and pods there: gives the Job."""

        def runs() -> Document | None:
            job = self.job(name, where)
            clean = job and not job["spec"].get("suspend") and RESTORE not in job["metadata"].get("annotations", {})
            return job if clean and running(self.it.pods(name, where)) else None

        return self.it.wait(f"{name} running", runs, seconds)

    def kubectl(self, *words: str) -> None:
        self.plane.kubectl(*words)

    def annotate(self, name: str, *words: str) -> None:
        self.kubectl("annotate", "trainingjob", name, "-n", NS, "--overwrite", *words)

    def writes(self, name: str, where: str = NS, **filters: Any) -> list[AuditWrite]:
        """Changes of the Job itself by the operator, the creation left out."""
        found = self.plane.audit().writes(
            user=SERVICE_ACCOUNT, resource="jobs", subresource="", namespace=where, name=name, **filters
        )
        return [it for it in found if it.verb != "create"]

    def levers(self, name: str, where: str = NS) -> list[bool]:
        """What the operator's accepted PATCHes of the Job set spec.suspend to, in order."""
        bodies = [it.body for it in self.writes(name, where, verb="patch", succeeded=True)]
        return [body["spec"]["suspend"] for body in bodies if "suspend" in body.get("spec", {})]

    def warned(self, name: str, *, before: AuditWrite) -> Document:
        """The last status with a warning that was written before a write."""
        told = self.plane.audit().writes(
            user=SERVICE_ACCOUNT, resource="trainingjobs", subresource="status", namespace=NS, name=name, succeeded=True
        )
        written: list[Document] = [(it.body or {}).get("status") or {} for it in told if it.at <= before.at]
        return [it for it in written if "warnedAt" in (it.get("idle") or {})][-1]

    def warned_at(self, name: str, *, before: AuditWrite) -> float:
        """When the last warning was that the status told before a write."""
        return moment(self.warned(name, before=before)["idle"]["warnedAt"])

    def said(self, name: str, where: str = NS) -> list[tuple[str, str]]:
        """(action, reason) of the Events about a TrainingJob, in order."""
        return [(it["action"], it["reason"]) for it in self.it.events(name, where)]


@pytest.fixture(scope="module")
def light(install: Callable[..., Installation]) -> Light:
    """Everything applied, and the Jobs as they were created."""
    it = install(values={"enforcement": {"enabled": True}}, speedup=SPEEDUP)
    light = Light(it)
    prices = next(path for path in PRICES.glob("*.yaml") if "PriceCatalog" in path.read_text(encoding="utf-8"))
    spaces = (NS, LEFT, OBSERVED)
    it.apply(*(namespace(one) for one in spaces), namespace(PROTECTED, protected="true"))
    for one in (*spaces, PROTECTED):
        light.plane.wait_default_service_account(one)
    it.apply(
        prices.read_text(encoding="utf-8"), STRANGER, *(cost_policy(one, IDLE) for one in (*spaces, PROTECTED)), *work()
    )
    light.untouched["gang"] = it.wait(
        "both workers of the gang", lambda: light.job("gang") if len(running(it.pods("gang", NS))) == 2 else None
    )
    light.gang_pods = it.pods("gang", NS)
    for name, where in (("edited", NS), ("lever", NS), ("orphan", LEFT)):
        light.untouched[name] = light.wait_running(name, where)
    light.wait_running("replay")
    (container,) = running(it.pods("replay", NS))[0]["status"]["containerStatuses"]
    light.replay_began = moment(container["state"]["running"]["startedAt"])
    return light


# -- the shape of what is created ----------------------------------------------------------------------------------


def test_a_gang_is_an_indexed_job_whose_workers_find_each_other(light: Light) -> None:
    spec = light.untouched["gang"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert (spec["podReplacementPolicy"], spec["podFailurePolicy"]["rules"][0]["action"]) == ("Failed", "Ignore")
    service = light.plane.api.get(f"/api/v1/namespaces/{NS}/services/gang")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert len(light.gang_pods) == 2
    for pod in light.gang_pods:
        assert pod["spec"]["subdomain"] == "gang"
        assert {"name": "EBBTIDE_MASTER_ADDR", "value": "gang-0.gang"} in pod["spec"]["containers"][0]["env"]
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_who_pays_stands_on_everything_that_is_created(light: Light) -> None:
    wanted = {
        "ebbtide.dev/team": "vision",
        "ebbtide.dev/project": "maps",
        "ebbtide.dev/model": "net-gro-es-Modell",
        "ebbtide.dev/model-version": "3",
        "ebbtide.dev/workload": "TrainingJob.gang",
    }
    service = light.plane.api.get(f"/api/v1/namespaces/{NS}/services/gang")
    for one in (light.untouched["gang"], service, *light.gang_pods):
        assert wanted.items() <= one["metadata"]["labels"].items()
        assert one["metadata"]["annotations"]["ebbtide.dev/model"] == ATTRIBUTION["model"]


def test_suspend_true_keeps_a_job_from_its_first_start_and_false_starts_it(light: Light) -> None:
    light.wait_state("switched", "PausedByUser")
    assert light.it.condition("switched", NS, "Paused")["status"] == "True"
    assert light.suspended("switched")
    assert not light.it.pods("switched", NS)
    light.kubectl("patch", "tjob", "switched", "-n", NS, "--type=merge", "-p", '{"spec": {"suspend": false}}')
    light.wait_running("switched")
    light.kubectl("patch", "tjob", "switched", "-n", NS, "--type=merge", "-p", '{"spec": {"suspend": true}}')
    light.it.wait("the stop of a running job", lambda: light.suspended("switched"))
    light.it.wait("its pods to be gone", lambda: not light.it.pods("switched", NS))
    assert json.loads(light.job("switched")["metadata"]["annotations"][RESTORE])["by"] == "User"
    assert light.levers("switched") == [False, True]


def test_a_foreign_job_of_that_name_is_left_alone(light: Light) -> None:
    light.wait_state("taken", "NameConflict")
    accepted = light.it.condition("taken", NS, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "NameConflict")
    assert "ownerReferences" not in light.job("taken")["metadata"]
    assert not light.writes("taken")


def test_a_template_that_the_api_server_refuses_is_told_once_in_its_words(light: Light) -> None:
    light.wait_state("rejected", "TemplateRejected")
    accepted = light.it.condition("rejected", NS, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "TemplateRejected")
    assert 'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"' in accepted["message"]
    attempts = [
        it
        for it in light.plane.audit().writes(user=SERVICE_ACCOUNT, verb="create", resource="jobs", namespace=NS)
        if it.body["metadata"]["name"] == "rejected"
    ]
    assert [it.code for it in attempts] == [422]


def test_work_that_ends_by_itself_has_succeeded(light: Light) -> None:
    light.wait_state("finishing", "JobCompleted")
    assert light.it.condition("finishing", NS, "Succeeded")["status"] == "True"
    assert light.it.condition("finishing", NS, "Running")["status"] == "False"
    assert light.it.status("finishing", NS)["gpus"] == 0


# -- the pause ------------------------------------------------------------------------------------------------------


def test_an_idle_gang_is_warned_and_then_paused_by_one_patch(light: Light) -> None:
    pause = light.wait_paused("gang")
    (patch,) = light.writes("gang")
    assert (patch.verb, patch.code) == ("patch", 200)
    assert patch.body["spec"] == {"suspend": True}
    assert patch.body["metadata"]["resourceVersion"]
    restore = json.loads(patch.body["metadata"]["annotations"][RESTORE])
    assert restore["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}]
    assert {key: restore[key] for key in ("v", "kind", "name", "by", "policy", "reason")} == {
        "v": 1, "kind": "Job", "name": "gang", "by": "Policy", "policy": "CostPolicy/batch", "reason": "GPUIdle",
    }  # fmt: skip
    assert (pause["by"], pause["reason"], pause["countToday"]) == ("Policy", "GPUIdle", 1)
    assert moment(pause["since"]) - moment(pause["evidence"]["idleSince"]) >= AFTER


def test_people_hear_of_the_warning_before_and_of_the_pause_after_it_happened(light: Light) -> None:
    light.wait_paused("gang")
    light.it.wait("its Event", lambda: ("Pause", "GPUIdle") in light.said("gang"), 10)
    told = {it["action"]: it for it in light.it.events("gang", NS)}
    (patch,) = light.writes("gang")
    warned, paused = told["Warn"], told["Pause"]
    assert (warned["type"], paused["type"]) == ("Warning", "Warning")
    assert "4 devices idle since" in warned["note"]
    assert "kubectl ebbtide keep trainingjob/gang -n vision --for 4h" in warned["note"]
    assert "it costs 27.52 USD an hour" in paused["note"]
    assert light.said("gang") == [("Create", "Running"), ("Warn", "GPUIdle"), ("Pause", "GPUIdle")]
    assert light.warned_at("gang", before=patch) + WARN <= patch.at.timestamp()
    assert moment(warned["eventTime"]) < patch.received.timestamp()
    assert patch.at.timestamp() < moment(paused["eventTime"])


def test_while_a_warning_stands_a_condition_says_when_the_price_and_the_line_that_vetoes_it(light: Light) -> None:
    light.wait_paused("gang")
    (patch,) = light.writes("gang")
    status = light.warned("gang", before=patch)
    (idle,) = [it for it in status["conditions"] if it["type"] == "Idle"]
    assert (idle["status"], idle["reason"]) == ("True", "GPUIdle")
    assert "4 devices idle since" in idle["message"]
    after = status["idle"]["eligibleAfter"].partition(".")[0]
    assert idle["message"].endswith(
        f"; it will be paused after {after}Z unless used; it costs 27.52 USD an hour; "
        "`kubectl ebbtide keep trainingjob/gang -n vision --for 4h` prevents that"
    )
    assert "ebbtide keep" not in light.it.condition("gang", NS, "Idle")["message"]


def test_workers_that_nothing_starts_together_are_told_so(light: Light) -> None:
    accepted = light.it.condition("gang", NS, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("True", "GangNotGuaranteed")
    assert accepted["message"].startswith("its 2 pods may start one by one")
    assert light.it.condition("busy", NS, "Accepted")["reason"] == "Accepted"


def test_a_pause_frees_the_devices_and_keeps_the_numbers_that_led_to_it(light: Light) -> None:
    """Acceptance tests 28 and 29 on a control plane: `explain` shows the numbers, metrics the money."""
    evidence = light.wait_paused("gang")["evidence"]
    assert (evidence["value"], evidence["reason"], evidence["peakPercent"]) == ("Idle", "GPUIdle", 0)
    assert evidence["spanSeconds"] == AFTER - WARN
    assert {"utilisation", "profiling", "power"} <= set(evidence["families"])
    assert len({it["id"] for it in evidence["devices"]}) == 4
    for device in evidence["devices"]:
        assert device["coveragePercent"] >= 90
        assert (device["peakPercent"], device["powerWatts"], device["memoryPercent"]) == (0, 70, 30)
        assert moment(device["lastBusyTime"]) <= moment(evidence["idleSince"])
    light.it.wait("its pods to be gone", lambda: not light.it.pods("gang", NS))
    light.it.wait("the freed devices in status", lambda: light.it.status("gang", NS)["gpus"] == 0)
    assert light.it.status("gang", NS)["pause"]["cost"] == {"hourly": "27.52", "currency": "USD"}
    assert light.it.wait("what it gives back at /metrics", lambda: light.given_back("gang"), 10) == 27.52
    shown = light.it.ebbtide("explain", "tjob/gang", "-n", NS)
    assert "Paused (GPUIdle)" in shown.splitlines()[0]
    assert all(it["id"] in shown and it["pod"] in shown for it in evidence["devices"])
    assert "kubectl ebbtide resume trainingjob/gang" in shown


def test_a_user_who_may_edit_brings_it_back_as_it_was(light: Light) -> None:
    light.wait_paused("gang")
    ada = light.it.person("ada@example.com", NS, "ebbtide-edit")
    with pytest.raises(PlaneError, match='cannot get resource "jobs"'):
        light.plane.kubectl("patch", "job", "gang", "-n", NS, "-p", "{}", kubeconfig=ada)
    asked = time.time()
    light.it.ebbtide("resume", "tjob/gang", "-n", NS, kubeconfig=ada)
    job, before = light.wait_running("gang"), light.untouched["gang"]
    assert json.dumps(job["spec"]) == json.dumps(before["spec"])
    assert job["metadata"]["labels"] == before["metadata"]["labels"]
    assert job["metadata"]["annotations"] == before["metadata"]["annotations"]
    (word,) = light.plane.audit().writes(user="ada@example.com", verb="patch", resource="trainingjobs", succeeded=True)
    resume = light.writes("gang")[1]
    assert resume.body["spec"] == {"suspend": False}
    assert resume.body["metadata"]["annotations"] == {RESTORE: None}
    assert word.at <= resume.received
    override = light.it.wait("the word in status", lambda: light.it.status("gang", NS).get("override"), 10)
    assert 4 * 3600 - 5 <= moment(override["until"]) - asked <= 4 * 3600 + 30
    light.it.wait("its devices in status", lambda: light.it.status("gang", NS)["gpus"] == 4)
    assert light.state("gang") == "ResumedByUser"
    assert light.it.status("gang", NS)["pause"]["endTime"]


def test_work_that_never_used_its_devices_is_paused_by_the_rule_of_its_own(light: Light) -> None:
    pause = light.wait_paused("unused")
    evidence = pause["evidence"]
    assert (evidence["value"], pause["reason"]) == ("NeverUsed", "GPUNeverUsed")
    assert "lastBusyTime" not in evidence["devices"][0]
    started = moment(light.it.status("unused", NS)["startTime"])
    assert moment(evidence["idleSince"]) >= started + GRACE
    assert moment(pause["since"]) - moment(evidence["idleSince"]) >= NEVER_USED
    assert light.levers("unused") == [True]


def test_work_without_a_checkpoint_is_warned_about_and_runs_on(light: Light) -> None:
    light.wait_state("fragile", "NoCheckpoint")
    assert ("Warn", "GPUIdle") in light.said("fragile")
    assert "Pause" not in {action for action, _ in light.said("fragile")}
    assert not light.writes("fragile")
    assert running(light.it.pods("fragile", NS))


def test_what_a_user_changed_on_the_paused_job_stays_when_it_comes_back(light: Light) -> None:
    """Acceptance test 15, but for the lever: `test_adoption.py`."""
    light.wait_paused("edited")
    light.kubectl("label", "job", "edited", "-n", NS, "stage=review", "ebbtide.dev/team=maps", "--overwrite")
    light.kubectl("annotate", "job", "edited", "-n", NS, "note=look at this")
    light.annotate("edited", "ebbtide.dev/override=Running")
    job = light.wait_running("edited")
    assert {"stage": "review", "ebbtide.dev/team": "maps"}.items() <= job["metadata"]["labels"].items()
    assert job["metadata"]["annotations"]["note"] == "look at this"
    assert job["spec"] == light.untouched["edited"]["spec"]


def test_a_human_who_pulls_the_lever_himself_is_taken_at_his_word(light: Light) -> None:
    light.wait_paused("lever")
    moved = time.time()
    light.kubectl("patch", "job", "lever", "-n", NS, "--type=merge", "-p", '{"spec": {"suspend": false}}')
    job = light.wait_running("lever")
    assert job["spec"] == light.untouched["lever"]["spec"]
    light.wait_state("lever", "ResumedByUser")
    override = light.it.status("lever", NS)["override"]
    assert 4 * 3600 - 1 <= moment(override["until"]) - moved <= 4 * 3600 + 30
    assert light.it.status("lever", NS)["pause"]["reverts"] == 1
    assert light.levers("lever") == [True]


def test_a_policy_that_is_gone_releases_what_it_paused(light: Light) -> None:
    """Acceptance test 16; what happens at an uninstallation is in `test_release.py`."""
    light.wait_paused("orphan", LEFT)
    light.kubectl("delete", "costpolicy", "batch", "-n", LEFT)
    job = light.wait_running("orphan", LEFT)
    assert job["spec"] == light.untouched["orphan"]["spec"]
    light.it.wait("its Event", lambda: ("Resume", "PolicyRemoved") in light.said("orphan", LEFT), 10)


def test_a_policy_that_only_observes_from_now_on_releases_what_it_paused(light: Light) -> None:
    light.wait_paused("looked-at", OBSERVED)
    light.kubectl("patch", "costpolicy", "batch", "-n", OBSERVED, "--type=merge", "-p", '{"spec": {"mode": "Observe"}}')
    light.wait_running("looked-at", OBSERVED)
    light.it.wait("its Event", lambda: ("Resume", "PolicyRemoved") in light.said("looked-at", OBSERVED), 10)


def test_a_humans_word_stops_and_starts(light: Light) -> None:
    light.annotate("overridden", "ebbtide.dev/override=Paused")
    light.it.wait("the stop", lambda: light.suspended("overridden"))
    light.wait_state("overridden", "PausedByUser")
    assert light.it.status("overridden", NS)["override"] == {"request": "Paused"}
    light.annotate("overridden", "ebbtide.dev/override=Running")
    light.wait_running("overridden")
    light.wait_state("overridden", "ResumedByUser")
    assert light.levers("overridden") == [True, False]
    assert light.it.status("overridden", NS)["pause"]["countToday"] == 0


def test_a_recorded_pod_arrives_in_prometheus_as_it_was_recorded_and_is_judged_by_it(light: Light) -> None:
    recorded = samples(shared("traces", "gpu-pods"), POD)[START:]
    pause = light.wait_paused("replay")
    stored = {
        (it["metric"]["__name__"], it["metric"]["UUID"]): [(at, float(value)) for at, value in it["values"]]
        for it in light.it.prometheus.query(f'{{exported_namespace="{NS}",exported_pod=~"replay-.+"}}[5m]')
    }
    devices = {uuid for _, uuid in stored}
    assert devices == {it["id"] for it in pause["evidence"]["devices"]}
    assert len(devices) == 2
    busy = []
    for device in devices:
        duty, held = stored["DCGM_FI_DEV_GPU_UTIL", device], stored["DCGM_FI_DEV_FB_USED", device]
        seen = [(at, percent, mib) for (at, percent), (_, mib) in zip(duty, held, strict=True) if mib != BEFORE_RUNNING]
        assert len(seen) >= AFTER  # one a second, and it was idle for so long
        assert not [it for it in seen if not recorded_then(recorded, it[0] - light.replay_began, it[1], it[2])]
        busy += [at for at, percent, _ in seen if percent > 5]
    assert moment(pause["evidence"]["idleSince"]) == pytest.approx(max(busy), abs=2)


# -- what is left alone ---------------------------------------------------------------------------------------------


def test_keep_until_vetoes_and_the_idle_clock_starts_when_it_is_taken_away(light: Light) -> None:
    light.wait_state("kept", "VetoedByUser")
    idle = light.it.wait("its verdict", lambda: light.it.status("kept", NS)["verdict"].get("idleSince"))
    time.sleep(max(0.0, moment(idle) + AFTER + 2 - time.time()))
    assert light.said("kept") == [("Create", "Running")]
    assert not light.writes("kept")
    removed = time.time()
    light.annotate("kept", "ebbtide.dev/keep-until-")
    pause = light.wait_paused("kept")
    assert moment(pause["evidence"]["idleSince"]) >= removed
    assert moment(pause["since"]) - moment(pause["evidence"]["idleSince"]) >= AFTER


def test_a_deleted_job_takes_everything_with_it(light: Light) -> None:
    """Late in the module, because the garbage collector looks for new kinds every 30 s only."""
    assert "finalizers" not in light.it.training_job("deleted", NS)["metadata"]
    light.wait_running("deleted")
    light.kubectl("delete", "tjob", "deleted", "-n", NS, "--timeout=20s")

    def gone() -> bool:
        jobs = {it["metadata"]["name"] for it in light.plane.api.items(f"/apis/batch/v1/namespaces/{NS}/jobs")}
        services = {it["metadata"]["name"] for it in light.plane.api.items(f"/api/v1/namespaces/{NS}/services")}
        return "deleted" not in jobs | services and not light.it.pods("deleted", NS)

    light.it.wait("Job, Service and pods to be gone", gone)


def test_what_must_never_be_paused_and_what_lies_in_a_protected_namespace_is_only_reported(light: Light) -> None:
    for name, where, reason in (("never", NS, "VetoedByUser"), ("sheltered", PROTECTED, "ProtectedNamespace")):
        status = light.it.wait(
            f"the verdict of {name}",
            lambda name=name, where=where: (  # type: ignore[misc]
                it if (it := light.it.status(name, where)).get("verdict", {}).get("value") == "Idle" else None
            ),
        )
        assert light.state(name, where) == reason
        assert "warnedAt" not in status.get("idle", {})
        assert not light.writes(name, where)
        assert not {"Warn", "Pause"} & {action for action, _ in light.said(name, where)}


def test_busy_work_was_never_touched(light: Light) -> None:
    status = light.it.status("busy", NS)
    assert (status["verdict"]["value"], light.state("busy")) == ("Active", "GPUActive")
    assert light.said("busy") == [("Create", "Running")]
    assert not light.writes("busy")


def test_what_a_human_resumed_was_not_paused_again(light: Light) -> None:
    """They have been idle for longer than the policy allows since; asked last, so that the time has passed already."""
    for name in ("gang", "lever", "edited"):
        since = moment(light.it.status(name, NS)["pause"]["endTime"])
        time.sleep(max(0.0, since + 4 + AFTER + 3 - time.time()))
        assert not light.suspended(name)
        assert light.levers(name).count(True) == 1, name


# -- helpers --------------------------------------------------------------------------------------------------------


def recorded_then(recorded: list[Sample | None], seconds: float, percent: float, mib: float) -> bool:
    """Does the recording hold these values, rounded, at that second of the replay, give or take a slow scrape?"""
    step = STEP_SECONDS / SPEEDUP
    near = recorded[math.floor((seconds - 0.3) / step) : math.floor((seconds + 0.6) / step) + 1]
    return any(it and (percent, mib) == (round(it.percent), round(it.memory_mib)) for it in near)


def running(pods: list[Document]) -> list[Document]:
    return [
        pod for pod in pods if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _stamp(ahead: timedelta) -> str:
    return (datetime.now(UTC) + ahead).isoformat(timespec="seconds").replace("+00:00", "Z")
