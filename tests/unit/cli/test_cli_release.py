"""release: what is found, in which order it starts, and what keeps it from being stopped again."""

import asyncio
import json

import pytest

from ebbtide.cli import reference
from ebbtide.cli.release import pace as pacing
from ebbtide.cli.release.lead import PREFIX, SECONDS, Lead, may_lead_seconds
from ebbtide.cli.release.pace import Pace, paced
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.kinds import LEVERS
from tests.unit.cli.fake_cluster import NOW, FakeCluster, ebbtide
from tests.unit.cli.memory_api import MemoryApi

UNTIL = "2026-11-22T18:03:42Z"
RUN = {"ebbtide.dev/override": "Running", "ebbtide.dev/override-until": UNTIL}


def original(name, *, kind="Job", was=False, by="Policy", at="2026-11-22T12:03:42Z", **more):
    note = {"v": 1, "kind": kind, "name": name, "at": at, "by": by, "policy": "CostPolicy/batch", "reason": "GPUIdle"}
    return json.dumps({**note, "fields": [{"path": "/spec/suspend", "was": was, "set": True}], **more})


def job(name, *, suspend=True, annotations=None, owners=(), namespace="vision", status=None, **meta):
    metadata = {"name": name, "namespace": namespace, "annotations": dict(annotations or {}), **meta}
    metadata["ownerReferences"] = list(owners)
    spec = {"suspend": suspend}
    return {"kind": "Job", "apiVersion": "batch/v1", "metadata": metadata, "spec": spec, "status": status or {}}


def paused(name, **more):
    words = {"ebbtide.dev/restore": original(name), **more.pop("annotations", {})}
    return job(name, annotations=words, **more)


def training_job(name, *, namespace="vision", status=None, annotations=None, **spec):
    metadata = {"name": name, "namespace": namespace, "uid": f"tj-{name}", "annotations": dict(annotations or {})}
    version = "ebbtide.dev/v1alpha1"
    return {"kind": "TrainingJob", "apiVersion": version, "metadata": metadata, "spec": spec, "status": status or {}}


def of(name):
    owner = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "TrainingJob", "name": name, "uid": f"tj-{name}"}
    return [{**owner, "controller": True}]


JOB_SET = [{"apiVersion": "jobset.x-k8s.io/v1", "kind": "JobSet", "name": "s", "uid": "set", "controller": True}]
CRON = [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "cron", "controller": True}]


def release(api, *arguments, code=0):
    result = ebbtide(FakeCluster(server=api), "release", *arguments)
    assert result.code == code, result
    return result


def stored(api, name, kind="Job", namespace="vision"):
    return api.objects[kind, namespace, name]


def annotations(api, name, kind="Job"):
    return stored(api, name, kind)["metadata"].get("annotations") or {}


# -- what is found ------------------------------------------------------------------------------------------------


def test_a_paused_job_runs_again_with_the_word_that_keeps_it_running_in_one_patch():
    api = MemoryApi().put(paused("a", managedFields=[{"manager": "ebbtide"}, {"manager": "ada"}]))
    result = release(api)
    assert result.out == "1 released.\n"
    assert result.err == "[1/1] job/a in vision: released, paused 2 h ago by Policy (GPUIdle)\n"
    assert stored(api, "a")["spec"]["suspend"] is False
    assert annotations(api, "a") == RUN
    lever, own_nothing = [body for _, _, body in api.patches]
    assert lever == {
        "metadata": {"resourceVersion": "1", "annotations": {"ebbtide.dev/restore": None, **RUN}},
        "spec": {"suspend": False},
    }
    assert own_nothing["metadata"]["managedFields"] == [{"manager": "ada"}]
    assert [(one["reason"], one["regarding"]["name"]) for one in api.created] == [("Released", "a")]


