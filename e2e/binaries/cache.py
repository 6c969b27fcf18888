"""Where the built programs lie, and the key that says which build it is."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.binaries.families import FAMILIES, KUEUE, Family

NEEDED_GO = (1, 26)
STAGES_FILE = "kwok-stages.yaml"
# Raise it when the layout of the folder changes.
_LAYOUT = "1"


class BuildError(Exception):
    """One sentence for the person who ran the build."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The Go command and what it builds for."""

    version: str
    platform: str


def cache_root() -> Path:
    """The cache folder, outside the work tree: `EBBTIDE_CACHE`, else `ebbtide` in the user's cache folder."""
    named = os.environ.get("EBBTIDE_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".cache") / "ebbtide"


def toolchain() -> Toolchain:
    """The installed Go. Raises BuildError when there is none or it is too old."""
    remedy = f"install Go {NEEDED_GO[0]}.{NEEDED_GO[1]} or newer (https://go.dev/dl) and run this again."
    if shutil.which("go") is None:
        raise BuildError(f"The control plane is built from source and `go` is not in PATH: {remedy}")
    # In the root folder no go.mod can ask Go to download another toolchain.
    asked = subprocess.run(
        ["go", "env", "GOVERSION", "GOOS", "GOARCH"], cwd="/", capture_output=True, text=True, check=False
    )
    words = asked.stdout.split()
    found = re.match(r"go(\d+)\.(\d+)", words[0]) if len(words) == 3 else None
    if found is None:
        raise BuildError(f"`go env` does not answer ({asked.stderr.strip() or 'no output'}): {remedy}")
    if (int(found[1]), int(found[2])) < NEEDED_GO:
        raise BuildError(f"This Go is {words[0]}, too old to build the control plane: {remedy}")
    return Toolchain(words[0], f"{words[1]}/{words[2]}")


def build_key(tools: Toolchain, families: tuple[Family, ...] = FAMILIES) -> str:
    """Sixteen hex digits that change with modules, flags, Go version and platform."""
    digest = hashlib.sha256(f"{_LAYOUT}\n{tools.version}\n{tools.platform}".encode())
    for family in families:
        digest.update("\n".join([family.name, *family.programs.values(), *family.flags()]).encode())
        for name in ("go.mod", "go.sum"):
            digest.update((family.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def build_dir() -> Path:
    """The folder that this checkout's programs belong to; it may not exist yet. Raises BuildError."""
    return cache_root() / "binaries" / build_key(toolchain())


def missing(folder: Path, families: tuple[Family, ...] = FAMILIES) -> list[Family]:
    """The families of which a file is not there yet."""

    def complete(family: Family) -> bool:
        extra = [STAGES_FILE] if family.name == "kwok" else []
        return all((folder / name).is_file() for name in [*family.programs, *extra])

    return [family for family in families if not complete(family)]


def binaries_dir() -> Path | None:
    """The folder with every program, or None while something is missing (`make binaries` builds it)."""
    try:
        folder = build_dir()
    except BuildError:
        return None
    return None if missing(folder) else folder


def kueue_program() -> Path | None:
    """Kueue's manager, or None while it is not built (`make binaries` builds it).

    It has a folder and a key of its own: another version of it leaves the control plane as it is, and the other way
    round.
    """
    try:
        folder = cache_root() / "binaries" / build_key(toolchain(), (KUEUE,))
    except BuildError:
        return None
    return None if missing(folder, (KUEUE,)) else folder / KUEUE.name
