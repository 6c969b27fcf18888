"""`python -m e2e.demo` tells the story; `down` stops what it left running; `serve` holds it (used by the first)."""

import subprocess
import sys
import time
from pathlib import Path

from e2e.demo import state
from e2e.demo.screen import Progress, console, heading, say
from e2e.demo.state import World
from e2e.demo.story import ROOT, WORK, Story, StoryError
from e2e.demo.world import serve

START_SECONDS = 180.0


def main(words: list[str]) -> int:
    match words:
        case []:
            return _demo()
        case ["down"]:
            print("The demo is stopped." if state.stop() else "No demo is running.")
            return 0
        case ["serve"]:
            return serve()
        case _:
            print(f"unknown words {' '.join(words)!r}; use: python -m e2e.demo [down]", file=sys.stderr)
            return 2


def _demo() -> int:
    if state.stop():
        say("stopped the demo that was still running")
    log = state.folder() / "demo.log"
    try:
        world = _start(log)
        Story(world).tell()
    except (StoryError, KeyboardInterrupt) as error:
        state.stop()
        console.print(f"\nThe demo failed: {error or 'interrupted'}", style="bold red", markup=False)
        _show_log(log)
        return 1
    _farewell(world, log)
    return 0


def _start(log: Path) -> World:
    """Start the world in a process of its own, so that it outlives the story. Raises StoryError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    state.state_file().unlink(missing_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "e2e.demo", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    heading("Starting a control plane on this machine")
    limit, phase = time.monotonic() + START_SECONDS, ""
    with Progress("starting") as progress:
        while time.monotonic() < limit:
            world = state.read()
            if world is not None and world.phase != phase:
                phase = world.phase
                if phase.startswith("failed"):
                    raise StoryError(phase)
                if phase == "ready":
                    return world
                say(f"starting: {phase}")
            if process.poll() is not None:
                latest = state.read()
                raise StoryError(latest.phase if latest else "it ended before it began")
            progress.beat(f"starting {phase}")
            time.sleep(0.2)
    raise StoryError(f"not ready after {START_SECONDS:.0f} s; last seen: {phase}")


def _show_log(log: Path) -> None:
    if log.exists():
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]:
            console.print(f"  {line}", style="dim", markup=False)


def _farewell(world: World, log: Path) -> None:
    heading("It is still running: try")
    console.print(
        f"  export KUBECONFIG={world.admin_kubeconfig} PATH={world.programs}:{Path(sys.executable).parent}:$PATH",
        markup=False,
    )
    console.print(f"  kubectl get trainingjobs -n {WORK}            # what runs, why, what it costs", markup=False)
    console.print(f"  kubectl ebbtide explain tjob/ablation -n {WORK}   # idle, and why it is not paused", markup=False)
    console.print(f"  kubectl ebbtide pause tjob/resnet -n {WORK}       # a human always wins", markup=False)
    console.print(
        f"  Prometheus {world.prometheus_url}  operator metrics {world.operator_url}/metrics  log {log}", markup=False
    )
    console.print("  make demo-down                               # stops all of it", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
