"""Two replicas of an installation: which leads, how one loses its place, and what the audit log says about both."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import requests

from e2e.installation import NAMESPACE, RELEASE, SERVICE_ACCOUNT, Installation
from e2e.operator_process import OperatorProcess
from e2e.plane import AuditWrite, PlaneError
from e2e.plane.waiting import wait_until

LEASE_PATH: Final = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/ebbtide-leader"
PARTS: Final = ("replica-1", "replica-2")
QUICK_TERMS: Final = {"leaseSeconds": 4, "renewSeconds": 2.5, "retrySeconds": 0.5}
"""Chart values of leaderElection with which a test need not wait for long."""


class Replicas:
    """Two processes as the installed Deployment says. Stopped with the plane."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.plane = installation, installation.plane
        self.both = [OperatorProcess.from_deployment(self.plane, NAMESPACE, RELEASE, part=part) for part in PARTS]

    def start(self) -> None:
        """Both, one after the other; returns when both are ready and one leads."""
        for replica in self.both:
            replica.start().wait_ready()
        self.wait_leader(self.both)

    def leader(self, among: Iterable[OperatorProcess] | None = None) -> OperatorProcess | None:
        """The one that says that it leads; None: nobody does now. PlaneError when two do."""
        found = [one for one in among or self.both if one.alive and leads(one)]
        if len(found) > 1:
            raise PlaneError("two replicas say that they lead")
        return found[0] if found else None

    def wait_leader(self, among: Iterable[OperatorProcess], seconds: float = 60.0) -> OperatorProcess:
        """Until one of these leads."""
        these = list(among)
        return wait_until(lambda: self.leader(these), "a replica that leads", seconds, every_seconds=0.05)

    def pair(self) -> tuple[OperatorProcess, OperatorProcess]:
        """Who leads, and who stands by."""
        leader = self.wait_leader(self.both)
        (standby,) = [one for one in self.both if one is not leader]
        return leader, standby

    # -- what the audit log says --------------------------------------------------------------------------------

    def sent(self, since: int = 0) -> list[AuditWrite]:
        """Accepted writes of all replicas, of the Lease too, in the order in which they were answered."""
        return list(self.plane.audit(since).writes(user=SERVICE_ACCOUNT, succeeded=True))

    def writes(self, since: int = 0) -> list[AuditWrite]:
        """Accepted writes besides renewals of the Lease."""
        return [one for one in self.sent(since) if one.resource != "leases"]

    def handovers(self, since: int = 0) -> list[tuple[datetime, str]]:
        """When each holder of the Lease first wrote it, and its identity."""
        found: list[tuple[datetime, str]] = []
        for one in sorted(self.sent(since), key=lambda write: write.at):
            if one.resource == "leases" and (not found or found[-1][1] != identity_of(one)):
                found.append((one.received, identity_of(one)))
        return found

    def strays(self, since: int = 0) -> list[str]:
        """Writes that did not arrive and end while their sender held the Lease; empty when all is well."""
        holders = self.handovers(since)
        ends = [*(at for at, _ in holders[1:]), datetime.max.replace(tzinfo=holders[0][0].tzinfo)]
        tenures = [(begin, end, who) for (begin, who), end in zip(holders, ends, strict=True)]
        return [
            f"{one.verb} {one.uri} by {identity_of(one)} at {one.received:%H:%M:%S.%f}"
            for one in self.writes(since)
            if not any(
                begin <= one.received and one.at <= end and identity_of(one) == who for begin, end, who in tenures
            )
        ]


def leads(replica: OperatorProcess) -> bool:
    """What its metric says; one that does not answer does not lead."""
    try:
        return "ebbtide_leader 1.0" in replica.metrics().splitlines()
    except requests.RequestException:
        return False


def identity(replica: OperatorProcess) -> str:
    """Of its process that was started last, from its log."""
    log = replica.component.log.read_text(encoding="utf-8")
    started = [line for line in log.splitlines() if '"event": "started"' in line]
    return str(json.loads(started[-1])["identity"])


def identity_of(write: AuditWrite) -> str:
    """Of the process that sent it: the comment of its user agent."""
    return write.user_agent.partition("(")[2].rstrip(")")


def ticks(replica: OperatorProcess) -> int:
    """Ticks that it has finished."""
    lines = replica.metrics().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("ebbtide_tick_seconds_count"))))


def wait_ticks(replica: OperatorProcess, count: int) -> None:
    """Until it has finished so many more."""
    end = ticks(replica) + count
    wait_until(lambda: ticks(replica) >= end, f"{count} ticks", 60.0 + count)
