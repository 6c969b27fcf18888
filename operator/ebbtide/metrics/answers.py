"""Answers of the query API, decoded series by series: an answer for a large fleet is never held as objects."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T")


class MetricsError(Exception):
    """The metrics source could not be read; the text is one sentence for people."""

    def __init__(self, sentence: str, *, oversize: bool = False) -> None:
        super().__init__(sentence)
        self.oversize = oversize
        """True: the answer was too large; a shorter range may do."""


class Series(msgspec.Struct, gc=False):
    """One series of a matrix. A value is text, because JSON has no NaN and no infinity."""

    metric: dict[str, str]
    values: list[tuple[float, str]]


class Sample(msgspec.Struct, gc=False):
    """One series of a vector."""

    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType", default="")
    result: list[msgspec.Raw] = []


class _Body(msgspec.Struct):
    status: str = ""
    data: _Data | None = None
    error_type: str = msgspec.field(name="errorType", default="")
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


_BODY = msgspec.json.Decoder(_Body)
_SERIES = msgspec.json.Decoder(Series)
_SAMPLE = msgspec.json.Decoder(Sample)


class Answer:
    """Rows still as bytes, and what the source said about them."""

    def __init__(self, rows: list[msgspec.Raw], warnings: tuple[str, ...], infos: tuple[str, ...]) -> None:
        self._rows = rows
        self.warnings = warnings
        """Not empty: parts of the answer may be missing (Thanos, Mimir); never evidence."""
        self.infos = infos
        """Remarks about the query itself."""

    def __len__(self) -> int:
        return len(self._rows)

    def series(self) -> Iterator[Series]:
        """The rows of a matrix, decoded one at a time. Raises MetricsError."""
        return self._decode(_SERIES)

    def samples(self) -> Iterator[Sample]:
        """The rows of a vector, decoded one at a time. Raises MetricsError."""
        return self._decode(_SAMPLE)

    def _decode(self, decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
        for row in self._rows:
            yield _checked(decoder, row)


def decode_answer(body: bytearray, wanted: str) -> Answer:
    """The answer to a query that must give a `wanted` ("matrix" or "vector"). Raises MetricsError."""
    decoded = _checked(_BODY, body)
    if decoded.status != "success" or decoded.data is None:
        raise MetricsError(f"Prometheus answered without data: {_told(decoded) or 'no reason given'}.")
    if decoded.data.result_type != wanted:
        raise MetricsError(f"Prometheus answered with {decoded.data.result_type or 'nothing'} instead of a {wanted}.")
    return Answer(decoded.data.result, tuple(decoded.warnings), tuple(decoded.infos))


def error_sentence(body: bytearray) -> str:
    """What an error body says; empty when it is not in the API's form."""
    try:
        return _told(_BODY.decode(body))
    except msgspec.MsgspecError:
        return ""


def _told(body: _Body) -> str:
    return ": ".join(part for part in (body.error_type, body.error.strip().rstrip(".")) if part)


def _checked(decoder: msgspec.json.Decoder[T], text: bytearray | msgspec.Raw) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MetricsError(f"Prometheus answered with something that is not its JSON: {error}.") from error
