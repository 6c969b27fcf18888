"""Builds the control plane's programs once and prints the folder they lie in.

Run as `python3 -m e2e.binaries.build`, or by path. Only the standard library is used: it runs before any virtual
environment exists. A build that was interrupted goes on where it stopped: a finished family is not built again, and
within a family Go's own build cache keeps what was compiled.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from e2e.binaries.cache import STAGES_FILE, BuildError, Toolchain, build_key, cache_root, missing, toolchain
from e2e.binaries.families import FAMILIES, KUEUE, Family
from e2e.binaries.progress import Progress, say, watch

# What a control plane needs from KWOK's own stages; ours are in e2e/plane/stages.yaml. Without any stage KWOK exits.
_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
)


def _environment() -> dict[str, str]:
    # A workspace file above the checkout must not change what is built.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}


@contextlib.contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Holds the lock of the cache; a second run waits and then finds everything built."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is building the control plane; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(family: Family, into: Path, progress: Progress) -> None:
    command = ["go", "build", "-v", *family.flags(), "-o", f"{into}/", *family.programs.values()]
    with subprocess.Popen(
        command,
        cwd=family.folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            last_lines = watch(process, progress)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode != 0:
        raise BuildError(
            f"Building {family.name} {family.version} failed. The last lines of `go build` in {family.folder}:\n"
            + "\n".join(f"  {line}" for line in last_lines)
        )


def _rename_root_package(family: Family, into: Path) -> None:
    """`go build` names a program after its package's last element; etcd's is `v3`, which gives `server`."""
    built = [path for path in into.iterdir() if path.is_file()]
    wanted = set(family.programs)
    for path in built:
        if path.name not in wanted and len(wanted) == 1:
            path.rename(into / next(iter(wanted)))


def _write_stages(family: Family, into: Path) -> None:
    """KWOK's stage files, concatenated, from the module's own folder."""
    asked = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", family.module],
        cwd=family.folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise BuildError(f"`go list` cannot find KWOK's stage files: {asked.stderr.strip()}")
    stages = Path(asked.stdout.strip()) / "kustomize" / "stage"
    text = "---\n".join((stages / name).read_text(encoding="utf-8") for name in _STAGES)
    (into / STAGES_FILE).write_text(text, encoding="utf-8")


def _build_family(family: Family, folder: Path, progress: Progress) -> None:
    """Builds into a folder of its own and moves the finished files, so that no half program is ever found."""
    unfinished = folder / f".{family.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _compile(family, unfinished, progress)
        _rename_root_package(family, unfinished)
        if family.name == "kwok":
            _write_stages(family, unfinished)
        for path in sorted(unfinished.iterdir()):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def build(tools: Toolchain, families: tuple[Family, ...] = FAMILIES) -> Path:
    """Builds what is missing and returns the folder. Raises BuildError with one clear message."""
    root = cache_root() / "binaries"
    folder = root / build_key(tools, families)
    if not missing(folder, families):
        return folder
    with _only_one(root):
        wanted = missing(folder, families)
        if wanted:
            names = ", ".join(family.name for family in wanted)
            say(f"building {names} with {tools.version}: once, 3 to 10 minutes each on 2 cores, into {root}")
        for family in wanted:
            progress = Progress(families.index(family) + 1, len(families), f"{family.name} {family.version}")
            _build_family(family, folder, progress)
            progress.finish(", ".join(family.programs))
    return folder


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Entry point: 0 and the folder on stdout, 1 and one sentence on stderr, 130 when interrupted."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        tools = toolchain()
        folder = build(tools)
        build(tools, (KUEUE,))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again: it goes on where it stopped.", file=sys.stderr)
        return 130
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
