"""The programs that build and run the image, and how they are called."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

PROGRAMS: Final = ("buildah", "debootstrap")
# In Debian's essential packages; named only where somebody took them out.
_ALWAYS_THERE: Final = ("unshare", "chroot", "tar")
_OTHERWISE: Final = "or build with Docker instead: docker build ."
_TAIL_LINES: Final = 15


class ImageError(Exception):
    """One sentence for the person who ran it; after a failed program, its last lines as well."""


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def run(argv: Sequence[str], *, text: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """What the program wrote to stdout. Raises ImageError with its last lines when it fails."""
    done = subprocess.run(
        list(argv),
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()[-_TAIL_LINES:]
        shown = "\n".join(f"  {line}" for line in lines) or "  (it wrote nothing)"
        raise ImageError(f"`{' '.join(argv[:3])}` ended with status {done.returncode}. Its last lines:\n{shown}")
    return done.stdout


def require(tell: Callable[[str], None] = say) -> None:
    """Makes sure that everything is there, by apt-get where that is possible. Raises ImageError with the remedy."""
    if sys.platform != "linux":
        raise ImageError(f"The image is built here with buildah, which needs Linux: use a Linux machine, {_OTHERWISE}")
    if os.geteuid() != 0:
        raise ImageError(
            f"The base image is made by debootstrap, which needs root: run it as root (sudo make image), {_OTHERWISE}"
        )
    absent = _absent((*PROGRAMS, *_ALWAYS_THERE))
    if absent and shutil.which("apt-get"):
        tell(f"installing {' and '.join(absent)} by apt-get")
        _install(absent)
        absent = _absent(absent)
    if absent:
        raise ImageError(f"Not in PATH: {', '.join(absent)}; install that with your package manager, {_OTHERWISE}")


def _absent(names: Sequence[str]) -> list[str]:
    return [name for name in names if shutil.which(name) is None]


def _install(packages: Sequence[str]) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(command, env=quiet)
    except ImageError:
        # The lists of a fresh machine are empty or old.
        run(["apt-get", "update"])
        run(command, env=quiet)
