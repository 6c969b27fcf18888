"""pause, resume and keep: one patch each, and a sentence about what follows."""

import copy
import json

import pytest

from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.fixture_objects import DONE, IDLE, PAUSED, adopted_object, adopted_workload, annotated, training_job


def patched(*arguments, job=IDLE, code=0):
    cluster = FakeCluster([job])
    result = ebbtide(cluster, *arguments)
    assert (result.code, result.err if code == 0 else "") == (code, "")
    ((resource, namespace, name, body),) = cluster.patches
    assert (resource, namespace, name) == ("trainingjobs.ebbtide.dev", "vision", job["metadata"]["name"])
    assert list(body) == ["metadata"]
    assert list(body["metadata"]) == ["annotations"]
    return body["metadata"]["annotations"], result.out


def test_pause_has_no_end_and_removes_the_one_of_an_earlier_resume():
    job = annotated(IDLE, override="Running", override_until="2026-11-22T18:00:00Z")
    annotations, out = patched("pause", "tjob/resnet", job=job)
    assert annotations == {"ebbtide.dev/override": "Paused", "ebbtide.dev/override-until": None}
    assert out == (
        "trainingjob.ebbtide.dev/resnet in vision: to be paused until you resume it.\n"
        "The operator stops it within seconds.\n"
        "To take it back: kubectl ebbtide resume trainingjob/resnet -n vision\n"
    )


def test_pause_for_a_while_has_an_end():
    annotations, out = patched("pause", "tjob/resnet", "--for", "90m")
    assert annotations["ebbtide.dev/override-until"] == "2026-11-22T15:33:42Z"
    assert "to be paused until 2026-11-22T15:33:42Z (1 h 30 min)." in out


def test_pause_warns_of_work_that_starts_over():
    _, out = patched("pause", "tjob/resnet", job={**IDLE, "spec": {"checkpoint": {"mode": "None"}}})
    assert "It writes no checkpoint (spec.checkpoint.mode None): it will start over." in out


def test_resume_ends_after_four_hours():
    annotations, out = patched("resume", "tjob/bert", job=PAUSED)
    assert annotations == {
        "ebbtide.dev/override": "Running",
        "ebbtide.dev/override-until": "2026-11-22T18:03:42Z",
    }
    assert "The operator starts it within seconds. Afterwards the policy applies again" in out


def test_resume_of_what_runs_says_that_it_keeps_running():
    _, out = patched("resume", "tjob/resnet", "--for", "1d")
    assert "to run until 2026-11-23T14:03:42Z (1 d), whatever the policy says.\nIt is not paused; it keeps" in out


def test_keep_writes_only_its_end():
    annotations, out = patched("keep", "tjob/resnet", "--for", "4h")
    assert annotations == {"ebbtide.dev/keep-until": "2026-11-22T18:03:42Z"}
    assert "kept until 2026-11-22T18:03:42Z (4 h)." in out


def test_keep_of_a_paused_one_says_that_it_starts_nothing():
    _, out = patched("keep", "tjob/bert", "--for", "4h", job=PAUSED)
    assert "It is paused now, and keeping starts nothing." in out


def test_the_object_or_its_name_can_be_had_instead():
    _, out = patched("keep", "tjob/resnet", "--for", "4h", "-o", "json")
    assert json.loads(out) == IDLE
    assert patched("keep", "tjob/resnet", "--for", "4h", "-o", "name")[1] == "trainingjob.ebbtide.dev/resnet\n"


OWNER = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "TrainingJob", "name": "resnet", "controller": True}
OWNED = adopted_object("Job", "resnet", ownerReferences=[OWNER])
SCALED = adopted_object("Deployment", "web", spec={"replicas": 0})
ENDED = adopted_object("Job", "train", status={"conditions": [{"type": "Complete", "status": "True"}]})
SUSPENDED = training_job("resnet", spec={"suspend": True})


