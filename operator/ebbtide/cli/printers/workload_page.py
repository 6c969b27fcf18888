"""One Workload explained: what it is, why, and what would change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rich.text import Text

from ebbtide.cli import moment, screen
from ebbtide.cli.columns import Cell, Column, lines
from ebbtide.cli.duration import spoken
from ebbtide.cli.environment import Object
from ebbtide.cli.printers import cost_policy_text
from ebbtide.cli.printers.page import Page
from ebbtide.cli.reference import shown_command
from ebbtide.cli.remedies import remedy
from ebbtide.cli.workload import NONE, Workload
from ebbtide.core.wording import joined

_MARKS: Final = {"Pass": ("✓", "green"), "Stop": ("✗", "yellow"), "Skip": ("\N{EN DASH}", "dim")}
_OLD: Final = timedelta(hours=2)
"""Numbers are written at least hourly while work is open; twice that means that nobody writes them."""

_DEVICES: Final = (
    Column("DEVICE", cut=True), Column("POD", cut=True), Column("LAST BUSY"), Column("PEAK", right=True),
    Column("COVERAGE", right=True), Column("MEMORY", right=True), Column("POWER", right=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the page is made of."""

    job: Workload
    policy: Object | None
    """The governing policy's object; None where there is none or it may not be read."""
    now: datetime
    program: str
    """What people type to get here."""

    @property
    def word(self) -> str:
        """KIND/NAME."""
        return self.job.word

    def command(self, verb: str, rest: str = "") -> str:
        """A command about this workload."""
        return shown_command(self.program, verb, self.word, self.job.namespace, rest)

    def clock(self, *path: str) -> str:
        """A time of the status; empty where it is absent."""
        found = self.job.time(*path)
        return moment.clock(found, self.now) if found else ""


def print_page(explanation: Explanation, page: Page) -> None:
    """The whole page."""
    if not explanation.job.raw.get("status"):
        _unseen(explanation, page)
        return
    _headline(explanation, page)
    _facts(explanation, page)
    _chain(explanation, page)
    _devices(explanation, page)
    _ways_out(explanation, page)


def _unseen(it: Explanation, page: Page) -> None:
    page.line(f"{it.word} in {it.job.namespace}: not judged yet.", "bold")
    if it.job.is_adopted:
        page.hanging(
            Text(""),
            "The operator has told nothing about it: no policy selects it, or it asks for no accelerator. A CostPolicy "
            f"whose selector matches its labels changes that. If one does: {it.program} check",
        )
        return
    page.hanging(Text(""), f"The operator has written no status. If that lasts: {it.program} check")


# -- headline -----------------------------------------------------------------------------------------------------


def _headline(it: Explanation, page: Page) -> None:
    job = it.job
    style = screen.STYLES.get(job.verdict, "")
    state = "Paused" if job.paused else "Finished" if job.finished else job.verdict
    page.line(
        Text.assemble((f"{it.word} in {job.namespace}", "bold"), ": ", (state, style or "bold"), f" ({job.reason})")
    )
    for sentence in _sentences(it):
        page.hanging(Text("  "), sentence)


def _sentences(it: Explanation) -> list[str]:
    job = it.job
    deciding = str(job.condition("Succeeded").get("message") or "")
    measured = job.text(*_proof(job), "message")
    if job.paused and deciding.lower().startswith("paused since"):
        deciding = ""  # the sentence about the pause says it too, and by whom
    if deciding.startswith(measured.partition(":")[0]) and job.items(*_proof(job), "devices"):
        measured = NONE  # its numbers stand under "Judged"
    found = [deciding, "" if measured == NONE else measured, _pause(it), _countdown(it), _would_be(it), _word(it)]
    kept: list[str] = []
    for sentence in found:
        if sentence and not any(sentence in other for other in kept):
            kept.append(sentence)
    return [_ended(sentence) for sentence in kept]