def test_the_job_of_a_training_job_runs_after_its_owner_was_told():
    api = MemoryApi().put(paused("a", owners=of("a")), training_job("a"))
    assert "trainingjob/a in vision: released" in release(api).err
    assert [(name, manager) for name, manager, _ in api.patches] == [
        ("TrainingJob/a", "kubectl-ebbtide"),
        ("Job/a", "ebbtide"),
    ]
    assert annotations(api, "a", "TrainingJob") == RUN
    assert annotations(api, "a") == {}
    assert api.created[0]["regarding"]["kind"] == "TrainingJob"


def queued(job_name):
    """Kueue's Workload of a Job, paused by Ebbtide."""
    fields = [{"path": "/spec/active", "was": True, "set": False}]
    name = f"job-{job_name}-1"
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job_name,
        "uid": f"uid-Job-{job_name}",
        "controller": True,
    }
    words = {"ebbtide.dev/restore": original(name, kind="Workload", fields=fields)}
    meta = {"name": name, "namespace": "vision", "annotations": words, "ownerReferences": [owner]}
    return {"kind": "Workload", "apiVersion": "kueue.x-k8s.io/v1beta2", "metadata": meta, "spec": {"active": False}}


def test_what_runs_through_kueue_goes_back_into_its_queue_and_the_word_stands_on_the_job():
    api = MemoryApi().put(job("a"), queued("a"))
    assert "job/a in vision: released, paused 2 h ago by Policy (GPUIdle)" in release(api).err
    entry = stored(api, "job-a-1", "Workload")
    assert entry["spec"] == {"active": True}
    assert annotations(api, "job-a-1", "Workload") == {}
    assert annotations(api, "a") == RUN
    assert stored(api, "a")["spec"]["suspend"] is True, "that is Kueue's"
    assert api.created[0]["regarding"]["name"] == "a"


def test_a_training_job_in_a_queue_is_told_and_its_own_switch_stays():
    mine = training_job("a", status={"jobName": "a"})
    api = MemoryApi().put(job("a", owners=of("a")), queued("a"), mine)
    assert "trainingjob/a in vision: released" in release(api).err
    assert annotations(api, "a", "TrainingJob") == RUN
    api = MemoryApi().put(
        job("a", owners=of("a")), queued("a"), training_job("a", status={"jobName": "a"}, suspend=True)
    )
    release(api)
    assert stored(api, "job-a-1", "Workload")["spec"] == {"active": False}


def test_what_is_held_before_its_start_starts():
    held = job("a", annotations={"ebbtide.dev/hold": "true"}, owners=CRON)
    api = MemoryApi().put(held)
    assert "started, it was held before its start" in release(api).err
    assert stored(api, "a")["spec"]["suspend"] is False
    assert annotations(api, "a") == RUN


def test_a_humans_pause_through_ebbtide_is_released_too():
    words = {"ebbtide.dev/override": "Paused", "ebbtide.dev/restore": original("a", by="User")}
    api = MemoryApi().put(job("a", annotations=words))
    assert "paused 2 h ago by User" in release(api).err
    assert annotations(api, "a") == RUN


@pytest.mark.parametrize(
    "untouched",
    [
        job("a"),
        job("a", suspend=False),
        job("a", suspend=False, annotations={"ebbtide.dev/hold": "true"}),
        job("a", annotations={"ebbtide.dev/hold": "false"}),
        paused("a", owners=JOB_SET),
        job("a", annotations={"ebbtide.dev/restore": original("b")}),
        job("a", annotations={"ebbtide.dev/hold": "true"}, labels={"kueue.x-k8s.io/queue-name": "q"}),
        paused("a", deletionTimestamp="2026-11-22T12:03:42Z"),
        paused("a", status={"conditions": [{"type": "Failed", "status": "True"}]}),
        job("a", suspend=False, annotations={"ebbtide.dev/restore": "{"}),
    ],
    ids=[
        "a user's",
        "running",
        "held and started",
        "hold false",
        "below a stranger",
        "a copy",
        "queued",
        "going",
        "over",
        "unreadable and running",
    ],
)
def test_what_is_not_paused_by_us_is_not_touched(untouched):
    api = MemoryApi().put(untouched)
    assert release(api).out == "Nothing is paused or held by Ebbtide in vision namespace.\n"
    assert api.patches == []


