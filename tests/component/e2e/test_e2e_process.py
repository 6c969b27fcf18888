"""Child processes: readable failures, nothing left behind."""

import socket
import sys
import time

import pytest

from e2e.plane.errors import PlaneError
from e2e.plane.kubeconfig import Access, read_kubeconfig, write_kubeconfig
from e2e.plane.pki import Authority
from e2e.plane.ports import HOST, accepts, free_ports
from e2e.plane.process import Component, Guard
from e2e.plane.waiting import wait_until


@pytest.fixture
def component(tmp_path):
    guard = Guard()
    made = []

    def make(program, **options):
        made.append(Component("part", [sys.executable, "-c", program], tmp_path / "part.log", guard, **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()
    guard.close()


def test_a_part_that_ends_while_starting_shows_its_last_lines(component):
    part = component("print('bad flag'); raise SystemExit(3)")
    part.start()
    with pytest.raises(PlaneError, match=r"(?s)part ended with status 3 while starting.*bad flag"):
        part.wait_ready(lambda: False, 10)


def test_a_part_that_never_gets_ready_is_named(component):
    part = component("import time; time.sleep(60)")
    part.start()
    with pytest.raises(PlaneError, match=r"part was not ready within 0\.3 s.*\n.*it wrote nothing"):
        part.wait_ready(lambda: False, 0.3)


def test_a_program_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(PlaneError, match=r"part cannot be started: .*no-such-program"):
        Component("part", ["/no-such-program"], tmp_path / "log", Guard()).start()


def test_a_part_that_ignores_the_request_to_end_is_killed(component):
    part = component(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)",
        stop_seconds=0.2,
    )
    part.start()
    wait_until(lambda: "on" in part.tail(), "its start", 10)
    part.stop()
    assert part.returncode == -9


def test_a_grandchild_goes_with_its_parent(component):
    (port,) = free_ports(1)
    listen = f"import socket, time; s = socket.create_server(('{HOST}', {port})); time.sleep(60)"
    part = component(
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {listen!r}]); time.sleep(60)"
    )
    part.start()
    wait_until(lambda: accepts(port), "the grandchild", 10)
    part.kill()
    wait_until(lambda: not accepts(port), "the grandchild's end", 10)


def test_the_guard_kills_what_is_left_when_it_is_closed(tmp_path):
    guard = Guard()
    part = Component("part", ["sleep", "60"], tmp_path / "log", guard)
    part.start()
    guard.close()
    wait_until(lambda: not part.alive, "its end", 10)


def test_a_frozen_part_goes_on_after_the_thaw(component):
    part = component("import time\nwhile True: print('tick', flush=True); time.sleep(0.02)")
    part.start()
    wait_until(lambda: "tick" in part.tail(), "its start", 10)
    part.freeze()
    time.sleep(0.1)
    still = part.log.stat().st_size
    time.sleep(0.2)
    assert part.log.stat().st_size == still
    part.thaw()
    wait_until(lambda: part.log.stat().st_size > still, "the thaw", 10)


def test_ports_are_free_and_different():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    with socket.socket() as one:
        one.bind((HOST, ports[0]))


@pytest.mark.parametrize("token", [None, "abc"])
def test_a_kubeconfig_is_read_as_it_was_written_and_private(tmp_path, token):
    authority = Authority()
    pair = None if token else authority.client("ada", ("team",))
    access = Access("https://127.0.0.1:1", authority.base64(), pair, token)
    path = write_kubeconfig(tmp_path / "new" / "config", access, "ml")
    assert read_kubeconfig(path) == access
    assert path.stat().st_mode & 0o077 == 0
