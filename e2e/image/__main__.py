"""`python -m e2e.image`: builds the image from the Dockerfile without a registry and runs it.

The work is done in namespaces of its own: whatever ends it, no process and no mount of it stays.
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from e2e.binaries.cache import cache_root
from e2e.image.build import build_and_run
from e2e.image.programs import ImageError, require, say

_NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def main(words: list[str]) -> int:
    """0 when the image was built and ran, 1 with a sentence when not, 2 for unknown words, 130 when interrupted."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        match words:
            case []:
                return _outside()
            case ["inside", folder]:
                build_and_run(Path(folder))
                return 0
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("FAILED  image: interrupted; nothing of it is left", file=sys.stderr)
        return 130
    print(f"unknown words {' '.join(words)!r}; use: python -m e2e.image", file=sys.stderr)
    return 2


def _outside() -> int:
    """Everything that it makes lies in one folder, which is removed; only the base archives are kept."""
    require()
    began = time.monotonic()
    place = cache_root() / "image"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=place) as folder:
        inside = [*_NAMESPACES, sys.executable, "-m", "e2e.image", "inside", folder]
        status = subprocess.run(inside, check=False).returncode
    seconds = time.monotonic() - began
    say(f"{'ok     ' if status == 0 else 'FAILED '} image ({seconds:.0f} s)")
    return status


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
