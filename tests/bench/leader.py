"""How long nobody acts after the leader is gone: killed, or told to stop, with the Lease times of the chart."""

import os
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from e2e.installation import Installation, cost_policy, namespace, training_job
from e2e.replicas import Replicas, identity, identity_of
from tests.bench.processes import until
from tests.bench.report import Figure, Section, below, told

TITLE = "Leader: from its end to the first write of the other"
COMMAND = "make bench"
KILLS, STOPS = 5, 3
TARGET_SECONDS = 20.0
WORK = "work"
IDLE = {"afterSeconds": 600, "warnSeconds": 60}
VALUES = {"replicas": 2, "enforcement": {"enabled": True}, "tickSeconds": 30}
HOW = (
    "Real API server, two operator processes as the chart's Deployment says, with the chart's Lease of 15/10/2 s and "
    f"ticks of 30 s. A TrainingJob is made just after the leader is gone: {KILLS} times it was killed (kill -9), "
    f"{STOPS} times told to stop (SIGTERM). The start is the signal, the end the API server's audit stamp of the "
    "other's first write besides the Lease."
)


def measure() -> Section:
    """All of it; about two minutes."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as folder:
        installation = Installation(Path(folder), values=VALUES, nodes=1)
        try:
            installation.install()
            installation.apply(namespace(WORK), cost_policy(WORK, IDLE))
            replicas = Replicas(installation)
            replicas.start()
            kills = [_gap(replicas, f"kill-{number}", kill=True) for number in range(KILLS)]
            stops = [_gap(replicas, f"stop-{number}", kill=False) for number in range(STOPS)]
            strays = replicas.strays()
        finally:
            installation.stop()
    return Section(TITLE, HOW, COMMAND, _figures(kills, stops, len(strays)))


def _figures(kills: Sequence[float], stops: Sequence[float], strays: int) -> list[Figure]:
    return [
        below(f"killed, slowest of {len(kills)}", max(kills), TARGET_SECONDS, "s", 1),
        told(f"killed, median of {len(kills)}", median(kills), "s"),
        told(f"told to stop, slowest of {len(stops)}", max(stops), "s"),
        Figure("writes by one that did not hold the Lease", str(strays), "0", strays == 0),
    ]


def _gap(replicas: Replicas, name: str, *, kill: bool) -> float:
    """Seconds from the leader's end to the other's first write."""
    leader, standby = replicas.pair()
    mark, heir = replicas.plane.audit().mark(), identity(standby)
    began = time.time()
    assert leader.component.pid is not None
    os.kill(leader.component.pid, signal.SIGKILL if kill else signal.SIGTERM)
    replicas.installation.apply(training_job(name, WORK, "busy"))

    def first() -> float:
        found = [one.received.timestamp() for one in replicas.writes(mark) if identity_of(one) == heir]
        return min(found, default=0.0)

    ended: float = until("the first write of the other replica", first, 60)
    leader.stop()
    leader.start().wait_ready()
    return ended - began
