"""Values joined with sample times and folded into the evidence."""

from collections.abc import Sequence
from itertools import islice

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.workload import Instant
from ebbtide.metrics.answers import Answer, MetricsError, Series
from ebbtide.metrics.holders import Holders, Holding
from ebbtide.metrics.profile import PodLabels, Profile, Scope, Source
from ebbtide.metrics.queries import SIGNAL_LABEL, ValueQuery
from ebbtide.metrics.span import Grid
from ebbtide.metrics.worker import Ticket

_BATCH = 256
"""Series between two looks at the ticket: a few milliseconds."""


class Fold:
    """Folds the answers of one grid into the book."""

    def __init__(self, book: EvidenceBook, profile: Profile, names: PodLabels, holders: Holders, grid: Grid) -> None:
        self._book = book
        self._profile = profile
        self._names = names
        self._holders = holders
        self._grid = grid

    def take(self, query: ValueQuery, answer: Answer, ticket: Ticket) -> None:
        """Folds one answer; stops with Cancelled when nobody waits for it any more."""
        rows, taken = answer.series(), _BATCH
        while taken == _BATCH:
            with ticket.held():
                taken = sum(self._row(query, row) for row in islice(rows, _BATCH))

    def _row(self, query: ValueQuery, row: Series) -> int:
        """Folds one row; returns 1, to be counted."""
        source = query.sources.get(row.metric.get(SIGNAL_LABEL, ""))
        if source is None:
            raise MetricsError("Prometheus answered with a signal that was not asked for.")
        self._grid.check(row.values)
        for holding in self._holdings(source, row.metric):
            samples = self._samples(holding, row)
            if samples:
                self._book.fold_series(
                    holding.namespace, holding.pod, holding.device, holding.model, source.signal, samples
                )
        return 1

    def _holdings(self, source: Source, labels: dict[str, str]) -> Sequence[Holding]:
        """Whose evidence a row is: the pod's that it names, or everybody's who holds the device or its board."""
        if source.scope is Scope.Board:
            return self._holders.of_board(self._profile.board(labels))
        device = self._profile.device(labels)
        holdings = self._holders.of_device(device)
        if not source.per_pod or not holdings:
            return holdings
        namespace, pod = labels.get(self._names.namespace, ""), labels.get(self._names.pod, "")
        named = [holding for holding in holdings if holding.pod == pod and holding.namespace == namespace]
        own = None if named else self._holders.own_row(device)
        return named or ([own] if own else [])

    def _samples(self, holding: Holding, row: Series) -> list[tuple[Instant, float]]:
        start, step, stamps = self._grid.start, self._grid.step, holding.stamps
        return [(stamp, float(text)) for at, text in row.values if (stamp := stamps[round((at - start) / step)])]
