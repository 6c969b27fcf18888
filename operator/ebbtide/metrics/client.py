"""Questions to the query API. The only module that knows prometheus_api_client; every failure is a MetricsError."""

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from ebbtide.metrics.answers import JsonAnswer, decode_answer, error_sentence
from ebbtide.metrics.body import Body
from ebbtide.samples.answer import MetricsError

_CONNECT_SECONDS = 3.05  # just over one TCP retransmission
_LATE = "Prometheus did not finish its answer in time."
_CHUNK_BYTES = 256 * 1024
_RETRIED = (408, 429, 500, 502, 503, 504)
_OK = 200
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost: seconds from sending to the last byte, and decoded bytes."""

    seconds: float = 30.0
    answer_bytes: int = 64 * 1024 * 1024


class FileToken(AuthBase):
    """Puts the bearer token on a request; the file is read each time, because mounted tokens are renewed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests for each attempt."""
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise MetricsError(f"The token file {self._path} cannot be read: {error}.") from error
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class PrometheusClient(PrometheusConnect):  # type: ignore[misc]  # the library is untyped
    """One connection to a Prometheus-compatible query API. Not safe for use by two threads at a time."""

    def __init__(
        self, url: str, *, token_file: Path | None = None, ca_file: Path | None = None, limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        super().__init__(
            url.rstrip("/"),
            headers={"Accept-Encoding": "gzip", "Accept": "application/json"},
            retry=_retry(),
            auth=FileToken(token_file) if token_file else None,
            timeout=(_CONNECT_SECONDS, self.limits.seconds),
            method="POST",
        )
        # Given with each request: on the session alone, REQUESTS_CA_BUNDLE of the environment would win.
        self._verify = True if ca_file is None else str(ca_file)

    def query_range(self, query: str, start: float, end: float, step: float) -> JsonAnswer:
        """A matrix: one value per series and step, from start to end, both included (seconds since the epoch)."""
        form = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._query("/api/v1/query_range", form, "matrix")

    def query(self, query: str, at: float) -> JsonAnswer:
        """A vector: one value per series at one instant."""
        form = {"query": query, "time": f"{at:.3f}"}
        return self._query("/api/v1/query", form, "vector")

    def metadata(self, path: str, params: Mapping[str, str | Sequence[str]], seconds: float) -> bytes:
        """The body of a call that is not a query, such as /api/v1/targets."""
        return self._read("GET", path, min(seconds, self.limits.seconds), params=params).whole()

    def _query(self, path: str, form: dict[str, str], wanted: str) -> JsonAnswer:
        limit = {"timeout": f"{self.limits.seconds * 1000:.0f}ms"}
        body = self._read("POST", path, self.limits.seconds, data=form | limit)
        return decode_answer(body, wanted, self.limits.answer_bytes)

    def _read(self, method: str, path: str, seconds: float, **fields: Any) -> Body:
        deadline = time.monotonic() + seconds
        try:
            with self._send(method, path, timeout=(_CONNECT_SECONDS, seconds), **fields) as response:
                # The library has read the body of a redirect already.
                body = Body(b"") if response.status_code in _REDIRECTS else self._body(response, deadline)
                _refuse(response, body)
                return body
        except (requests.ReadTimeout, ReadTimeoutError) as error:
            raise MetricsError(_LATE) from error
        except (requests.RequestException, HTTPError, ssl.SSLError, OSError) as error:
            raise MetricsError(f"Prometheus at {self.url} cannot be asked: {_cause(error)}.") from error

    def _send(self, method: str, path: str, **fields: Any) -> requests.Response:
        response: requests.Response = self._session.request(
            method,
            f"{self.url}{path}",
            headers=self.headers,
            auth=self.auth,
            verify=self._verify,
            stream=True,
            allow_redirects=False,  # a redirected POST loses its body, and a login page is no answer
            **fields,
        )
        return response

    def _body(self, response: requests.Response, deadline: float) -> Body:
        """Reads as bytes come: a read timeout alone never ends an answer that drips."""
        body = bytearray()
        packed = response.headers.get("Content-Encoding", "").lower() == "gzip"
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=not packed):
            body += chunk
            if len(body) > self.limits.answer_bytes:
                raise MetricsError(f"Prometheus answered more than {self.limits.answer_bytes} bytes.", oversize=True)
            if time.monotonic() > deadline:
                raise MetricsError(_LATE)
        return Body(body, packed=packed)


class _QuickRetry(Retry):
    """Repeats what failed at once, such as a kept-alive connection that Prometheus closed when it restarted.

    A question that ran into its read timeout would only run into it again.
    """

    def increment(  # urllib3's signature
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Called by urllib3 after each failed attempt."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _retry() -> Retry:
    """Few and quick: the next tick asks again anyway. Retry-After is not obeyed: it could hold the worker for hours."""
    return _QuickRetry(
        total=2,
        status_forcelist=_RETRIED,
        allowed_methods={"GET", "POST"},  # every POST here is a read
        backoff_factor=0.2,
        backoff_jitter=0.3,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def _refuse(response: requests.Response, body: Body) -> None:
    status = response.status_code
    if status == _OK:
        return
    if status in _REDIRECTS:
        raise MetricsError(
            f"Prometheus redirects to {response.headers.get('Location', 'nowhere')}: set the final address, "
            "or a token if that is a login page."
        )
    raise MetricsError(f"Prometheus refused ({status}): {error_sentence(body) or response.reason}.")


def _cause(error: BaseException) -> str:
    """The innermost words: urllib3 wraps them three deep."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _cause(reason)
    if error.args and isinstance(error.args[0], BaseException):
        return _cause(error.args[0])
    return str(error.args[-1] if error.args else type(error).__name__).strip().rstrip(".")