def _pause(it: Explanation) -> str:
    since = it.clock("pause", "since")
    if not since:
        return ""
    why = f"by {it.job.text('pause', 'by')} ({it.job.text('pause', 'reason')})"
    ended = it.clock("pause", "endTime")
    if ended:
        return f"Last paused from {since} to {ended} {why}"
    count = it.job.text("pause", "countToday")
    often = f"; idle pauses within 24 h: {count}" if count.isdigit() and int(count) > 1 else ""
    return f"Paused since {since} {why}{often}" if it.job.paused else ""


def _countdown(it: Explanation) -> str:
    if it.job.paused or it.job.finished:
        return ""
    warned, eligible = it.clock("idle", "warnedAt"), it.clock("idle", "eligibleAfter")
    said = f"Warned {warned}" if warned else "Not warned yet"
    if not eligible:
        return said if warned else ""
    if _obstacles(it.job):
        return f"{said}; it qualifies for a pause at or after {eligible}, but what is marked below stands against it"
    return f"{said}, pauses at or after {eligible} unless it is used"


def _obstacles(job: Workload) -> bool:
    """Whether more than time stands between it and a pause."""
    return any(one.get("result") == "Stop" and not _is_time(one) for one in job.items("checks"))


def _is_time(check: Any) -> bool:
    """What passes by itself; the time that is shown is when it has."""
    waits = check.get("name") == "refusals" and check.get("reason") in {"MinimumRunTime", "TooManyPauses"}
    return waits or check.get("name") == "countdown"


def _would_be(it: Explanation) -> str:
    action = it.job.text("wouldBe", "action")
    if action == NONE:
        return ""
    said = f"Observed only: would {action} ({it.job.text('wouldBe', 'reason')}) since {it.clock('wouldBe', 'since')}"
    hourly, currency = it.job.text("cost", "hourly"), it.job.text("cost", "currency")
    is_priced = action == "Pause" and NONE not in {hourly, currency}
    return f"{said}; that would give back {hourly} {currency} an hour" if is_priced else said


def _word(it: Explanation) -> str:
    until = it.job.time("override", "until")
    if it.job.override and until is None:
        return f"A person asked for {it.job.override}, until that is taken back"
    if it.job.override and until and until > it.now:
        return f"A person asked for {it.job.override} until {moment.clock(until, it.now)} ({moment.ago(until, it.now)})"
    return ""


def _ended(sentence: str) -> str:
    capital = sentence if sentence.startswith("spec.") else sentence[:1].upper() + sentence[1:]
    return capital if capital.endswith((".", "!", "?")) else f"{capital}."


# -- facts --------------------------------------------------------------------------------------------------------


def _facts(it: Explanation, page: Page) -> None:
    page.blank()
    page.fact("Cost", _cost(it.job))
    page.fact("Policy", _policy(it))
    page.fact("Judged", _judged(it.job))
    if deadline := _deadline(it.job):
        page.fact("Deadline", deadline)
    page.fact("Numbers", _numbers(it))
    if not it.job.finished:
        page.fact("Next", _next(it))


def _cost(job: Workload) -> str:
    totals = f"total {job.text('cost', 'total')}, saved {job.text('cost', 'saved')}"
    gpus, where = job.text("gpus"), job.text("capacityClass")
    if gpus == "0":
        ran = "" if where in {NONE, "Unknown"} else f" (it ran on {where})"
        return f"nothing now, it holds no GPU{ran}{_given_back(job)}; {totals}"
    hourly, currency = job.text("cost", "hourly"), job.text("cost", "currency")
    unit = "" if currency == NONE else f" {currency}"
    price = f"{hourly}{unit} an hour" if hourly != NONE else "no price is known (-)"
    return f"{price} for {gpus} GPU{'' if gpus == '1' else 's'} ({where}); {totals}"


def _given_back(job: Workload) -> str:
    """What an hour of the present pause saves; empty where nothing had a price then."""
    hourly, currency = (job.text("pause", "cost", name) for name in ("hourly", "currency"))
    return f"; the pause gave back {hourly} {currency} an hour" if job.paused and hourly != NONE else ""


