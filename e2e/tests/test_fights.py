"""Who else moves a lever: the controller manager's own HPA, and stand-ins for the others; the audit log is the witness.

Acceptance test 17: three attempts, then ConflictingController and no loop.

Stand-ins, because the real ones are not to be had here: Argo CD's self-heal (puts the manifest's replicas back within a
fraction of a second), KEDA (scales what a ScaledObject names, unless it is paused; the CRD is KEDA's own) and a
downscaler (stops what runs, and notes what it was). Each writes as a user of its own.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import pytest

from e2e import foreign_crds
from e2e.binaries.cache import binaries_dir
from e2e.installation import Document, Installation, namespace
from e2e.plane import Plane
from e2e.plane.api import Api
from e2e.requirements_guard import require
from e2e.tests.side_by_side import Played, Story, side_by_side
from e2e.tests.test_adoption import BY_DEVICES, World, deployment, job, policy, restore_of

pytestmark = pytest.mark.plane

ARENA: Final = "arena"
MOST: Final = 3
PAUSED_REPLICAS: Final = "autoscaling.keda.sh/paused-replicas"
QUIET_SECONDS: Final = 25.0
"""Longer than any idleness that leads to a pause here."""


def path_of(kind: str, name: str) -> str:
    version, plural = {
        "Deployment": ("apps/v1", "deployments"),
        "Job": ("batch/v1", "jobs"),
        "ScaledObject": ("keda.sh/v1alpha1", "scaledobjects"),
        "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    }[kind]
    return f"/apis/{version}/namespaces/{ARENA}/{plural}/{name}"


class StandIn:
    """A controller in a thread: looks at one object five times a second and has it its way."""

    def __init__(
        self, plane: Plane, user: str, kind: str, name: str, act: "Callable[[StandIn, Document], None]"
    ) -> None:
        self.user, self.kind, self.name = user, kind, name
        self.api = Api(plane.user_kubeconfig(user, ("system:masters",)), plane.layout.pki)
        self.acted = 0
        self._act, self._over = act, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.api.close()

    def patch(self, kind: str, name: str, body: Document) -> None:
        self.acted += 1
        self.api.merge_patch(path_of(kind, name), body)

    def _run(self) -> None:
        while not self._over.wait(0.2):
            found = self.api.send("GET", path_of(self.kind, self.name), check=False)
            if found["kind"] != "Status":
                self._act(self, found)


Act: TypeAlias = Callable[[StandIn, Document], None]


def heals(it: StandIn, found: Document) -> None:
    """As Argo CD with selfHeal: the manifest says two replicas."""
    if found["spec"]["replicas"] != 2:
        it.patch(it.kind, it.name, {"spec": {"replicas": 2}})


def replaces(it: StandIn, found: Document) -> None:
    """As Argo CD with Replace=true: annotations that the manifest has not are gone as well."""
    if found["spec"]["replicas"] != 2:
        words = dict.fromkeys((it for it in found["metadata"]["annotations"] if "ebbtide.dev/restore" in it), None)
        it.patch(it.kind, it.name, {"spec": {"replicas": 2}, "metadata": {"annotations": words}})


def scales(it: StandIn, found: Document) -> None:
    """As KEDA: two replicas, unless the ScaledObject is paused at a number."""
    name = found["spec"]["scaleTargetRef"]["name"]
    wanted = int(found["metadata"].get("annotations", {}).get(PAUSED_REPLICAS, "2"))
    if it.api.get(path_of("Deployment", name))["spec"]["replicas"] != wanted:
        it.patch("Deployment", name, {"spec": {"replicas": wanted}})


def downscales(it: StandIn, found: Document) -> None:
    """As a downscaler at night: what runs is stopped."""
    if found["spec"].get("suspend") is False:
        it.patch(it.kind, it.name, {"spec": {"suspend": True}})


def strips(it: StandIn, found: Document) -> None:
    """As a controller that prunes labels which its manifest has not."""
    strange = [key for key in found["metadata"].get("labels") or {} if key.startswith("ebbtide.dev/")]
    if strange:
        it.patch(it.kind, it.name, {"metadata": {"labels": dict.fromkeys(strange)}})


class Arena(World):
    """How tests look at a fight."""

    def stand_in(self, user: str, kind: str, name: str, act: Act) -> StandIn:
        return StandIn(self.plane, f"{user}-{name}", kind, name, act)

    def stops(self, name: str) -> int:
        """How often the operator scaled a Deployment to 0."""
        return self.levers("Deployment", name, ARENA).count(0)

    def has_stopped(self, name: str, times: int) -> bool:
        return self.stops(name) == times

    def has_reverts(self, name: str, count: int) -> bool:
        status = self.adopted("Deployment", name, ARENA).get("status", {})
        return bool(status.get("pause", {}).get("reverts") == count and status.get("override", {}).get("until"))

    def four_hours_pass(self, name: str) -> None:
        """What a human may expect of a lever that they moved ends; status tells when, so it is told otherwise here."""
        path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{ARENA}/adoptedworkloads/deployment-{name}/status"
        self.plane.api.merge_patch(path, {"status": {"override": {"until": "2020-01-01T00:00:00Z"}}})

    def require_quiet(self, name: str) -> None:
        """Nobody fights any more: the operator writes nothing to it, and it runs as the other wants."""
        before = len(self.writes("Deployment", name, ARENA))
        threading.Event().wait(QUIET_SECONDS)
        assert len(self.writes("Deployment", name, ARENA)) == before
        found = self.get("Deployment", name, ARENA)
        assert found["spec"]["replicas"] == 2
        assert restore_of(found) == {}

    def hpa_says(self, name: str) -> dict[str, tuple[str, str]]:
        """(status, reason) by type of condition."""
        conditions = self.plane.api.get(path_of("HorizontalPodAutoscaler", name)).get("status", {}).get("conditions")
        return {it["type"]: (it["status"], it["reason"]) for it in conditions or ()}

    def require_left_at_zero_and_taken_up(self, name: str, replicas: int) -> None:
        """By its HPA: while it is paused, and after it is resumed."""

        def disabled() -> bool:
            return self.hpa_says(name).get("ScalingActive") == ("False", "ScalingDisabled")

        self.wait_paused("Deployment", name, ARENA, 90)
        self.it.wait("the HPA to notice", disabled, 40)
        assert self.get("Deployment", name, ARENA)["spec"]["replicas"] == 0
        self.annotate("Deployment", name, "ebbtide.dev/override=Running", where=ARENA)
        assert self.wait_own("Deployment", name, ARENA)["spec"]["replicas"] == replicas
        self.it.wait("the HPA to take it up", lambda: not disabled(), 40)
        assert self.levers("Deployment", name, ARENA) == [0, replicas]

    def metric(self, **labels: str) -> float:
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [it for it in self.it.operator.metrics().splitlines() if it.startswith("ebbtide_actions_total{")]
        return sum(float(it.rpartition(" ")[2]) for it in lines if all(word in it for word in wanted))


@contextmanager
def opened(workdir: Path, *crds: str, feature_gates: Sequence[str] = ()) -> Iterator[Arena]:
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    with Plane(workdir, feature_gates=feature_gates) as plane:
        if crds:
            foreign_crds.install(plane, *crds)
        plane.create_namespace(ARENA)
        values = {"enforcement": {"enabled": True}, "safety": {"idleShareJumpPercent": 0, "idlePausesPerHour": 0}}
        with Installation(plane, values=values) as it:
            it.apply(namespace(ARENA), policy(ARENA, BY_DEVICES))
            yield Arena(it)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with opened(tmp_path_factory.mktemp("fights"), "ScaledObject") as found:
        found.it.apply(deployment("autoscaled", ARENA, replicas=2), autoscaler("autoscaled"))
        found.it.apply(scaled_object("scaled"), deployment("scaled", ARENA, replicas=2))
        yield found


def autoscaler(name: str) -> Document:
    """As people write it; nobody serves metrics here."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    return autoscaling(name, 2, cpu)


