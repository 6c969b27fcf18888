"""One run of one scenario, instant by instant, in the order of the contract."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ebbtide.core.workload import Node
from ebbtide.objects.document import Document
from ebbtide.objects.resources import LEASES, NODES, PRICE_CATALOGS
from ebbtide.ports import TickReport
from ebbtide.sim.actions import records
from ebbtide.sim.api_server import SimulatedApiServer
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.costs import NodeTime, costs, curves, node_times
from ebbtide.sim.events import Happenings
from ebbtide.sim.expectation import ActionExpectation, FinishExpectation, StateExpectation, TotalExpectation
from ebbtide.sim.expecting import judge_actions, judge_finish, judge_state, judge_total
from ebbtide.sim.exporter import Exporter
from ebbtide.sim.feed import Feed, SteadyInventory, decoded, kind_of
from ebbtide.sim.identity import Identity, identity_of
from ebbtide.sim.lanes import LaneBook
from ebbtide.sim.ledger import Holding
from ebbtide.sim.node_pool import NodePool
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.operator_ports import LEASE, NAMESPACE, Build, Operator, settings_of
from ebbtide.sim.prices import PriceTimeline
from ebbtide.sim.result import ActionRecord, Costs, Curve, Finding, Result
from ebbtide.sim.scenario import Billing
from ebbtide.sim.scenario_file import Loaded
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.standing import Onlooker
from ebbtide.sim.world import World

_LEASE: Final = {
    "apiVersion": LEASES.api_version,
    "kind": LEASES.kind,
    "metadata": {"name": LEASE, "namespace": NAMESPACE},
    "spec": {},
}


class Run:
    """Everything of one run, put together."""

    def __init__(self, loaded: Loaded, build: Build) -> None:
        """`build` makes an engine on ports; it is asked again whenever the operator starts anew."""
        self._loaded, self._spec = loaded, loaded.scenario.spec
        spec = self._spec
        self._clock = clock = SimulatedClock(spec.start.timestamp())
        settings = settings_of(spec)
        self._store = store = ObjectStore(clock)
        self._inventory = SteadyInventory(clock.now)
        self._prices = PriceTimeline(clock, settings.currency)
        self._known_nodes: dict[str, Node] = {}
        self._prices_changed = True
        feed = Feed(self._inventory)
        store.listen(feed.changed)
        store.listen(self._note_prices)
        self._world = World(store, clock, startup=spec.startup_seconds, termination=spec.termination_seconds)
        self._nodes = NodePool(store, self._world, clock, loaded.capacity)
        self._api = SimulatedApiServer(store)
        samples = SeriesStore()
        activity = {str(it.activity.workload): it for it in loaded.activity}
        self._exporter = Exporter(samples, clock, spec.scrape_interval_seconds, activity)
        for one in loaded.series:
            self._exporter.write_exact(one)
        self._operator = Operator(
            build,
            api=self._api,
            inventory=self._inventory,
            exporter=self._exporter,
            version=lambda: feed.pods_version,
            settings=settings,
            allowed={it.name: it.namespace_label for it in spec.settings.metrics.allowed},
            profiles=loaded.profiles,
        )
        self._lanes = LaneBook(self._prices)
        self._onlooker = Onlooker(store, self._world, self._lanes)
        self._happenings = Happenings(
            loaded.file,
            store=store,
            api=self._api,
            world=self._world,
            nodes=self._nodes,
            operator=self._operator,
        )
        self._actions: list[ActionRecord] = []
        self._findings: dict[int, Finding] = {}

    async def result(self, tell: Callable[[int], None] | None = None) -> Result:
        """Run it all. `tell` is called with each second that is reached. Raises Refusal for an event that cannot be."""
        end = self._spec.duration_seconds
        self._set_up()
        for second in self._instants(end):
            await self._instant(second, end)
            if tell is not None:
                tell(second)
        self._clock.second = end
        return self._finished(end)

    # -- time ---------------------------------------------------------------------------------------------------

    def _instants(self, end: int) -> Iterable[int]:
        """Every second at which something happens, ascending; the world's own turn up while it runs."""
        spec = self._spec
        fixed = {event.at for event in spec.events} | self._nodes.moments(end) | {0, end}
        others = deque(sorted(fixed))
        tick = scrape = 0
        while True:
            due = self._world.next_due
            second = min(tick, scrape, others[0] if others else end, end if due is None else due)
            if second > end:
                return
            yield second
            while others and others[0] <= second:
                others.popleft()
            tick += spec.tick_seconds if tick <= second else 0
            scrape += spec.scrape_interval_seconds if scrape <= second else 0
            if second == end:
                return

    async def _instant(self, second: int, end: int) -> None:
        """1 events, 2 capacity, 3 pods, 4 scrape, 5 tick, 6 expectations."""
        spec, self._clock.second = self._spec, second
        for place in self._events_at.get(second, ()):
            self._happenings.do(place, spec.events[place], self._loaded.applied.get(place))
        if second in self._capacity_at:
            self._nodes.apply()
        self._world.advance()
        if second < end and second % spec.scrape_interval_seconds == 0:
            restless = self._world.news.take_restless()
            self._exporter.scrape(self._world.scheduler.machines, self._world.tops.all, restless)
        ticks = second < end and second % spec.tick_seconds == 0
        report = await self._operator.tick() if ticks else None
        if report is not None:
            self._world.advance()
        self._look(second, report)
        for place in self._expected_at.get(second, ()):
            self._expect_state(place)

    # -- beginning ----------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        """Objects as they stand at second 0; pods last, since they need their owners, and nodes first."""
        spec = self._spec
        self._events_at: dict[int, list[int]] = {}
        for place, event in enumerate(spec.events):
            self._events_at.setdefault(event.at, []).append(place)
        self._capacity_at = self._nodes.moments(spec.duration_seconds)
        self._expected_at: dict[int, list[int]] = {}
        last = (spec.duration_seconds - 1) // spec.tick_seconds * spec.tick_seconds
        for place, wanted in enumerate(spec.expect):
            if isinstance(wanted, StateExpectation):
                at = min(last, wanted.at // spec.tick_seconds * spec.tick_seconds)
                self._expected_at.setdefault(at, []).append(place)
        self._store.create(_LEASE)
        self._create_objects()
        self._nodes.apply()

    def _create_objects(self) -> None:
        pods = []
        for document in self._loaded.objects:
            kind = identity_of(document)[:2]
            if kind == kind_of(NODES):
                self._nodes.add(document)
            elif kind == ("", "Pod"):
                pods.append(document)
            else:
                self._store.create(document)
        for document in pods:
            self._world.list_pod(document)

    # -- watching -----------------------------------------------------------------------------------------------

    def _note_prices(self, identity: Identity, before: Document | None, after: Document | None) -> None:
        """Catalogs and nodes make prices; a status does not."""
        kind = identity[:2]
        if kind == kind_of(NODES) and after is not None:
            _, node = decoded(after) or ("", None)
            if node is not None and self._known_nodes.get(node.name) != node:
                self._known_nodes[node.name] = node
                self._prices_changed = True
        elif kind == kind_of(PRICE_CATALOGS):
            same = before is not None and after is not None and before.get("spec") == after.get("spec")
            self._prices_changed = self._prices_changed or not same

    def _look(self, second: int, report: TickReport | None) -> None:
        """What people would see after this instant."""
        if self._prices_changed:
            self._prices.note(list(self._inventory.catalogs.values()), self._known_nodes)
            self._prices_changed = False
        tops = {crew.top: None for crew in self._world.news.take_changed()}
        if report is not None:
            self._actions += records(second, report, self._onlooker.name_of)
            heard = self._lanes.hear(second, report.plan.decisions)
            tops.update((top, None) for name in sorted(heard) if (top := self._onlooker.top(*name)))
        for top in tops:
            self._lanes.look(second, top)

    def _expect_state(self, place: int) -> None:
        wanted = self._spec.expect[place]
        assert isinstance(wanted, StateExpectation)
        standing = self._onlooker.standing(wanted.workload)
        raw = self._loaded.expectations[place]
        self._findings[place] = judge_state(wanted, raw, standing, self._onlooker.known())

    # -- end ----------------------------------------------------------------------------------------------------

    def _finished(self, end: int) -> Result:
        money, drawn = self._money(end)
        self._judge_the_rest(money)
        return Result(
            scenario=self._loaded.scenario.metadata.name,
            file=self._loaded.file,
            start=self._clock.start,
            duration=end,
            actions=tuple(self._actions),
            verdicts=self._lanes.verdicts(end, self._onlooker.name_of),
            costs=money,
            findings=tuple(self._findings[place] for place in sorted(self._findings)),
            lanes=self._lanes.lanes(end),
            curves=drawn,
        )

    def _money(self, end: int) -> tuple[Costs, tuple[Curve, ...]]:
        self._world.close()
        accounts = [(top.name, top.account) for top in self._world.tops.all]
        charged = [holding for _, account in accounts for holding in account.charged]
        spans, times = self._prices.spans(end), self._node_times(charged, end)
        currency = self._spec.settings.currency
        return costs(accounts, times, spans, currency), curves(times, charged, spans, currency)

    def _node_times(self, charged: Iterable[Holding], end: int) -> list[NodeTime]:
        existence = self._nodes.existed(end)
        only_used = [node for node in existence if self._nodes.billing(node) is Billing.WhileUsed]
        return node_times(existence, charged, only_used)

    def _judge_the_rest(self, money: Costs) -> None:
        """Expectations that look at the whole run."""
        for place, wanted in enumerate(self._spec.expect):
            raw: Mapping[str, Any] = self._loaded.expectations[place]
            missing = self._onlooker.missing
            match wanted:
                case ActionExpectation():
                    found = judge_actions(wanted, raw, self._actions, missing)
                case FinishExpectation():
                    at = self._onlooker.succeeded_at(wanted.workload)
                    found = judge_finish(wanted, raw, at, missing(wanted.workload))
                case TotalExpectation():
                    found = judge_total(wanted, raw, money, missing)
                case _:
                    continue
            self._findings[place] = found
