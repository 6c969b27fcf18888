"""An idle pause never makes a feasible deadline infeasible, given the estimate."""

from dataclasses import dataclass

from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from ebbtide.api.cost_policy import DeadlineSection
from ebbtide.core.deadline import Outlook, outlook
from ebbtide.core.restart_cost import lost_work
from ebbtide.core.workload import Checkpoint
from tests.builders import NOW, workload

TICK = 30.0


@dataclass(frozen=True)
class Work:
    """Work as it really is: `left` seconds after `done`, and a restart that really takes `startup`."""

    expected: int
    done: float
    deadline: float
    checkpoint: Checkpoint
    section: DeadlineSection
    startup: float


CHECKPOINTS = st.one_of(
    st.builds(Checkpoint, st.just("Periodic"), st.integers(60, 7200)),
    st.just(Checkpoint("OnSignal", 0, 120)),
    st.just(Checkpoint()),
)
SECTIONS = st.builds(
    DeadlineSection, margin_percent=st.integers(0, 50), changeover_seconds=st.integers(int(TICK), 3600)
)
WORKS = st.builds(
    Work,
    expected=st.integers(600, 200_000),
    done=st.floats(0, 200_000),
    deadline=st.integers(60, 400_000).map(lambda seconds: NOW + seconds),
    checkpoint=CHECKPOINTS,
    section=SECTIONS,
    startup=st.floats(0, 3600),
)


@given(WORKS, st.floats(0, TICK))
@profile(max_examples=500, deadline=None)
def test_what_is_paused_with_slack_and_started_when_told_finishes_in_time(work: Work, phase: float) -> None:
    assume(work.done < work.expected)
    it, at = workload(checkpoint=work.checkpoint), NOW
    loss = lost_work(it, None, at, work.done)

    def look(done: float, lost: float, now: float) -> Outlook:
        return outlook(
            deadline=work.deadline,
            expected_seconds=work.expected,
            done=done,
            loss=lost,
            section=work.section,
            lag_seconds=TICK,
            now=now,
            startup_seconds=work.startup,
        )

    found = look(work.done, loss, at)
    if found.forbids_pause(at) is not None:
        return
    durable = work.done - loss
    # Paused now; looked at every tick, each a little late, until it says start.
    while look(durable, 0.0, at + phase).ends_pause(at + phase) is None:
        latest = look(durable, 0.0, at).latest_start
        assert latest is not None
        # Nothing changes but time: jump to the last look before it says so.
        at = max(at + TICK, at + TICK * ((latest - TICK - at) // TICK))
    finishes = at + phase + work.startup + work.expected - durable
    assert finishes <= work.deadline


@given(WORKS)
@profile(max_examples=300, deadline=None)
def test_a_deadline_that_is_not_on_schedule_never_allows_a_pause(work: Work) -> None:
    loss = lost_work(workload(checkpoint=work.checkpoint), None, NOW, work.done)
    found = outlook(
        deadline=work.deadline,
        expected_seconds=work.expected,
        done=work.done,
        loss=loss,
        section=work.section,
        lag_seconds=TICK,
        now=NOW,
    )
    if found.reason != "OnSchedule":
        assert found.forbids_pause(NOW) is not None


@given(WORKS, st.floats(0, 100_000))
@profile(max_examples=300, deadline=None)
def test_more_work_left_never_leaves_more_time_to_wait(work: Work, more: float) -> None:
    assume(work.done < work.expected)

    def latest(done: float) -> float:
        found = outlook(
            deadline=work.deadline,
            expected_seconds=work.expected,
            done=done,
            loss=0.0,
            section=work.section,
            lag_seconds=TICK,
            now=NOW,
        )
        assert found.latest_start is not None
        return found.latest_start

    assert latest(max(0.0, work.done - more)) <= latest(work.done)
