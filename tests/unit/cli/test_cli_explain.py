import copy
import json

import pytest

from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.fixture_objects import (
    DONE,
    IDLE,
    NEW,
    PAUSED,
    POLICY,
    UNPRICED,
    adopted_object,
    adopted_workload,
    annotated,
    condition,
)
from tests.unit.cli.golden_output import assert_golden


def page(*objects, name="resnet", **more):
    result = ebbtide(FakeCluster([*objects], **more), "explain", f"tjob/{name}")
    assert (result.code, result.err) == (0, "")
    return result.out


@pytest.mark.parametrize(
    ("golden", "job", "policy"),
    [
        ("explain-idle", IDLE, POLICY),
        ("explain-paused", PAUSED, POLICY),
        ("explain-finished", DONE, POLICY),
        ("explain-new", NEW, POLICY),
    ],
)
def test_the_page_looks_as_recorded(golden, job, policy):
    assert_golden(golden, page(job, policy, name=job["metadata"]["name"]))


def test_an_unpriced_job_without_policy_looks_as_recorded():
    name = UNPRICED["metadata"]["name"]
    result = ebbtide(FakeCluster([UNPRICED]), "explain", f"trainingjob/{name}", "-n", "speech-recognition-research")
    assert_golden("explain-unpriced", result.out)


@pytest.mark.parametrize("job", [IDLE, PAUSED, DONE, NEW])
def test_no_line_is_wider_than_120_columns(job):
    assert max(map(len, page(job, POLICY, name=job["metadata"]["name"]).splitlines())) <= 120


@pytest.mark.parametrize("word", ["trainingjob", "trainingjobs", "tjob", "TrainingJob", "trainingjobs.ebbtide.dev"])
def test_kinds_have_the_names_that_kubectl_knows(word):
    result = ebbtide(FakeCluster([IDLE]), "explain", f"{word}/resnet", "-o", "name")
    assert result.out == "trainingjob.ebbtide.dev/resnet\n"


def test_a_policy_that_may_not_be_read_is_named_all_the_same():
    text = page(IDLE, POLICY, unreadable=frozenset({"CostPolicy"}))
    assert "CostPolicy/batch; its numbers cannot be read with your rights, or it is gone" in text


def test_numbers_that_are_too_old_are_called_so():
    old = copy.deepcopy(IDLE)
    old["status"]["verdict"]["asOf"] = "2026-11-22T10:00:00Z"
    assert "older than they should be, the operator may be down; kubectl ebbtide check" in " ".join(page(old).split())


def test_the_humans_word_is_repeated():
    text = page(annotated(IDLE, override="Paused"))
    assert "A person asked for Paused, until that is taken back." in text


def test_a_switch_of_the_users_own_comes_first():
    off = copy.deepcopy(IDLE)
    off["spec"]["suspend"] = True
    text = page(off)
    assert "spec.suspend is true, which always wins: set it to false." in text
    assert "kubectl ebbtide pause" not in text


def test_observe_mode_says_what_would_have_been_done():
    watched = copy.deepcopy(IDLE)
    would = {"action": "Pause", "reason": "GPUIdle", "since": "2026-11-22T14:00:00.000Z"}
    watched["status"]["wouldBe"] = would
    watched["status"]["cost"] = {"hourly": "27.36", "currency": "USD"}
    sentence = "Observed only: would Pause (GPUIdle) since 14:00:00Z; that would give back 27.36 USD an hour."
    assert sentence in " ".join(page(watched).split())
    watched["status"]["cost"] = {"hourly": "-"}
    assert "Observed only: would Pause (GPUIdle) since 14:00:00Z." in page(watched), "no price is known"
    watched["status"] |= {"cost": {"hourly": "27.36", "currency": "USD"}, "wouldBe": {**would, "action": "Warn"}}
    assert "Observed only: would Warn (GPUIdle) since 14:00:00Z." in page(watched), "a warning gives nothing back"


def test_commands_are_called_as_the_user_called_this_one():
    result = ebbtide(FakeCluster([IDLE]), "explain", "tjob/resnet", program="ebbtide")
    assert "  ebbtide keep trainingjob/resnet -n vision --for 4h" in result.out
    assert "kubectl ebbtide" not in result.out


