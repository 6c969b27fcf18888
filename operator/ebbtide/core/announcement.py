"""What a standing warning says in a condition, tick after tick: when, what it costs, and the line that vetoes it.

Nothing in it grows with time, so that it reads the same whenever a status is written.
"""

from ebbtide.core.action import Verb
from ebbtide.core.decision import Decision
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.idle_concern import idle
from ebbtide.core.ruling import veto_command
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import HourlyCost, Instant


def announcement(decision: Decision, done: frozenset[Verb]) -> str:
    """Of the warning that stands, this tick's own included; in Observe of what is planned; empty without either."""
    if decision.mode == "Observe":
        return _planned(decision)
    if not _stands(decision, done):
        return ""
    price, withheld = _price(decision.hourly), _withheld(decision, done)
    if withheld:
        return f"warned, and no pause follows ({withheld}); {price}"
    veto = f"`{veto_command(decision.ruled.situation)}` prevents"
    if decision.judgement.verdict not in IDLE_VERDICTS or decision.eligible_after is None:
        return f"warned before, and not paused while this lasts; {price}; {veto} a pause after it"
    return f"{_when(decision.eligible_after, decision)}; {price}; {veto} that"


def _when(eligible: Instant, decision: Decision) -> str:
    if eligible > decision.ruled.situation.now:
        return f"it will be paused after {stamp(eligible)} unless used"
    return f"its pause is due since {stamp(eligible)}, and condition Succeeded says what it waits for"


def _stands(decision: Decision, done: frozenset[Verb]) -> bool:
    """It was given, and what it announces has not happened."""
    return (Verb.Warn in done or decision.warned_at is not None) and Verb.Pause not in done


def _withheld(decision: Decision, done: frozenset[Verb]) -> str:
    """Why no pause follows: of this tick, else what the warning was given with; empty where one does."""
    ruling, memory = decision.ruled.ruling, decision.ruled.situation.workload.memory
    return str(ruling.withheld or ("" if Verb.Warn in done else memory.warned_without))


def _planned(decision: Decision) -> str:
    """Nothing is done there, so there is nothing to veto."""
    ruling = decision.ruled.ruling
    if ruling.concern != idle.__name__ or decision.judgement.verdict not in IDLE_VERDICTS:
        return ""
    if ruling.withheld:
        return f"it would be warned about, not paused ({ruling.withheld}); {_price(decision.hourly)}"
    if decision.eligible_after is None:
        return ""
    is_over = decision.eligible_after <= decision.ruled.situation.now
    when = "now" if is_over else f"after {stamp(decision.eligible_after)} unless used"
    return f"it would be paused {when}; {_price(decision.hourly)}"


def _price(hourly: HourlyCost | None) -> str:
    """The list price of an hour; a dash where it is not known, never a guess."""
    if hourly is None or hourly.amount is None:
        return "it costs - an hour (see condition Priced)"
    return f"it costs {hourly.amount:.2f} {hourly.currency} an hour"
