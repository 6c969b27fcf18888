"""Writing and reading kubeconfig files."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.plane.pki import KeyPair


@dataclass(frozen=True, slots=True)
class Access:
    """What a client needs: address, authority in base64, and a certificate or a token."""

    server: str
    authority: str
    pair: KeyPair | None = None
    token: str | None = None


def write_kubeconfig(path: Path, access: Access, namespace: str = "default") -> Path:
    """Writes a self-contained kubeconfig, readable by its owner only."""
    user: dict[str, str] = {}
    if access.pair is not None:
        user["client-certificate-data"] = base64.b64encode(access.pair.certificate).decode()
        user["client-key-data"] = base64.b64encode(access.pair.key).decode()
    if access.token is not None:
        user["token"] = access.token
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "local", "cluster": {"server": access.server, "certificate-authority-data": access.authority}}
        ],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user", "namespace": namespace}}],
        "current-context": "local",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def read_kubeconfig(path: Path) -> Access:
    """The current context of a kubeconfig with embedded data, such as `write_kubeconfig` and kind write."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = _named(document["contexts"], document["current-context"])["context"]
    cluster = _named(document["clusters"], context["cluster"])["cluster"]
    user = _named(document["users"], context["user"])["user"]
    pair = None
    if "client-certificate-data" in user:
        certificate, key = (base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
        pair = KeyPair(certificate, key)
    return Access(cluster["server"], cluster["certificate-authority-data"], pair, user.get("token"))


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)
