"""A process that is killed between two writes, as the soak kills the operator."""

import os
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("point", "want"), [("2:before", "1"), ("2:after", "12")])
def test_a_crash_point_kills_right_before_or_right_after_its_write(point: str, want: str) -> None:
    program = """
import asyncio
from ebbtide.objects.writing import CrashPoint, Gate, TokenBucket
class Leader:
    def may_write(self): return True
gate = Gate(Leader(), TokenBucket(), CrashPoint.from_environment())
async def write(text): print(text, end="", flush=True)
async def main():
    for text in "123": await gate.send(lambda: write(text))
asyncio.run(main())
"""
    environment = {**os.environ, "EBBTIDE_CRASH_AT": point}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == want
