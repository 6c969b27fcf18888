"""The demo's world: an installation and two people, held by one process."""

import os
import shutil
import signal
import threading
from dataclasses import replace

from e2e.demo import state
from e2e.demo.replay import SPEEDUP
from e2e.demo.state import World
from e2e.installation import Installation

NODES = 4
USER = "ada@example.com"
WORK = "vision"
VALUES = {"enforcement": {"enabled": True}}
"""Off by default: then Ebbtide only says what it would do."""


class _StoppedError(Exception):
    """A signal asked this process to end."""


def serve() -> int:
    """Start everything, tell the state file, and hold it until told to stop."""
    with state.claimed() as mine:
        if not mine:
            print("Another demo is being started or stopped at this moment; try again when it is done.")
            return 1
        return _hold(World(pid=os.getpid(), phase=""))


def _hold(world: World) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Only noted: an exception in the middle of starting a program could leave that program behind.
        signal.signal(number, lambda *_: stopping.set())

    def show(phase: str) -> None:
        nonlocal world
        if stopping.is_set():
            raise _StoppedError
        world = replace(world, phase=phase)
        state.write(world)

    try:
        show(world.phase)
        workdir = state.folder() / "plane"
        shutil.rmtree(workdir, ignore_errors=True)
        with Installation(workdir, values=VALUES, nodes=NODES, speedup=SPEEDUP, tell=show) as it:
            world = _addresses(it, world)
            show(state.READY)
            while not stopping.wait(0.5):
                it.require_alive()
            state.write(replace(world, phase=state.STOPPING))
    except _StoppedError:
        return 0
    except Exception as error:  # noqa: BLE001 - whatever fails is told to the person in front of the screen
        state.write(replace(world, failure=str(error)))
        return 1
    return 0


def _addresses(it: Installation, world: World) -> World:
    """Where everything is; the user may edit work and use Ebbtide in one namespace."""
    plane = it.plane
    plane.create_namespace(WORK)
    return replace(
        world,
        workdir=str(plane.workdir),
        admin_kubeconfig=str(plane.kubeconfig),
        user_kubeconfig=str(it.person(USER, WORK, "edit", "ebbtide-edit")),
        prometheus_url=it.prometheus.url,
        operator_url=it.operator.url,
        audit_log=str(plane.layout.audit_log),
        operator_log=str(it.operator.component.log),
        programs=str(plane.layout.binaries),
    )
