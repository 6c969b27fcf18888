"""What is started and stopped."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifetime(ABC):
    """Started at the beginning of a `with` and stopped at its end, whatever happens inside."""

    @abstractmethod
    def start(self) -> Self:
        """Gives itself when it runs."""

    @abstractmethod
    def stop(self) -> None:
        """Safe to call twice."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
