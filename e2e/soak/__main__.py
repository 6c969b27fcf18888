"""`python -m e2e.soak kill [--count 100] [--seed 1]`: kills at random writes, a line for each job.

It ends with status 1 at the first job that was not treated as it must. `--count 0` runs the ten kills of the test.
"""

import argparse
import sys
import time

from e2e.plane import PlaneError
from e2e.soak.kill import Outcome, hits, kills


def _line(one: Outcome) -> str:
    shots = "; ".join(map(str, one.shots))
    missed = f" (aim missed: {'; '.join(one.missed)})" if one.missed else ""
    return f"{one.step} of {one.job}, killed {shots}: one pause, original intact, resumed{missed}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.soak", description=__doc__)
    parser.add_argument("what", choices=["kill"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        outcomes = kills(arguments.count, arguments.seed, tell=lambda one: print(_line(one), flush=True))
    except (AssertionError, PlaneError) as error:
        print(f"FAILED with seed {arguments.seed}: {error}", file=sys.stderr)
        return 1
    shots = sum(len(one.shots) for one in outcomes)
    print(f"{shots} kills, {hits(outcomes)} at the write aimed at, in {time.monotonic() - began:.0f} s: all went right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
