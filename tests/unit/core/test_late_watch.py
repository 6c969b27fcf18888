"""Status and lever lie on different objects: what one watch tells late must not undo what the other told in time."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.decision import Decision
from ebbtide.core.original import LATE_SECONDS
from ebbtide.core.reason import Reason
from ebbtide.core.status import workload_status
from ebbtide.core.workload import Intent, Memory, Restore, RestoreField, Target, Workload
from ebbtide.objects.views_status import memory
from tests.adopted import deployment, web
from tests.builders import HOUR, NOW, accepted, decide, job, pause_record, paused_job, restore, verbs, workload

NOTHING: frozenset[Verb] = frozenset()
SINCE = NOW - 20.0
PAUSED = Memory(pause=pause_record(since=SINCE, version="478"), conditions=(accepted(),))
OVER = Memory(pause=pause_record(since=SINCE - HOUR, ended_at=SINCE, version="478"), conditions=(accepted(),))
RUN = Intent(override="Running", override_until=NOW + HOUR)


def seen(version: str, **told: Any) -> Target:
    return job(resource_version=version, **told)


def pause_after(decision: Decision) -> dict[str, Any]:
    return workload_status(decision, done=NOTHING)["pause"]


def is_over(decision: Decision) -> bool:
    """It counts as started by somebody: at once, or with the note that says so."""
    return "endTime" in workload_status(decision, done=frozenset({Verb.Forget}))["pause"]


def test_a_job_seen_as_it_was_before_its_pause_counts_as_paused() -> None:
    decision = decide(workload(target=seen("402"), memory=PAUSED))
    assert verbs(decision) == []
    assert not is_over(decision)
    assert pause_after(decision)["countToday"] == 1


def test_its_original_stays_when_the_watch_has_caught_up() -> None:
    """What a late look must not lead to: an end in status, which makes the original look like an old copy."""
    stored_original = restore(at=SINCE)
    late = decide(workload(target=seen("402"), memory=PAUSED))
    told = memory({"pause": pause_after(late)})
    now = decide(workload(target=seen("478", suspended=True, restore=stored_original), memory=told))
    assert Verb.Forget not in {action.verb for action in now.actions}
    assert now.deciding is not Reason.RestoreStale


@pytest.mark.parametrize("version", ["478", "500", "not-a-number"])
def test_a_job_that_runs_in_a_later_version_was_started_by_somebody(version: str) -> None:
    decision = decide(workload(target=seen(version), memory=PAUSED))
    assert is_over(decision)


def test_without_a_version_it_is_taken_as_it_is_seen() -> None:
    unversioned = replace(PAUSED, pause=pause_record(since=SINCE))
    assert is_over(decide(workload(target=seen("402"), memory=unversioned)))


def test_versions_that_stay_lower_for_an_hour_come_from_a_backup() -> None:
    old = replace(PAUSED, pause=pause_record(since=NOW - LATE_SECONDS - 1, version="478"))
    assert is_over(decide(workload(target=seen("402"), memory=old)))


def test_a_human_is_heard_and_the_real_version_decides() -> None:
    decision = decide(workload(target=seen("402"), memory=PAUSED, intent=RUN))
    assert verbs(decision) == ["Resume"]


def test_a_job_seen_as_it_was_before_its_start_counts_as_started() -> None:
    """Else its old pause would be counted a second time, and its original be taken for a copy."""
    target = replace(paused_job(), resource_version="470")
    decision = decide(workload(target=target, memory=OVER))
    assert Verb.Forget not in {action.verb for action in decision.actions}
    assert pause_after(decision)["countToday"] == 1
    assert pause_after(decision)["endTime"]


def test_a_pause_found_on_the_job_alone_is_remembered_with_its_version() -> None:
    target = replace(paused_job(), resource_version="478")
    decision = decide(workload(target=target, memory=Memory(conditions=(accepted(),))))
    assert pause_after(decision)["resourceVersion"] == "478"


def adopted(version: str) -> Workload:
    fields = '[{"path":"/spec/replicas","was":4,"set":0}]'
    pause = pause_record(since=SINCE, version="478", original=fields)
    return web(target=deployment(resource_version=version), memory=Memory(pause=pause, verdict_as_of=NOW - 5))


def test_an_adopted_one_is_given_the_original_that_status_tells() -> None:
    decision = decide(adopted("402"))
    target = decision.ruled.situation.target
    assert target is not None
    assert isinstance(target.restore, Restore)
    assert target.restore.fields == (RestoreField("/spec/replicas", 4, was_present=True, set=0),)
    assert decision.deciding is not Reason.RestoreStale
    assert "endTime" not in pause_after(decision)
