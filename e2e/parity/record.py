"""What was done, in one shape for both worlds: from the simulator's JSON, and from the operator's log on the plane."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from e2e.parity.transposed import SCALE
from e2e.plane import PlaneError

DONE: Final = {"Done": "Enforce", "Observed": "Observe"}
"""Results of the operator's log that count as done, and the mode that they tell."""

ACTIONS: Final = frozenset(
    ("Create", "Hold", "Start", "Warn", "Pause", "Resume", "Move", "Resize", "Rollback", "Scale", "Notify")
)
"""The actions of the contract; housekeeping on our own objects and annotations is none of them."""

SLACK_SECONDS: Final = 10.0
"""Real pods need seconds to be Running and real ticks come when a busy machine lets them; a pause out of place would be
off by the idle time, which is thirty."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One action that succeeded, or that Observe mode recorded; `at` in seconds of the plane from the start."""

    at: float
    workload: str
    """Kind/name."""
    action: str
    reason: str
    mode: str

    @property
    def what(self) -> tuple[str, str, str, str]:
        """Everything but the time."""
        return self.workload, self.action, self.reason, self.mode


@dataclass(frozen=True, slots=True)
class Course:
    """What one world says of one scenario."""

    deeds: list[Deed]
    verdicts: dict[str, set[tuple[str, str]]]
    """By workload: verdict and reason as of the last look, or all of the last `SLACK_SECONDS` before the end."""
    seconds: float
    """The end; what a slow plane did a little later is there too."""

    def of(self, workload: str) -> list[Deed]:
        """The deeds about one workload, in order."""
        return [deed for deed in self.deeds if deed.workload == workload]


def simulated(files: Iterable[Path]) -> list[Course]:
    """What `ebbtide simulate` says, whether or not the files' own expectations hold. PlaneError: one is unreadable."""
    words = [word for file in files for word in ("-f", str(file))]
    program = str(Path(sys.executable).with_name("ebbtide"))
    done = subprocess.run([program, "simulate", *words, "-o", "json"], capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise PlaneError(f"ebbtide simulate: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return [_simulated(one) for one in json.loads(done.stdout)]


def _simulated(result: Mapping[str, Any]) -> Course:
    start = datetime.fromisoformat(result["start"])
    deeds = [
        Deed(
            (datetime.fromisoformat(it["time"]) - start).total_seconds() / SCALE,
            _named(it["workload"]),
            it["action"],
            it["reason"],
            it["mode"],
        )
        for it in result["actions"]
        if not it["failed"]
    ]
    seconds = (datetime.fromisoformat(result["end"]) - start).total_seconds() / SCALE
    last: dict[str, set[tuple[str, str]]] = {}
    for it in result["verdicts"]:
        if (datetime.fromisoformat(it["to"]) - start).total_seconds() / SCALE > seconds - SLACK_SECONDS:
            last.setdefault(_named(it["workload"]), set()).add((it["verdict"], it["reason"]))
    return Course(deeds, last, seconds)


def _named(workload: Mapping[str, str]) -> str:
    return f"{workload['kind']}/{workload['name']}"


def logged(log: Path, begin: int, namespace: str, start: datetime) -> Iterator[Deed]:
    """What the operator logged as done in a namespace, from byte `begin` of its log on."""
    with log.open("rb") as lines:
        lines.seek(begin)
        for line in lines:
            entry = _entry(line)
            where, _, workload = str(entry.get("workload", "")).partition("/")
            if entry.get("event") != "action" or where != namespace:
                continue
            if entry["result"] in DONE and entry["verb"] in ACTIONS:
                at = (datetime.fromisoformat(entry["timestamp"]) - start).total_seconds()
                yield Deed(at, workload, entry["verb"], entry["reason"], DONE[entry["result"]])


def _entry(line: bytes) -> dict[str, Any]:
    """A line that is not JSON, or was cut by a kill, tells nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
