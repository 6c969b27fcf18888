"""Every kind of the contract: what is read of one, what stops it, how it ends, and whose pods are whose."""

import json
import re
from typing import Any

import pytest

from ebbtide.api.labels import RESTORE
from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.intent import Wish, word
from ebbtide.core.reason import Reason
from ebbtide.core.workload import CLAIMS, KindClass, Memory, Workload
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.levers.kinds import BY_NAME, KINDS, LEVERS, OPTIONAL, kind_of, lever_of
from ebbtide.objects.levers.patches import Note, start, stop
from ebbtide.objects.pointer import ABSENT, look
from ebbtide.objects.views_adopted import decode_adopted
from ebbtide.objects.views_deployment import decode_deployment, decode_replica_set
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_kind import decoder
from ebbtide.objects.views_pod import decode_pod
from tests.kinds import BY_KIND, SAMPLES, Sample, template
from tests.merge_patch import merged

NOW = 1_795_365_436.0
NOTE = Note(NOW, "Policy", "CostPolicy/batch", "GPUIdle")
Document = dict[str, Any]


def stored(sample: Sample, name: str = "work", uid: str = "", **metadata: Any) -> Document:
    document = sample.manifest(name, **metadata)
    known = {"namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": "7"}
    document["metadata"] = {**known, "creationTimestamp": "2026-11-22T10:00:00Z", **document["metadata"]}
    return document


def seen(document: Document, kind: str = "") -> Workload:
    """As its reflector would keep it."""
    known = BY_NAME[kind] if kind else kind_of(document["apiVersion"], document["kind"])
    assert known is not None
    raw = json.dumps(document).encode()
    if known.name == "Job":
        found = decode_job(raw)[1].foreign
    elif known.name == "Deployment":
        found = decode_deployment(raw)[1]
    elif known.name == "Pod":
        found = decode_pod(raw)[1].alone
    else:
        found = decoder(known, known.resource.served_as(document["apiVersion"]))(raw)[1]
    assert found is not None
    return found


def of(uid: str, kind: str, api_version: str, name: str = "above") -> Document:
    reference = {"uid": uid, "kind": kind, "apiVersion": api_version, "name": name, "controller": True}
    return {"ownerReferences": [reference]}


def everything() -> dict[str, Sample]:
    return {one.kind: one for one in SAMPLES}


# -- the table ----------------------------------------------------------------------------------------------------


def test_every_kind_of_the_contract_is_ours_or_described() -> None:
    ours = {WorkloadKind.TrainingJob, WorkloadKind.InferenceServer}
    assert [kind.name for kind in KINDS] == [kind for kind in WorkloadKind if kind not in ours]
    assert {kind.name for kind in KINDS if not kind.stopped} == {"VolcanoJob", "Pod"}
    assert all(kind.unsupported for kind in KINDS if not kind.stopped)
    assert set(everything()) == set(BY_NAME), "tests/kinds.py has one of each"


def test_what_a_section_reaches_is_as_the_contract_says() -> None:
    serving = {"Deployment", "StatefulSet", "LeaderWorkerSet", "InferenceService", "ScaledObject"}
    neither = {"RayCluster", "Notebook", "Workspace", "Pod"}
    for kind in KINDS:
        expected = KindClass.Serving if kind.name in serving else KindClass.RunToCompletion
        assert kind.kind_class is (KindClass.Neither if kind.name in neither else expected), kind.name


def test_chart_values_are_words() -> None:
    names = {kind.name: kind.chart_value for kind in KINDS}
    assert (names["MPIJob"], names["PyTorchJob"], names["XGBoostJob"]) == ("mpiJob", "pyTorchJob", "xgBoostJob")
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", value) for value in names.values())


