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


def test_other_work_is_not_looked_at(read):
    assert read(*STORY, write(6, "mallory", {"spec": {}}, name="resnet")).problem == ""


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
