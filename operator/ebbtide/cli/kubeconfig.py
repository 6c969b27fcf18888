"""What must be known of a kubeconfig besides the credentials, which are the client's: is it there, which namespace."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from ebbtide.cli.environment import Target
from ebbtide.cli.failure import BadInput, Failure

DEFAULT: Final = "default"
_IN_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def namespace(target: Target) -> str:
    """As kubectl takes it: of the named or current context, else of the pod this runs in, else `default`.

    A Failure where there is no kubeconfig, it cannot be read, or it has no such context.
    """
    if not target.kubeconfig and not target.context and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _IN_POD.read_text(encoding="utf-8").strip() if _IN_POD.is_file() else DEFAULT
    paths = _paths(target)
    configs = [_read(path) for path in paths if path.is_file()]
    if not configs:
        raise Failure(f"There is no kubeconfig at {_joined(paths)}: give one with --kubeconfig or $KUBECONFIG.")
    return str(_context(target, configs, paths).get("namespace") or DEFAULT)


def _context(target: Target, configs: list[dict[str, Any]], paths: list[Path]) -> dict[str, Any]:
    current = target.context or next((str(one["current-context"]) for one in configs if one.get("current-context")), "")
    contexts = {str(name): found for name, found in _contexts(configs)}
    known = ", ".join(contexts) or "none"
    if not current:
        raise Failure(f"{_joined(paths)} has no current context: choose one with --context; there are: {known}.")
    if current not in contexts:
        raise BadInput(f"There is no context {current!r} in {_joined(paths)}; there are: {known}.")
    return contexts[current]


def _contexts(configs: list[dict[str, Any]]) -> Iterator[tuple[object, dict[str, Any]]]:
    """The first file that names a context counts, as in kubectl."""
    for config in reversed(configs):
        for entry in config.get("contexts") or []:
            if isinstance(entry, dict):
                found = entry.get("context")
                yield entry.get("name"), found if isinstance(found, dict) else {}


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(str(path) for path in paths)


def _paths(target: Target) -> list[Path]:
    if target.kubeconfig:
        return [Path(target.kubeconfig).expanduser()]
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [Path(part).expanduser() for part in named.split(os.pathsep) if part]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise Failure(f"The kubeconfig {path} cannot be read: {reason}.") from error
    if not isinstance(content, dict):
        raise Failure(f"{path} is no kubeconfig: it holds no mapping.")
    return content
