"""Answers of the query API, decoded series by series: an answer for a large fleet is never held as objects.

It is read twice: once for what stands around the rows, as warnings come last, and once for the rows.
"""

import json
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from ebbtide.metrics.body import Body
from ebbtide.samples.answer import MetricsError, Series
from ebbtide.samples.span import Grid

T = TypeVar("T")
_BEGIN = b'"result":['
_ROW = b'{"metric":'
_BETWEEN = b"}," + _ROW
"""Between two rows of an answer without spaces. Inside a text it cannot stand: its quotes would be escaped."""


_LONGEST_ROW = 1024 * 1024
"""Bytes: a day in steps of 15 s is 180 kB."""


class Sample(msgspec.Struct, gc=False):
    """One series of a vector."""

    metric: dict[str, str]
    value: tuple[float, str]


class TimedSeries(msgspec.Struct, gc=False):
    """One series of a matrix: (time of the step in seconds, value)."""

    metric: dict[str, str]
    values: list[tuple[float, float]]


class _TextSeries(msgspec.Struct, gc=False):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType", default="")
    result: list[msgspec.Raw] = []


class _Envelope(msgspec.Struct):
    status: str = ""
    data: _Data | None = None
    error_type: str = msgspec.field(name="errorType", default="")
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_SERIES = msgspec.json.Decoder(TimedSeries, strict=False)
"""Lax: values are text, because JSON has no NaN and no infinity."""
_TEXT_SERIES = msgspec.json.Decoder(_TextSeries)
_SAMPLE = msgspec.json.Decoder(Sample)


class JsonAnswer:
    """Rows still in the body, and what the source said about them."""

    def __init__(self, rows: "_Rows", warnings: tuple[str, ...], infos: tuple[str, ...]) -> None:
        self._rows = rows
        self.warnings = warnings
        """Not empty: parts of the answer may be missing (Thanos, Mimir); never evidence."""
        self.infos = infos
        """Remarks about the query itself."""

    def __len__(self) -> int:
        return self._rows.count

    def series(self) -> Iterator[TimedSeries]:
        """The rows of a matrix, decoded one at a time. Raises MetricsError."""
        for row in self._rows.texts():
            try:
                yield _SERIES.decode(row)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                yield _spelled(row)

    def samples(self) -> Iterator[Sample]:
        """The rows of a vector, decoded one at a time. Raises MetricsError."""
        for row in self._rows.texts():
            yield _checked(_SAMPLE, row)


class GridAnswer:
    """A matrix on the grid that was asked for. Implements samples.answer.Answer."""

    def __init__(self, answer: JsonAnswer, grid: Grid) -> None:
        self._answer = answer
        self._grid = grid
        self.warnings = answer.warnings

    def __len__(self) -> int:
        return len(self._answer)

    def series(self) -> Iterator[Series]:
        """The rows, decoded one at a time. Raises MetricsError."""
        numbers = self._grid.numbers
        for timed in self._answer.series():
            yield Series(timed.metric, numbers(timed.values))


class _Rows:
    """The rows of a body. Where it is not written as Prometheus writes it, they are found by decoding all of it."""

    def __init__(self, body: Body, most_bytes: int) -> None:
        self._body = body
        self._most_bytes = most_bytes
        self._listed: list[msgspec.Raw] | None = None
        self._odd = False
        self.count = 0
        head, last = b"", b""
        for last in self._parts():
            head = head or last
            self.count += 1
        self.envelope = (None if self._odd else self._around(head, last)) or self._whole()

    def texts(self) -> Iterator[bytes | msgspec.Raw]:
        """Each row as JSON."""
        if self._listed is not None:
            yield from self._listed
            return
        for number, part in enumerate(self._parts(), 1):
            text = part[part.index(_BEGIN) + len(_BEGIN) :] if number == 1 else _ROW + part
            if number == self.count:
                yield text[: _length(text)]
            else:
                yield text + b"}"

    def _parts(self) -> Iterator[bytes]:
        """The body cut between its rows; odd if a row seems to be too long for one."""
        rest, size = b"", 0
        for piece in self._body.pieces():
            size += len(piece)
            if size > self._most_bytes:
                raise MetricsError(f"Prometheus answered more than {self._most_bytes} bytes.", oversize=True)
            self._odd = self._odd or len(rest) > _LONGEST_ROW
            if not self._odd:
                *parts, rest = (rest + piece).split(_BETWEEN)
                yield from parts
        yield rest

    def _around(self, head: bytes, last: bytes) -> _Envelope | None:
        """What stands before the first and after the last row; None: the rows were not found."""
        begin = head.find(_BEGIN) + len(_BEGIN)
        if begin < len(_BEGIN):
            return None
        text = head[begin:] if self.count == 1 else _ROW + last
        length = _length(text)
        if length == 0:
            self.count = 0
            self._listed = []
        tail = text[length:]
        return _checked(_ENVELOPE, head[:begin] + tail) if tail.startswith(b"]") else None

    def _whole(self) -> _Envelope:
        envelope = _checked(_ENVELOPE, self._body.whole())
        self._listed = envelope.data.result if envelope.data else []
        self.count = len(self._listed)
        return envelope


def decode_answer(body: Body, wanted: str, most_bytes: int) -> JsonAnswer:
    """The answer to a query that must give a `wanted` ("matrix" or "vector"). Raises MetricsError."""
    rows = _Rows(body, most_bytes)
    decoded = rows.envelope
    if decoded.status != "success" or decoded.data is None:
        raise MetricsError(f"Prometheus answered without data: {_told(decoded) or 'no reason given'}.")
    if decoded.data.result_type != wanted:
        raise MetricsError(f"Prometheus answered with {decoded.data.result_type or 'nothing'} instead of a {wanted}.")
    return JsonAnswer(rows, tuple(decoded.warnings), tuple(decoded.infos))


def error_sentence(body: Body) -> str:
    """What an error body says; empty when it is not in the API's form."""
    try:
        return _told(_ENVELOPE.decode(body.whole()))
    except (msgspec.MsgspecError, UnicodeDecodeError, MetricsError):
        return ""


def _length(text: bytes) -> int:
    """How many bytes the JSON value at the beginning has; 0: there is none."""
    try:
        decoded = text.decode()
        return len(decoded[: json.JSONDecoder().raw_decode(decoded)[1]].encode())
    except ValueError:
        return 0


def _spelled(row: bytes | msgspec.Raw) -> TimedSeries:
    """A row with a value that only Python's own float reads, such as +Inf. Raises MetricsError."""
    series = _checked(_TEXT_SERIES, row)
    try:
        return TimedSeries(series.metric, [(at, float(text)) for at, text in series.values])
    except ValueError as error:
        raise MetricsError(f"Prometheus answered with something that is not its JSON: {error}.") from error


def _told(body: _Envelope) -> str:
    return ": ".join(part for part in (body.error_type, body.error.strip().rstrip(".")) if part)


def _checked(decoder: msgspec.json.Decoder[T], text: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MetricsError(f"Prometheus answered with something that is not its JSON: {error}.") from error
