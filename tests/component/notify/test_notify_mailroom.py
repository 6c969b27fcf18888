"""Delivery over real sockets: what arrives, and what a receiver that hangs, fails or is down does to the others."""

import os
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.receiver import Receiver, receiver
from ebbtide.api.cost_policy import NotifyEvent
from ebbtide.core.notice import Notice
from ebbtide.core.workload import HourlyCost, WorkloadKey
from ebbtide.notify import mailroom as module
from ebbtide.notify.channels import Patience
from ebbtide.notify.mailroom import Mailroom
from tests.builders import NOW

QUICK = Patience(connect=0.3, answer=0.3, retries=2, backoff=0.01)
WARN = Notice(
    receiver="hook",
    event=NotifyEvent.Warn,
    workload=WorkloadKey("vision", "TrainingJob", "resnet"),
    uid="uid-resnet",
    reason="GPUIdle",
    message="2 devices idle",
    policy="CostPolicy/batch",
    at=NOW,
    hourly=HourlyCost("USD", Decimal("6.88")),
    acts_after=NOW + 600,
    command="kubectl ebbtide keep trainingjob/resnet -n vision --for 4h",
    transition="GPUIdle/1",
)


def another(number: int, **changes: Any) -> Notice:
    return replace(WARN, uid=f"uid-{number}", **changes)


