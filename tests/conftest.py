"""What holds for every test: none sees the log settings that another one made."""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog

# No test speaks to the public Internet, and no certificate of its authorities is needed: reading all of them took
# every client 27 ms. A test that speaks TLS names its own authority.
os.environ["SSL_CERT_FILE"] = os.devnull
# What is imported and collected stays to the end; nobody needs to look through it for garbage again and again.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _the_log_begins_anew() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
