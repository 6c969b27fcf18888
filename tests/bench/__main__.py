"""`python -m tests.bench [--full] [--only NAME]`: prints a table for each bench and writes docs/benchmarks.md."""

import argparse
import sys
import time
from collections.abc import Callable

from e2e.plane import PlaneError
from tests.bench import flat, idle_replay, judge_fleet, kills, leader, reaction, report, scale, simulate
from tests.bench.processes import BenchError
from tests.bench.report import Section


def _reaction(_full: bool) -> Section:
    return reaction.measure()


def _scale(full: bool) -> Section:
    return scale.measure(full=full)


def _core(_full: bool) -> Section:
    """The verdicts alone, without processes."""
    found = judge_fleet.run()
    figures = [
        report.told("devices in 5,000 gangs", found["devices"], "", 0),
        report.below("verdict of every gang", found["judge_ms"], 200, "ms", 1),
        report.told("the same without short cuts", found["judge_thoroughly_ms"], "ms"),
        report.told("verdict of every gang, every timeout learnt (Auto)", found["judge_auto_ms"], "ms"),
        report.told("counting a minute of idle runs (Auto)", found["count_auto_ms"], "ms"),
        report.told("explaining one gang", found["describe_ms_per_gang"], "ms", 2),
        report.told("folding one sample", found["fold_microseconds_per_sample"], "µs", 2),
        report.told("evidence of one device", found["bytes_per_device"], "bytes", 0),
    ]
    how = "Evidence and verdicts of the fleet in one process; the fastest of five runs."
    return Section("Verdicts", how, "make bench", figures)


def _simulate(_full: bool) -> Section:
    return simulate.measure()


def _flat(_full: bool) -> Section:
    return flat.measure()


def _leader(_full: bool) -> Section:
    return leader.measure()


def _kill(full: bool) -> Section | None:
    """Only with --full: minutes of kills."""
    return kills.measure() if full else None


def _idle_replay(_full: bool) -> idle_replay.Section | None:
    """Recorded idleness, where the shared folder is."""
    try:
        idle_replay.trace_file()
    except BenchError as error:
        sys.stderr.write(f"idle-replay is left out: {error}\n")
        return None
    return idle_replay.measure()


BENCHES: dict[str, Callable[[bool], Section | idle_replay.Section | None]] = {
    "core": _core,
    "idle-replay": _idle_replay,
    "reaction": _reaction,
    "scale": _scale,
    "simulate": _simulate,
    "flat": _flat,
    "leader": _leader,
    "kill": _kill,
}


def main() -> int:
    """Exit status 1 when a target was missed, 2 when a bench failed; the others run all the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="full counts; takes an hour")
    parser.add_argument("--only", choices=BENCHES, action="append", help="this bench alone; may be repeated")
    arguments = parser.parse_args()
    sections: list[Section | idle_replay.Section] = []
    failed = False
    for name in arguments.only or BENCHES:
        began = time.monotonic()
        try:
            section = BENCHES[name](arguments.full)
        except (BenchError, PlaneError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = True
            continue
        if section is not None:
            sys.stdout.write(f"{section.screen()}\n  (measured in {time.monotonic() - began:.0f} s)\n\n")
            sys.stdout.flush()
            sections.append(section)
            report.write([section])
    if failed:
        return 2
    return 0 if all(section.met for section in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
