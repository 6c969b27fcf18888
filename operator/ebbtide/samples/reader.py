"""What one tick asks and folds, step by step. Synchronous, and not safe for two threads at a time."""

import math
import time
from collections.abc import Callable, Mapping
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
from ebbtide.samples.presence import Presence
from ebbtide.samples.profile import PodLabels, Profile
from ebbtide.samples.reach import Reach
from ebbtide.samples.roster import rosters
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.source import Source, requests_of
from ebbtide.samples.span import Frontier, Grid
from ebbtide.samples.ticket import Ticket
from ebbtide.samples.vendor import Sight, Vendor, distrust, label_mode, own_launches
from ebbtide.samples.watts import watts_of

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

    def __init__(self, settings: ReadingSettings, profiles: tuple[Profile, ...], source: Source) -> None:
        """The first profile is read where no pod requests anything; any other only where some pod does."""
        self._settings = settings
        self._profiles = profiles
        self._vendors = [Vendor(profile) for profile in profiles]
        self._active = self._vendors[:1]
        self._watts_of = watts_of(profiles)
        self._source = source
        self._frontier = Frontier(settings.step_seconds, settings.overlap_seconds)
        self._reach = Reach(settings.sample_interval_seconds)
        self._points = settings.max_points_per_query
        self._fit = Fit()
        self._targets_checked_at = self._forgotten_at = float("-inf")
        self._presence_rows = 0
        self._answered_at = float("-inf")
        """End of the last grid for which there was any series of a device."""
        self.book = self._new_book()
        self._watch = IdleWatch()
        self.tally = Tally()

    def read(self, ticket: Ticket, state: ClusterState, now: Instant) -> MetricsHealth:
        """Reads one slice and folds it. Raises MetricsError; what was folded until then is true, and is read again."""
        with ticket.held():
            self._prepare(state, now)
        grid = self._frontier.next_grid(now, self._most_steps(state))
        self._read_grid(ticket, grid, now)
        if not self._frontier.caught_up(grid, now):
            told = f"History is still being read: up to {_clock(grid.end)}."
            return replace(self.health(told, up=False), catching_up=not any(it.problem for it in self._active))
        self._check_targets(now)
        health = self.health("", up=True)
        if len(self._active) == 1:
            return replace(health, attribution_problem=self._active[0].problem)
        return replace(health, distrusted=distrust(self._active))

    def health(self, message: str, *, up: bool) -> MetricsHealth:
        """The state of the source as far as it is known, but for who cannot be attributed."""
        return MetricsHealth(
            up=up,
            message=message,
            reaches_back_to=self._reach.back_to,
            label_mode=label_mode(self._active),
            own_launches=own_launches(self._active),
            as_of=self._reach.read_to,
            interval_problem=self._fit.problem,
            empty=up
            and self._is_silent()
            and any(pod.ready_since is not None for vendor in self._active for pod in vendor.roster),
        )

    def _is_silent(self) -> bool:
        """No series of a device for longer than a scrape that failed would explain."""
        read_to = self._reach.read_to
        return read_to is None or read_to - self._answered_at > _LIVE_INTERVALS * self._settings.sample_interval_seconds

    def _prepare(self, state: ClusterState, now: Instant) -> None:
        """Forgets what is gone; starts anew where policies ask for more history than was read."""
        if self._frontier.reach_for(look_back(self._settings, state.policies)):
            self.book = self._new_book()
            self._reach.restart()
            self._watch.restart()
        self._follow(state)
        self._watch.follow(state, self.book)
        if now - self._forgotten_at >= _FORGET_SECONDS:
            self.book.forget(now - self._frontier.look_back)
            self._forgotten_at = now

    def _new_book(self) -> EvidenceBook:
        book = EvidenceBook(self._settings.sample_interval_seconds)
        book.watts_of = self._watts_of
        return book

    def _follow(self, state: ClusterState) -> None:
        """The pods of each vendor; those that are gone are forgotten, and who has none is not read."""
        before, settled = self._active, self._frontier.settled_to
        for vendor, roster in zip(self._vendors, rosters(state.pods, self._profiles), strict=True):
            for pod in roster.lost(vendor.roster):
                self.book.drop_pod(pod.namespace, pod.name)
            vendor.roster = roster
        self._active = [vendor for vendor in self._vendors if vendor.roster] or self._vendors[:1]
        late = (pod for vendor in self._active if vendor not in before for pod in vendor.roster)
        if settled is not None and any(pod.created_at < settled for pod in late):
            # Their vendor was not asked for while they were there already, as where pods were not seen for a while.
            self._frontier.restart()
            self._reach.restart()
            self._watch.restart()

    def _most_steps(self, state: ClusterState) -> int:
        """How many steps fit into one answer: devices by the nodes, by the pods or as seen last, whichever is most."""
        on_nodes = sum(node.accelerators for node in state.nodes.values())
        requested = sum(pod.accelerators for vendor in self._active for pod in vendor.roster)
        signals = max(len(group) for vendor in self._active for group in vendor.profile.groups)
        return min(MOST_STEPS, self._points // (signals * max(on_nodes, requested, self._presence_rows, 1)))

    def _read_grid(self, ticket: Ticket, grid: Grid, now: Instant) -> None:
        settled = self._frontier.settled(grid, now)
        profiles = [vendor.profile for vendor in self._active]
        presence = self._ask(ticket, "presence", partial(self._source.presence, profiles, grid))
        self._presence_rows = len(presence)
        self._answered_at = grid.end if len(presence) else self._answered_at
        seeing = Presence(presence, self._active, grid)
        interval = self._settings.sample_interval_seconds
        sights, seen = seeing.survey(grid.end - _LIVE_INTERVALS * interval, self._reach.read_to, settled)
        named = [(sight, names) for sight in sights if (names := self._named(sight, grid)) is not None]
        if named:
            holders = {sight.vendor.profile.name: _holders(seeing, sight, names) for sight, names in named}
            self._count(seeing, holders)
            for one in holders.values():
                self.book.others.update(one.mistaken)
                self.book.shares.update(one.shares)
            del presence, seeing  # megabytes, before more come
            self._fold(ticket, grid, [(sight.vendor.profile, names) for sight, names in named], holders)
        with ticket.held():
            self._frontier.done(grid, now)
            self._reach.note(grid, settled, seen)
            self.book.since = grid.end if self._reach.back_to is None else self._reach.back_to
            self._watch.count(self.book, grid.after, settled)

    def _named(self, sight: Sight, grid: Grid) -> PodLabels | None:
        """The labels that name pods in this grid; None: nothing of this vendor may be attributed."""
        vendor, census = sight.vendor, sight.census
        waiting = vendor.roster.waiting(grid.end - _MAPPED_INTERVALS * self._settings.sample_interval_seconds)
        labelling = census.labelling(vendor.profile.label_mode or self._settings.label_mode, waiting)
        vendor.take(labelling, seen=bool(census))
        return labelling.names

    def _count(self, seeing: Presence, holders: Mapping[str, Holders]) -> None:
        """What is nobody's, and what is scraped twice."""
        self.tally.unattributed_devices = sum(one.unattributed for one in holders.values())
        self.tally.scraped_twice = ""
        for vendor in self._active:
            own = holders.get(vendor.profile.name)
            if own is not None and own.repeated and not self.tally.scraped_twice:
                rows = ((labels, stamps) for whose, labels, stamps in seeing.rows() if whose is vendor)
                self.tally.scraped_twice = scraped_twice(rows, vendor.profile, own.repeated)

    def _fold(
        self, ticket: Ticket, grid: Grid, named: list[tuple[Profile, PodLabels]], holders: Mapping[str, Holders]
    ) -> None:
        fold = Fold(self.book, self._settings.sample_interval_seconds, holders, self._watch or None)
        for request in requests_of(named):
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
        self._fit = interval_fit(
            self._source, [vendor.profile for vendor in self._active], settings.sample_interval_seconds, now
        )
        self.tally.remark = self._fit.remark


def _holders(seeing: Presence, sight: Sight, names: PodLabels) -> Holders:
    return sight.holders if names == sight.expected else seeing.holders(sight.vendor, names)


def _trusted(answer: Answer) -> Answer:
    if answer.warnings:
        raise MetricsError(f"Prometheus warned that its answer may be partial: {answer.warnings[0]}.")
    return answer


def _clock(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
