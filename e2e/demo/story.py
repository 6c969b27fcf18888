"""The story: jobs run, one goes idle, it is warned, paused, priced, and its user brings it back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from e2e.demo import proof
from e2e.demo.replay import SPEEDUP, Replay, going_idle
from e2e.demo.screen import Progress, command, heading, say, show
from e2e.demo.state import World
from e2e.demo.world import NAMESPACE, USER
from e2e.plane.audit import AuditLog

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "quickstart"
ACTIVITY = "e2e.ebbtide.dev/activity"
WORK = "vision"
HERO = "segmentation"
IDLE_SECONDS = ("afterSeconds", "warnSeconds", "graceSeconds", "neverUsedAfterSeconds")


class StoryError(Exception):
    """The story did not go as it must; one sentence says where it stopped."""


class Story:
    """Acts as the platform team (admin) and as the user, through kubectl and the ebbtide command only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kubectl = str(Path(world.programs) / "kubectl")
        self._ebbtide = str(Path(sys.executable).parent / "ebbtide")
        self._told: set[str] = set()

    def tell(self) -> None:
        """From applying the examples to the proof in the audit log. Raises StoryError."""
        replay = going_idle()
        self._introduce(replay)
        self._apply(replay)
        heading("The jobs run")
        self._wait("all three jobs running", self._all_running, 60)
        self._show_ebbtide("list")
        heading(f"{HERO} falls silent")
        self._wait(f"a warning for {HERO}", lambda: self._status(HERO).get("idle", {}).get("warnedAt"), 150)
        self._wait(f"{HERO} to be paused", self._paused, 60)
        self._show_pause()
        heading("Why, with its numbers")
        self._show_ebbtide("explain", f"trainingjob/{HERO}")
        self._show_ebbtide("list")
        self._tell_refusal()
        heading("Its user wants it back")
        self._show_ebbtide("resume", f"trainingjob/{HERO}", user=True)
        self._wait(f"{HERO} running again", self._running_again, 60)
        self._prove()

    # -- chapters -----------------------------------------------------------------------------------------------

    def _introduce(self, replay: Replay) -> None:
        version = json.loads(self._world.kubernetes)["serverVersion"]["gitVersion"]
        nodes = self._get("nodes")["items"]
        gpus = sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)
        say(f"Kubernetes {version}: {len(nodes)} nodes with {gpus} GPUs (KWOK), real scheduler, Prometheus and Helm")
        say(f"{HERO} replays {replay.origin}")

    def _apply(self, replay: Replay) -> None:
        heading("A policy, a price list and three training jobs")
        say(f"kubectl apply -f examples/quickstart (idle times divided by {SPEEDUP}: an hour passes in a minute)")
        activities = {"resnet": "busy:1", HERO: replay.activity, "ablation": "busy:20 idle"}
        for path in sorted(EXAMPLES.glob("*.yaml")):
            documents = [_prepared(it, activities) for it in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
            show(self._run([self._kubectl, "apply", "-f", "-"], text=yaml.safe_dump_all(documents)))

    def _all_running(self) -> bool:
        jobs = self._get("trainingjobs", "-n", WORK)["items"]
        return len(jobs) == 3 and all(_condition(job, "Running").get("status") == "True" for job in jobs)

    def _paused(self) -> bool:
        return self._get("job", HERO, "-n", WORK)["spec"].get("suspend") is True

    def _show_pause(self) -> None:
        job = self._get("job", HERO, "-n", WORK)
        restore = job["metadata"]["annotations"]["ebbtide.dev/restore"]
        say(f"job/{HERO}: spec.suspend = {str(job['spec']['suspend']).lower()}", "bold green")
        say(f"its original, on the object itself: {restore}")
        hourly = self._world_cost()
        self._wait("its pods to be gone", lambda: not self._pods_of(HERO), 30)
        say(f"its GPUs are free; it cost {hourly} an hour and now costs {self._hourly(HERO)}", "bold green")

    def _world_cost(self) -> str:
        """What Prometheus scraped... the operator's own metric of the last tick before the pause."""
        return self._cost_before_pause

    _cost_before_pause = "-"

    def _tell_refusal(self) -> None:
        status = self._status("ablation")
        reason = _find(status, "Succeeded").get("reason", "")
        if status.get("idle") or reason == "NoCheckpoint":
            say(f"ablation is idle as well and keeps running: {_find(status, 'Succeeded').get('message', '')}")

    def _running_again(self) -> bool:
        job = self._get("job", HERO, "-n", WORK)
        annotations = job["metadata"].get("annotations") or {}
        return not job["spec"].get("suspend") and "ebbtide.dev/restore" not in annotations and bool(self._pods_of(HERO))

    def _prove(self) -> None:
        heading("The audit log of the API server")
        found = proof.read(AuditLog(Path(self._world.audit_log)), NAMESPACE, "ebbtide", USER)
        for write in (*found.suspending, *found.overriding, *found.resuming):
            say(f"{write.at:%H:%M:%S} PATCH {write.resource}/{write.name} by {write.user}: {_gist(write.body)}")
        if found.problem:
            raise StoryError(f"audit log: {found.problem}")
        say("one pause, one word of the user, one resume: nothing else touched the work", "bold green")

    # -- watching -----------------------------------------------------------------------------------------------

    def _wait(self, what: str, done: Callable[[], object], seconds: float) -> None:
        """Poll until done, telling each change of the jobs on the way. Raises StoryError when time is up."""
        limit = time.monotonic() + seconds
        with Progress(f"waiting for {what}") as progress:
            while True:
                self._tell_changes()
                if done():
                    return
                if time.monotonic() > limit:
                    raise StoryError(f"waited {seconds:.0f} s for {what}, and it did not come")
                progress.beat()
                time.sleep(0.5)

    def _tell_changes(self) -> None:
        """States of the jobs and Events about them, each once."""
        for job in self._get("trainingjobs", "-n", WORK)["items"]:
            self._tell_state(job)
        for event in self._get("events", "-n", WORK, "--field-selector=involvedObject.kind=TrainingJob")["items"]:
            if event["metadata"]["uid"] not in self._told:
                self._told.add(event["metadata"]["uid"])
                say(f"  event on {event['involvedObject']['name']}: {event['reason']}: {event['message']}", "yellow")

    def _tell_state(self, job: dict[str, Any]) -> None:
        name, status = job["metadata"]["name"], job.get("status") or {}
        hourly = (status.get("cost") or {}).get("hourly", "-")
        if name == HERO and hourly not in {"-", "0.00"}:
            self._cost_before_pause = f"{hourly} {status['cost'].get('currency', '')}"
        verdict = status.get("verdict") or {}
        line = f"{name}: {verdict.get('value', '-')} ({_find(status, 'Succeeded').get('reason', '-')})"
        if line not in self._told and verdict:
            self._told.add(line)
            say(f"{line}, {status.get('gpus', 0)} GPUs, {hourly} per hour")

    # -- servers ------------------------------------------------------------------------------------------------

    def _get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._run([self._kubectl, "get", *words, "-o", "json"]))
        return found

    def _status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._get("trainingjob", name, "-n", WORK).get("status") or {}
        return found

    def _hourly(self, name: str) -> str:
        cost = self._status(name).get("cost") or {}
        return f"{cost.get('hourly', '-')} {cost.get('currency', '')}".strip()

    def _pods_of(self, name: str) -> list[Any]:
        pods = self._get("pods", "-n", WORK, "-l", f"batch.kubernetes.io/job-name={name}")["items"]
        return [pod for pod in pods if pod["status"].get("phase") == "Running"]

    def _show_ebbtide(self, *words: str, user: bool = False) -> None:
        command(f"kubectl ebbtide {' '.join(words)} -n {WORK}")
        show(self._run([self._ebbtide, *words, "-n", WORK], user=user))

    def _run(self, argv: list[str], *, text: str | None = None, user: bool = False) -> str:
        kubeconfig = self._world.user_kubeconfig if user else self._world.admin_kubeconfig
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env={**_environment(), "KUBECONFIG": kubeconfig},
        )
        if done.returncode != 0:
            raise StoryError(f"{Path(argv[0]).name} {' '.join(argv[1:])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "120"}


def _prepared(document: dict[str, Any], activities: dict[str, str]) -> dict[str, Any]:
    """The example in the demo's time, and with a note to the exporter about what its pods do."""
    if document["kind"] == "CostPolicy":
        idle = document["spec"]["idle"]
        idle.setdefault("neverUsedAfterSeconds", 7200)
        document["spec"]["idle"] = {
            key: value // SPEEDUP if key in IDLE_SECONDS else value for key, value in idle.items()
        }
    if document["kind"] == "TrainingJob":
        annotations = document["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
        annotations[ACTIVITY] = activities[document["metadata"]["name"]]
    return document


def _condition(item: dict[str, Any], kind: str) -> dict[str, Any]:
    return _find(item.get("status") or {}, kind)


def _find(status: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions: Iterator[dict[str, Any]] = (it for it in status.get("conditions") or () if it["type"] == kind)
    return next(conditions, {})


def _gist(body: dict[str, Any]) -> str:
    """The part of a patch that matters to people."""
    spec = body.get("spec") or {}
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    parts = [f"spec.suspend={str(spec['suspend']).lower()}"] if "suspend" in spec else []
    return ", ".join(
        [
            *parts,
            *(f"{key}={'(removed)' if value is None else _short(str(value))}" for key, value in annotations.items()),
        ]
    )


def _short(text: str) -> str:
    return text if len(text) < 40 else f"{text[:37]}…"