def _policy(it: Explanation) -> str:
    if it.job.policy == NONE:
        return "none governs it; it is judged with the defaults, and nothing follows"
    if it.policy is None:
        return f"{it.job.policy}; its numbers cannot be read with your rights, or it is gone"
    return f"{it.job.policy}: {cost_policy_text.described(it.policy)}"


def _proof(job: Workload) -> tuple[str, ...]:
    """Where the measured numbers stand: while paused, those that led to the pause."""
    led_to_pause = job.paused and job.items("pause", "evidence", "devices")
    return ("pause", "evidence") if led_to_pause else ("verdict",)


def _judged(job: Workload) -> str:
    proof = _proof(job)
    span = job.text(*proof, "spanSeconds")
    families = job.words(*proof, "families")
    idle = job.text(*proof, "value") in {"Idle", "NeverUsed"}
    parts = [
        f"over the last {spoken(int(span))}" if span.isdigit() else "",
        f"coverage {_percent(job.text(*proof, 'coveragePercent'))}",
        f"peak {_percent(job.text(*proof, 'peakPercent'))}",
        _threshold(job, proof),
        f"{joined(tuple(families))} {'agree' if idle else 'were read'}" if families else "",
    ]
    return ", ".join(part for part in parts if part) if job.items(*proof, "devices") else "no device was measured"


def _threshold(job: Workload, proof: tuple[str, ...]) -> str:
    limits = [job.text(*proof, name) for name in ("busyAbovePercent", "busyAboveEnginePercent")]
    return "" if NONE in limits else f"busy above {_percent(limits[0])} (engines {_percent(limits[1])})"


def _next(it: Explanation) -> str:
    """When it is judged again, and when that can lead to something."""
    every = it.job.text("verdict", "everySeconds")
    within = f"judged again within {spoken(int(every))}" if every.isdigit() else "judged again with the next tick"
    eligible = it.job.time("idle", "eligibleAfter")
    if it.job.paused:
        return f"{within}; {_comes_back(it)}"
    if eligible is None or it.job.policy == NONE:
        return f"{within}; status is written on every change and at least hourly"
    due = "is due now" if eligible <= it.now else f"{moment.clock(eligible, it.now)} ({moment.ago(eligible, it.now)})"
    waits = "; what is marked below stands against it" if _obstacles(it.job) else ""
    return f"{within}; the pause {due}{waits}" if eligible <= it.now else f"{within}; no pause before {due}{waits}"


def _comes_back(it: Explanation) -> str:
    """When it runs again without anybody's help."""
    spec: Any = (it.policy or {}).get("spec") or {}
    after, since = (spec.get("idle") or {}).get("resumeAfterSeconds") or 0, it.job.time("pause", "since")
    if it.job.text("pause", "reason") == "PausedDuring":
        named = it.job.raw.get("spec", {}).get("pauseDuring") or {}
        what = f"{named['kind']} {named['name']}" if named else "what spec.pauseDuring named"
        return f"it runs again when {what} has ended"
    if it.job.text("pause", "by") != "Policy":
        return "it runs again when whoever stopped it says so"
    if not after or since is None:
        due = ", its deadline needs it" if _deadline(it.job) else ""
        return f"it stays paused until somebody resumes it{due} or its policy lets go"
    back = since + timedelta(seconds=after)
    return f"it comes back by itself at {moment.clock(back, it.now)} ({moment.ago(back, it.now)})"


def _deadline(job: Workload) -> str:
    """Empty without a deadline."""
    condition = job.condition("DeadlineAtRisk")
    said = str(condition.get("message") or "")
    return "" if said in {"", "it has no deadline", "finished"} else f"{condition.get('reason')}: {said}"


def _numbers(it: Explanation) -> str:
    taken = it.job.time("verdict", "asOf")
    stands = f"taken {moment.clock(taken, it.now)}, {moment.ago(taken, it.now)}" if taken else "their age is not known"
    proof = _proof(it.job)
    if taken and "evidence" in proof and (led := it.clock(*proof, "asOf")):
        stands = f"of the pause, {led}; judged last at {moment.clock(taken, it.now)}, {moment.ago(taken, it.now)}"
    if it.job.finished:
        return f"{stands}; it has ended, so it is not judged again"
    if taken and it.now - taken > _OLD:
        return f"{stands}: older than they should be, the operator may be down; {it.program} check"
    return stands


