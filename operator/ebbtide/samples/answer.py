"""What a source of samples answers: series by series, so that a large fleet is never held as objects."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec


class MetricsError(Exception):
    """The metrics source could not be read; the text is one sentence for people."""

    def __init__(self, sentence: str, *, oversize: bool = False) -> None:
        super().__init__(sentence)
        self.oversize = oversize
        """True: the answer was too large; a shorter range may do."""


class Series(msgspec.Struct, gc=False):
    """One row: its labels, and (number of the step in the grid, value) ascending. Read only: labels may be shared."""

    metric: dict[str, str]
    values: list[tuple[int, float]]


class Answer(Protocol):
    """All rows of one question."""

    @property
    def warnings(self) -> Sequence[str]:
        """Not empty: parts of the answer may be missing; never evidence."""

    def __len__(self) -> int:
        """Number of rows."""

    def series(self) -> Iterator[Series]:
        """The rows one at a time. Raises MetricsError."""


class Listed:
    """An answer whose rows are at hand."""

    def __init__(self, rows: Iterable[Series], warnings: Sequence[str] = ()) -> None:
        self._rows = list(rows)
        self.warnings = warnings

    def __len__(self) -> int:
        return len(self._rows)

    def series(self) -> Iterator[Series]:
        """The rows one at a time."""
        return iter(self._rows)
