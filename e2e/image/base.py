"""Base images from Debian's packages: Python alone to run in, and the same with `venv` to build in."""

import hashlib
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.binaries.cache import cache_root
from e2e.image.programs import ImageError, run, say

PACKAGES: Final = ("ca-certificates", "python3")
BUILD_PACKAGES: Final = ("python3-venv",)
OLDEST: Final = 12
"""Debian 12 is the first with Python 3.11."""
# Raise it when the making changes.
_LAYOUT: Final = "1"
_CHROOT_ENV: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C",
}
# What the making leaves, and what belongs to this machine only.
_EMPTIED: Final = ("etc/resolv.conf", "etc/hostname")
_CLEARED: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log", "tmp")


@dataclass(frozen=True, slots=True)
class Release:
    """A Debian release and the mirror its packages come from."""

    codename: str
    mirror: str


@dataclass(frozen=True, slots=True)
class Archives:
    """Two root file systems as tar files."""

    base: Path
    build: Path


def release() -> Release:
    """This machine's own release and mirror. Raises ImageError where it is no Debian, or an old one."""
    targets = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"]
    )
    return read_release(platform.freedesktop_os_release(), targets)


def read_release(described: Mapping[str, str], targets: str) -> Release:
    """From os-release, and from a line `URI RELEASE COMPONENT` for each configured package list."""
    name, number = described.get("PRETTY_NAME", "unknown"), described.get("VERSION_ID", "")
    # Testing has no number.
    if described.get("ID") != "debian" or (number.isdecimal() and int(number) < OLDEST):
        raise ImageError(
            f"This machine runs {name}, and the base image is made from the packages of Debian {OLDEST} or newer: "
            "use such a machine, or build with Docker instead: docker build ."
        )
    codename = described["VERSION_CODENAME"]
    lists = (line.split() for line in targets.splitlines())
    mirrors = (words[0].rstrip("/") for words in lists if words[1:] == [codename, "main"])
    mirror = next(mirrors, "")
    if not mirror:
        raise ImageError(
            f"No package source of {codename} main is configured on this machine, and the base image is made from one: "
            "add it to /etc/apt/sources.list and run apt-get update"
        )
    return Release(codename, mirror)


def archives(found: Release) -> Archives:
    """The cached archives of a release, made first where they are missing; delete the folder for newer packages."""
    folder = _folder(found)
    if not folder.is_dir():
        say(f"image: making the base from Debian {found.codename}'s packages (once, about a minute)")
        began = time.monotonic()
        _make(found, folder)
        say(f"image: base made in {time.monotonic() - began:.0f} s")
    say(f"image: base of Debian {found.codename}'s packages, kept in {folder}")
    return _in(folder)


def _in(folder: Path) -> Archives:
    return Archives(folder / "base.tar", folder / "build.tar")


def _folder(found: Release) -> Path:
    words = "\n".join([_LAYOUT, found.mirror, *PACKAGES, *BUILD_PACKAGES])
    key = hashlib.sha256(words.encode()).hexdigest()[:8]
    return cache_root() / "image" / f"{found.codename}-{platform.machine()}-{key}"


def _make(found: Release, folder: Path) -> None:
    """Into a folder of its own and renamed at the end, so that no half archive is ever found."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".unfinished-", dir=folder.parent, ignore_cleanup_errors=True
    ) as unfinished:
        root, made = Path(unfinished) / "root", Path(unfinished) / "made"
        made.mkdir()
        everything = ",".join((*PACKAGES, *BUILD_PACKAGES))
        # The release as it came out, without security updates: this base is for a check, not for a cluster.
        run(["debootstrap", "--variant=minbase", f"--include={everything}", found.codename, str(root), found.mirror])
        _clean(root)
        _pack(root, _in(made).build)
        _take_out_build_packages(root)
        _clean(root)
        _pack(root, _in(made).base)
        if not folder.is_dir():
            made.rename(folder)


def _take_out_build_packages(root: Path) -> None:
    """debootstrap marks everything as wanted by hand, so what only came along is marked first."""
    names = _chroot(root, "dpkg-query", "--show", "--showformat=${Package}\n").split()
    came_along = [name for name in names if "python3" in name and name not in PACKAGES]
    _chroot(root, "apt-mark", "auto", *came_along)
    # python3 suggests python3-venv, which would keep it.
    only_needed = [word for it in ("Recommends", "Suggests") for word in ("-o", f"APT::AutoRemove::{it}Important=0")]
    _chroot(root, "apt-get", "autoremove", "--yes", "--purge", *only_needed)


def _chroot(root: Path, *words: str) -> str:
    return run(["chroot", str(root), "/usr/bin/env", "-i", *(f"{k}={v}" for k, v in _CHROOT_ENV.items()), *words])


def _clean(root: Path) -> None:
    for name in _EMPTIED:
        (root / name).write_bytes(b"")
    for name in _CLEARED:
        for path in (root / name).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _pack(root: Path, archive: Path) -> None:
    # Devices come from whoever runs the image.
    run(["tar", "--create", f"--file={archive}", "--numeric-owner", "--exclude=./dev/*", f"--directory={root}", "."])
