"""What a test does when something outside the repository is not there: skip with a reason, or fail in CI.

`EBBTIDE_REQUIRE` is a comma-separated list of names that must be there: `shared` (recorded traces) and `plane` (the
built programs of the control plane). `EBBTIDE_SHARED` says where `shared` lies, by default beside the checkout.
"""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from e2e.shared import shared_dir


def is_required(name: str) -> bool:
    """Is `name` in EBBTIDE_REQUIRE?"""
    return name in os.environ.get("EBBTIDE_REQUIRE", "").replace(",", " ").split()


def require(name: str, reason: str) -> NoReturn:
    """`name` is missing because of `reason`: fails the test where it is required, else skips it."""
    if is_required(name):
        pytest.fail(f"EBBTIDE_REQUIRE names {name!r}, but {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")  # a new user has neither traces nor programs at first; CI requires both


def shared(*parts: str) -> Path:
    """A path in the shared folder, such as `shared("traces", "gpu-pods", "duty.csv.gz")`; see `require`."""
    folder = shared_dir()
    path = folder.joinpath(*parts) if folder is not None else None
    if path is None or not path.exists():
        require("shared", f"{'/'.join(parts)} is not there; set EBBTIDE_SHARED to the folder that holds it")
    return path
