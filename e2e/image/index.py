"""How pip reaches the package index on this machine, for the build only: nothing of it is in the image."""

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

# What says where the index is and how to reach it; the rest of a person's settings is not the build's business.
_KEPT: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries")
# Sections of `pip config list` from the weakest to the strongest.
_SECTIONS: Final = ("global", "install", ":env:")
_CERTIFICATES: Final = "/run/pip-certificates.pem"
_CONFIGURATION: Final = "/etc/pip.conf"


@dataclass(frozen=True, slots=True)
class Index:
    """Options of pip, and the file of certificates where the machine has its own."""

    options: Mapping[str, str] = field(default_factory=dict)
    certificates: Path | None = None

    def configuration(self) -> str:
        """The text of pip.conf inside the build."""
        lines = [f"{name} = {value}" for name, value in self.options.items()]
        if self.certificates is not None:
            lines.append(f"cert = {_CERTIFICATES}")
        return "\n".join(["[global]", *lines, ""])

    def volumes(self, folder: Path) -> list[str]:
        """Read-only mounts for the build's commands; pip.conf is written into `folder`, for its owner only."""
        file = folder / "pip.conf"
        file.touch(mode=0o600)
        file.write_text(self.configuration(), encoding="utf-8")
        certificates = [f"{self.certificates}:{_CERTIFICATES}:ro"] if self.certificates is not None else []
        return [f"{file}:{_CONFIGURATION}:ro", *certificates]

    def private(self) -> list[str]:
        """Texts that must not be found in the image: addresses of indexes and the passwords in them."""
        urls = [urlsplit(it) for name in _KEPT[:2] for it in self.options.get(name, "").split()]
        addresses = [f"{it.netloc.rpartition('@')[2]}{it.path.rstrip('/')}" for it in urls]
        return [it for it in (*addresses, *(url.password or "" for url in urls)) if it]


def read_index(listing: str, environment: Mapping[str, str] = os.environ) -> Index:
    """From the output of `pip config list`, and what its HTTP library reads of the environment."""
    found: dict[str, str] = {}
    entries = [_entry(line) for line in listing.splitlines() if "=" in line]
    for section in _SECTIONS:
        found |= {name: value for where, name, value in entries if where == section}
    own = found.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or ""
    certificates = Path(own).expanduser().resolve() if own else None
    return Index(
        {name: found[name] for name in _KEPT if name in found},
        certificates if certificates is not None and certificates.is_file() else None,
    )


def _entry(line: str) -> tuple[str, str, str]:
    key, _, value = line.partition("=")
    section, _, name = key.rpartition(".")
    text = str(ast.literal_eval(value))
    return section, name, " ".join(text.split())
