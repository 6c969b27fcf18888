import json
from pathlib import Path

import pytest

from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.sim.sim_world import busy, catalog, node, policy, ref, scenario, training_job

QUICK = {"seconds": 600}


def write(folder: Path, name: str = "s.yaml", **spec) -> str:
    made = scenario(node(), catalog(), policy(), training_job(), activity=[busy()], **(QUICK | spec))
    path = folder / name
    path.write_text(json.dumps(made), encoding="utf-8")
    return str(path)


RIGHT = [{"at": 540, "workload": ref(), "verdict": "Active"}, {"total": "gpuHours", "equals": "0.166667"}]
WRONG = [
    {"at": 540, "workload": ref(), "verdict": "Idle"},
    {"action": "Pause", "count": 1},
    {"total": "cost", "equals": None},
]


def test_expectations_that_hold_exit_with_0(tmp_path):
    result = ebbtide(FakeCluster(), "simulate", "-f", write(tmp_path, expect=RIGHT))
    assert result.code == 0
    assert "All 2 expectations hold." in result.out
    assert "ml/TrainingJob/t" in result.out


def test_one_that_fails_exits_with_1_and_says_what_was_found(tmp_path):
    result = ebbtide(FakeCluster(), "simulate", "-f", write(tmp_path, expect=WRONG))
    assert result.code == 1
    assert "FAILED  at: 540, workload: ml/TrainingJob/t, verdict: Idle - found verdict: Active" in result.out
    assert "FAILED  action: Pause, count: 1 - found 0" in result.out
    assert "FAILED  total: cost, equals: null - found 1.146667" in result.out
    assert "3 of 3 expectations failed." in result.out


def test_a_file_that_cannot_be_read_exits_with_2_and_one_sentence(tmp_path):
    result = ebbtide(FakeCluster(), "simulate", "-f", write(tmp_path, tickSecond=5))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"Error: {tmp_path}/s.yaml: spec.tickSecond: unknown field; known here: ")


def test_an_event_that_cannot_be_done_exits_with_2(tmp_path):
    gone = [{"at": 60, "delete": {"kind": "Pod", "namespace": "ml", "name": "t-9"}}]
    result = ebbtide(FakeCluster(), "simulate", "-f", write(tmp_path, events=gone))
    assert result.code == 2
    assert "spec.events[0].delete: there is no Pod ml/t-9 at 60 s" in result.err


def test_several_files_give_a_list_in_their_order(tmp_path):
    first, second = write(tmp_path, "a.yaml", expect=RIGHT), write(tmp_path, "b.yaml", expect=WRONG)
    result = ebbtide(FakeCluster(), "simulate", "-f", first, second, "-o", "json")
    assert result.code == 1
    passed = [[it["passed"] for it in one["expectations"]] for one in json.loads(result.out)]
    assert passed == [[True, True], [False, False, False]]


def test_without_a_file_it_says_what_to_give():
    result = ebbtide(FakeCluster(), "simulate")
    assert (result.code, result.err) == (2, "Error: No scenario is given: name a file with -f FILE.\n")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    assert "it cannot be read: No such file" in ebbtide(FakeCluster(), "simulate", "-f", "/none.yaml").err
    assert "it cannot be read: Is a directory" in ebbtide(FakeCluster(), "simulate", "-f", str(tmp_path)).err


def test_what_has_no_price_is_shown_as_such(tmp_path):
    other = {"node.kubernetes.io/instance-type": "other"}
    made = scenario(node(labels=other), catalog(), training_job(), **QUICK)
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps(made), encoding="utf-8")
    result = ebbtide(FakeCluster(), "simulate", "-f", str(path))
    assert "Some nodes have no price: the sums are without them." in result.out
    shown = json.loads(ebbtide(FakeCluster(), "simulate", "-f", str(path), "-o", "json").out)[0]["costs"]
    assert shown["workloads"][0]["cost"] is None
    assert (shown["workloads"][0]["gpuHours"], shown["unpriced"], shown["total"]) == ("0.166667", True, "0")


@pytest.mark.parametrize("path", ["/no/such/folder/page.html"])
def test_a_page_that_cannot_be_written_is_told(tmp_path, path):
    result = ebbtide(FakeCluster(), "simulate", "-f", write(tmp_path), "--html", path)
    assert result.code == 2
    assert result.err.startswith(f"Error: The page cannot be written to {path}: ")