def test_a_workload_of_others_is_explained_from_what_the_operator_told():
    web = annotated(adopted_object("Deployment", "web"), keep_until="2026-11-22T20:00:00Z")
    status = {key: value for key, value in IDLE["status"].items() if key != "conditions"}
    status["policy"] = {"kind": "ClusterCostPolicy", "name": "fleet"}
    policy = {**POLICY, "kind": "ClusterCostPolicy", "metadata": {"name": "fleet"}}
    cluster = FakeCluster([web, adopted_workload("Deployment", "web", **status), policy])
    result = ebbtide(cluster, "explain", "deployment/web")
    assert (result.code, result.err) == (0, "")
    assert_golden("explain-adopted", result.out)
    assert json.loads(ebbtide(cluster, "explain", "deploy/web", "-o", "json").out)["kind"] == "AdoptedWorkload"


def test_a_workload_that_no_policy_selects_is_told_what_would_change_that():
    job = adopted_object("Job", "train")
    result = ebbtide(FakeCluster([job]), "explain", "job/train")
    assert result.out.startswith("job/train in vision: not judged yet.\n")
    assert "no policy selects it, or it asks for no accelerator" in " ".join(result.out.split())
    assert json.loads(ebbtide(FakeCluster([job]), "explain", "job/train", "-o", "json").out)["kind"] == "Job"


def test_a_pause_that_had_no_price_gives_back_nothing_that_could_be_told():
    unpriced = copy.deepcopy(PAUSED)
    del unpriced["status"]["pause"]["cost"]
    text = page(unpriced, POLICY, name="bert")
    assert "nothing now, it holds no GPU (it ran on Spot); total -" in text
    assert "judged again within 30 s" in text


def test_what_a_pause_that_is_over_gave_back_is_not_told_as_of_now():
    over = copy.deepcopy(PAUSED)
    over["status"]["pause"]["endTime"] = "2026-11-22T13:50:00.000Z"
    over["status"]["conditions"] = [condition("Paused", "False", "Running")]
    text = page(over, POLICY, name="bert")
    assert "gave back" not in text
    assert "Last paused from 2026-11-21 23:10:00Z to 13:50:00Z by Policy (GPUIdle)." in text


def test_json_is_the_api_object():
    assert json.loads(ebbtide(FakeCluster([IDLE]), "explain", "tjob/resnet", "-o", "json").out) == IDLE


def test_a_status_of_another_version_is_shown_as_far_as_it_is_understood():
    odd = {**NEW, "status": {"verdict": {"devices": ["?"], "spanSeconds": "x"}, "checks": [{}], "idle": []}}
    assert "brand-new" in page(odd, name="brand-new")


def told_as(job, kind, status, reason, message):
    changed = copy.deepcopy(job)
    conditions = [one for one in changed["status"]["conditions"] if one["type"] != kind]
    one = {"type": kind, "status": status, "reason": reason, "message": message}
    changed["status"]["conditions"] = [*conditions, one]
    return changed


def test_an_annotation_that_cannot_be_read_is_among_what_would_change_it():
    found = page(told_as(IDLE, "Accepted", "True", "InvalidAnnotation", "override 'Pausd' is not known"), POLICY)
    ways_out = found.partition("What would change it")[2]
    assert "Override 'Pausd' is not known. Correct the annotation that cannot be read" in ways_out


def test_workers_that_may_start_one_by_one_are_told_what_starts_them_together():
    found = page(told_as(IDLE, "Accepted", "True", "GangNotGuaranteed", "its 2 pods may start one by one"), POLICY)
    ways_out = found.partition("What would change it")[2]
    assert "Its 2 pods may start one by one. Name a Kueue queue or a gang scheduler" in ways_out


def test_a_receiver_that_nobody_knows_is_told_on_the_page_of_the_work():
    policy = copy.deepcopy(POLICY)
    policy["status"] = {"conditions": [{"type": "Accepted", "status": "True", "reason": "ReceiverNotFound"}]}
    assert "\n  Nobody is told beyond Events and conditions: correct notify.receiver of the policy" in page(
        IDLE, policy
    )


def test_a_missing_price_is_told_with_its_cause():
    found = page(told_as(IDLE, "Priced", "False", "CatalogOverlap", "two rows match gpu-0"), POLICY)
    assert "Two rows match gpu-0. Two equally specific PriceCatalog rows" in found
