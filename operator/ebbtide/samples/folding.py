"""Values joined with sample times and folded into the evidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from ebbtide.core.evidence import EvidenceBook
from ebbtide.samples.answer import Answer, MetricsError, Series
from ebbtide.samples.holders import Holders, Holding
from ebbtide.samples.idle_watch import IdleWatch
from ebbtide.samples.profile import Scope
from ebbtide.samples.source import SIGNAL_LABEL, Asked, ValueRequest
from ebbtide.samples.ticket import Ticket

_BATCH = 256
"""Series between two looks at the ticket: a few milliseconds."""


class Fold:
    """Folds the answers of one grid into the book."""

    def __init__(
        self, book: EvidenceBook, interval: float, holders: Mapping[str, Holders], watch: IdleWatch | None = None
    ) -> None:
        """`holders` by the name of the profile; `interval` in seconds; `watch`: who counts idle runs, if anybody."""
        self._book = book
        self._interval = interval
        self._holders = holders
        self._watch = watch

    def take(self, request: ValueRequest, answer: Answer, ticket: Ticket) -> None:
        """Folds one answer; stops with Cancelled when nobody waits for it any more."""
        converters = {mark: asked.measure.converter(self._interval) for mark, asked in request.asked.items()}
        rows, taken = answer.series(), _BATCH
        while taken == _BATCH:
            with ticket.held():
                taken = self._batch(request, converters, islice(rows, _BATCH))

    def _batch(
        self,
        request: ValueRequest,
        converters: Mapping[str, Callable[[float], float] | None],
        rows: Iterable[Series],
    ) -> int:
        """Folds some rows; returns how many. Local names: this runs for every signal of every device."""
        measures, fold_series = request.asked.get, self._book.fold_series
        watch, count = self._watch, 0
        for row in rows:
            count += 1
            labels = row.metric
            mark = labels.get(SIGNAL_LABEL, "")
            asked = measures(mark)
            if asked is None:
                raise MetricsError("The metrics source answered with a signal that was not asked for.")
            convert = converters[mark]
            values = row.values if convert is None else [(number, convert(value)) for number, value in row.values]
            for holding in self._holdings(asked, labels):
                stamps = holding.stamps
                samples = [(stamps[number], value) for number, value in values if stamps[number]]
                if samples:
                    signal = asked.measure.signal
                    fold_series(holding.namespace, holding.pod, holding.device, holding.model, signal, samples)
                    if watch is not None:
                        watch.take(holding, signal, samples)
        return count

    def _holdings(self, asked: Asked, labels: dict[str, str]) -> Sequence[Holding]:
        """Whose evidence a row is: the pod's that it names, or everybody's who holds the device or its board."""
        profile, measure, names = asked.profile, asked.measure, asked.names
        own_holders = self._holders[profile.name]
        if measure.scope is Scope.Board:
            return own_holders.of_board(profile.board(labels))
        if measure.scope is Scope.Pod:
            return own_holders.of_pod(labels.get(names.namespace, ""), labels.get(names.pod, ""))
        device = profile.device(labels)
        holdings = own_holders.of_device(device)
        if not measure.per_pod or not holdings:
            return holdings
        namespace, pod = labels.get(names.namespace, ""), labels.get(names.pod, "")
        named = [holding for holding in holdings if holding.pod == pod and holding.namespace == namespace]
        own = None if named else own_holders.own_row(device)
        return named or ([own] if own else [])