def test_an_original_that_no_longer_describes_its_object_is_tidied_away():
    api = MemoryApi().put(paused("a", suspend=False))
    assert "runs already, its old mark was removed" in release(api).err
    assert annotations(api, "a") == {}


def test_spec_suspend_of_its_owner_stays_the_owners():
    api = MemoryApi().put(paused("a", owners=of("a")), training_job("a", suspend=True), paused("b"))
    result = release(api)
    assert result.out == "1 released, 1 left to their owners.\n"
    assert "trainingjob/a in vision: left to its owner: spec.suspend of trainingjob/a is true" in result.err
    assert stored(api, "a")["spec"]["suspend"] is True


def test_only_the_namespace_asked_for_is_released():
    api = MemoryApi().put(paused("a"), paused("b", namespace="speech"))
    release(api, "-n", "speech")
    assert stored(api, "a")["spec"]["suspend"] is True
    assert stored(api, "b", namespace="speech")["spec"]["suspend"] is False
    assert release(api, "-A").out == "1 released.\n"


def test_every_page_is_read_and_a_list_that_took_too_long_is_begun_again():
    api = MemoryApi().put(*(paused(f"a{number}") for number in range(5)))
    gone = [ApiError(410, "Expired", "the continue parameter is too old")]
    api.refusals.append(lambda verb, plural, _: gone.pop() if (verb, plural) == ("list", "jobs") and gone else None)
    assert release(api).out == "5 released.\n"


# -- order and pace -----------------------------------------------------------------------------------------------


def test_the_least_slack_comes_first():
    api = MemoryApi().put(
        paused("late", annotations={"ebbtide.dev/deadline": "2026-11-22T14:00:00Z"}),
        paused("soon", annotations={"ebbtide.dev/deadline": "2026-11-22T20:03:42Z"}),
        paused("busy", owners=of("busy")),
        training_job("busy", deadline="2026-11-23T14:03:42Z", expectedSeconds=23 * 3600),
        paused("half", owners=of("half")),
        training_job("half", deadline="2026-11-23T14:03:42Z", expectedSeconds=23 * 3600,
                     status={"accrued": {"durableSeconds": 20 * 3600}}),
        paused("any"),
        job("older", annotations={"ebbtide.dev/restore": original("older", at="2026-11-20T12:03:42Z")}),
    )  # fmt: skip
    result = release(api, "--dry-run")
    rows = [line.split() for line in result.out.splitlines()[1:-1]]
    assert [row[1].split("/")[1] for row in rows] == ["late", "busy", "soon", "half", "older", "any"]
    assert " ".join(rows[0]).endswith("late by 3 min 42 s")
    assert [" ".join(row[-2:]) for row in rows[1:4]] == ["1 h", "6 h", "21 h"]
    assert api.patches == []
    assert result.out.endswith("6 would be released. Nothing was changed.\n")


def test_at_most_twenty_start_in_any_minute_unless_time_is_short():
    assert (Pace().seconds(20), Pace().seconds(21), Pace().seconds(100)) == (0, 60, 240)
    assert Pace.within(80, 240).per_minute == 20
    assert Pace.within(5000, 240).seconds(5000) == pytest.approx(240)
    assert Pace.within(5000, 240).per_minute == 1245
    assert Pace.within(3, 1).seconds(3) == 0


async def test_between_groups_of_twenty_there_is_a_break():
    breaks, running, most = [], 0, 0

    async def sleep(seconds: float) -> None:
        breaks.append(round(seconds))

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    assert await paced(range(45), work, Pace(), sleep) == list(range(45))
    assert breaks == [60, 60]
    assert most == pacing.AT_ONCE


# -- what stays paused --------------------------------------------------------------------------------------------


