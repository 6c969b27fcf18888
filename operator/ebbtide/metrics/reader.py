"""What one tick asks and folds, step by step. Synchronous: runs in the worker thread."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant, Pod
from ebbtide.metrics.answers import Answer, MetricsError
from ebbtide.metrics.client import PrometheusClient
from ebbtide.metrics.folding import Fold
from ebbtide.metrics.history import look_back
from ebbtide.metrics.holders import Holders, PodName, Presence, accelerator_pods
from ebbtide.metrics.label_mode import Labelling, waiting_pods
from ebbtide.metrics.profile import PodLabels, Profile
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.reach import Reach
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.metrics.span import Frontier, Grid
from ebbtide.metrics.targets import Fit, interval_fit
from ebbtide.metrics.worker import Ticket

_FORGET_SECONDS = 600.0
"""How often old evidence is dropped: too dear for every tick."""
_UNCHECKED_SECONDS = 60.0
"""How soon the targets are looked at again when they could not be: at a start nothing may be scraped yet."""
_LIVE_INTERVALS = 2
_MAPPED_INTERVALS = 4
"""An exporter learns of a new pod with its next collection, and the scrape after that shows it."""


@dataclass(slots=True)
class Tally:
    """What reading costs, for the operator's own metrics."""

    fleet_queries_last_tick: int = 0
    query_seconds: dict[str, float] = field(default_factory=dict)
    """Duration of the last query of each name."""
    queries_total: int = 0
    errors_total: int = 0
    series_last_tick: int = 0
    unattributed_devices: int = 0
    """Devices with a row that names no pod we know, as of the last tick."""
    remark: str = ""
    """What could not be checked, if anything."""


MOST_STEPS = 10_000
"""Prometheus refuses more than 11,000 points per series."""


class FleetReader:
    """Holds the evidence and how far it has been read."""

    def __init__(self, settings: MetricsSettings, profile: Profile, client: PrometheusClient) -> None:
        self._settings = settings
        self._profile = profile
        self._client = client
        self._writer = QueryWriter(profile, settings.step_seconds, settings.match_labels)
        self._frontier = Frontier(settings.step_seconds, settings.overlap_seconds)
        self._reach = Reach(settings.sample_interval_seconds)
        self._points = settings.max_points_per_query
        self._uids: dict[PodName, str] = {}
        self._label_mode = ""
        self._fit = Fit()
        self._targets_checked_at = self._forgotten_at = float("-inf")
        self._presence_rows = 0
        self.book = EvidenceBook(settings.sample_interval_seconds)
        self.tally = Tally()

    def read(self, ticket: Ticket, state: ClusterState, now: Instant) -> MetricsHealth:
        """Reads one slice and folds it. Raises MetricsError; what was folded until then is true, and is read again."""
        pods = accelerator_pods(state.pods, self._profile.resource_prefix)
        with ticket.held():
            self._prepare(pods, state, now)
        grid = self._frontier.next_grid(now, self._most_steps(state, pods))
        labelling = self._read_grid(ticket, grid, pods, now)
        if not self._frontier.caught_up(grid, now):
            return self.health(f"History is still being read: up to {_clock(grid.end)}.", up=False)
        self._check_targets(now)
        return self.health("", up=True, problem=labelling.problem)

    def health(self, message: str, *, up: bool, problem: str = "") -> MetricsHealth:
        """The state of the source as far as it is known."""
        return MetricsHealth(
            up=up,
            message=message,
            reaches_back_to=self._reach.back_to,
            label_mode=self._label_mode,
            attribution_problem=problem,
            as_of=self._reach.read_to,
            interval_problem=self._fit.problem,
        )

    def _prepare(self, pods: Mapping[PodName, Pod], state: ClusterState, now: Instant) -> None:
        """Forgets what is gone; starts anew where policies ask for more history than was read."""
        if self._frontier.reach_for(look_back(self._settings, state.policies)):
            self.book = EvidenceBook(self._settings.sample_interval_seconds)
            self._reach.restart()
        for name, uid in self._uids.items():
            if name not in pods or pods[name].uid != uid:
                self.book.drop_pod(*name)
        self._uids = {name: pod.uid for name, pod in pods.items()}
        if now - self._forgotten_at >= _FORGET_SECONDS:
            self.book.forget(now - self._frontier.look_back)
            self._forgotten_at = now

    def _most_steps(self, state: ClusterState, pods: Mapping[PodName, Pod]) -> int:
        """How many steps fit into one answer: devices by the nodes, by the pods or as seen last, whichever is most."""
        on_nodes = sum(node.accelerators for node in state.nodes.values())
        requested = sum(pod.accelerators for pod in pods.values())
        return min(MOST_STEPS, self._points // max(on_nodes, requested, self._presence_rows, 1))

    def _read_grid(self, ticket: Ticket, grid: Grid, pods: Mapping[PodName, Pod], now: Instant) -> Labelling:
        settled = self._frontier.settled(grid, now)
        presence = self._ask(ticket, "presence", self._writer.presence(), grid)
        self._presence_rows = len(presence)
        seeing = Presence(presence, self._profile, grid, pods)
        interval = self._settings.sample_interval_seconds
        census, seen = seeing.survey(grid.end - _LIVE_INTERVALS * interval, self._reach.read_to, settled)
        waiting = waiting_pods(pods, grid.end - _MAPPED_INTERVALS * interval)
        labelling = census.labelling(self._settings.label_mode, waiting)
        if labelling.mode is not None:
            self._label_mode = str(labelling.mode)
            names = self._profile.names(labelling.mode)
            holders = seeing.holders(names)
            del presence, seeing  # megabytes, before more come
            self._fold(ticket, grid, names, holders)
        with ticket.held():
            self._frontier.done(grid, now)
            self._reach.note(grid, settled, seen)
            self.book.since = grid.end if self._reach.back_to is None else self._reach.back_to
        return labelling

    def _fold(self, ticket: Ticket, grid: Grid, names: PodLabels, holders: Holders) -> None:
        self.tally.unattributed_devices = holders.unattributed
        fold = Fold(self.book, self._profile, names, holders, grid)
        for query in self._writer.values(names):
            fold.take(query, self._ask(ticket, query.name, query.text, grid), ticket)

    def _ask(self, ticket: Ticket, name: str, text: str, grid: Grid) -> Answer:
        ticket.check()
        began, tally = time.monotonic(), self.tally
        tally.fleet_queries_last_tick += 1
        tally.queries_total += 1
        try:
            answer = _trusted(self._client.query_range(text, grid.start, grid.end, grid.step))
        except MetricsError as error:
            tally.errors_total += 1
            self._points = self._points // 2 if error.oversize else self._points
            raise
        finally:
            tally.query_seconds[name] = time.monotonic() - began
        tally.series_last_tick += len(answer)
        return answer

    def _check_targets(self, now: Instant) -> None:
        settings = self._settings
        pause = min(settings.targets_check_seconds, _UNCHECKED_SECONDS if self._fit.remark else math.inf)
        if now - self._targets_checked_at < pause:
            return
        self._targets_checked_at = now
        interval = settings.sample_interval_seconds
        self._fit = interval_fit(self._client, self._profile, self._writer, interval, now)
        self.tally.remark = self._fit.remark


def _trusted(answer: Answer) -> Answer:
    if answer.warnings:
        raise MetricsError(f"Prometheus warned that its answer may be partial: {answer.warnings[0]}.")
    return answer


def _clock(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
