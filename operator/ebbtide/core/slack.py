"""The deadline of one situation: asked for lazily, because few workloads have one."""

from ebbtide.core.accrual import accrued, loss_now
from ebbtide.core.deadline import Outlook, outlook
from ebbtide.core.restart_cost import startup
from ebbtide.core.situation import Situation


def outlook_of(situation: Situation) -> Outlook | None:
    """How its deadline stands now; None without one."""
    workload, policy = situation.workload, situation.governing.policy
    if workload.deadline is None:
        return None
    counted, pause = accrued(situation), workload.memory.pause
    return outlook(
        deadline=workload.deadline,
        expected_seconds=workload.expected_seconds,
        done=counted.done,
        loss=loss_now(situation, counted),
        section=policy.spec.deadline if policy is not None and policy.spec is not None else None,
        lag_seconds=situation.lag_seconds,
        now=situation.now,
        startup_seconds=startup(situation.pods) or (pause.startup_seconds if pause is not None else 0.0),
    )