def test_what_stays_paused_is_listed_with_why_and_ends_with_one():
    unreadable = job("old", annotations={"ebbtide.dev/restore": '{"v":2}'})
    api = MemoryApi().put(paused("a"), paused("b"), unreadable)
    api.forbid("patch", "jobs", "b")
    result = release(api, code=1)
    assert result.out == "1 released, 2 stay paused.\n"
    last = result.err.splitlines()[-2:]
    assert last[0] == "Stays paused: job/b in vision: jobs is forbidden: cannot patch."
    assert last[1].startswith(
        "Stays paused: job/old in vision: ebbtide.dev/restore has version 2, this Ebbtide knows 1"
    )
    assert stored(api, "old")["spec"]["suspend"] is True


def test_a_kind_that_may_not_be_listed_is_said_and_ends_with_one():
    api = MemoryApi().put(paused("a"))
    api.forbid("list", "jobs")
    result = release(api, code=1)
    assert result.err == "Cannot be looked at: jobs.batch: jobs is forbidden: cannot list.\n"
    assert result.out == "Nothing was released.\n"


def test_an_owner_that_may_not_be_told_keeps_nobody_from_starting_the_job():
    api = MemoryApi().put(paused("a", owners=of("a")), training_job("a"))
    api.forbid("patch", "trainingjobs")
    assert "ebbtide.dev/override may not be written" in release(api).err
    assert stored(api, "a")["spec"]["suspend"] is False


def test_an_owner_that_may_not_be_read_may_have_stopped_the_job():
    api = MemoryApi().put(paused("a", owners=of("a")), training_job("a", suspend=True), paused("b"))
    api.forbid("list", "trainingjobs")
    result = release(api, code=1)
    assert "Stays paused: job/a in vision: its TrainingJob may not be read" in result.err
    assert "Cannot be looked at: trainingjobs.ebbtide.dev" in result.err
    assert stored(api, "a")["spec"]["suspend"] is True
    assert stored(api, "b")["spec"]["suspend"] is False


def test_deployments_get_back_exactly_the_replicas_that_they_had():
    field = {"fields": [{"path": "/spec/replicas", "was": 4, "set": 0}]}
    note = original("web", kind="Deployment", **field)
    web = {**job("web", annotations={"ebbtide.dev/restore": note}), "kind": "Deployment", "spec": {"replicas": 0}}
    api = MemoryApi().put(web)
    assert "deployment/web in vision: released" in release(api).err
    assert stored(api, "web", "Deployment")["spec"] == {"replicas": 4}
    assert annotations(api, "web", "Deployment") == RUN


def test_people_can_speak_about_every_kind_that_has_a_lever():
    assert {"TrainingJob", *LEVERS} <= set(reference.KINDS)


def test_without_our_definitions_jobs_are_released_all_the_same():
    api = MemoryApi().put(paused("a", owners=of("a")))
    api.refusals.append(
        lambda _, plural, __: ApiError(404, "NotFound", "no such resource") if plural == "trainingjobs" else None
    )
    assert release(api).out == "1 released.\n"


def test_without_the_right_to_events_work_is_released_all_the_same():
    api = MemoryApi().put(paused("a"))
    api.forbid("create", "events")
    assert release(api).out == "1 released.\n"


def test_somebody_who_writes_at_the_same_moment_is_waited_for():
    api = MemoryApi().put(paused("a"))
    others = [1, 1]
    api.before_patch = lambda it, name: it.touch("Job", "vision", name) if others and others.pop() else None
    assert release(api).out == "1 released.\n"
    assert stored(api, "a")["spec"]["suspend"] is False


def test_what_was_started_or_deleted_meanwhile_is_no_failure():
    api = MemoryApi().put(paused("a"), paused("b"))

    def meanwhile(verb, plural, name):
        if (verb, plural) == ("get", "jobs"):
            stored(api, "a")["spec"]["suspend"] = False
            stored(api, "a")["metadata"]["annotations"] = {}
            api.objects.pop(("Job", "vision", "b"), None)

    api.refusals.append(meanwhile)
    result = release(api)
    assert result.out == "2 released.\n"
    assert "was started meanwhile" in result.err
    assert "is gone" in result.err


