"""What holds for every test: none sees the log settings that another one made."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _the_log_begins_anew() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