@pytest.mark.parametrize(
    ("arguments", "job", "sentence"),
    [
        (["pause", "tjob/done"], DONE, "trainingjob/done has ended (JobCompleted): it holds no GPU any more"),
        (["resume", "tjob/done"], DONE, "trainingjob/done has ended (JobCompleted): it cannot run again."),
        (["keep", "tjob/done", "--for", "4h"], DONE, "there is nothing left to keep."),
        (["resume", "tjob/resnet"], SUSPENDED, "spec.suspend of trainingjob/resnet is true, and that always wins"),
        (["pause", "tjob"], IDLE, "'tjob' names no workload: write KIND/NAME, for example trainingjob/resnet or"),
        (["pause", "/x"], IDLE, "'/x' names no workload"),
        (["pause", "a/b/c"], IDLE, "'a/b/c' names no workload"),
        (["pause", "node/x"], IDLE, "'node' is no kind of workload"),
        (["pause", "tjob.example.com/x"], IDLE, "'tjob.example.com' is no kind of workload"),
        (["pause", "ds/web"], IDLE, "'ds' is no kind of workload"),
        (
            ["pause", "inferenceservers/web"],
            IDLE,
            "InferenceServer is not handled by this version yet: only TrainingJob",
        ),
        (["pause", "deployment.batch/web"], IDLE, "'deployment.batch' is no kind of workload"),
        (["pause", "job/resnet"], OWNED, "job/resnet belongs to trainingjob/resnet: name that instead."),
        (["resume", "deploy/web"], SCALED, "deployment/web has 0 replicas, and how many there were is not stored"),
        (["pause", "job/train"], ENDED, "job/train has ended (JobCompleted)"),
        (["pause", "tjob/resnet", "--for", "4"], IDLE, "'4' is not a length of time"),
        (["pause", "tjob/resnet", "--for", "-1h"], IDLE, "'-1h' is not a length of time"),
        (["pause", "tjob/resnet", "--for", "0s"], IDLE, "'0s' is no time at all"),
        (["pause", "tjob/resnet", "--for", "367d"], IDLE, "'367d' is more than a year"),
        (["keep", "tjob/resnet"], IDLE, "Missing option '--for'"),
        (["keep", "tjob/resnet", "--for", "4H"], IDLE, "'4H' is not a length of time"),
        (["resume"], IDLE, "Nothing to resume: write KIND/NAME, for example trainingjob/resnet, or --breaker."),
        (["resume", "tjob/resnet", "--breaker"], IDLE, "--breaker concerns the whole fleet"),
        (["resume", "--breaker", "--for", "4h"], IDLE, "--breaker concerns the whole fleet"),
    ],
)
def test_nonsense_is_refused_with_one_sentence_and_nothing_is_written(arguments, job, sentence):
    cluster = FakeCluster([job])
    result = ebbtide(cluster, *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
    assert cluster.patches == []


# -- workloads of others ------------------------------------------------------------------------------------------


def said_about(target, told, *arguments):
    """(what was written, what was printed) for an adopted workload; its own object is patched, never ours."""
    cluster = FakeCluster([target, *told])
    result = ebbtide(cluster, *arguments)
    assert (result.code, result.err) == (0, "")
    ((resource, namespace, name, body),) = cluster.patches
    plural = "jobs.batch" if target["kind"] == "Job" else "deployments.apps"
    assert (resource, namespace, name) == (plural, "vision", target["metadata"]["name"])
    return body["metadata"]["annotations"], result.out


WEB = adopted_object("Deployment", "web", spec={"replicas": 4})
TRAIN = adopted_object("Job", "train")


@pytest.mark.parametrize("word", ["deployment/web", "deployments/web", "deploy/web", "deployment.apps/web"])
def test_a_word_about_a_deployment_stands_on_the_deployment(word):
    annotations, out = said_about(WEB, [adopted_workload("Deployment", "web")], "pause", word)
    assert annotations == {"ebbtide.dev/override": "Paused", "ebbtide.dev/override-until": None}
    assert out.splitlines()[0] == "deployment.apps/web in vision: to be paused until you resume it."
    assert "checkpoint" not in out
    assert "To take it back: kubectl ebbtide resume deployment/web -n vision" in out


def test_a_job_without_checkpoint_is_warned_about_unless_it_says_that_it_has_one():
    _, out = said_about(TRAIN, [], "pause", "job/train")
    assert "It writes no checkpoint (annotation ebbtide.dev/checkpoint): it will start over." in out
    saves = annotated(TRAIN, checkpoint="Periodic:900")
    assert "checkpoint" not in said_about(saves, [], "pause", "job/train")[1]


def test_people_can_speak_about_what_no_policy_selects():
    annotations, out = said_about(TRAIN, [], "keep", "job.batch/train", "--for", "4h")
    assert annotations == {"ebbtide.dev/keep-until": "2026-11-22T18:03:42Z"}
    assert out.startswith("job.batch/train in vision: kept until")


def test_what_we_told_of_a_predecessor_of_the_name_is_not_believed():
    told = adopted_workload("Job", "train", uid="another", paused=True)
    assert "It is not paused; it keeps running." in said_about(TRAIN, [told], "resume", "job/train")[1]
    told = adopted_workload("Job", "train", paused=True)
    assert "The operator starts it within seconds." in said_about(TRAIN, [told], "resume", "job/train")[1]


def test_what_does_not_exist_is_no_bad_input_but_a_failure():
    result = ebbtide(FakeCluster(), "pause", "tjob/nobody")
    assert (result.code, result.err) == (1, "Error: There is no TrainingJob nobody in namespace vision.\n")


def test_the_breaker_is_reset_on_the_lease():
    lease = {"kind": "Lease", "metadata": {"name": "ebbtide-leader", "namespace": "ebbtide-system"}}
    cluster = FakeCluster([copy.deepcopy(lease)])
    result = ebbtide(cluster, "resume", "--breaker")
    assert result.code == 0
    body = {"metadata": {"annotations": {"ebbtide.dev/breaker-reset": "2026-11-22T14:03:42Z"}}}
    assert cluster.patches == [("leases.coordination.k8s.io", "ebbtide-system", "ebbtide-leader", body)]
    assert "idle pauses are allowed again from the next tick on" in result.out