def _percent(text: str) -> str:
    return text if text == NONE else f"{text} %"


# -- chain and devices --------------------------------------------------------------------------------------------


def _chain(it: Explanation, page: Page) -> None:
    checks = it.job.items("checks")
    if not checks:
        return
    page.heading("Why")
    for check in checks:
        mark, style = _MARKS.get(str(check.get("result")), ("?", ""))
        page.hanging(Text.assemble("  ", (mark, style), " "), _link(check), "" if style != "yellow" else "bold")


def _link(check: Any) -> str:
    reason, message = str(check.get("reason") or ""), str(check.get("message") or "")
    said = message or str(check.get("name", "")).replace("_", " ")
    return f"{reason}: {said}" if reason else said


def _devices(it: Explanation, page: Page) -> None:
    proof = _proof(it.job)
    devices = it.job.items(*proof, "devices")
    if not devices:
        return
    page.heading("Devices when it was paused" if "evidence" in proof else "Devices")
    rows = [_device(it, device) for device in devices]
    for line in lines(_DEVICES, rows, page.console.width, indent=2):
        page.line(line)


def _device(it: Explanation, device: Any) -> list[Cell]:
    busy = moment.parse(device.get("lastBusyTime"))
    return [
        Cell(str(device.get("id", NONE))),
        Cell(str(device.get("pod") or NONE)),
        Cell(moment.clock(busy, it.now) if busy else "never"),
        *(Cell(_unit(device.get(name), "%")) for name in ("peakPercent", "coveragePercent", "memoryPercent")),
        Cell(_unit(device.get("powerWatts"), "W")),
    ]


def _unit(value: object, unit: str) -> str:
    return NONE if value is None else f"{value} {unit}"


# -- what would change it -----------------------------------------------------------------------------------------


def _ways_out(it: Explanation, page: Page) -> None:
    hints, commands = _hints(it), _commands(it)
    if not hints and not commands:
        return
    page.heading("What would change it")
    for hint in hints:
        page.hanging(Text("  "), hint)
    width = max((len(command) for command, _ in commands), default=0)
    beside = all(len(meaning) + width + 5 <= page.console.width for _, meaning in commands)
    for command, meaning in commands:
        shown = Text.assemble("  ", (command.ljust(width) if beside else command, "cyan"))
        page.line(shown + Text(f"   {meaning}" if beside else f"\n    {meaning}"))


def _hints(it: Explanation) -> list[str]:
    job = it.job
    stops = [str(one.get("reason")) for one in job.items("checks") if one.get("result") == "Stop"]
    found = [remedy(reason) for reason in dict.fromkeys([job.reason, *stops])]
    said = (job.condition("Accepted"), _accepted_policy(it), job.condition("Priced"))
    found += [_of_condition(one) for one in said if one.get("reason") not in {job.reason, *stops}]
    if job.suspended_by_user:
        found.insert(0, "spec.suspend is true, which always wins: set it to false.")
    return [hint for hint in found if hint]


def _of_condition(condition: Mapping[str, Any]) -> str:
    """Its message and its remedy; empty where nothing is to be done about it."""
    way_out, message = remedy(str(condition.get("reason"))), str(condition.get("message") or "")
    return f"{_ended(message)} {way_out}" if way_out and message else way_out


def _accepted_policy(it: Explanation) -> Mapping[str, Any]:
    """The condition Accepted of the governing policy; empty where there is none."""
    conditions = ((it.policy or {}).get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == "Accepted"), {})


def _commands(it: Explanation) -> list[tuple[str, str]]:
    if it.job.finished or it.job.suspended_by_user:
        return []
    if it.job.paused:
        return [(it.command("resume", "--for 4h"), "runs again, whatever the policy says")]
    return [
        (it.command("keep", "--for 4h"), "no warning and no pause until then"),
        (it.command("pause"), "releases its GPUs now"),
    ]
