"""What each step of a grid shows of some series: the arithmetic of PromQL, as far as it is asked for."""

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from ebbtide.core.workload import Instant
from ebbtide.samples.source import ABSURD
from ebbtide.samples.span import Grid
from ebbtide.sim.series_groups import Bundle
from ebbtide.sim.series_store import PER_SECOND, Track, milliseconds

LOOK_BACK_MS = 300_000
"""An instant selector sees no sample that is as old as this."""

Row: TypeAlias = list[tuple[int, float]]
"""(number of the step, value), ascending."""
Combine: TypeAlias = Callable[[float, float], float]


class Lens:
    """One grid, in milliseconds; without the samples up to `given_to`, which must be the end of a step."""

    def __init__(self, grid: Grid, given_to: Instant | None = None) -> None:
        self._start = milliseconds(grid.start)
        self._step = milliseconds(grid.step)
        self._after = self._start - self._step
        if given_to is not None:
            self._after = max(self._after, milliseconds(given_to))
        self._end = milliseconds(grid.end)

    def values(self, tracks: Sequence[Track], combine: Combine) -> Row:
        """All samples of each step, combined into one."""
        row = self._samples(tracks[0], combine)
        for track in tracks[1:]:
            row = _merged(row, self._samples(track, combine), combine)
        return row

    def moves(self, tracks: Sequence[Track], steps: int) -> Row:
        """How often a series changed in so many steps, the most of them; NaN where a sample is none."""
        row = self._moves(tracks[0], steps)
        for track in tracks[1:]:
            row = _merged(row, self._moves(track, steps), greatest)
        return row

    def stamps(self, bundles: Iterable[Bundle]) -> Row:
        """Time of the newest sample in each step, in seconds; in a bundle the first series that has one speaks."""
        rows = [self._spoken(bundle) for bundle in bundles]
        found = rows[0]
        for row in rows[1:]:
            found = _merged(found, row, max)
        return found

    def _samples(self, track: Track, combine: Combine) -> Row:
        """Of one series. Flat, because it runs for every signal of every device at every tick."""
        start, step, times, values = self._start, self._step, track.times, track.values
        row: Row = []
        before = -1
        for index in track.between(self._after, self._end):
            number = -((start - times[index]) // step)
            if number == before:
                row[-1] = number, combine(row[-1][1], values[index])
            else:
                row.append((number, values[index]))
                before = number
        return row

    def _moves(self, track: Track, steps: int) -> Row:
        """Of one series, in the steps that have a sample."""
        row: Row = []
        sampled = self._samples(track, lambda one, other: one + other)
        for number, total in sampled:
            end = self._start + number * self._step
            values = track.values[slice(*_bounds(track.between(end - steps * self._step, end)))]
            changed = sum(one != other and not (one != one and other != other) for one, other in pairwise(values))  # noqa: PLR0124
            row.append((number, changed + 0 * total))
        return row

    def _spoken(self, bundle: Bundle) -> Row:
        first = bundle[0]
        row = self._newest(first)
        for track in bundle[1:]:
            if first.stale_times or track.stale_times or self._times(track) != self._times(first):
                row = _merged(row, self._newest(track), _first)
        return row

    def _times(self, track: Track) -> "array[int]":
        found = track.between(self._after, self._end)
        return track.times[found.start : found.stop]

    def _newest(self, track: Track) -> Row:
        """Time of the newest sample in each step, of one series; none where it has ended since."""
        start, step, times = self._start, self._step, track.times
        row: Row = []
        before = -1
        for index in track.between(self._after, self._end):
            time = times[index]
            number = -((start - time) // step)
            stamped = number, time / PER_SECOND
            if number == before:
                row[-1] = stamped
            else:
                row.append(stamped)
                before = number
        if track.stale_times or step > LOOK_BACK_MS:
            return [(number, stamp) for number, stamp in row if self._seen(track, number, milliseconds(stamp))]
        return row

    def _seen(self, track: Track, number: int, sampled: int) -> bool:
        """An instant selector, evaluated at that step, finds the sample of that millisecond."""
        evaluated = self._start + number * self._step
        return evaluated - sampled < LOOK_BACK_MS and not track.stale_between(sampled, evaluated)


def _bounds(found: range) -> tuple[int, int]:
    return found.start, found.stop


def _merged(one: Row, other: Row, combine: Combine) -> Row:
    steps = dict(one)
    for number, value in other:
        steps[number] = combine(steps[number], value) if number in steps else value
    return sorted(steps.items())


def _first(one: float, other: float) -> float:  # noqa: ARG001  # a way to combine
    return one


def greatest(one: float, other: float) -> float:
    """The greater; a number where one is NaN."""
    return other if other > one or math.isnan(one) else one


def strictest(one: float, other: float) -> float:
    """The greater; NaN where one is NaN, infinite or negative."""
    return max(one, other) if 0.0 <= one < math.inf and 0.0 <= other < math.inf else math.nan


def vetted(row: Row) -> Row:
    """NaN for what is infinite or negative."""
    for _, value in row:
        if not 0.0 <= value < math.inf:
            return [(number, value if 0.0 <= value < math.inf else math.nan) for number, value in row]
    return row


def least(one: float, other: float) -> float:
    """The lesser; a number where one is NaN."""
    return other if other < one or math.isnan(one) else one


def parts(some: Row, wholes: Row) -> Row:
    """100 · part / whole where both are known and the whole is above zero."""
    known = dict(wholes)
    return [(number, 100 * part / known[number]) for number, part in some if number in known and known[number] > 0]


def shares(parts: Row, rests: Row) -> Row:
    """100 · part / (part + rest) where both are known and the sum is above zero."""
    if [number for number, _ in parts] != [number for number, _ in rests]:
        known = dict(rests)
        parts = [(number, part) for number, part in parts if number in known]
        rests = [(number, known[number]) for number, _ in parts]
    found: Row = []
    for (number, part), (_, rest) in zip(parts, rests, strict=True):
        whole = min(part, ABSURD) + rest
        if whole > 0:
            found.append((number, 100 * part / whole if rest <= ABSURD else math.nan))
    return found