def autoscaling(name: str, least: int, metric: Document) -> Document:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": 4, "metrics": [metric]}
    meta = {"name": name, "namespace": ARENA}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}


def scaled_object(name: str) -> Document:
    triggers = [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}}]
    spec = {"scaleTargetRef": {"name": name}, "triggers": triggers}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": ARENA},
        "spec": spec,
    }


def the_controller_manager_s_hpa_leaves_what_is_at_zero_alone_and_takes_it_up_again(arena: Arena) -> None:
    arena.require_left_at_zero_and_taken_up("autoscaled", 2)


def what_keda_scales_is_paused_by_its_scaled_object_and_nobody_fights(arena: Arena) -> None:
    with arena.stand_in("keda", "ScaledObject", "scaled", scales) as keda:
        path = path_of("ScaledObject", "scaled")

        def paused() -> Document | None:
            found: Document = arena.plane.api.get(path)
            return found if restore_of(found) else None

        found = arena.it.wait("its pause", paused, 90)
        assert found["metadata"]["annotations"][PAUSED_REPLICAS] == "0"
        arena.it.wait("its pods to go", lambda: not arena.pods("scaled", ARENA), 30)
        scaled_down = keda.acted
        threading.Event().wait(5)
        assert keda.acted == scaled_down == 1
        arena.plane.kubectl("annotate", "scaledobject", "scaled", "-n", ARENA, "ebbtide.dev/override=Running")
        arena.it.wait("its pods to come back", lambda: len(arena.pods("scaled", ARENA)) == 2, 60)
        assert PAUSED_REPLICAS not in arena.plane.api.get(path)["metadata"].get("annotations", {})
    assert [it for it in arena.writes("Deployment", "scaled", ARENA) if "spec" in it.body] == []


