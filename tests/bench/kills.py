"""kill -9 a hundred times while work is warned, paused and resumed; the audit log is the judge."""

from e2e.soak.kill import SLOW_SECONDS, Outcome, kills
from tests.bench.processes import BenchError
from tests.bench.report import Figure, Section

TITLE = "Kills: kill -9 while work is paused"
KILLS, SEED = 100, 1
COMMAND = f"python -m e2e.soak kill --count {KILLS} --seed {SEED}"
HOW = (
    "Real API server, controllers, exporter, Prometheus, chart by Helm (one replica, no leader election). One workload "
    "after another falls idle, is paused, and is brought back by its user; meanwhile the operator is killed and "
    "started again: every other time at a chosen write, before it is sent or after its answer, every fourth time as "
    "soon as a Job is seen to be suspended and its status does not tell so, else at a random instant of its start's "
    f"second half or first round. A proxy passes each write on {SLOW_SECONDS:g} s late, so that a pause lasts about a "
    "second. A kill is inside a pause when its first write (the Job's PATCH) was sent and its "
    "last (the Event) was not. Any other number of suspending or un-suspending PATCHes than one each, a changed "
    "original, a pause without a warning early enough, or a Job that does not run again ends the run with an error. "
    "Part of `make soak`."
)


def measure() -> Section:
    """The full count; about eight minutes. Raises BenchError with the first workload that was not treated right."""
    try:
        outcome = kills(KILLS, SEED)
    except AssertionError as error:
        raise BenchError(f"with seed {SEED}: {error}") from error
    return Section(TITLE, HOW, COMMAND, _figures(outcome))


def _figures(outcome: Outcome) -> list[Figure]:
    aimed = [kill for kill in outcome.kills if kill.shot.aimed]
    sighted = [kill for kill in outcome.kills if kill.shot.at_sight]
    hit, seen, pauses = sum(kill.hit for kill in aimed), sum(kill.hit for kill in sighted), len(outcome.pauses)
    return [
        Figure("kills", str(len(outcome.kills))),
        Figure("aimed by write number / of these at that very write", f"{len(aimed)} / {hit}"),
        Figure("at the sight of a pause / of these that saw one", f"{len(sighted)} / {seen}"),
        Figure("kills inside a pause", str(outcome.inside)),
        Figure("pauses whose Event nobody sent", str(outcome.unsaid), "0", outcome.unsaid == 0),
        Figure(
            "workloads paused by one PATCH, original intact, resumed by one", str(pauses), str(KILLS), pauses == KILLS
        ),
    ]
