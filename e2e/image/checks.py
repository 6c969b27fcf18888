"""What the image must be: who it runs as, what it says of itself, and what is not in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

USER: Final = "65532:65532"
ENTRYPOINT: Final = ["ebbtide"]
LABELS: Final = ("title", "description", "licenses")
HOME: Final = "opt/ebbtide"
OWNER: Final = 0
"""Who owns every file of Ebbtide in the image, so that its own user can change none."""
LEFT_BEHIND: Final = (
    *("src", "opt/tools", "root/.cache", "root/.config/pip", "etc/pip.conf", "run/pip-certificates.pem"),
    *("usr/share/python-wheels", "usr/bin/pip*", "usr/local/bin/pip*", f"{HOME}/bin/pip*"),
    *(f"{HOME}/lib/python3*/site-packages/{it}" for it in ("pip", "setuptools", "wheel", "hatchling", "pytest")),
    *(f"usr/bin/{it}" for it in ("cc", "gcc", "g++", "make", "git", "curl", "wget")),
    "tmp/*",
)
"""Paths of the build that must not be in the result; the last: whatever was unpacked or cached on the way."""


def problems(image: Mapping[str, Any], root: Path, private: Sequence[str] = ()) -> list[str]:
    """A sentence for each thing that is wrong; `private` are texts that must not be found in the image."""
    return [*_of_config(image.get("config", {})), *_of_files(root), *_leaks(image, root, private)]


def size(folder: Path) -> int:
    """Bytes of all files below a folder, each counted once."""
    entries = (path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum({entry.st_ino: entry.st_size for entry in entries}.values())


def _of_config(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("User") != USER:
        yield f"it runs as {config.get('User') or 'root'} and not as {USER}, the user of the chart"
    if config.get("Entrypoint") != ENTRYPOINT:
        yield f"its entry point is {config.get('Entrypoint')} and not {ENTRYPOINT}"
    labels = config.get("Labels") or {}
    for name in LABELS:
        if not labels.get(f"org.opencontainers.image.{name}"):
            yield f"it has no label org.opencontainers.image.{name}"


def _of_files(root: Path) -> Iterator[str]:
    for pattern in LEFT_BEHIND:
        yield from (f"/{path.relative_to(root)} was left in it" for path in sorted(root.glob(pattern)))
    for path in (root / HOME).rglob("*"):
        found = path.lstat()
        if not path.is_symlink() and (found.st_uid != OWNER or found.st_mode & 0o022):
            yield f"/{path.relative_to(root)} can be written by others than root"


def _leaks(image: Mapping[str, Any], root: Path, private: Sequence[str]) -> Iterator[str]:
    """Where a private text was found; the text itself is not repeated."""
    texts = [it.encode() for it in private]
    if any(it in json.dumps(image).encode() for it in texts):
        yield "its configuration or history tells where the package index of this machine is"
    files = (path for path in (root / HOME).rglob("*") if texts and path.is_file())
    for path in files:
        content = path.read_bytes()
        if any(it in content for it in texts):
            yield f"/{path.relative_to(root)} tells where the package index of this machine is"
