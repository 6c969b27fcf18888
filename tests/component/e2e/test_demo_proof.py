"""What the demo says of its audit log: what was written to the work, and nothing that was not counted."""

import json
import re
from pathlib import Path

import pytest

from e2e.demo import proof, story
from e2e.plane.audit import AuditLog

OPERATOR, USER = "system:serviceaccount:tide:tide", "ada@example.com"
README = Path(__file__).parents[3] / "README.md"
OVERRIDE = {"metadata": {"annotations": {"ebbtide.dev/override": "Running"}}}
GIVES_UP = {"metadata": {"managedFields": [], "resourceVersion": "7", "uid": "u"}}


SUSPENDS, RESUMES = {"spec": {"suspend": True}}, {"spec": {"suspend": False}}


def write(at, user=OPERATOR, body=None, *, resource="jobs", name="segmentation", verb="patch", subresource=""):
    return {
        "verb": verb,
        "stage": "ResponseComplete",
        "user": {"username": user},
        "requestURI": "/apis",
        "objectRef": {"resource": resource, "namespace": "vision", "name": name, "subresource": subresource},
        "responseStatus": {"code": 200},
        "requestObject": body,
        "requestReceivedTimestamp": f"2026-01-01T00:00:{at:02}.000000Z",
        "stageTimestamp": f"2026-01-01T00:00:{at:02}.500000Z",
    }


CREATED = [write(0, USER, resource="trainingjobs", verb="create"), write(1, verb="create")]
STORY = [
    *CREATED,
    write(2, body={"spec": {"suspend": True}}),
    write(3, body={"status": {}}, resource="trainingjobs", subresource="status"),
    write(4, USER, OVERRIDE, resource="trainingjobs"),
    write(5, body={"spec": {"suspend": False}}),
]
STRANGE = {
    "a write of somebody else": write(6, "mallory", {"spec": {"suspend": True}}),
    "a write of the operator that changes more": write(6, body={**GIVES_UP, "spec": {"parallelism": 2}}),
    "a deletion": write(6, USER, verb="delete"),
    "a second word of the user that takes it back": write(
        6, USER, {"metadata": {"annotations": {}}}, resource="trainingjobs"
    ),
}


@pytest.fixture
def read(tmp_path):
    def found(*events):
        path = tmp_path / "audit.log"
        path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in events), encoding="utf-8")
        return proof.read(AuditLog(path), OPERATOR, USER, ("vision", "segmentation"))

    return found


def test_three_writes_and_status_are_told_as_such(read):
    found = read(*STORY)
    assert found.problem == ""
    assert found.told == "One pause, one word of the user, one resume; else only status."


def test_what_the_operator_gives_up_afterwards_is_counted(read):
    found = read(*STORY, write(6, body=GIVES_UP))
    assert found.problem == ""
    assert found.told.endswith("; else only the operator's 1 PATCH of managedFields, and status.")


@pytest.mark.parametrize("more", STRANGE.values(), ids=STRANGE)
def test_anything_else_is_a_problem(read, more):
    assert read(*STORY, more).problem.startswith("something else touched the work: ")


BESIDES = {
    "the operator suspends busy work": (
        write(6, body=SUSPENDS, name="resnet"),
        f"PATCH jobs/resnet in vision by {OPERATOR} (spec.suspend = true)",
    ),
    "the operator starts other work": (
        write(6, body=RESUMES, name="ablation"),
        f"PATCH jobs/ablation in vision by {OPERATOR} (spec.suspend = false)",
    ),
    "the operator suspends by a JSON patch": (
        write(6, body=[{"op": "replace", "path": "/spec/suspend", "value": True}], name="resnet"),
        f"PATCH jobs/resnet in vision by {OPERATOR} (spec.suspend = true)",
    ),
    "the operator suspends the TrainingJob itself": (
        write(6, body=SUSPENDS, resource="trainingjobs", name="resnet"),
        f"PATCH trainingjobs/resnet in vision by {OPERATOR} (spec.suspend = true)",
    ),
    "the operator replaces other work": (
        write(6, body={"spec": {"suspend": True, "parallelism": 1}}, name="resnet", verb="update"),
        f"UPDATE jobs/resnet in vision by {OPERATOR} (spec.suspend = true)",
    ),
    "the operator scales": (
        write(6, body={"spec": {"replicas": 0}}, resource="deployments", name="web", subresource="scale"),
        f"PATCH deployments/scale/web in vision by {OPERATOR}",
    ),
    "the operator evicts": (
        write(6, resource="pods", name="resnet-0", verb="create", subresource="eviction"),
        f"CREATE pods/eviction/resnet-0 in vision by {OPERATOR}",
    ),
    "the operator deletes": (
        write(6, resource="pods", name="resnet-0", verb="delete"),
        f"DELETE pods/resnet-0 in vision by {OPERATOR}",
    ),
    "somebody suspends other work": (
        write(6, "mallory", SUSPENDS, name="resnet"),
        "PATCH jobs/resnet in vision by mallory (spec.suspend = true)",
    ),
    "the user says a word to other work": (
        write(6, USER, OVERRIDE, resource="trainingjobs", name="resnet"),
        f"PATCH trainingjobs/resnet in vision by {USER}",
    ),
    "somebody takes a word back": (
        write(6, "mallory", {"metadata": {"annotations": {"ebbtide.dev/override": None}}}, name="resnet"),
        "PATCH jobs/resnet in vision by mallory",
    ),
    "a deletion of other work": (
        write(6, USER, resource="trainingjobs", name="resnet", verb="delete"),
        f"DELETE trainingjobs/resnet in vision by {USER}",
    ),
}


