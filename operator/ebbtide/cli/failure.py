"""The one way in which a command gives up: a sentence that says what is wrong, where, and what to do."""

from typing import Final

FAILED: Final = 1
BAD_INPUT: Final = 2


class Failure(Exception):  # noqa: N818 - it is how a command ends, more often than an error
    """Ends the program with `message` on stderr and `exit_code`; people never see a traceback."""

    exit_code = FAILED

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(Failure):
    """What the user wrote cannot be used."""

    exit_code = BAD_INPUT
