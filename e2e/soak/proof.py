"""What must be true of a pause and of a resume, read from the API server and its audit log."""

import json

from e2e.plane import AuditWrite
from e2e.soak.stage import RESTORE, Document, Stage, moment


def check_pause(stage: Stage, name: str, warn_seconds: float) -> None:
    """One suspending PATCH; the original on the Job; the status tells it; people could read a warning before."""
    suspensions = stage.suspensions(name, to=True)
    assert len(suspensions) == 1, f"{name}: {len(suspensions)} suspending PATCHes"
    restore = json.loads(stage.job(name)["metadata"]["annotations"][RESTORE])
    assert restore["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}], restore
    assert (restore["by"], restore["policy"], restore["reason"]) == ("Policy", "CostPolicy/batch", "GPUIdle"), restore
    status = stage.status(name)
    _check_told(status, moment(restore["at"]))
    warned = warnings(stage, name, suspensions[0])
    assert warned, f"{name} was paused without a warning in its status"
    early = suspensions[0].at.timestamp() - warned[-1]
    assert early >= warn_seconds, f"{name} was warned only {early:.1f} s before"


def _check_told(status: Document, at: float) -> None:
    pause = status["pause"]
    assert (pause["by"], pause["reason"], pause["countToday"]) == ("Policy", "GPUIdle", 1), pause
    assert "endTime" not in pause, pause
    assert abs(moment(pause["since"]) - at) <= 1.0, pause
    paused = next(one for one in status["conditions"] if one["type"] == "Paused")
    assert paused["status"] == "True", paused


def warnings(stage: Stage, name: str, before: AuditWrite) -> list[float]:
    """Times of the warnings that the status told before a write, oldest first."""
    writes = stage.writes(verb="patch", resource="trainingjobs", subresource="status", name=name, succeeded=True)
    idle = [((write.body or {}).get("status") or {}).get("idle") or {} for write in writes if write.at <= before.at]
    return [moment(one["warnedAt"]) for one in idle if "warnedAt" in one]


def check_resume(stage: Stage, name: str) -> None:
    """One un-suspending PATCH after the one pause, nothing left on the Job."""
    suspensions, resumptions = stage.suspensions(name, to=True), stage.suspensions(name, to=False)
    counts = (len(suspensions), len(resumptions))
    assert counts == (1, 1), f"{name}: {counts[0]} pauses, {counts[1]} resumes"
    assert resumptions[0].at > suspensions[0].at, name
    job = stage.job(name)
    assert job["spec"].get("suspend") is False, job["spec"]
    assert RESTORE not in (job["metadata"].get("annotations") or {}), job["metadata"]
