"""Commands about every kind of workload, by its name, its plural or with its group."""

import json

import pytest

from ebbtide.api.labels import RESTORE
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.kinds import LEVERS
from ebbtide.objects.levers.patches import Note, stop
from tests.kinds import SAMPLES
from tests.merge_patch import merged
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.memory_api import MemoryApi

STOPPABLE = [it for it in SAMPLES if it.lever]


class Serving:
    """Tells which resources a group and version has."""

    def __init__(self, *api_versions):
        self.api_versions = api_versions

    async def get_path(self, path):
        if path.removeprefix("/apis/") not in self.api_versions:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return {"resources": [{"name": it.plural} for it in SAMPLES]}


def stored(sample, **metadata):
    document = sample.manifest(namespace="vision", **metadata)
    document["metadata"]["uid"] = "uid-work"
    return document


@pytest.mark.parametrize("sample", STOPPABLE, ids=lambda it: it.kind)
@pytest.mark.parametrize("form", ["{kind}", "{plural}", "{own}.{group}", "{kinds}"])
def test_people_pause_it_by_any_of_its_names(sample, form):
    group = sample.api_version.rpartition("/")[0]
    word = form.format(kind=sample.kind.lower(), plural=sample.plural, own=sample.own_kind.lower(), group=group,
                       kinds=f"{sample.kind}s")  # fmt: skip
    cluster = FakeCluster([stored(sample)], server=Serving(sample.api_version))
    result = ebbtide(cluster, "pause", f"{word}/work")
    assert (result.code, result.err) == (0, "")
    [(resource, namespace, name, body)] = cluster.patches
    assert (resource, namespace, name) == (f"{sample.plural}.{group}", "vision", "work")
    assert body["metadata"]["annotations"]["ebbtide.dev/override"] == "Paused"
    assert f"resume {sample.kind.lower()}/work -n vision" in result.out


@pytest.mark.parametrize("sample", [it for it in SAMPLES if not it.lever], ids=lambda it: it.kind)
def test_what_has_no_lever_is_refused_with_the_reason_and_can_be_explained(sample):
    cluster = FakeCluster([stored(sample)])
    result = ebbtide(cluster, "pause", f"{sample.kind.lower()}/work")
    assert (result.code, cluster.patches) == (2, [])
    assert f"{sample.kind.lower()}/work is reported only: " in result.err
    assert ebbtide(cluster, "explain", f"{sample.kind.lower()}/work").code == 0


def test_what_is_part_of_another_workload_is_named_by_that():
    job = next(it for it in SAMPLES if it.kind == "Job")
    for version, kind, named in (
        ("jobset.x-k8s.io/v1alpha2", "JobSet", "job/work belongs to jobset/big: name that instead."),
        ("batch.volcano.sh/v1alpha1", "Job", "job/work belongs to volcanojob/big: name that instead."),
    ):
        owner = {"apiVersion": version, "kind": kind, "name": "big", "uid": "x", "controller": True}
        result = ebbtide(FakeCluster([stored(job, ownerReferences=[owner])]), "pause", "job/work")
        assert (result.code, named in result.err) == (2, True)
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "x", "controller": True}
    assert ebbtide(FakeCluster([stored(job, ownerReferences=[cron])]), "pause", "job/work").code == 0


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.ended and it.lever], ids=lambda it: it.kind)
def test_what_has_ended_is_not_paused(sample):
    cluster = FakeCluster([{**stored(sample), "status": sample.ended}], server=Serving(sample.api_version))
    result = ebbtide(cluster, "pause", f"{sample.kind.lower()}/work")
    assert (result.code, cluster.patches) == (2, [])
    assert "has ended (JobCompleted)" in result.err


@pytest.mark.parametrize("sample", STOPPABLE, ids=lambda it: it.kind)
def test_release_gives_it_back_exactly(sample):
    before = stored(sample)
    note = Note(1_795_365_436.0, "Policy", "CostPolicy/batch", "GPUIdle")
    paused = merged(before, stop({**before, "metadata": {**before["metadata"], "resourceVersion": "1"}},
                                  LEVERS[sample.kind], note).patch)  # fmt: skip
    assert RESTORE in paused["metadata"]["annotations"]
    api = MemoryApi().put(paused)
    result = ebbtide(FakeCluster(server=api), "release")
    assert (result.code, result.out) == (0, "1 released.\n")
    after = api.objects[sample.own_kind, "vision", "work"]
    words = {key: text for key, text in after["metadata"]["annotations"].items() if "override" not in key}
    assert (after["spec"], words) == (before["spec"], before["metadata"]["annotations"])


def test_an_older_version_is_spoken_to_where_only_that_is_served():
    sample = next(it for it in SAMPLES if it.kind == "MPIJob")
    document = {**stored(sample), "apiVersion": "kubeflow.org/v2beta1"}
    cluster = FakeCluster([document], server=Serving("kubeflow.org/v2beta1"))
    result = ebbtide(cluster, "explain", "mpijob/work", "-o", "json")
    assert json.loads(result.out)["apiVersion"] == "kubeflow.org/v2beta1"