def a_policy_tries_three_times_against_argo_cd_that_heals_and_stops(arena: Arena) -> None:
    _is_tried_three_times(arena, "healed", heals)


def a_policy_tries_three_times_against_argo_cd_that_replaces_and_stops(arena: Arena) -> None:
    _is_tried_three_times(arena, "replaced", replaces)


def _is_tried_three_times(arena: Arena, name: str, act: Act) -> None:
    arena.it.apply(deployment(name, ARENA, replicas=2))
    with arena.stand_in("argocd", "Deployment", name, act):
        for attempt in range(1, MOST):
            arena.it.wait(f"pause {attempt}", partial(arena.has_stopped, name, attempt), 90)
            arena.it.wait("it to be noted", partial(arena.has_reverts, name, attempt), 30)
            arena.four_hours_pass(name)
        arena.wait_reason("Deployment", name, "ConflictingController", ARENA, 90)
        arena.require_quiet(name)
    assert arena.stops(name) == MOST
    assert arena.adopted("Deployment", name, ARENA)["status"]["pause"]["reverts"] == MOST
    said = arena.said("Deployment", name, ARENA)
    assert said.count(("Forget", "ConflictingController")) == 1
    assert arena.metric(reason="ConflictingController") >= 1


def a_human_s_paused_is_tried_three_times_and_the_other_has_it(arena: Arena) -> None:
    name = "insisted"
    arena.it.apply(deployment(name, ARENA, "busy:1", replicas=2))
    arena.it.wait("it to be told of", lambda: arena.adopted("Deployment", name, ARENA).get("status"))
    arena.annotate("Deployment", name, "ebbtide.dev/override=Paused", where=ARENA)
    with arena.stand_in("argocd", "Deployment", name, heals):
        arena.wait_reason("Deployment", name, "ConflictingController", ARENA)
        arena.require_quiet(name)
    assert arena.stops(name) == MOST
    assert arena.adopted("Deployment", name, ARENA)["status"]["attempts"] | {"since": ""} == {
        "request": "Pause/Paused", "count": MOST, "since": "",
    }  # fmt: skip
    assert ("Forget", "ConflictingController") in arena.said("Deployment", name, ARENA)


def what_a_downscaler_stops_again_stays_stopped(arena: Arena) -> None:
    """A human's Running is served once: who stops it after that has the newer word."""
    arena.it.apply(job("asleep", ARENA, "busy:1", spec={"suspend": True}))
    arena.wait_reason("Job", "asleep", "PausedByUser", ARENA)
    arena.annotate("Job", "asleep", "ebbtide.dev/override=Running", where=ARENA)
    arena.it.wait("its start", lambda: arena.levers("Job", "asleep", ARENA) == [False])
    arena.it.wait("what status tells of it", lambda: _attempts(arena, "job-asleep").get("count") == 1)
    with arena.stand_in("downscaler", "Job", "asleep", downscales) as downscaler:
        arena.wait_reason("Job", "asleep", "PausedByUser", ARENA)
        threading.Event().wait(5)
        assert downscaler.acted == 1
    assert arena.levers("Job", "asleep", ARENA) == [False]
    assert arena.get("Job", "asleep", ARENA)["spec"]["suspend"] is True


