"""`python -m e2e.soak kill [--count 100] [--seed 1]`: kills at random writes; a line for each, exit 1 at the first wrong.

`--count 0` runs the ten of the test.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from e2e.plane import Plane, PlaneError
from e2e.soak.kill import IDLE, Outcome, Range, full_plan, hits, random_plan
from e2e.soak.stage import Stage

_BATCH = 12
"""Jobs that run at a time: each holds a device until its turn is over."""


def kills(count: int, seed: int) -> list[Outcome]:
    """Runs them on a plane of their own and prints a line for each job."""
    plan = random_plan(count, seed) if count else full_plan()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="ebbtide-soak-") as folder, Plane(Path(folder)) as plane:
        plane.add_gpu_nodes(2)
        stage = Stage(plane)
        stage.install()
        stage.set_policy(IDLE)
        for start in range(0, len(plan), _BATCH):
            done = Range(stage, plan[start : start + _BATCH], prefix=f"kill-{start}").run()
            outcomes += done
            for one in done:
                shots = "; ".join(map(str, one.shots))
                print(f"{one.step} of {one.job}: {shots}: one pause, original intact, resumed{_missed(one)}", flush=True)
    return outcomes


def _missed(outcome: Outcome) -> str:
    return f" (aim missed: {'; '.join(outcome.missed)})" if outcome.missed else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.soak", description=__doc__)
    parser.add_argument("what", choices=["kill"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        outcomes = kills(arguments.count, arguments.seed)
    except (AssertionError, PlaneError) as error:
        print(f"FAILED with seed {arguments.seed}: {error}", file=sys.stderr)
        return 1
    shots = sum(len(one.shots) for one in outcomes)
    print(f"{shots} kills, {hits(outcomes)} at the write aimed at, in {time.monotonic() - began:.0f} s: all went right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
