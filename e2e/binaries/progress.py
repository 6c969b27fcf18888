"""What a person sees while Go compiles for minutes: which family, how long, and that it is alive."""

import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

# A log that is silent for longer than this looks hung, to people and to CI.
HEARTBEAT_SECONDS = 10.0
_REDRAW_SECONDS = 0.5
_KEPT_LINES = 20


def say(text: str) -> None:
    """One line for the person, on stderr: stdout carries the result only."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Progress:
    """The line of one family: `[2/5] kubernetes v1.36.4  1:20  812 packages compiled`."""

    number: int
    total: int
    title: str
    started: float = field(default_factory=time.monotonic)
    downloaded: int = 0
    compiled: int = 0
    shown: float = 0.0

    def count(self, line: str) -> bool:
        """Counts one line of `go build -v`; False when it is neither a package nor a download."""
        if line.startswith("go: downloading "):
            self.downloaded += 1
            return True
        # `-v` prints one import path per line; everything else has a space or is a `#` heading.
        if line and " " not in line and not line.startswith("#"):
            self.compiled += 1
            return True
        return False

    def elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        return f"{minutes}:{seconds:02d}"

    def line(self) -> str:
        parts = [f"[{self.number}/{self.total}] {self.title}", self.elapsed()]
        if self.downloaded:
            parts.append(f"{self.downloaded} modules downloaded")
        parts.append(f"{self.compiled} packages compiled")
        return "  ".join(parts)

    def show(self) -> None:
        """Redraws on a terminal; elsewhere writes a line now and then."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.shown < (_REDRAW_SECONDS if terminal else HEARTBEAT_SECONDS) and self.shown:
            return
        self.shown = now
        if terminal:
            print(f"\r\x1b[K{self.line()}", end="", file=sys.stderr, flush=True)
        else:
            say(self.line())

    def finish(self, programs: str) -> None:
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        say(f"{start}[{self.number}/{self.total}] {self.title}  {self.elapsed()}  done: {programs}")


def watch(process: subprocess.Popen[str], progress: Progress) -> list[str]:
    """Reads stderr until it ends, showing progress; returns the last lines that were not progress."""
    lines: queue.Queue[str | None] = queue.Queue()
    stream = process.stderr
    if stream is None:
        raise ValueError("stderr is not piped")

    def read(source: Iterable[str]) -> None:
        for line in source:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, args=(stream,), daemon=True).start()
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    while True:
        progress.show()
        try:
            line = lines.get(timeout=_REDRAW_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return list(kept)
        if not progress.count(line) and line:
            kept.append(line)
