"""Why what a policy paused comes back without a human's word."""

from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.intent import NEVER_PAUSE, Wish
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Instant


def leaving(situation: Situation, pause_reason: str) -> str:
    """Why no enforcing policy holds a pause of that reason any more; empty while one does."""
    if situation.word.wish is Wish.Keep and situation.word.request.endswith(NEVER_PAUSE):
        return "it must never be paused (ebbtide.dev/never-pause)"
    policy = situation.governing.policy
    if policy is None:
        return f"no policy governs it any more ({situation.governing.message})"
    if not situation.governing.enforce:
        return f"{situation.governing.reference} does not enforce any more"
    if pause_reason in IDLE_REASONS and policy.spec is not None and policy.spec.idle is None:
        return f"{situation.governing.reference} lost its idle section"
    return ""


def long_enough(situation: Situation, since: Instant) -> str:
    """Why a pause that began then is over: the policy limits it."""
    policy = situation.governing.policy
    section = policy.spec.idle if policy and policy.spec else None
    if section is None or not section.resume_after_seconds or situation.now - since < section.resume_after_seconds:
        return ""
    return f"paused for {section.resume_after_seconds} s, as long as idle.resumeAfterSeconds allows"
