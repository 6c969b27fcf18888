"""Where the recorded data lies that tests and the replay may read; nothing of it is in this repository."""

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def shared_dir() -> Path | None:
    """`EBBTIDE_SHARED`, by default `shared` beside the checkout; None where there is no such folder."""
    folder = Path(os.environ.get("EBBTIDE_SHARED") or _ROOT.parent / "shared").expanduser().absolute()
    return folder if folder.is_dir() else None
