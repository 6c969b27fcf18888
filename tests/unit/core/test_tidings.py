"""What people are told although nothing is done: a stall, a countdown that is over, a reading that is stuck."""

from dataclasses import replace

import pytest

from ebbtide.core.decision import Decision
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.plan import plan
from ebbtide.core.tidings import STUCK_SECONDS, Patience
from ebbtide.core.workload import Memory
from tests.builders import (
    H100,
    HOUR,
    MINUTE,
    NOW,
    decide,
    evidence,
    healthy,
    policy,
    running_pods,
    snapshot,
    state,
    workload,
)

SPINS = {Signal.Utilisation: 100.0, Signal.Engine: 1.0, Signal.Tensor: 0.0, Signal.Dram: 0.0, Signal.Power: 110.0}
STUCK = {Signal.Utilisation: 99.0, Signal.Engine: 0.0, Signal.Power: 500.0}


def shown(signals: dict[Signal, float], memory: Memory | None = None, seconds: float = 2 * HOUR) -> Decision:
    """Both devices show these values for so long."""
    it = workload(memory=memory or Memory())
    book: EvidenceBook = evidence()
    for holder in running_pods(it):
        for number in range(holder.accelerators):
            for back in range(int(seconds / 30), -1, -1):
                for signal, value in signals.items():
                    book.fold(holder.namespace, holder.name, f"GPU-{number}", H100, signal, NOW - 30.0 * back, value)
    return plan(snapshot(state(it, policies=[policy()]), book)).decisions[0]


def notes(decision: Decision) -> list[tuple[str, str]]:
    return [(str(action.verb), str(action.reason)) for action in decision.actions]


def test_acceptance_8_a_stall_is_told_once_and_never_paused() -> None:
    found = shown(SPINS)
    assert (found.judgement.verdict, notes(found)) == ("Stalled", [("Notify", "GPUStalled")])
    assert "left running" in found.actions[0].message
    assert notes(shown(SPINS, Memory(verdict=("Stalled", NOW - HOUR)))) == []


def test_case_6_a_stuck_profiling_field_is_busy_and_named() -> None:
    found = shown(STUCK)
    assert (found.judgement.verdict, found.judgement.reason) == ("Active", "GPUActive")
    assert notes(found) == [("Notify", "SignalsDisagree")]
    assert "DCGM_FI_PROF_GR_ENGINE_ACTIVE" in found.actions[0].message
    assert "dcgmi dmon" in found.actions[0].message


@pytest.mark.parametrize(
    "signals",
    [
        {**STUCK, Signal.Engine: 0.01},
        {**STUCK, Signal.Tensor: 0.005},
        {**STUCK, Signal.Utilisation: 20.0},
        {Signal.Utilisation: 99.0, Signal.Power: 500.0},
    ],
    ids=["engine moves", "tensor moves", "light work", "no profiling"],
)
def test_what_is_not_stuck_is_not_told(signals: dict[Signal, float]) -> None:
    assert notes(shown(signals)) == []


def test_a_contradiction_of_a_few_samples_is_not_told() -> None:
    assert notes(shown(STUCK, seconds=3 * MINUTE)) == []


def test_acceptance_12_a_busy_sample_before_the_deadline_cancels_the_countdown_and_says_so() -> None:
    warned = workload(memory=Memory(warned_at=NOW - 299, idle_since=NOW - 1199))
    found = decide(warned)
    assert found.judgement.verdict == "Active"
    assert found.warned_at is None
    assert notes(found) == [("Notify", "RecentlyActive")]
    assert "is void" in found.actions[0].message


def test_a_countdown_that_goes_on_is_not_told_of() -> None:
    warned = workload(memory=Memory(warned_at=NOW - 60, idle_since=NOW - 1000))
    assert notes(decide(warned, idle_for=1000)) == []


def test_patience_tells_what_lasts_once_and_anew_when_it_comes_back() -> None:
    patience, stuck = Patience(), shown(STUCK)
    action, quiet = stuck.actions[0], decide(workload())

    def look(after: float, decision: Decision = stuck) -> bool:
        patience.look([decision], NOW + after)
        return decision is stuck and patience.is_due(stuck, action, NOW + after)

    assert [look(0), look(STUCK_SECONDS - 1), look(STUCK_SECONDS), look(STUCK_SECONDS + 30)] == [0, 0, 1, 0]
    look(400, quiet)
    assert [look(430), look(430 + STUCK_SECONDS)] == [False, True]


def test_other_tidings_do_not_wait() -> None:
    stalled = shown(SPINS)
    assert Patience().is_due(stalled, stalled.actions[0], NOW)
    assert Patience().is_due(stalled, replace(stalled.actions[0], reason=stalled.judgement.reason), NOW)


def test_acceptance_19_a_warning_that_is_void_for_lack_of_data_is_no_event_storm() -> None:
    warned = workload(memory=Memory(warned_at=NOW - 299, idle_since=NOW - 1199))
    found = decide(warned, idle_for=1400, metrics=healthy(up=False))
    assert (found.judgement.verdict, notes(found)) == ("Unknown", [])
