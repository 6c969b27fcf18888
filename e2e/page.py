"""A page of metrics made here, for a Prometheus to scrape: what is neither an exporter nor an object of the cluster."""

import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from e2e.plane.ports import HOST


class Page:
    """Series that are functions of time, served as an exposition while in a `with`."""

    def __init__(self) -> None:
        self._values: dict[str, Callable[[float], float | None]] = {}
        self._began = time.time()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"{HOST}:{self._server.server_address[1]}"

    def show(self, series: str, value: Callable[[float], float | None]) -> None:
        """A series whose value is a function of the seconds since the beginning; None: it is not there."""
        self._values[series] = value

    def play(self, series: str, values: Sequence[float | None], begin: float) -> None:
        """A series that has one value a second from `begin` (Unix seconds) on, and none after the last."""
        offset = begin - self._began

        def value(seconds: float) -> float | None:
            number = int(seconds - offset)
            return values[number] if 0 <= number < len(values) else None

        self.show(series, value)

    def text(self) -> str:
        seconds = time.time() - self._began
        shown = [(series, value(seconds)) for series, value in list(self._values.items())]
        return "".join(f"{series} {value:.3f}\n" for series, value in shown if value is not None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(page) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the page; self is the request
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
