"""The one error that talking to the API server can end in."""

import msgspec


class ApiError(Exception):
    """A refused or failed request. `message` is a sentence for people; `status` is 0 when no answer came."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def not_found(self) -> bool:
        """The object, or the whole resource, does not exist."""
        return self.status == 404

    @property
    def already_exists(self) -> bool:
        """A create met an object of that name."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def gone(self) -> bool:
        """The resource version or the continue token is too old: list again."""
        return self.status == 410


class _Status(msgspec.Struct):
    """The parts of a metav1.Status that people need."""

    kind: str = ""
    message: str | None = None
    reason: str | None = None
    code: int | None = None


def from_answer(status: int, http_reason: str, body: bytes) -> ApiError:
    """The error of an HTTP answer: the API server's own sentence where it gave one."""
    try:
        parsed = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        parsed = _Status()
    said = parsed.message if parsed.kind == "Status" else None
    text = said or body[:200].decode("utf-8", "replace").strip() or http_reason
    return ApiError(status, parsed.reason or http_reason, text)


def from_status(body: bytes | msgspec.Raw) -> ApiError:
    """The error of a Status object inside a watch."""
    try:
        parsed = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError as error:
        return ApiError(500, "UnreadableStatus", f"the watch ended with an unreadable error: {error}")
    return ApiError(parsed.code or 500, parsed.reason or "Unknown", parsed.message or "the watch ended with an error")