class Office:
    """A mailroom with its file and its counts."""

    def __init__(self, tmp_path: Path, **receivers: Any) -> None:
        self.path, self.counts = tmp_path / "receivers.yaml", Counter[tuple[str, str, str]]()
        self.order: list[str] = []
        """Receivers, as their notices came to an end."""
        self.write(**receivers)
        self.room = Mailroom(self.path, self._count, cluster="west", patience=QUICK)

    def write(self, **receivers: Any) -> None:
        fresh = self.path.with_suffix(".new")
        said = [{"name": name, **way} for name, way in receivers.items()]
        fresh.write_text(yaml.safe_dump({"receivers": said}))
        fresh.rename(self.path)

    def _count(self, receiver: str, event: str, result: str) -> None:
        self.counts[receiver, event, str(result)] += 1
        self.order.append(receiver)

    def wait(self, name: str, result: str, count: int = 1, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while self.counts[name, "Warn", result] < count and time.monotonic() < end:
            time.sleep(0.01)
        assert self.counts[name, "Warn", result] == count, self.counts


def to(it: Receiver, **more: Any) -> dict[str, Any]:
    return {"webhook": {"url": it.url, **more}}


def test_the_documented_json_arrives(tmp_path: Path) -> None:
    with receiver() as hook:
        office = Office(tmp_path, hook=to(hook, headers={"Authorization": "Bearer abc"}))
        office.room.notify(WARN)
        [body] = hook.wait(1)
        assert hook.headers[0]["Authorization"] == "Bearer abc"
        office.room.close()
    [one] = body.pop("notifications")
    assert body == {"version": "1", "cluster": "west"}
    assert len(one.pop("id")) == 16
    assert one == {
        "event": "Warn",
        "time": "2026-11-18T11:10:00Z",
        "workload": {"kind": "TrainingJob", "namespace": "vision", "name": "resnet"},
        "policy": "CostPolicy/batch",
        "reason": "GPUIdle",
        "message": "2 devices idle",
        "actsAfter": "2026-11-18T11:20:00Z",
        "costPerHour": {"amount": "6.88", "currency": "USD"},
        "command": "kubectl ebbtide keep trainingjob/resnet -n vision --for 4h",
    }
    assert office.counts == {("hook", "Warn", "Sent"): 1}


def test_slack_reads_a_text_with_all_of_it(tmp_path: Path) -> None:
    with receiver() as hook:
        office = Office(tmp_path, hook={"slack": {"url": hook.url}})
        office.room.notify(WARN)
        [body] = hook.wait(1)
        office.room.close()
    assert body["text"].splitlines() == [
        "TrainingJob resnet in vision on west is idle (GPUIdle)",
        "2 devices idle",
        "It acts after 2026-11-18T11:20:00Z.",
        "An hour costs 6.88 USD.",
        "To prevent it: kubectl ebbtide keep trainingjob/resnet -n vision --for 4h",
    ]


def test_an_unpriced_warning_without_a_pause_leaves_both_out(tmp_path: Path) -> None:
    with receiver() as hook:
        office = Office(tmp_path, hook=to(hook))
        office.room.notify(replace(WARN, hourly=HourlyCost("USD", None), acts_after=None, command=""))
        hook.wait(1)
        office.room.close()
        assert not {"actsAfter", "costPerHour", "command"} & set(hook.notifications[0])


def test_errors_are_tried_again(tmp_path: Path) -> None:
    with receiver() as hook:
        hook.answers = [500, 429]
        office = Office(tmp_path, hook=to(hook))
        office.room.notify(WARN)
        hook.wait(1)
        office.wait("hook", "Sent")
        assert hook.requests == 3


def test_what_is_refused_is_lost_at_once_and_what_comes_after_arrives(tmp_path: Path) -> None:
    with receiver() as hook:
        hook.answers = [404]
        office = Office(tmp_path, hook=to(hook))
        office.room.notify(WARN)
        office.wait("hook", "Failed")
        assert hook.requests == 1
        office.room.notify(another(1))
        office.wait("hook", "Sent")


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with receiver() as hook:
        hook.answers = [307]
        office = Office(tmp_path, hook=to(hook))
        office.room.notify(WARN)
        office.wait("hook", "Failed")


def test_errors_without_end_are_a_loss_that_is_counted(tmp_path: Path) -> None:
    with receiver() as hook:
        hook.always = 500
        office = Office(tmp_path, hook=to(hook))
        office.room.notify(WARN)
        office.wait("hook", "Failed")
        assert hook.requests == 1 + QUICK.retries


def test_one_that_hangs_and_one_that_is_down_delay_nobody(tmp_path: Path, capsys: Any) -> None:
    with receiver() as hook, receiver() as hangs:
        hangs.hangs_seconds = 2.0
        down = {"webhook": {"url": f"http://127.0.0.1:{_free_port()}/s3cret"}}
        office = Office(tmp_path, hook=to(hook), hangs=to(hangs), down=down)
        for name in ("hangs", "down", "hook"):
            office.room.notify(replace(WARN, receiver=name, uid=name))
        assert "hangs" not in office.order, "whoever notifies does not wait for the answer"
        office.wait("hangs", "Failed")
        assert (set(office.order[:2]), office.order[2:]) == ({"down", "hook"}, ["hangs"])
        assert hook.requests == 1
        office.room.close()
    told = capsys.readouterr().out
    assert told.count("notifications were lost") == 2
    assert "s3cret" not in told


def test_too_many_waiting_are_dropped_and_counted(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "QUEUE", 5)
    with receiver() as hook:
        hook.hangs_seconds = 0.2
        office = Office(tmp_path, hook=to(hook))
        for number in range(20):
            office.room.notify(another(number))
        office.room.close()
        taken = office.counts["hook", "Warn", "Sent"]
        assert taken + office.counts["hook", "Warn", "Dropped"] == 20
        assert 5 <= taken <= 10
        assert hook.requests <= 3


def test_many_at_once_arrive_in_few_messages(tmp_path: Path) -> None:
    with receiver() as hook:
        hook.hangs_seconds = 0.05
        office = Office(tmp_path, hook=to(hook))
        for number in range(100):
            office.room.notify(another(number))
        office.room.close()
        assert len(hook.notifications) == 100
        assert hook.requests <= 7


def test_the_same_change_is_told_once_and_the_next_again(tmp_path: Path) -> None:
    with receiver() as hook:
        office = Office(tmp_path, hook=to(hook))
        for transition in ("one", "one", "two"):
            office.room.notify(replace(WARN, transition=transition))
        office.room.close()
        assert len(hook.notifications) == 2
        assert len({it["id"] for it in hook.notifications}) == 2


def test_an_unknown_receiver_is_counted(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.room.notify(WARN)
    assert office.counts == {("", "Warn", "UnknownReceiver"): 1}


def test_the_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path, capsys: Any) -> None:
    with receiver() as first, receiver() as second:
        office = Office(tmp_path, hook=to(first))
        office.room.notify(WARN)
        office.wait("hook", "Sent")
        office.write(hook=to(second), more=to(second))
        assert office.room.receivers == {"hook", "more"}
        office.room.notify(another(1))
        office.wait("hook", "Sent", 2)
        assert (len(first.bodies), len(second.bodies)) == (1, 1)
        office.path.write_text("receivers: [")
        os.utime(office.path, (1, 1))
        assert office.room.receivers == {"hook", "more"}
        assert "receivers cannot be read" in capsys.readouterr().out
        office.room.close()


def test_closing_delivers_what_waits(tmp_path: Path) -> None:
    with receiver() as hook:
        office = Office(tmp_path, hook=to(hook))
        for number in range(40):
            office.room.notify(another(number))
        office.room.close()
        assert office.counts["hook", "Warn", "Sent"] == 40


@pytest.mark.parametrize("refused", [False, True])
def test_mail_goes_out_by_smtp(tmp_path: Path, refused: bool) -> None:
    with _smtp(refused=refused) as (port, mails):
        said = {"host": "127.0.0.1", "port": port, "from": "ebbtide@example.com", "to": ["a@example.com"]}
        office = Office(tmp_path, hook={"email": {**said, "startTls": False}})
        office.room.notify(WARN)
        office.room.close()
        assert office.counts == {("hook", "Warn", "Failed" if refused else "Sent"): 1}
    if not refused:
        assert "Subject: TrainingJob resnet in vision on west is idle (GPUIdle)" in mails[0]
        assert "kubectl ebbtide keep trainingjob/resnet" in mails[0]


def _free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port: int = it.getsockname()[1]
        return port


@contextmanager
def _smtp(*, refused: bool) -> Iterator[tuple[int, list[str]]]:
    """A stand-in for a mail server: enough SMTP to take one mail, or to refuse its sender."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 stand-in\r\n")
            while line := self.rfile.readline():
                verb = line.split()[0].upper().decode()
                if verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    mails.append(b"".join(lines).decode())
                answer = b"550 no" if refused and verb == "MAIL" else b"221 bye" if verb == "QUIT" else b"250 ok"
                self.wfile.write(answer + b"\r\n")
                if verb == "QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1], mails
        server.shutdown()
