"""`python -m e2e.soak kill [--count 100] [--seed 1]`: kill -9 while work is paused and resumed, a line for each.

Ends with status 1 at the first workload that was not treated as it must.
"""

import argparse
import sys
import time

from e2e.plane import PlaneError
from e2e.soak.kill import Outcome, kills


def summary(outcome: Outcome) -> str:
    """How many kills there were, how many struck where, and what came of it."""
    aimed = [kill for kill in outcome.kills if kill.shot.aimed]
    hit = sum(kill.hit for kill in aimed)
    sighted = [kill for kill in outcome.kills if kill.shot.at_sight]
    seen = sum(kill.hit for kill in sighted)
    return (
        f"{len(outcome.kills)} kills, {len(aimed)} of them aimed by write number ({hit} at that very write), "
        f"{len(sighted)} at the sight of a pause ({seen} saw one); "
        f"{outcome.inside} fell inside a pause. {len(outcome.pauses)} workloads: one suspending PATCH each, "
        f"originals intact, all resumed; {outcome.unsaid} of their Events lost."
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.soak", description=__doc__)
    parser.add_argument("what", choices=["kill"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        outcome = kills(arguments.count, arguments.seed, tell=lambda line: print(line, flush=True))
    except (AssertionError, PlaneError) as error:
        print(f"FAILED with seed {arguments.seed}: {error}", file=sys.stderr)
        return 1
    print(f"{summary(outcome)} ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
