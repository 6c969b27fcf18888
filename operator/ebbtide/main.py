"""Composition root: the only place that builds things and ties them together."""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import kopf
import structlog

from ebbtide import __version__, memory
from ebbtide.api.adopted_workload import AdoptedWorkload
from ebbtide.api.crd import KINDS
from ebbtide.api.training_job import TrainingJob
from ebbtide.cluster.client import Client, connect
from ebbtide.cluster.lease import LeaseLeadership, new_identity
from ebbtide.cluster.preflight import missing_for_operator
from ebbtide.cluster.stores import Stores
from ebbtide.core.workload import Instant
from ebbtide.engine import Engine
from ebbtide.handlers import registry, settings
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.notify.mailroom import Mailroom
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.errors import ApiError
from ebbtide.objects.executor import Executor
from ebbtide.objects.quantity import watching
from ebbtide.options import OperatorOptions
from ebbtide.samples.profile import Profile
from ebbtide.samples.settings import LabelMode
from ebbtide.samples.vendors import ProfileError, read_profiles, watched
from ebbtide.server import Probes, Server
from ebbtide.telemetry import PrometheusTelemetry

log = structlog.get_logger(__name__)
LIVE_TICKS = 3
"""Ticks that may pass without one being finished before the process counts as stuck."""
SLOWEST_TICK_SECONDS = 120.0
FIRST_TICK_SECONDS = 0.2
"""How often it is looked whether the first tick is over."""
RESTART_SECONDS = 5.0
"""kopf is started again after this pause when it ends; nothing depends on it but how soon a change is noticed."""


WATCHED_BY_KOPF = tuple(kind.definition.plural for kind in KINDS if kind not in {TrainingJob, AdoptedWorkload})
"""Workloads wake the engine through their own stores: kopf would read and hold each of them a second time."""


class WallClock:
    """Implements ports.Clock."""

    def now(self) -> Instant:
        """The present instant, UTC."""
        return time.time()


class SoleReplica:
    """Implements ports.Leadership for one replica with strategy Recreate: there is nobody else."""

    def __init__(self) -> None:
        self._resigned = False

    def may_write(self) -> bool:
        """True until it is told to stop."""
        return not self._resigned

    def resign(self) -> None:
        """Write nothing from now on."""
        self._resigned = True


