import csv
import io
import json

import pytest
import yaml

from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.fixture_objects import DONE, IDLE, NEW, PAUSED, UNPRICED, adopted_workload
from tests.unit.cli.golden_output import assert_golden

ALL = [UNPRICED, PAUSED, IDLE, DONE, NEW]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list", []),
        ("list-everywhere", ["-A"]),
        ("list-wide", ["-A", "-o", "wide"]),
        ("list-csv", ["-A", "-o", "csv"]),
    ],
)
def test_the_list_looks_as_recorded(name, arguments):
    result = ebbtide(FakeCluster(ALL), "list", *arguments)
    assert (result.code, result.err) == (0, "")
    assert_golden(name, result.out)


def test_a_table_never_gets_wider_than_120_columns_and_carries_no_colour():
    result = ebbtide(FakeCluster(ALL), "list", "-A")
    assert max(map(len, result.out.splitlines())) <= 120
    assert "\x1b" not in result.out


def names(*arguments, cluster=None):
    return ebbtide(cluster or FakeCluster(ALL), "list", "-o", "name", *arguments).out.split()


def test_the_namespace_is_the_contexts_unless_one_is_named():
    assert names() == [f"trainingjob.ebbtide.dev/{name}" for name in ("bert", "brand-new", "done", "resnet")]
    assert len(names("-A")) == 5
    assert len(names("-n", "speech-recognition-research")) == 1


def test_idle_and_paused_choose():
    assert names("--idle") == ["trainingjob.ebbtide.dev/resnet"]
    assert names("--paused") == ["trainingjob.ebbtide.dev/bert"]


def test_idle_and_paused_together_are_refused():
    result = ebbtide(FakeCluster(ALL), "list", "--idle", "--paused")
    assert result.code == 2
    assert "--idle and --paused exclude each other" in result.err


def test_json_and_yaml_are_the_api_objects():
    found = json.loads(ebbtide(FakeCluster(ALL), "list", "-o", "json").out)
    assert (found["kind"], found["apiVersion"]) == ("List", "v1")
    assert found["items"] == [PAUSED, NEW, DONE, IDLE]
    assert yaml.safe_load(ebbtide(FakeCluster(ALL), "list", "-o", "yaml").out) == found


def test_an_empty_list_says_where_it_looked_and_is_no_failure():
    result = ebbtide(FakeCluster(), "list")
    assert (result.code, result.out) == (0, "")
    assert result.err == "No workload found in vision namespace.\n"
    assert json.loads(ebbtide(FakeCluster(), "list", "-o", "json").out)["items"] == []


def test_csv_leaves_unknown_cells_empty():
    rows = list(csv.DictReader(io.StringIO(ebbtide(FakeCluster([UNPRICED]), "list", "-A", "-o", "csv").out)))
    assert (rows[0]["costPerHour"], rows[0]["gpus"], rows[0]["reason"]) == ("", "2", "InsufficientCoverage")


VERDICT = {"value": "Idle", "reason": "GPUIdle", "asOf": "2026-11-22T14:00:00Z"}


def test_our_own_kinds_and_those_of_others_stand_in_one_table():
    others = [adopted_workload("Deployment", "web", verdict=VERDICT), adopted_workload("Job", "bert", paused=True)]
    cluster = FakeCluster([*ALL, *others])
    assert_golden("list-adopted", ebbtide(cluster, "list").out)
    assert names("--idle", cluster=cluster) == ["trainingjob.ebbtide.dev/resnet", "deployment.apps/web"]
    assert names("--paused", cluster=cluster) == ["job.batch/bert", "trainingjob.ebbtide.dev/bert"]


def test_a_status_of_another_version_is_shown_as_far_as_it_is_understood():
    odd = {**NEW, "status": {"verdict": "?", "conditions": "none", "cost": {"hourly": 3}, "gpus": None}}
    result = ebbtide(FakeCluster([odd]), "list")
    assert result.code == 0
    assert "brand-new" in result.out