def a_hold_that_comes_back_each_time_is_ended_three_times(arena: Arena) -> None:
    """As Argo CD with a manifest that says suspend and hold itself."""
    held = {"spec": {"suspend": True}, "metadata": {"annotations": {"ebbtide.dev/hold": "true"}}}

    def holds(it: StandIn, found: Document) -> None:
        if found["spec"]["suspend"] is False:
            it.patch(it.kind, it.name, held)

    more: dict[str, Any] = {"annotations": {"ebbtide.dev/hold": "true"}, "spec": {"suspend": True}}
    with arena.stand_in("argocd", "Job", "held", holds):
        arena.it.apply(job("held", ARENA, "busy:1", **more))
        arena.wait_reason("Job", "held", "ConflictingController", ARENA)
        before = len(arena.levers("Job", "held", ARENA))
        threading.Event().wait(8)
        assert len(arena.levers("Job", "held", ARENA)) == before <= MOST + 1, "one may come before there is a status"
    assert arena.get("Job", "held", ARENA)["spec"]["suspend"] is True
    assert ("Notify", "ConflictingController") in arena.said("Job", "held", ARENA)


def labels_that_somebody_strips_are_written_three_times_and_then_left_off(arena: Arena) -> None:
    name = "stripped"
    pays = policy(
        ARENA,
        BY_DEVICES,
        selector={"matchLabels": {"pays": "yes"}},
        priority=1,
        attribution={"defaults": {"team": "vision"}},
    )
    pays["metadata"]["name"] = "pays"
    with arena.stand_in("pruner", "Deployment", name, strips) as pruner:
        arena.it.apply(pays, deployment(name, ARENA, "busy:1", labels={"pays": "yes"}))

        def labelling() -> Document:
            return dict(arena.adopted("Deployment", name, ARENA).get("status", {}).get("labelling") or {})

        arena.it.wait("the last attempt", lambda: labelling().get("count") == MOST, 60)
        arena.it.wait("it to be stripped", lambda: pruner.acted == MOST, 10)
        before = len(arena.writes("Deployment", name, ARENA))
        threading.Event().wait(10)
        assert len(arena.writes("Deployment", name, ARENA)) == before
        assert pruner.acted == MOST
    assert labelling()["request"] == "team"
    bodies = [it.body.get("metadata", {}).get("labels") for it in arena.writes("Deployment", name, ARENA)]
    assert [body for body in bodies if body] == [{"ebbtide.dev/team": "vision"}] * MOST
    assert arena.said("Deployment", name, ARENA).count(("Label", "ConflictingController")) == 1
    assert arena.metric(action="Label", reason="ConflictingController") == 1
    assert arena.reason("Deployment", name, ARENA) != "ConflictingController", "its lever is nobody's quarrel"


STORIES: Final[Sequence[Story[Arena]]] = (
    the_controller_manager_s_hpa_leaves_what_is_at_zero_alone_and_takes_it_up_again,
    what_keda_scales_is_paused_by_its_scaled_object_and_nobody_fights,
    a_policy_tries_three_times_against_argo_cd_that_heals_and_stops,
    a_policy_tries_three_times_against_argo_cd_that_replaces_and_stops,
    a_human_s_paused_is_tried_three_times_and_the_other_has_it,
    what_a_downscaler_stops_again_stays_stopped,
    a_hold_that_comes_back_each_time_is_ended_three_times,
    labels_that_somebody_strips_are_written_three_times_and_then_left_off,
)
"""Each about an object of its own."""


@pytest.fixture(scope="module")
def played(arena: Arena) -> Iterator[Played[Arena]]:
    with side_by_side(STORIES, arena) as stories:
        yield stories


@pytest.mark.parametrize("story", STORIES, ids=lambda it: it.__name__)
def test_a_fight(story: Story[Arena], played: Played[Arena]) -> None:
    played[story].result()


def _attempts(arena: Arena, name: str) -> Document:
    path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{ARENA}/adoptedworkloads/{name}"
    found: Document = arena.plane.api.send("GET", path, check=False)
    return dict(found.get("status", {}).get("attempts") or {}) if isinstance(found.get("status"), dict) else {}