def test_a_second_release_finds_nothing():
    api = MemoryApi().put(paused("a"), job("b", annotations={"ebbtide.dev/hold": "true"}))
    release(api)
    before = len(api.patches)
    assert release(api, "-A").out == "Nothing is paused or held by Ebbtide in any namespace.\n"
    assert len(api.patches) == before


def test_json_tells_everything():
    api = MemoryApi().put(paused("a"))
    (item,) = json.loads(release(api, "--dry-run", "-o", "json").out)["items"]
    assert item == {
        "namespace": "vision", "workload": "job/a", "object": "job/a", "state": "Paused", "by": "Policy",
        "reason": "GPUIdle", "since": "2026-11-22T12:03:42Z", "slackSeconds": None, "result": None, "message": None,
    }  # fmt: skip
    assert json.loads(release(api, "-o", "json").out)["items"][0]["result"] == "Released"


# -- the leader Lease ---------------------------------------------------------------------------------------------


def lease(holder="op-1", renewed="2026-11-22T14:03:40.000000Z", seconds=15):
    spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed, "leaseTransitions": 4}
    return {"kind": "Lease", "metadata": {"name": "ebbtide-leader", "namespace": "ebbtide-system"}, "spec": spec}


def held_by(api):
    return api.objects["Lease", "ebbtide-system", "ebbtide-leader"]["spec"]


def leading(api, slept):
    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 1))

    return Lead(api, "ebbtide-system", "ebbtide-leader", now=lambda: NOW, sleep=sleep)


async def test_the_leader_before_is_waited_for_as_long_as_it_may_lead():
    api, slept = MemoryApi().put(lease()), []
    others = [1]
    api.before_patch = lambda it, name: it.touch("Lease", "ebbtide-system", name) if others and others.pop() else None
    await leading(api, slept).take()
    assert slept == [15.0]
    assert held_by(api)["holderIdentity"].startswith(PREFIX)
    assert (held_by(api)["leaseDurationSeconds"], held_by(api)["leaseTransitions"]) == (SECONDS, 5)


@pytest.mark.parametrize(
    "nobody",
    [
        lease(holder=""),
        lease(holder=f"{PREFIX}before", seconds=900),
        {**lease(), "spec": None},
    ],
    ids=["given up", "an earlier attempt", "new"],
)
def test_nobody_is_waited_for_where_nobody_leads(nobody):
    assert may_lead_seconds(nobody) == 0


def test_the_hook_keeps_the_lease_when_all_is_released():
    api = MemoryApi().put(paused("a"), lease(holder=""))
    result = release(api, "-A", "--stop-operator")
    assert result.err.startswith("Lease ebbtide-system/ebbtide-leader taken: no operator acts any more.\n[1/1]")
    assert held_by(api)["holderIdentity"].startswith(PREFIX)


def test_the_hook_gives_the_lease_up_when_something_stays_paused():
    api = MemoryApi().put(paused("a"), lease(holder=""))
    api.forbid("patch", "jobs")
    release(api, "-A", "--stop-operator", code=1)
    assert held_by(api)["holderIdentity"] == ""


def test_without_a_lease_there_is_no_operator_to_stop():
    api = MemoryApi().put(paused("a"))
    assert (
        "No Lease ebbtide-leader in namespace ops" in release(api, "--stop-operator", "--operator-namespace", "ops").err
    )


def test_who_may_not_take_the_lease_is_told_and_nothing_is_released():
    api = MemoryApi().put(paused("a"), lease())
    api.forbid("patch", "leases")
    result = release(api, "--stop-operator", code=1)
    assert result.err == "Error: Nothing was released: leases is forbidden: cannot patch.\n"
    assert stored(api, "a")["spec"]["suspend"] is True


def test_a_dry_run_takes_nothing():
    api = MemoryApi().put(paused("a"), lease())
    release(api, "--stop-operator", "--dry-run")
    assert api.patches == []