def main(options: OperatorOptions) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code; 1 when it could not start."""
    memory.set_up()
    _set_up_logging(options.log_level)
    if options.kubeconfig:
        os.environ["KUBECONFIG"] = options.kubeconfig
    try:
        profiles = read_profiles(options.profiles_file)
        with watching(watched(profiles)):
            return asyncio.run(_run(options, profiles))
    except (ApiError, ProfileError) as error:
        told = error.message if isinstance(error, ApiError) else str(error)
        log.error("cannot start", why=told)  # noqa: TRY400 - a sentence for people, not a traceback
        sys.stderr.write(f"ebbtide operator: {told}\n")
        return 1


async def _run(options: OperatorOptions, profiles: tuple[Profile, ...]) -> int:
    identity = new_identity()
    agent = f"ebbtide/{__version__} ({identity})"  # so that an audit log tells the replicas apart
    client = await connect(kubeconfig=options.kubeconfig, context=options.context, user_agent=agent)
    try:
        problems = await missing_for_operator(client)
        for problem in problems:
            log.error("cannot start", why=problem)
            sys.stderr.write(f"ebbtide operator: {problem}\n")
        return 1 if problems else await _operate(options, client, identity, profiles)
    finally:
        await client.close()


async def _operate(options: OperatorOptions, client: Client, identity: str, profiles: tuple[Profile, ...]) -> int:
    """Build everything, start everything, wait for the signal, stop in reverse order."""
    stop, clock, doorbell = asyncio.Event(), WallClock(), asyncio.Event()
    election = _election(options, client, identity, doorbell.set)
    leadership = election or SoleReplica()
    telemetry = PrometheusTelemetry(leadership.may_write)
    stores = Stores(
        client,
        lease_namespace=options.namespace,
        lease_name=options.lease_name,
        clock=clock.now,
        on_change=doorbell.set,
        on_lease=election.lease_changed if election else _nothing,
    )
    executor = Executor(
        election.fence if election else client,
        leadership,
        lease_namespace=options.namespace,
        lease_name=options.lease_name,
        clock=clock.now,
        writes_per_second=options.write_rate,
    )
    metrics = PrometheusMetrics(_metrics_settings(options), clock, profiles)
    mailroom = _mailroom(options, telemetry)
    engine = Engine(
        cluster=KubernetesCluster(stores.inventory, executor, stores.unfresh),
        metrics=metrics,
        telemetry=telemetry,
        leadership=leadership,
        clock=clock,
        settings=options.settings,
        wakeup=doorbell,
        notifier=mailroom,
    )
    probes = _probes(engine, stores, clock, options)
    server = Server(telemetry.registry, probes, options.listen_host, options.listen_port)
    _on_signals(leadership.resign, stop.set)
    await server.start()
    log.info(
        "started", version=__version__, api_server=client.host, prometheus=options.prometheus_url, identity=identity
    )
    kopf_stop = threading.Event()
    watching = (asyncio.get_running_loop(), engine.wake, kopf_stop)
    threading.Thread(target=_watch_with_kopf, args=watching, name="kopf", daemon=True).start()
    parts = (stores.run(), memory.keep_settled(lambda: engine.last_tick_at is not None))
    tasks = [asyncio.create_task(part) for part in parts]
    standing = [asyncio.create_task(_stand(election, engine, stop))] if election else []
    for task in (*tasks, *standing):
        task.add_done_callback(lambda _: stop.set())
    try:
        await _synced(stores, stop)
        await engine.run(stop)
        return _exit_code(tasks)
    finally:
        kopf_stop.set()
        leadership.resign()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *standing, return_exceptions=True)
        await server.stop()
        await metrics.close()
        if mailroom is not None:
            await asyncio.to_thread(mailroom.close)
        log.info("stopped")


def _mailroom(options: OperatorOptions, telemetry: PrometheusTelemetry) -> Mailroom | None:
    if options.receivers_file is None:
        return None
    return Mailroom(options.receivers_file, telemetry.notified, cluster=options.cluster_name)


def _election(
    options: OperatorOptions, client: Client, identity: str, on_gain: Callable[[], None]
) -> LeaseLeadership | None:
    if not options.leader_election:
        return None
    return LeaseLeadership(
        client,
        namespace=options.namespace,
        name=options.lease_name,
        identity=identity,
        terms=options.terms,
        on_gain=on_gain,
    )


async def _stand(election: LeaseLeadership, engine: Engine, stop: asyncio.Event) -> None:
    """Who does not know the fleet yet does not ask to lead: another replica that does may act meanwhile."""
    while engine.last_tick_at is None and not stop.is_set():  # noqa: ASYNC110 - the engine need not know who waits
        await asyncio.sleep(FIRST_TICK_SECONDS)
    await election.run()


def _nothing() -> None:
    """Nobody waits for the Lease."""


def _exit_code(tasks: list[asyncio.Task[None]]) -> int:
    """1 when a part that must run for ever ended by itself: the pod is restarted, and nothing is lost."""
    failed = [error for task in tasks if task.done() and not task.cancelled() and (error := task.exception())]
    for error in failed:
        log.error("a part of the operator ended", why=repr(error))
    return 1 if failed else 0


def _metrics_settings(options: OperatorOptions) -> MetricsSettings:
    return MetricsSettings(
        url=options.prometheus_url,
        sample_interval_seconds=options.sample_interval_seconds,
        label_mode=LabelMode(options.label_mode),
        match_labels=options.match_labels,
        allowed=options.allowed_metrics,
        token_file=options.prometheus_token_file,
        ca_file=options.prometheus_ca_file,
        look_back_seconds=options.look_back_seconds,
    )


async def _synced(stores: Stores, stop: asyncio.Event) -> None:
    """Wait for the first listing of every kind, or for the signal; say what is missing meanwhile."""
    synced, stopped = asyncio.ensure_future(stores.wait_synced()), asyncio.ensure_future(stop.wait())
    while not synced.done() and not stopped.done():
        await asyncio.wait({synced, stopped}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        for problem in () if synced.done() else stores.problems:
            log.warning("not ready yet", why=problem)
    for task in (synced, stopped):
        task.cancel()


def _probes(engine: Engine, stores: Stores, clock: WallClock, options: OperatorOptions) -> Probes:
    started = clock.now()

    def live() -> str:
        last = engine.last_tick_at or started
        limit = LIVE_TICKS * max(options.tick_seconds, 1.0) + SLOWEST_TICK_SECONDS
        age = clock.now() - last
        # Before the first tick the stores may wait for a CRD or a permission for as long as it takes.
        waiting = engine.last_tick_at is None and not stores.synced
        return "" if waiting or age < limit else f"no tick was finished for {age:.0f} s"

    def ready() -> str:
        if not stores.synced:
            return stores.unfresh() or "stores are not synced yet"
        return "" if engine.last_tick_at is not None else "the first tick is not finished yet"

    return Probes(live, ready)


def _watch_with_kopf(loop: asyncio.AbstractEventLoop, wake: Callable[[], None], stop: threading.Event) -> None:
    """Kopf in a thread and a loop of its own: when it ends it cancels what shares its loop, and it takes signals over.

    It ends on errors that it does not retry; then it is started again, and the engine never notices.
    """

    def ring() -> None:
        loop.call_soon_threadsafe(wake)

    while not stop.is_set():
        try:
            handlers = registry(WATCHED_BY_KOPF, ring)
            asyncio.run(kopf.operator(registry=handlers, settings=settings(), clusterwide=True, stop_flag=stop))
        except Exception as error:  # noqa: BLE001 - whatever ended it, the answer is the same
            log.warning("kopf ended and is started again", why=str(error))
        stop.wait(RESTART_SECONDS)


def _on_signals(*calls: Callable[[], None]) -> None:
    """SIGTERM or SIGINT: what is running ends its round, and nothing more is written."""
    loop = asyncio.get_running_loop()

    def told() -> None:
        for call in calls:
            call()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)


def _set_up_logging(level: str) -> None:
    """One JSON object per line on standard error, our own lines and those of the libraries alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
