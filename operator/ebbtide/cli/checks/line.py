"""One line of `check`."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a check ended; the words on the screen."""

    Ok = "ok"
    Failed = "FAIL"
    Skipped = "skip"
    """It could not be looked at from here; no failure."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, and what was found: with the remedy where it is not ok."""

    mark: Mark
    name: str
    message: str


def ok(name: str, message: str) -> Line:
    """All is well."""
    return Line(Mark.Ok, name, message)


def failed(name: str, message: str) -> Line:
    """Not fit; the message says what to do."""
    return Line(Mark.Failed, name, message)


def skipped(name: str, message: str) -> Line:
    """Not looked at; the message says why, and how it can be."""
    return Line(Mark.Skipped, name, message)
