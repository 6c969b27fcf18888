"""What one tick asks and folds, step by step. Synchronous, and not safe for two threads at a time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.samples.answer import Answer, MetricsError
from ebbtide.samples.doubles import scraped_twice
from ebbtide.samples.fit import Fit, interval_fit
from ebbtide.samples.folding import Fold
from ebbtide.samples.history import look_back
from ebbtide.samples.holders import Holders
from ebbtide.samples.idle_watch import IdleWatch
from ebbtide.samples.label_mode import Labelling
from ebbtide.samples.presence import Presence
from ebbtide.samples.profile import PodLabels, Profile
from ebbtide.samples.reach import Reach
from ebbtide.samples.roster import Roster
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.source import Source, ValueRequest
from ebbtide.samples.span import Frontier, Grid
from ebbtide.samples.ticket import Ticket

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
    """Devices that no pod we know holds, as of the last tick."""
    scraped_twice: str = ""
    """A sentence about devices that several targets report on, as of the last tick; empty: none."""
    remark: str = ""
    """What could not be checked, if anything."""


MOST_STEPS = 10_000
"""Prometheus refuses more than 11,000 points per series."""


class FleetReader:
    """Holds the evidence and how far it has been read."""

    def __init__(self, settings: ReadingSettings, profile: Profile, source: Source) -> None:
        self._settings = settings
        self._profile = profile
        self._source = source
        self._frontier = Frontier(settings.step_seconds, settings.overlap_seconds)
        self._reach = Reach(settings.sample_interval_seconds)
        self._points = settings.max_points_per_query
        self._roster = Roster({}, profile)
        self._label_mode = ""
        self._names: PodLabels | None = None
        """Labels in force in the last grid that had any."""
        self._fit = Fit()
        self._targets_checked_at = self._forgotten_at = float("-inf")
        self._presence_rows = 0
        self.book = EvidenceBook(settings.sample_interval_seconds)
        self._watch = IdleWatch()
        self.tally = Tally()

    def read(self, ticket: Ticket, state: ClusterState, now: Instant) -> MetricsHealth:
        """Reads one slice and folds it. Raises MetricsError; what was folded until then is true, and is read again."""
        with ticket.held():
            self._prepare(state, now)
        grid = self._frontier.next_grid(now, self._most_steps(state))
        labelling = self._read_grid(ticket, grid, now)
        if not self._frontier.caught_up(grid, now):
            told = f"History is still being read: up to {_clock(grid.end)}."
            return replace(self.health(told, up=False), catching_up=not labelling.problem)
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

    def _prepare(self, state: ClusterState, now: Instant) -> None:
        """Forgets what is gone; starts anew where policies ask for more history than was read."""
        if self._frontier.reach_for(look_back(self._settings, state.policies)):
            self.book = EvidenceBook(self._settings.sample_interval_seconds)
            self._reach.restart()
            self._watch.restart()
        roster = Roster(state.pods, self._profile)
        for pod in roster.lost(self._roster):
            self.book.drop_pod(pod.namespace, pod.name)
        self._roster = roster
        self._watch.follow(state, self.book)
        if now - self._forgotten_at >= _FORGET_SECONDS:
            self.book.forget(now - self._frontier.look_back)
            self._forgotten_at = now

    def _most_steps(self, state: ClusterState) -> int:
        """How many steps fit into one answer: devices by the nodes, by the pods or as seen last, whichever is most."""
        on_nodes = sum(node.accelerators for node in state.nodes.values())
        requested = sum(pod.accelerators for pod in self._roster)
        return min(MOST_STEPS, self._points // max(on_nodes, requested, self._presence_rows, 1))

    def _read_grid(self, ticket: Ticket, grid: Grid, now: Instant) -> Labelling:
        settled = self._frontier.settled(grid, now)
        presence = self._ask(ticket, "presence", partial(self._source.presence, grid))
        self._presence_rows = len(presence)
        seeing = Presence(presence, self._profile, grid, self._roster)
        interval, expected = self._settings.sample_interval_seconds, self._names
        census, seen, holders = seeing.survey(
            grid.end - _LIVE_INTERVALS * interval, self._reach.read_to, settled, expected
        )
        waiting = self._roster.waiting(grid.end - _MAPPED_INTERVALS * interval)
        labelling = census.labelling(self._settings.label_mode, waiting)
        if labelling.seen or census:
            self._label_mode = labelling.seen
        if labelling.names is not None:
            self._names = labelling.names
            holders = holders if labelling.names == expected else seeing.holders(labelling.names)
            self.tally.unattributed_devices = holders.unattributed
            self.tally.scraped_twice = self._doubles(seeing, holders)
            del presence, seeing  # megabytes, before more come
            self._fold(ticket, grid, labelling.names, holders)
        with ticket.held():
            self._frontier.done(grid, now)
            self._reach.note(grid, settled, seen)
            self.book.since = grid.end if self._reach.back_to is None else self._reach.back_to
            self._watch.count(self.book, grid.after, settled)
        return labelling

    def _doubles(self, seeing: Presence, holders: Holders) -> str:
        suspects = holders.repeated
        return scraped_twice(seeing.rows(), self._profile, suspects) if suspects else ""

    def _fold(self, ticket: Ticket, grid: Grid, names: PodLabels, holders: Holders) -> None:
        fold = Fold(self.book, self._profile, holders, self._watch or None)
        for group in self._profile.groups:
            request = ValueRequest({str(measure.signal): measure for measure in group}, names)
            fold.take(request, self._ask(ticket, request.name, partial(self._source.values, request, grid)), ticket)

    def _ask(self, ticket: Ticket, name: str, question: Callable[[], Answer]) -> Answer:
        ticket.check()
        began, tally = time.monotonic(), self.tally
        tally.fleet_queries_last_tick += 1
        tally.queries_total += 1
        try:
            answer = _trusted(question())
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
        self._fit = interval_fit(self._source, settings.sample_interval_seconds, now)
        self.tally.remark = self._fit.remark


def _trusted(answer: Answer) -> Answer:
    if answer.warnings:
        raise MetricsError(f"Prometheus warned that its answer may be partial: {answer.warnings[0]}.")
    return answer


def _clock(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
