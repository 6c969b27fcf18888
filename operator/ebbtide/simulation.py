"""The operator's own engine on a simulated world: the one place that knows both."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ebbtide.engine import Engine
from ebbtide.objects.quantity import watching
from ebbtide.ports import TickReport
from ebbtide.samples.vendors import watched
from ebbtide.sim.operator_ports import AlwaysLeads, Ports, Ticking
from ebbtide.sim.result import Result
from ebbtide.sim.run import Run
from ebbtide.sim.scenario_file import Loaded, load

COLLECT_AFTER = 200_000


class _Silent:
    """Implements ports.Telemetry: the result is what a simulation tells."""

    def tick(self, report: TickReport) -> None:
        """Nothing."""


def _engine(ports: Ports) -> Ticking:
    return Engine(
        cluster=ports.cluster,
        metrics=ports.metrics,
        telemetry=_Silent(),
        leadership=AlwaysLeads(),
        clock=ports.clock,
        settings=ports.settings,
    )


def simulate(path: str | Path, text: str | None = None) -> Result:
    """Run the scenario in a file. Raises sim.refusal.Refusal where it cannot be read or an event cannot be done."""
    return run(load(path, text))


def run(loaded: Loaded, tell: Callable[[int], None] | None = None) -> Result:
    """Run what was read. `tell` is called with each second that is reached."""
    with _rarely_collected(), watching(watched(loaded.profiles)):
        return asyncio.run(Run(loaded, _engine).result(tell))


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """A tick over 1,000 workloads makes a hundred thousand values that all die with the next.

    To look for circles among them at Python's usual pace takes a third of the time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
