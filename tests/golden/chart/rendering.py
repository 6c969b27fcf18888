"""The chart rendered by the real Helm."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from e2e.binaries.cache import BuildError, build_dir
from e2e.requirements_guard import require

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "ebbtide"
HERE = Path(__file__).parent
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PROMETHEUS = "metrics.prometheusUrl=http://prometheus.monitoring:9090"


@cache
def helm() -> str:
    """The built Helm, else the one in PATH; skips (or fails in CI) without one."""
    return _program("helm")


@cache
def promtool() -> str:
    """The same for promtool."""
    return _program("promtool")


def _program(name: str) -> str:
    try:
        built = build_dir() / name
    except BuildError:
        built = Path("/nonexistent")
    found = str(built) if built.is_file() else shutil.which(name)
    if found is None:
        require("plane", f"there is no {name}; run `make binaries`")
    return found


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Helm with nothing of the user's configuration."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    env["GOGC"] = "off"  # it ends before collecting garbage has helped anybody, and takes a third less time
    return subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False, env=env)


@cache
def render(*arguments: str) -> str:
    """`helm template` of the release `ebbtide` in `ebbtide-system`."""
    done = run("template", "ebbtide", str(CHART), "-n", "ebbtide-system", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def manifests(*sets: str, crds: bool = False) -> tuple[dict[str, Any], ...]:
    """Every rendered object; `sets` are values beside the Prometheus address. Without the definitions it is faster."""
    wanted = [PROMETHEUS, *([] if crds else ["crds.enabled=false"]), *sets]
    text = render(*(part for one in wanted for part in ("--set", one)))
    return tuple(one for one in yaml.load_all(text, Loader=LOADER) if one)


def of(kind: str, objects: Iterable[dict[str, Any]], name: str = "") -> dict[str, Any]:
    """The one object of a kind (and name)."""
    (found,) = [one for one in objects if one["kind"] == kind and name in ("", one["metadata"]["name"])]
    return found
