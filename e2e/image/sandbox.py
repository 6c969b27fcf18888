"""Runs an image as a cluster would: its user, its environment, a read-only root file system, and no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from e2e.image.programs import ImageError, run

# $1 is the root file system, $2 the user; the rest is `env`'s. What a runtime adds is added: /dev, /proc and the
# chart's empty /tmp. Exit status 70 is the sandbox's own complaint.
_SCRIPT: Final = """
set -e
root=$1 user=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
if chroot "$root" /usr/bin/touch /opt/written 2>/dev/null; then
  echo 'the root file system can be written' >&2
  exit 70
fi
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i "$@"
"""


def run_image(root: Path, config: Mapping[str, Any], *words: str, entrypoint: Sequence[str] | None = None) -> str:
    """What the image's entry point writes with these words. Raises ImageError when it fails."""
    user = str(config.get("User") or "")
    if not user:
        raise ImageError("The image names no USER, so it would run as root: the Dockerfile must say USER 65532:65532.")
    first = config.get("Entrypoint") or [] if entrypoint is None else entrypoint
    program = [*config.get("Env", []), *first, *words]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net"]
    return run([*namespaces, "sh", "-c", _SCRIPT, "sandbox", str(root), user, *program])