@pytest.mark.parametrize(("more", "named"), BESIDES.values(), ids=BESIDES)
def test_other_work_that_is_touched_is_named_with_its_writer(read, more, named):
    assert read(*STORY, more).problem == f"something else touched the work: {named}"


HARMLESS = {
    "labels of other work": write(6, body={"metadata": {"labels": {"ebbtide.dev/team": "vision"}}}, name="resnet"),
    "labels of pods": write(6, body={"metadata": {"labels": {"a": "b"}}}, resource="pods", name="resnet-0"),
    "what it gives up of other work": write(6, body=GIVES_UP, name="resnet"),
    "status of other work": write(6, body=SUSPENDS, name="resnet", verb="update", subresource="status"),
    "a Job that is created suspended": write(6, body=SUSPENDS, name="later", verb="create"),
    "its own Lease": write(6, body={"spec": {"holderIdentity": "me"}}, resource="leases", name="ebbtide-leader"),
    "a pod that its controller deletes": write(6, "job-controller", resource="pods", name="p", verb="delete"),
    "a Deployment of somebody's": write(6, "ann", {"spec": {"replicas": 0}}, resource="deployments", name="web"),
}


@pytest.mark.parametrize("more", HARMLESS.values(), ids=HARMLESS)
def test_what_turns_no_lever_of_other_work_is_not_counted(read, more):
    found = read(*STORY, more)
    assert found.problem == ""
    assert found.told.endswith("; else only status.")


def test_a_pause_of_other_work_in_place_of_the_storys_is_told_with_both(read):
    one, two, _, *rest = STORY
    problem = read(one, two, write(2, body=SUSPENDS, name="resnet"), *rest).problem
    assert problem.startswith("expected one suspending, one override and one un-suspending PATCH, found (0, 1, 1): ")
    assert (
        f"something else touched the work: PATCH jobs/resnet in vision by {OPERATOR} (spec.suspend = true)" in problem
    )


def test_each_of_too_many_is_named(read):
    assert read(*STORY, write(6, body=SUSPENDS)).problem == (
        "expected one suspending, one override and one un-suspending PATCH, found (2, 1, 1): "
        f"PATCH jobs/segmentation in vision by {OPERATOR} (spec.suspend = true), "
        f"PATCH jobs/segmentation in vision by {OPERATOR} (spec.suspend = true), "
        f"PATCH trainingjobs/segmentation in vision by {USER}, "
        f"PATCH jobs/segmentation in vision by {OPERATOR} (spec.suspend = false)"
    )


def test_nothing_at_all_is_a_problem(read):
    assert read(*CREATED).problem.endswith("found (0, 0, 0): none")


IDLE = {"verdict": {"value": "Idle"}, "gpus": 2}
KEEPS = "ablation should keep the {} GPUs that it had when all jobs ran; now it has {} in {} pods and its Job is {}"
NOT_KEPT = {
    "it is busy": ((2, {"verdict": {"value": "Active"}}, {}, 1), "ablation should be Idle as well, and it is Active"),
    "it was never judged": ((2, {"gpus": 2}, {}, 1), "ablation should be Idle as well, and it is not judged"),
    "it lost one": ((2, {**IDLE, "gpus": 1}, {}, 1), KEEPS.format(2, 1, 1, "not suspended")),
    "it was paused": ((2, IDLE, {"suspend": True}, 0), KEEPS.format(2, 2, 0, "suspended")),
    "its pods are gone": ((2, IDLE, {}, 0), KEEPS.format(2, 2, 0, "not suspended")),
    "it had none": ((0, {**IDLE, "gpus": 0}, {}, 1), KEEPS.format(0, 0, 1, "not suspended")),
}


@pytest.mark.parametrize(("seen", "sentence"), NOT_KEPT.values(), ids=NOT_KEPT)
def test_idle_work_that_lost_what_it_had_is_a_problem(seen, sentence):
    held, status, spec, pods = seen
    assert story.not_kept("ablation", held, status, {"spec": spec}, pods) == sentence


def test_idle_work_that_holds_what_it_had_is_none():
    assert story.not_kept("ablation", 2, IDLE, {"spec": {"suspend": False}}, 1) == ""


def test_the_run_in_the_readme_ends_as_the_story_does(read):
    """The block is from a run; what the story says word by word must still be what it says."""
    shown = README.read_text(encoding="utf-8").split("<!-- demo: begin -->")[1].split("<!-- demo: end -->")[0]
    lines = [re.sub(r"^\d\d:\d\d  ", "", line) for line in shown.splitlines()]
    assert read(*STORY).told in lines
    assert max(map(len, shown.splitlines())) <= 120
    source = Path(story.__file__).read_text(encoding="utf-8")
    for sentence in (
        "What the API server wrote down: its audit log",
        "What undoes it is on the Job itself, put there by",
    ):
        assert sentence in source
        assert any(line.startswith(sentence) for line in lines)
