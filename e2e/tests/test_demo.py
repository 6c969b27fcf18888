"""`make demo` as a person runs it: the story ends well, twice is safe, and nothing of it stays when it must not."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.plane.waiting import wait_until
from e2e.requirements_guard import require

pytestmark = pytest.mark.plane

ROOT = Path(__file__).resolve().parents[2]
TOLD = re.compile(
    r"One pause, one word of the user, one resume; else only (the operator's 1 PATCH of managedFields, and )?status[.]"
)
BROKEN_SCHEDULER = "#!/bin/sh\necho 'unknown flag: --kubeconfig'\nexit 3\n"


class Demo:
    """`python -m e2e.demo` with a cache folder of its own, which names its processes and keeps the user's demo safe."""

    def __init__(self, cache: Path) -> None:
        found = binaries_dir()
        if found is None:
            require("plane", "the control plane's programs are not built; run `make binaries`")
        self.cache = cache
        self.programs = cache / "binaries" / found.name
        self.programs.mkdir(parents=True)
        for program in found.iterdir():
            (self.programs / program.name).symlink_to(program)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts it with its output in a pipe."""
        return self._begin(words, subprocess.PIPE)

    def leave_one_running(self) -> subprocess.Popen[str]:
        """What a demo that has ended leaves: the process that holds its world."""
        return self._begin(["serve"], subprocess.DEVNULL)

    def _begin(self, words: Sequence[str], out: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "e2e.demo", *words],
            cwd=ROOT,
            env={**os.environ, "EBBTIDE_CACHE": str(self.cache)},
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, seconds: float = 240) -> tuple[int, str]:
        """Exit status and output."""
        with self.begin(*words) as process:
            output, _ = process.communicate(timeout=seconds)
        return process.returncode, output

    def left(self) -> dict[int, str]:
        """Processes that were started with this cache folder, or run something of it."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                told = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
                name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(self.cache).encode() in told:
                found[int(folder.name)] = name
        return found

    def pid_of(self, words: str) -> int:
        """The process whose command line has these words."""
        return wait_until(lambda: next((pid for pid, name in self.left().items() if words in name), None), words, 30)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "cache")
    yield demo
    demo.run("down")


def test_the_story_is_told_while_another_demo_runs_and_down_leaves_nothing(demo: Demo) -> None:
    before = demo.leave_one_running()
    demo.pid_of("ebbtide operator")
    code, out = demo.run()
    assert code == 0, out
    assert before.wait(1) == 0
    lines = [line[7:] for line in out.splitlines()]
    assert "The demo that was still running is stopped." in lines
    assert "the pause saves 55.04 USD an hour." in out
    warned, paused, resumed = (
        next(number for number, line in enumerate(lines) if line.startswith(f"Event {verb} on segmentation: "))
        for verb in ("Warn", "Pause", "Resume")
    )
    assert warned < paused < resumed
    assert any(
        line.startswith("Prometheus on segmentation: 8 GPUs 0 % busy, at most 0 %, unused for") for line in lines
    )
    assert any(line.startswith("segmentation runs again with 8 GPUs for 55.04 USD an hour") for line in lines)
    proof = [line.partition("Z ")[2] for line in lines if "Z PATCH " in line]
    assert proof == [
        "PATCH jobs/segmentation by system:serviceaccount:ebbtide-system:ebbtide",
        "PATCH trainingjobs/segmentation by ada@example.com",
        "PATCH jobs/segmentation by system:serviceaccount:ebbtide-system:ebbtide",
    ]
    assert any(TOLD.fullmatch(line) for line in lines), out
    assert max(map(len, out.partition("It is still running. Try:")[0].splitlines())) <= 120
    assert "make demo-down" in out
    assert demo.pid_of("ebbtide operator")
    assert demo.run("down") == (0, "The demo is stopped.\n")
    assert demo.left() == {}
    assert demo.run("down") == (0, "No demo is running.\n")


def test_a_part_that_cannot_start_is_named_with_its_last_lines(demo: Demo) -> None:
    scheduler = demo.programs / "kube-scheduler"
    scheduler.unlink()
    scheduler.write_text(BROKEN_SCHEDULER, encoding="utf-8")
    scheduler.chmod(0o755)
    code, out = demo.run(seconds=60)
    assert code == 1
    assert "The demo failed: kube-scheduler ended with status 3 while starting." in out
    assert "unknown flag: --kubeconfig" in out
    assert "Traceback" not in out
    assert demo.left() == {}


def test_an_operator_that_dies_in_the_middle_is_named_and_takes_the_rest_with_it(demo: Demo) -> None:
    with demo.begin() as process:
        assert process.stdout is not None
        lines = [next(process.stdout)]
        while "The jobs run" not in lines[-1]:
            lines.append(next(process.stdout))
        os.kill(demo.pid_of("ebbtide operator"), signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The demo failed: operator ended with status -9. Its last log lines" in out
    assert "started" in out
    assert "Traceback" not in out
    assert demo.left() == {}


def test_an_interrupted_start_leaves_nothing(demo: Demo) -> None:
    with demo.begin() as process:
        demo.pid_of("kube-controller-manager")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The demo failed: interrupted" in out
    assert demo.left() == {}
