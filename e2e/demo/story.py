"""The story: jobs run, one goes idle, it is warned, paused, priced, and its user brings it back."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from e2e.demo import proof, state
from e2e.demo.replay import SPEEDUP, Replay, going_idle
from e2e.demo.screen import Progress, command, heading, say, show
from e2e.demo.servers import Document, Servers, StoryError
from e2e.demo.state import World
from e2e.demo.world import USER, WORK
from e2e.installation import NAMESPACE, RELEASE
from e2e.plane.audit import AuditLog, service_account

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
ACTIVITY = "e2e.ebbtide.dev/activity"
FAKE = "kwok.x-k8s.io/node"
HERO, BYSTANDER = "segmentation", "ablation"
"""Both fall idle; the second has no checkpoint, so it is never paused."""
IDLE_SECONDS = ("afterSeconds", "warnSeconds", "graceSeconds", "neverUsedAfterSeconds")
METRICS_EVERY = 8.0
_TOLD_VERDICTS = {"Active", "Idle", "NeverUsed", "Unknown"}
GOOD, NOTICE = "bold green", "yellow"


class Story:
    """From applying the examples to the proof in the audit log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._servers = Servers(world)
        self._told: set[str] = set()
        self._verdicts: dict[str, str] = {}
        self._metrics_told = 0.0
        self._cost_before: Document = {}
        self._held: dict[str, int] = {}
        """GPUs of each job when all ran."""

    def tell(self) -> None:
        """Raises StoryError, or PlaneError and requests' errors when a server does not answer."""
        replay = going_idle(recorded=self._world.cluster == state.LOCAL)
        self._introduce(replay)
        self._apply(replay)
        heading("The jobs run")
        self._wait("all three jobs to run", self._all_running, 60)
        self._held = {it["metadata"]["name"]: it["status"].get("gpus", 0) for it in self._servers.training_jobs()}
        self._show_ebbtide("list")
        heading(f"{HERO} works a little, then falls silent with its GPUs in hand")
        self._wait(f"a pause of {HERO}", self._paused, 180, watch=HERO)
        self._show_pause()
        heading("Its owner asks why")
        self._show_ebbtide("explain", f"trainingjob/{HERO}", user=True)
        heading("And wants it back")
        self._show_ebbtide("resume", f"trainingjob/{HERO}", user=True)
        self._wait(f"{HERO} to hold its GPUs again", self._running_again, 60)
        self._show_resumed()
        self._prove()

    # -- chapters -----------------------------------------------------------------------------------------------

    def _introduce(self, replay: Replay) -> None:
        nodes = [node for node in self._servers.nodes() if "nvidia.com/gpu" in node["status"]["allocatable"]]
        gpus = sum(int(node["status"]["allocatable"]["nvidia.com/gpu"]) for node in nodes)
        kinds = ", ".join(sorted({node["metadata"]["labels"]["node.kubernetes.io/instance-type"] for node in nodes}))
        simulated = sum(node["metadata"]["annotations"].get(FAKE) == "fake" for node in nodes)
        versions = f"Kubernetes {self._servers.version()} and Prometheus {self._servers.prometheus_version()}"
        say(f"{versions} with {gpus} GPUs in {len(nodes)} nodes ({kinds}), of which KWOK simulates {simulated}.")
        say(f"{HERO} will replay {replay.origin}.")

    def _apply(self, replay: Replay) -> None:
        heading("A policy, a price list and three training jobs")
        activities = {"resnet": "busy:1", HERO: replay.activity, BYSTANDER: "busy:20 idle"}
        files = sorted(EXAMPLES.glob("*.yaml"))
        documents = [it for path in files for it in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
        text = yaml.safe_dump_all([_prepared(it, activities) for it in documents if it["kind"] != "Namespace"])
        command("kubectl apply -f examples/quickstart", self._servers.kubectl("apply", "-f", "-", text=text))
        idle = self._servers.policy("batch")["spec"]["idle"]
        say(
            f"The policy in the demo's time, in which an hour passes in a minute: pause after {idle['afterSeconds']} s "
            f"idle, warn {idle['warnSeconds']} s before, leave alone for {idle['graceSeconds']} s after a start."
        )

    def _all_running(self) -> bool:
        jobs = self._servers.training_jobs()
        return len(jobs) == 3 and all(_condition(it.get("status"), "Running") == "True" for it in jobs)

    def _paused(self) -> bool:
        status, job = self._servers.status(HERO), self._servers.job(HERO)
        paused = job["spec"].get("suspend") is True and status["gpus"] == 0
        if not paused and status["gpus"]:
            self._cost_before = {**status["cost"], "gpus": status["gpus"]}
        return paused and not self._servers.pods(HERO)

    def _show_pause(self) -> None:
        job, status = self._servers.job(HERO), self._servers.status(HERO)
        before, after = self._cost_before, status["cost"]
        say(f"job/{HERO}: suspend is {str(job['spec']['suspend']).lower()}, its pods are gone.", GOOD)
        saved = Decimal(before["hourly"]) - Decimal(after["hourly"])
        say(
            f"It held {before['gpus']} GPUs for {before['hourly']} {before['currency']} an hour and now holds "
            f"{status['gpus']} for {after['hourly']}: the pause saves {saved} {before['currency']} an hour.",
            GOOD,
        )
        restore = json.loads(job["metadata"]["annotations"]["ebbtide.dev/restore"])
        was = ", ".join(f"{field['path']} was {json.dumps(field['was'])}" for field in restore["fields"])
        say(f"What undoes it is on the Job itself, put there by the same write: {was}.")
        self._show_bystander()
        self._show_ebbtide("list")

    def _show_bystander(self) -> None:
        self._wait(f"{BYSTANDER} to be Idle as well", lambda: _verdict(self._servers.status(BYSTANDER)) == "Idle", 60)
        status, job = self._servers.status(BYSTANDER), self._servers.job(BYSTANDER)
        held = self._held.get(BYSTANDER, 0)
        if problem := not_kept(BYSTANDER, held, status, job, len(self._servers.pods(BYSTANDER))):
            raise StoryError(problem)
        say(f"{BYSTANDER} is {_verdict(status)} as well and keeps its {held} GPUs: {_reason(status)}.")

    def _running_again(self) -> bool:
        job, status = self._servers.job(HERO), self._servers.status(HERO)
        restored = "ebbtide.dev/restore" not in (job["metadata"].get("annotations") or {})
        held = status["gpus"] == self._cost_before["gpus"]
        return restored and not job["spec"]["suspend"] and held and _condition(status, "Running") == "True"

    def _show_resumed(self) -> None:
        status = self._servers.status(HERO)
        until = datetime.fromisoformat(status["override"]["until"])
        say(
            f"{HERO} runs again with {status['gpus']} GPUs for {status['cost']['hourly']} "
            f"{status['cost']['currency']} an hour: {_reason(status)} until {until:%Y-%m-%d %H:%M:%SZ}.",
            GOOD,
        )
        words = ("get", "trainingjobs", "-n", WORK)
        command(f"kubectl {' '.join(words)}", self._servers.kubectl(*words))

    def _prove(self) -> None:
        heading("What the API server wrote down: its audit log")
        operator = service_account(NAMESPACE, RELEASE)
        found = proof.read(AuditLog(Path(self._world.audit_log)), operator, USER, (WORK, HERO))
        for write in (*found.suspending, *found.overriding, *found.resuming):
            say(f"{write.at:%H:%M:%S}Z PATCH {write.resource}/{write.name} by {write.user}")
            show(_gist(write.body))
        if found.problem:
            raise StoryError(f"audit log: {found.problem}")
        say(found.told, GOOD)

    # -- watching -----------------------------------------------------------------------------------------------

    def _wait(self, what: str, done: Callable[[], object], seconds: float, watch: str = "") -> None:
        """Poll until done, telling Events, verdicts and what Prometheus shows of `watch`. Raises StoryError."""
        limit = time.monotonic() + seconds
        with Progress(f"waiting for {what}") as progress:
            while True:
                self._require_world()
                finished = done()
                self._tell_verdicts()
                self._tell_events()
                if finished:
                    return
                if watch:
                    self._tell_use(watch)
                if time.monotonic() > limit:
                    raise StoryError(f"waited {seconds:.0f} s for {what}, and it did not come")
                progress.beat()
                time.sleep(0.5)

    def _require_world(self) -> None:
        problem = state.problem(self._world.pid)
        if problem:
            raise StoryError(problem)

    def _tell_verdicts(self) -> None:
        for job in self._servers.training_jobs():
            name, verdict = job["metadata"]["name"], (job.get("status") or {}).get("verdict") or {}
            value = verdict.get("value", "")
            if value in _TOLD_VERDICTS and self._verdicts.get(name) != value:
                self._verdicts[name] = value
                say(f"{name} is {value} ({verdict['reason']})")

    def _tell_events(self) -> None:
        """Each once; that Jobs were created was seen already."""
        for event in self._servers.events():
            uid = event["metadata"]["uid"]
            if uid not in self._told and event["action"] != "Create":
                self._told.add(uid)
                say(f"Event {event['action']} on {event['regarding']['name']}: {event['note']}", NOTICE)

    def _tell_use(self, name: str) -> None:
        if time.monotonic() - self._metrics_told < METRICS_EVERY:
            return
        use = self._servers.use(name)
        if use is not None:
            self._metrics_told = time.monotonic()
            silent = f", unused for {use.unused_seconds:.0f} s" if use.unused_seconds > METRICS_EVERY else ""
            say(
                f"Prometheus on {name}: {use.devices} GPUs {use.mean:.0f} % busy, at most {use.peak:.0f} %{silent}; "
                f"{use.held_gib:.1f} GiB held on each; {use.watts:.0f} W together",
                "dim",
            )

    def _show_ebbtide(self, *words: str, user: bool = False) -> None:
        command(f"kubectl ebbtide {' '.join(words)} -n {WORK}", self._servers.ebbtide(*words, user=user))


def _prepared(document: Document, activities: dict[str, str]) -> Document:
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


def not_kept(name: str, held: int, status: Document, job: Document, pods: int) -> str:
    """Empty when an idle job still has the `held` GPUs that it had and its pods; else the sentence that says so."""
    if _verdict(status) != "Idle":
        return f"{name} should be Idle as well, and it is {_verdict(status) or 'not judged'}"
    suspended = job["spec"].get("suspend") is True
    if held and status["gpus"] == held and pods and not suspended:
        return ""
    now = f"now it has {status['gpus']} in {pods} pods and its Job is {'' if suspended else 'not '}suspended"
    return f"{name} should keep the {held} GPUs that it had when all jobs ran; {now}"


def _verdict(status: Document) -> str:
    return str((status.get("verdict") or {}).get("value", ""))


def _find(status: Document | None, kind: str) -> Document:
    return next((it for it in (status or {}).get("conditions") or () if it["type"] == kind), {})


def _condition(status: Document | None, kind: str) -> str:
    return str(_find(status, kind).get("status"))


def _reason(status: Document) -> str:
    """The deciding reason, which kubectl shows as STATE."""
    return str(_find(status, "Succeeded").get("reason"))


def _gist(body: dict[str, Any]) -> str:
    """The part of a patch that matters to people, a line for each field."""
    spec = body.get("spec") or {}
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    parts = [f"spec.suspend = {str(spec['suspend']).lower()}"] if "suspend" in spec else []
    parts += [
        f"{key} {'removed' if value is None else '= ' + _short(str(value))}" for key, value in annotations.items()
    ]
    return "\n".join(f"  {part}" for part in parts)


def _short(text: str) -> str:
    return text if len(text) < 60 else f"{text[:57]}…"
