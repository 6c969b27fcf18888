"""A receiver of notifications on 127.0.0.1: keeps what it gets, and can answer with errors or hang."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What arrived, and how to answer the next request."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        """Statuses of the next requests; 200 when empty."""
        self.always = 200
        self.hangs_seconds = 0.0
        self.requests = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def notifications(self) -> list[dict[str, Any]]:
        """Of all accepted messages, in order."""
        return [one for body in self.bodies for one in body.get("notifications", ())]

    def wait(self, count: int, seconds: float = 10.0) -> list[dict[str, Any]]:
        """The accepted bodies, once there are so many."""
        end = time.monotonic() + seconds
        while len(self.bodies) < count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.bodies) >= count, f"{len(self.bodies)} of {count} messages in {seconds} s"
        return self.bodies

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """One request; the status to answer."""
        self.requests += 1
        time.sleep(self.hangs_seconds)
        status = self.answers.pop(0) if self.answers else self.always
        if status < 300:
            self.headers.append(headers)
            self.bodies.append(json.loads(body))
        return status


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens on a free port until the end of the block."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = state.take(body, dict(self.headers))
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                return  # who asked has given up waiting

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
