"""The demo's world: an installation and two people, on this machine or in Docker, held by one process."""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from e2e.demo import state
from e2e.demo.kind.cluster import KindCluster, Wishes
from e2e.demo.kind.tools import find_tools
from e2e.demo.replay import SPEEDUP
from e2e.demo.state import World
from e2e.installation import Installation

NODES = 4
USER = "ada@example.com"
WORK = "vision"
ROLES = ("edit", "ebbtide-edit")
"""The user may edit work and use Ebbtide in one namespace."""
VALUES = {"enforcement": {"enabled": True}}
"""Off by default: then Ebbtide only says what it would do."""


class _StoppedError(Exception):
    """A signal asked this process to end."""


class Held(Protocol):
    """A cluster with everything in it, while this process holds it."""

    def require_alive(self) -> None: ...

    def addresses(self, world: World) -> World: ...


def serve(cluster: str = state.LOCAL) -> int:
    """Start everything, tell the state file, and hold it until told to stop."""
    with state.claimed() as mine:
        if not mine:
            print("Another demo is being started or stopped at this moment; try again when it is done.")
            return 1
        return _hold(World(pid=os.getpid(), phase="", cluster=cluster))


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
        with _cluster(world.cluster, show, stopping.is_set) as it:
            world = it.addresses(world)
            show(state.READY)
            while not stopping.wait(0.5):
                it.require_alive()
            state.write(replace(world, phase=state.STOPPING))
    except _StoppedError:
        return 0
    except Exception as error:  # noqa: BLE001 - whatever fails is told to the person in front of the screen
        if stopping.is_set():
            return 0
        state.write(replace(world, failure=str(error)))
        return 1
    return 0


def _cluster(name: str, tell: Callable[[str], None], stopping: Callable[[], bool]) -> AbstractContextManager[Held]:
    """Not started yet, with an empty work folder. Raises PlaneError when a program is missing."""
    workdir = state.folder() / ("plane" if name == state.LOCAL else name)
    shutil.rmtree(workdir, ignore_errors=True)
    if name == state.LOCAL:
        return _Local(workdir, values=VALUES, nodes=NODES, speedup=SPEEDUP, tell=tell)
    wishes = Wishes(values=VALUES, nodes=NODES, speedup=SPEEDUP, work=WORK, user=USER, roles=ROLES)
    return KindCluster(workdir, find_tools(), wishes, tell=tell, stopping=stopping)


class _Local(Installation):
    def addresses(self, world: World) -> World:
        plane = self.plane
        plane.create_namespace(WORK)
        return replace(
            world,
            workdir=str(plane.workdir),
            admin_kubeconfig=str(plane.kubeconfig),
            user_kubeconfig=str(self.person(USER, WORK, *ROLES)),
            prometheus_url=self.prometheus.url,
            operator_url=self.operator.url,
            audit_log=str(plane.layout.audit_log),
            operator_log=str(self.operator.component.log),
            programs=str(plane.layout.binaries),
        )
