"""Free TCP ports on the loopback address."""

import contextlib
import os
import random
import socket
from typing import Final

from e2e.plane.errors import PlaneError

HOST = "127.0.0.1"
FIRST: Final = 15_000
"""Below those that Linux gives to outgoing connections (32768 on), which take a port before its server listens."""
SHARE: Final = 1_000
SHARES: Final = 17
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on now, and that this process was not given before.

    Each worker of the tests has a share of its own. Raises PlaneError when none is left.
    """
    with contextlib.ExitStack() as held:
        return [_hold(held) for _ in range(count)]


def _hold(held: contextlib.ExitStack) -> int:
    first = FIRST + SHARE * _share()
    for port in random.sample(range(first, first + SHARE), SHARE):
        if port not in _given and _is_free(port, held):
            _given.add(port)
            return port
    raise PlaneError(f"no port from {first} to {first + SHARE - 1} is free on {HOST}")


def _is_free(port: int, held: contextlib.ExitStack) -> bool:
    one = held.enter_context(socket.socket())
    try:
        one.bind((HOST, port))
    except OSError:
        return False
    return True


def _share() -> int:
    """The first without workers; they are called gw0, gw1 and so on."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    return 1 + int(number) % (SHARES - 1) if number.isdigit() else 0


def accepts(port: int) -> bool:
    """Does anything listen on the port?"""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
