"""Kills a plane's processes when the process that started them is gone, however it went.

Run by path with a bare interpreter: its stdin is a pipe held by the parent only. Lines are `+PID` and `-PID`; the
end of the stream means that the parent died or is done. PR_SET_PDEATHSIG would not do: it fires when the *thread*
that started a child ends, and planes are started from worker threads too.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Reads until the end, then kills what is left, the newest first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    alive: dict[int, None] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            alive[pid] = None
        else:
            alive.pop(pid, None)
    for pid in reversed(alive):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
