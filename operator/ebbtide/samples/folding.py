"""Values joined with sample times and folded into the evidence."""

from collections.abc import Iterable, Sequence
from itertools import islice

from ebbtide.core.evidence import EvidenceBook
from ebbtide.samples.answer import Answer, MetricsError, Series
from ebbtide.samples.holders import Holders, Holding
from ebbtide.samples.idle_watch import IdleWatch
from ebbtide.samples.profile import Measure, Profile, Scope
from ebbtide.samples.source import SIGNAL_LABEL, ValueRequest
from ebbtide.samples.ticket import Ticket

_BATCH = 256
"""Series between two looks at the ticket: a few milliseconds."""


class Fold:
    """Folds the answers of one grid into the book."""

    def __init__(self, book: EvidenceBook, profile: Profile, holders: Holders, watch: IdleWatch | None = None) -> None:
        """`watch`: who counts idle runs; None: nobody does."""
        self._book = book
        self._profile = profile
        self._holders = holders
        self._watch = watch

    def take(self, request: ValueRequest, answer: Answer, ticket: Ticket) -> None:
        """Folds one answer; stops with Cancelled when nobody waits for it any more."""
        rows, taken = answer.series(), _BATCH
        while taken == _BATCH:
            with ticket.held():
                taken = self._batch(request, islice(rows, _BATCH))

    def _batch(self, request: ValueRequest, rows: Iterable[Series]) -> int:
        """Folds some rows; returns how many. Local names: this runs for every signal of every device."""
        measures, fold_series = request.measures.get, self._book.fold_series
        watch, count = self._watch, 0
        for row in rows:
            count += 1
            labels = row.metric
            measure = measures(labels.get(SIGNAL_LABEL, ""))
            if measure is None:
                raise MetricsError("The metrics source answered with a signal that was not asked for.")
            values = row.values
            for holding in self._holdings(request, measure, labels):
                stamps = holding.stamps
                samples = [(stamps[number], value) for number, value in values if stamps[number]]
                if samples:
                    fold_series(holding.namespace, holding.pod, holding.device, holding.model, measure.signal, samples)
                    if watch is not None:
                        watch.take(holding, measure.signal, samples)
        return count

    def _holdings(self, request: ValueRequest, measure: Measure, labels: dict[str, str]) -> Sequence[Holding]:
        """Whose evidence a row is: the pod's that it names, or everybody's who holds the device or its board."""
        if measure.scope is Scope.Board:
            return self._holders.of_board(self._profile.board(labels))
        device = self._profile.device(labels)
        holdings = self._holders.of_device(device)
        if not measure.per_pod or not holdings:
            return holdings
        names = request.names
        namespace, pod = labels.get(names.namespace, ""), labels.get(names.pod, "")
        named = [holding for holding in holdings if holding.pod == pod and holding.namespace == namespace]
        own = None if named else self._holders.own_row(device)
        return named or ([own] if own else [])
