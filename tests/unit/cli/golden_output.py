"""Output held against a recorded file."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, output: str) -> None:
    """EBBTIDE_UPDATE_GOLDEN=1 records."""
    path = _FOLDER / f"{name}.txt"
    if os.environ.get("EBBTIDE_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(output, encoding="utf-8")
    assert output == path.read_text(encoding="utf-8")
