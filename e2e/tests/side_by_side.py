"""Stories that have nothing to do with one another, played at the same time: their seconds pass together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

W = TypeVar("W")
Story: TypeAlias = Callable[[W], None]
Played: TypeAlias = Mapping[Story[W], Future[None]]


@contextmanager
def side_by_side(stories: Sequence[Story[W]], world: W) -> Iterator[Played[W]]:
    """All of them on their way in this world, each in a thread; `result()` of one waits for its end, or raises."""
    with ThreadPoolExecutor(len(stories)) as threads:
        yield {story: threads.submit(story, world) for story in stories}