def test_a_volcano_job_is_not_taken_for_a_job() -> None:
    job, volcano = seen(stored(BY_KIND["Job"])), seen(stored(BY_KIND["VolcanoJob"]))
    assert (job.key.kind, volcano.key.kind) == ("Job", "VolcanoJob")
    assert job.target is not None
    assert volcano.target is not None
    assert (volcano.target.kind, volcano.target.api_version) == ("Job", "batch.volcano.sh/v1alpha1")
    assert lever_of(job.target) is BY_NAME["Job"]
    assert lever_of(volcano.target) is None


# -- one of each --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda it: it.kind)
def test_one_as_people_write_it_is_read(sample: Sample) -> None:
    found = seen(stored(sample))
    assert (found.key.kind, found.uid) == (sample.kind, "uid-work")
    assert (found.accelerators, found.workers) == (sample.gpus, sample.workers)
    assert found.accelerator_resource == ("nvidia.com/gpu" if sample.gpus else "")
    assert found.target is not None
    assert (found.target.suspended, found.target.finished) == (False, None)
    assert bool(found.unsupported) is not bool(sample.lever)


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.ended], ids=lambda it: it.kind)
def test_one_that_has_ended_moves_no_more(sample: Sample) -> None:
    document = {**stored(sample), "status": sample.ended}
    target = seen(document).target
    assert target is not None
    assert (target.finished, target.finished_at) == (Reason.JobCompleted, 1_795_363_200.0)
    assert BY_NAME[sample.kind].is_over(document)
    assert not BY_NAME[sample.kind].is_over(stored(sample))


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.lever], ids=lambda it: it.kind)
def test_one_merge_patch_stops_it_and_one_gives_it_back(sample: Sample) -> None:
    before, lever = stored(sample), LEVERS[sample.kind]
    step = stop(before, lever, NOTE)
    paused = merged(before, step.patch)
    [field] = json.loads(paused["metadata"]["annotations"][RESTORE])["fields"]
    was = look(before, sample.lever)
    set_to = "2026-11-22T16:37:16Z" if sample.stop is None else sample.stop
    assert field == {"path": sample.lever, **({} if was is ABSENT else {"was": was}), "set": set_to}
    assert look(paused, sample.lever) == set_to
    stopped = seen(paused)
    assert stopped.target is not None
    assert (stopped.target.suspended, stopped.target.restore is not None) == (True, True)
    assert (stopped.accelerators, stopped.spec_hash) == (sample.gpus, seen(before).spec_hash)
    assert merged(paused, start(paused, lever, without_original=False).patch) == before


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.lever], ids=lambda it: it.kind)
def test_what_somebody_else_stopped_is_seen_as_stopped_and_bears_nothing_of_ours(sample: Sample) -> None:
    before = stored(sample)
    paused = merged(before, stop(before, LEVERS[sample.kind], NOTE).patch)
    paused["metadata"]["annotations"].pop(RESTORE)
    found = seen(paused).target
    assert found is not None
    assert (found.suspended, found.restore) == (True, None)
    assert stop(paused, LEVERS[sample.kind], NOTE).patch == {}, "whoever stopped it meant it"
    assert start(paused, LEVERS[sample.kind], without_original=False).patch == {}


@pytest.mark.parametrize("kind", ["Notebook", "InferenceService", "JobSet", "PyTorchJob", "Workspace"])
def test_a_human_can_have_started_what_nobody_stored(kind: str) -> None:
    sample = BY_KIND[kind]
    before = stored(sample)
    paused = merged(before, stop(before, LEVERS[kind], NOTE).patch)
    paused["metadata"]["annotations"].pop(RESTORE)
    started = merged(paused, start(paused, LEVERS[kind], without_original=True).patch)
    assert seen(started).target.suspended is False  # type: ignore[union-attr]


# -- traps --------------------------------------------------------------------------------------------------------

REFUSED = {
    "it stays up after the job": ("RayJob", {"shutdownAfterJobFinishes": False}, "shutdownAfterJobFinishes"),
    "a cluster of somebody else": ("RayJob", {"clusterSelector": {"ray.io/cluster": "a"}}, "clusterSelector"),
    "volumes go with the replicas": (
        "StatefulSet", {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}, "would delete its volumes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_its_lever_would_harm_is_reported_only(case: tuple[str, Document, str]) -> None:
    kind, spec, said = case
    document = stored(BY_KIND[kind])
    found = seen({**document, "spec": {**document["spec"], **spec}})
    assert said in found.unsupported
    assert found.unsupported.endswith(": reported only")


def test_what_is_stopped_already_can_be_given_back_even_where_it_could_not_be_stopped_now() -> None:
    document = stored(BY_KIND["RayJob"])
    paused = merged(document, stop(document, LEVERS["RayJob"], NOTE).patch)
    changed = {**paused, "spec": {**paused["spec"], "shutdownAfterJobFinishes": False}}
    assert seen(changed).unsupported == ""


def test_people_work_in_notebooks_and_workspaces_whatever_their_volumes_are() -> None:
    for kind in ("Notebook", "Workspace"):
        assert seen(stored(BY_KIND[kind])).scratch
        said = {"ebbtide.dev/checkpoint": "Stateless"}
        assert not seen(stored(BY_KIND[kind], annotations=said)).scratch
    assert not seen(stored(BY_KIND["RayCluster"])).scratch
    document = stored(BY_KIND["StatefulSet"])
    document["spec"] = {**document["spec"], "template": template(2, volumes=[{"name": "x", "emptyDir": {}}])}
    assert seen(document).scratch


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_a_notebook_tells_by_its_annotation_when_it_was_used(version: str) -> None:
    """P20: what Kubeflow's controller writes, in whatever version it is served."""
    document = {**stored(BY_KIND["Notebook"]), "apiVersion": f"kubeflow.org/{version}"}
    assert seen(document).active_at is None
    document["metadata"]["annotations"] = {"notebooks.kubeflow.org/last-activity": "2026-11-22T16:37:16Z"}
    assert seen(document).active_at == NOW


@pytest.mark.parametrize("kind", OPTIONAL, ids=lambda it: it.name)
@pytest.mark.parametrize(
    "spec", [None, {}, [], "x", {"replicas": "many", "tasks": 1, "template": [], "templates": "x"}]
)
def test_an_object_that_no_schema_holds_back_is_read_all_the_same(kind: Kind, spec: Any) -> None:
    """CRDs like Argo's and KServe's minimal ones let everything through."""
    meta = {"name": "odd", "namespace": "ns", "uid": "odd"}
    document = {"apiVersion": kind.resource.api_version, "kind": kind.resource.kind, "metadata": meta, "spec": spec}
    found = seen({**document, "status": spec}, kind.name)
    assert found.accelerators == 0
    assert found.target is not None
    assert found.target.finished is None


# -- whose pods are whose -----------------------------------------------------------------------------------------


class Cluster:
    """An inventory filled by hand, as reflectors do."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.inventory = Inventory(lambda: NOW, lambda: self.woken.append("!"))
        for kind in OPTIONAL:
            self.inventory.serve(kind.name)

    def put(self, kind: str, name: str, **metadata: Any) -> str:
        spec = metadata.pop("spec", {})
        document = stored(BY_KIND[kind], name, **metadata)
        document["spec"] = {**document["spec"], **spec}
        raw, inventory = json.dumps(document).encode(), self.inventory
        if kind == "Job":
            inventory.jobs.put(*decode_job(raw))
        elif kind == "Deployment":
            inventory.deployments.put(*decode_deployment(raw))
        elif kind == "Pod":
            inventory.pods.put(*decode_pod(raw))
        else:
            known = BY_NAME[kind]
            inventory.kinds[kind].put(*decoder(known, known.resource)(raw))
        return str(document["metadata"]["uid"])

    def replica_set(self, name: str, deployment: str) -> str:
        document = {"metadata": {"name": name, "uid": name, **of(deployment, "Deployment", "apps/v1")}}
        self.inventory.replica_sets.put(*decode_replica_set(json.dumps(document).encode()))
        return name

    def adopt(self, kind: str, name: str) -> None:
        sample = BY_KIND[kind]
        group = sample.api_version.rpartition("/")[0]
        place = sample.own_kind.lower() + ("" if group in {"", "apps", "batch"} else f".{group}")
        reference = {"apiVersion": sample.api_version, "kind": sample.own_kind, "name": name, "uid": f"uid-{name}"}
        meta = {"name": f"{place}-{name}", "uid": f"told-{name}"}
        document = {"metadata": meta, "spec": {"targetRef": reference}}
        self.inventory.adopted.put(*decode_adopted(json.dumps(document).encode()))

    def pods(self) -> dict[str, list[str]]:
        """Workload to names of its pods."""
        state = self.inventory.state()
        assert len(state.pods) == len(state.workloads), "no two workloads share a key"
        return {f"{key.kind}/{key.name}": sorted(pod.name for pod in pods) for key, pods in state.pods.items()}

    def only(self) -> Workload:
        [found] = self.inventory.state().workloads
        return found


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_train_job_to_pods(cluster: Cluster) -> None:
    top = cluster.put("TrainJob", "llm")
    middle = cluster.put("JobSet", "llm-set", **of(top, "TrainJob", "trainer.kubeflow.org/v1alpha1"))
    for name in ("llm-a", "llm-b"):
        job = cluster.put("Job", name, **of(middle, "JobSet", "jobset.x-k8s.io/v1alpha2"))
        cluster.put("Pod", f"{name}-0", **of(job, "Job", "batch/v1"))
    assert cluster.pods() == {"TrainJob/llm": ["llm-a-0", "llm-b-0"]}


def test_a_job_of_a_cron_job_is_its_own_workload(cluster: Cluster) -> None:
    top = cluster.put("CronJob", "nightly")
    job = cluster.put("Job", "nightly-1", **of(top, "CronJob", "batch/v1"))
    cluster.put("Pod", "p", **of(job, "Job", "batch/v1"))
    assert cluster.pods() == {"Job/nightly-1": ["p"], "CronJob/nightly": []}


def test_leaders_and_workers_are_of_their_leader_worker_set(cluster: Cluster) -> None:
    top = cluster.put("LeaderWorkerSet", "lws")
    leaders = cluster.put("StatefulSet", "lws-s", **of(top, "LeaderWorkerSet", "leaderworkerset.x-k8s.io/v1"))
    leader = cluster.put("Pod", "lws-0", **of(leaders, "StatefulSet", "apps/v1"))
    workers = cluster.put("StatefulSet", "lws-0-w", **of(leader, "Pod", "v1"))
    cluster.put("Pod", "lws-0-1", **of(workers, "StatefulSet", "apps/v1"))
    assert cluster.pods() == {"LeaderWorkerSet/lws": ["lws-0", "lws-0-1"]}


def test_ray_job_to_pods_of_its_cluster_and_its_submitter(cluster: Cluster) -> None:
    top = cluster.put("RayJob", "tune")
    ray = cluster.put("RayCluster", "tune-x", **of(top, "RayJob", "ray.io/v1"))
    submitter = cluster.put("Job", "tune-s", **of(top, "RayJob", "ray.io/v1"))
    cluster.put("Pod", "head", **of(ray, "RayCluster", "ray.io/v1"))
    cluster.put("Pod", "submitter", **of(submitter, "Job", "batch/v1"))
    assert cluster.pods() == {"RayJob/tune": ["head", "submitter"]}


def test_inference_service_to_pods(cluster: Cluster) -> None:
    top = cluster.put("InferenceService", "chat")
    deployment = cluster.put("Deployment", "chat-predictor", **of(top, "InferenceService", "serving.kserve.io/v1beta1"))
    cluster.put("Pod", "p", **of(cluster.replica_set("rs", deployment), "ReplicaSet", "apps/v1"))
    assert cluster.pods() == {"InferenceService/chat": ["p"]}


REVISION = ("Revision", "serving.knative.dev/v1")
SERVED = {"serving.kserve.io/inferenceservice": "chat"}


def revision(cluster: Cluster, name: str, labels: dict[str, str], above: tuple[str, str] = REVISION) -> str:
    """What Knative makes of one: a Deployment with the labels of the Revision, and a pod."""
    deployment = cluster.put("Deployment", name, labels=labels, **of(f"uid-of-{name}", *above))
    cluster.put("Pod", f"{name}-p", **of(cluster.replica_set(f"rs-{name}", deployment), "ReplicaSet", "apps/v1"))
    return deployment


def test_inference_service_to_pods_of_its_knative_revisions(cluster: Cluster) -> None:
    cluster.put("InferenceService", "chat")
    revision(cluster, "chat-predictor-00001", SERVED)
    revision(cluster, "chat-predictor-00002", SERVED)
    assert cluster.pods() == {"InferenceService/chat": ["chat-predictor-00001-p", "chat-predictor-00002-p"]}
    found = cluster.only()
    assert found.unsupported == ""
    assert cluster.only() is found, "unchanged: the same object again"


@pytest.mark.parametrize(
    ("name", "labels", "above"),
    [
        ("no label", {}, REVISION),
        ("of another", {"serving.kserve.io/inferenceservice": "other"}, REVISION),
        ("of a kind that is known", SERVED, ("JobSet", "jobset.x-k8s.io/v1alpha2")),
        ("of a controller that is not Knative's", SERVED, ("Rollout", "argoproj.io/v1alpha1")),
        ("of another kind of that name", SERVED, ("Revision", "example.com/v1")),
    ],
)
def test_other_deployments_are_of_no_inference_service(
    cluster: Cluster, name: str, labels: dict[str, str], above: tuple[str, str]
) -> None:
    cluster.put("InferenceService", "chat")
    revision(cluster, "web", labels, above)
    assert cluster.pods() == {"InferenceService/chat": [], "Deployment/web": ["web-p"]}, name


def test_a_deployment_that_nobody_controls_is_its_own_whatever_its_label(cluster: Cluster) -> None:
    cluster.put("InferenceService", "chat")
    deployment = cluster.put("Deployment", "web", labels=SERVED)
    cluster.put("Pod", "p", **of(cluster.replica_set("rs", deployment), "ReplicaSet", "apps/v1"))
    assert cluster.pods() == {"InferenceService/chat": [], "Deployment/web": ["p"]}


def test_what_pods_claim_through_dra_makes_their_work_accelerated(cluster: Cluster) -> None:
    claim = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}], "containers": [{"name": "c"}]}
    uid = cluster.put("TrainJob", "llm", spec={"trainer": {}})
    middle = cluster.put("JobSet", "llm-set", **of(uid, "TrainJob", "trainer.kubeflow.org/v1alpha1"))
    cluster.put("Pod", "p", spec=claim, **of(middle, "JobSet", "jobset.x-k8s.io/v1alpha2"))
    cluster.put("Job", "own", spec={"template": {"spec": claim}})
    found = {it.key.name: (it.accelerators, it.accelerator_resource, it.accelerated)
             for it in cluster.inventory.state().workloads}  # fmt: skip
    assert found == {"llm": (0, CLAIMS, True), "own": (0, CLAIMS, True)}


@pytest.mark.parametrize("kind", ["Notebook", "Workspace"])
def test_pods_of_what_people_work_in(cluster: Cluster, kind: str) -> None:
    top = cluster.put(kind, "lab")
    below = cluster.put("StatefulSet", "lab-s", **of(top, kind, BY_KIND[kind].api_version))
    cluster.put("Pod", "lab-0", **of(below, "StatefulSet", "apps/v1"))
    assert cluster.pods() == {f"{kind}/lab": ["lab-0"]}
    assert cluster.only().accelerators == (1 if kind == "Notebook" else 2), "what its pods ask for"


@pytest.mark.parametrize("kind", ["PyTorchJob", "MPIJob", "TFJob", "XGBoostJob", "PaddleJob", "JAXJob", "VolcanoJob"])
def test_pods_directly_below(cluster: Cluster, kind: str) -> None:
    top = cluster.put(kind, "gang")
    cluster.put("Pod", "gang-0", **of(top, BY_KIND[kind].own_kind, BY_KIND[kind].api_version))
    assert cluster.pods() == {f"{kind}/gang": ["gang-0"]}


def test_what_a_controller_has_that_is_not_there_is_reported_only(cluster: Cluster) -> None:
    cluster.put("Job", "orphan", **of("gone", "JobSet", "jobset.x-k8s.io/v1alpha2"))
    assert cluster.only().unsupported == "controlled by JobSet above, which is not there: reported only"
    cluster.inventory.drop("JobSet")
    assert cluster.only().key.kind == "Job"


def test_a_bare_pod_and_one_of_an_unknown_controller_are_reported_only(cluster: Cluster) -> None:
    cluster.put("Pod", "bare")
    cluster.put("Pod", "driver", **of("x", "SparkApplication", "sparkoperator.k8s.io/v1beta2"))
    cluster.put("Pod", "small", spec={"containers": [{"name": "c"}]})
    assert cluster.pods() == {"Pod/bare": ["bare"], "Pod/driver": ["driver"]}
    said = {it.key.name: it.unsupported for it in cluster.inventory.state().workloads}
    assert said["bare"] == "a pod without an owner cannot be paused, for deleted it would be gone: reported only"
    assert said["driver"] == (
        "controlled by SparkApplication above, which Ebbtide does not know how to pause: reported only"
    )
    cluster.inventory.pods.remove("uid-bare", None)
    assert list(cluster.pods()) == ["Pod/driver"]


def test_what_was_told_of_before_its_owner_came_is_told_of_there(cluster: Cluster) -> None:
    top = cluster.put("JobSet", "set")
    cluster.put("Job", "part", **of(top, "JobSet", "jobset.x-k8s.io/v1alpha2"))
    assert list(cluster.pods()) == ["JobSet/set"]
    cluster.adopt("Job", "part")
    found = {it.key.name: it for it in cluster.inventory.state().workloads}
    assert (found["part"].part_of, found["set"].part_of) == ("JobSet/set", "")
    cluster.put("Pod", "p", **of("uid-part", "Job", "batch/v1"))
    assert cluster.pods() == {"JobSet/set": ["p"], "Job/part": []}, "no pod is of two workloads"
    again = {it.key.name: it for it in cluster.inventory.state().workloads}
    assert again["part"] is found["part"], "unchanged: the same object again"


def test_owners_in_a_circle_end(cluster: Cluster) -> None:
    cluster.put("JobSet", "a", **of("uid-b", "JobSet", "jobset.x-k8s.io/v1alpha2"))
    cluster.put("JobSet", "b", **of("uid-a", "JobSet", "jobset.x-k8s.io/v1alpha2"))
    assert cluster.pods() == {}


# -- what is known only from pods, or from before -----------------------------------------------------------------


def paused(document: Document, kind: str) -> Document:
    result: Document = merged(document, stop(document, LEVERS[kind], NOTE).patch)
    return result


def test_what_its_spec_does_not_say_its_pods_say_and_a_pause_does_not_forget_it(cluster: Cluster) -> None:
    uid = cluster.put("TrainJob", "llm", spec={"trainer": {}})
    assert cluster.inventory.state().workloads == [], "nobody knows yet that it needs accelerators"
    middle = cluster.put("JobSet", "llm-set", **of(uid, "TrainJob", "trainer.kubeflow.org/v1alpha1"))
    pod = cluster.put("Pod", "p", **of(middle, "JobSet", "jobset.x-k8s.io/v1alpha2"))
    first = cluster.only()
    assert (first.accelerators, first.accelerator_resource) == (2, "nvidia.com/gpu")
    assert cluster.only() is first, "unchanged: the same object again"
    cluster.inventory.pods.remove(pod, None)
    document = paused(stored(BY_KIND["TrainJob"], "llm"), "TrainJob")
    document["spec"]["trainer"] = {}
    known = BY_NAME["TrainJob"]
    cluster.inventory.kinds["TrainJob"].put(*decoder(known, known.resource)(json.dumps(document).encode()))
    assert cluster.only().accelerators == 1, "a policy for accelerated work must still select it"


# -- what KEDA scales ---------------------------------------------------------------------------------------------


def test_a_scaled_object_stands_for_what_it_scales(cluster: Cluster) -> None:
    deployment = cluster.put("Deployment", "work")
    cluster.put("Pod", "p", **of(cluster.replica_set("rs", deployment), "ReplicaSet", "apps/v1"))
    assert cluster.pods() == {"Deployment/work": ["p"]}
    cluster.put("ScaledObject", "scaler")
    assert cluster.pods() == {"ScaledObject/scaler": ["p"]}
    found = cluster.only()
    assert (found.accelerators, found.workers, found.kind_class) == (6, 3, KindClass.Serving)
    assert found.target is not None
    assert found.target.kind == "ScaledObject", "the lever is KEDA's"
    assert found.scaled is not None
    assert (found.scaled.kind, found.scaled.name) == ("Deployment", "work"), "people may speak on it"
    assert cluster.only() is found


def test_a_word_about_what_is_scaled_counts(cluster: Cluster) -> None:
    cluster.put("ScaledObject", "scaler", annotations={"ebbtide.dev/policy": "batch"})
    cluster.put("Deployment", "work", annotations={"ebbtide.dev/never-pause": "true"})
    found = cluster.only()
    assert (found.intent.never_pause, found.intent.policy_name) == (True, "CostPolicy/batch")
    assert cluster.inventory.workload(found.uid) == found, "asked again before a write, it is the same word"


PAUSED, RUNNING = ({"ebbtide.dev/override": word} for word in ("Paused", "Running"))
EARLIER, LATER = ({"ebbtide.dev/override-until": f"2026-11-{day}T00:00:00Z"} for day in (10, 30))
ENDS = 1_795_996_800.0
SPENT = Memory(override_until=NOW - 3600, override_request="Running")
WORDS: dict[str, tuple[dict[str, str], dict[str, str], tuple[Wish, float | None]]] = {
    "a start that is over, then a stop": ({**RUNNING, **EARLIER}, PAUSED, (Wish.Stop, None)),
    "a start that is over, then another": ({**RUNNING, **EARLIER}, {**RUNNING, **LATER}, (Wish.Run, ENDS)),
    "a stop that is over, then a start": ({**PAUSED, **EARLIER}, {**RUNNING, **LATER}, (Wish.Run, ENDS)),
    "a stop that is over": ({**PAUSED, **EARLIER}, {}, (Wish.Nothing, None)),
    "a start without end, then a stop": (RUNNING, PAUSED, (Wish.Stop, None)),
    "a start without end, then a stop with one": (RUNNING, {**PAUSED, **LATER}, (Wish.Stop, ENDS)),
    "a start without end, then one with an end": (RUNNING, {**RUNNING, **LATER}, (Wish.Run, ENDS)),
    "a start without end, then another": (RUNNING, RUNNING, (Wish.Run, NOW + 4 * 3600)),
    "a start and a stop that end together": ({**RUNNING, **LATER}, {**PAUSED, **LATER}, (Wish.Stop, ENDS)),
    "a stop with an end, then one without": ({**PAUSED, **LATER}, PAUSED, (Wish.Stop, None)),
    "the same": (PAUSED, PAUSED, (Wish.Stop, None)),
    "one alone": ({}, {**RUNNING, **LATER}, (Wish.Run, ENDS)),
}


@pytest.mark.parametrize(("first", "second", "want"), WORDS.values(), ids=WORDS)
def test_of_words_on_both_what_is_over_hides_nothing(
    cluster: Cluster, first: dict[str, str], second: dict[str, str], want: tuple[Wish, float | None]
) -> None:
    """Nobody takes an override away when its time is over, a Running without end neither: its four hours are spent."""
    for mine, other in ((first, second), (second, first)):
        cluster.put("ScaledObject", "scaler", annotations=mine)
        cluster.put("Deployment", "work", annotations=other)
        found = word(cluster.only().intent, SPENT, NOW)
        assert (found.wish, found.until) == want


def test_only_two_words_are_carried_as_two(cluster: Cluster) -> None:
    for mine, other in (({}, PAUSED), (PAUSED, {}), (PAUSED, PAUSED), ({**RUNNING, **LATER}, {**RUNNING, **LATER})):
        cluster.put("ScaledObject", "scaler", annotations=mine)
        cluster.put("Deployment", "work", annotations=other)
        assert cluster.only().intent.beside is None


def test_what_we_scaled_to_zero_ourselves_is_told_of_until_it_is_given_back(cluster: Cluster) -> None:
    document = paused(stored(BY_KIND["Deployment"]), "Deployment")
    cluster.inventory.deployments.put(*decode_deployment(json.dumps(document).encode()))
    cluster.put("ScaledObject", "scaler", annotations={"ebbtide.dev/override": "Paused"})
    found = {it.key.kind: it for it in cluster.inventory.state().workloads}
    assert found["Deployment"].part_of == ""
    assert found["ScaledObject"].unsupported == (
        "what it scales, Deployment work, is paused by its own lever: reported only"
    )


def test_a_scaled_object_of_something_unknown_has_no_pods(cluster: Cluster) -> None:
    ref = {"scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "work"}}
    cluster.put("ScaledObject", "scaler", spec=ref, annotations={"ebbtide.dev/override": "Paused"})
    cluster.put("Deployment", "work")
    assert cluster.pods() == {"Deployment/work": [], "ScaledObject/scaler": []}


# -- what may not be read -----------------------------------------------------------------------------------------


def test_work_of_a_kind_that_may_not_be_read_is_reported_by_its_pods(cluster: Cluster) -> None:
    uid = cluster.put("PyTorchJob", "known")
    cluster.put("Pod", "known-0", **of(uid, "PyTorchJob", "kubeflow.org/v1"))
    cluster.put("Pod", "unseen-0", **of("unseen", "PyTorchJob", "kubeflow.org/v1"))
    cluster.put("Deployment", "web")
    assert cluster.pods() == {"PyTorchJob/known": ["known-0"], "Deployment/web": []}
    cluster.inventory.denied = {"PyTorchJob": "not allowed to list and watch pytorchjobs.kubeflow.org"}
    assert cluster.pods() == {"PyTorchJob/known": ["known-0"], "Deployment/web": [], "Pod/unseen-0": ["unseen-0"]}
    for found in cluster.inventory.state().workloads:
        if found.key.kind == "Deployment":
            assert found.unsupported == ""
        else:
            assert found.unsupported_reason is Reason.PermissionDenied
            assert "not allowed to list and watch pytorchjobs.kubeflow.org" in found.unsupported


def test_a_kind_that_goes_takes_its_workloads_with_it_and_wakes_the_engine(cluster: Cluster) -> None:
    cluster.put("Notebook", "lab")
    cluster.woken.clear()
    cluster.inventory.drop("Notebook")
    assert (cluster.pods(), cluster.woken) == ({}, ["!"])
    cluster.inventory.serve("Notebook")
    cluster.put("Notebook", "lab")
    assert list(cluster.pods()) == ["Notebook/lab"]
