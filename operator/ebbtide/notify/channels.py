"""The ways to a receiver. Each sends some notices at once, or raises DeliveryError."""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from ebbtide.core.notice import Notice
from ebbtide.notify.payload import payload, subject, text
from ebbtide.notify.receivers import Email, Receiver, Slack, Webhook


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one receiver may take. Seconds; a message is lost after all attempts."""

    connect: float = 3.0
    answer: float = 5.0
    retries: int = 3
    backoff: float = 1.0
    """Doubles from one attempt to the next."""


class DeliveryError(Exception):
    """It was not taken; one sentence without the address, which is a secret where the address is the key."""


class Channel(Protocol):
    """One receiver's way."""

    def send(self, notices: Sequence[Notice]) -> None:
        """Deliver them together; raises DeliveryError."""


RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Http:
    """POST with time limits and retries. Redirects are not followed: where a secret goes, its owner has said."""

    def __init__(self, url: str, headers: dict[str, str], ca_file: str, patience: Patience) -> None:
        self._url, self._patience = url, patience
        self._session = requests.Session()
        self._session.headers.update(headers)
        self._session.verify = ca_file or True
        retry = Retry(
            total=patience.retries,
            backoff_factor=patience.backoff,
            backoff_jitter=patience.backoff / 4,
            status_forcelist=RETRIED,
            allowed_methods=None,
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def post(self, body: object) -> None:
        limits = (self._patience.connect, self._patience.answer)
        try:
            answer = self._session.post(self._url, json=body, timeout=limits, allow_redirects=False)
        except requests.RequestException as error:
            raise DeliveryError(_why(error)) from None
        if answer.status_code >= requests.codes.multiple_choices:
            raise DeliveryError(f"it answered {answer.status_code}")


class WebhookChannel:
    """The documented JSON."""

    def __init__(self, said: Webhook, cluster: str, patience: Patience) -> None:
        self._http = _Http(said.url, dict(said.headers), said.ca_file, patience)
        self._cluster = cluster

    def send(self, notices: Sequence[Notice]) -> None:
        """One request for all of them."""
        self._http.post(payload(notices, self._cluster))


class SlackChannel:
    """`{"text": …}`."""

    def __init__(self, said: Slack, cluster: str, patience: Patience) -> None:
        self._http = _Http(said.url, {}, "", patience)
        self._cluster = cluster

    def send(self, notices: Sequence[Notice]) -> None:
        """One message for all of them."""
        self._http.post({"text": "\n\n".join(text(notice, self._cluster) for notice in notices)})


class EmailChannel:
    """One mail; an SMTP server queues by itself, so it is tried once."""

    def __init__(self, said: Email, cluster: str, patience: Patience) -> None:
        self._said, self._cluster, self._patience = said, cluster, patience

    def send(self, notices: Sequence[Notice]) -> None:
        """One mail for all of them."""
        said = self._said
        try:
            with smtplib.SMTP(said.host, said.port, timeout=self._patience.answer) as server:
                if said.start_tls:
                    server.starttls(context=ssl.create_default_context())
                if said.username:
                    server.login(said.username, said.password)
                server.send_message(self._mail(notices))
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server refused it or did not answer ({type(error).__name__})") from None

    def _mail(self, notices: Sequence[Notice]) -> EmailMessage:
        mail, more = EmailMessage(), len(notices) - 1
        mail["From"], mail["To"] = self._said.sender, ", ".join(self._said.to)
        mail["Subject"] = subject(notices[0], self._cluster) + (f" and {more} more" if more else "")
        mail.set_content("\n\n".join(text(notice, self._cluster) for notice in notices))
        return mail


def channel(receiver: Receiver, cluster: str, patience: Patience) -> Channel:
    """The way that this receiver has."""
    if receiver.webhook is not None:
        return WebhookChannel(receiver.webhook, cluster, patience)
    if receiver.slack is not None:
        return SlackChannel(receiver.slack, cluster, patience)
    assert receiver.email is not None
    return EmailChannel(receiver.email, cluster, patience)


def _why(error: requests.RequestException) -> str:
    """The kind of failure, without the URL that requests puts into its messages."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.exceptions.RetryError):
        return "it answered with errors, to the last attempt"
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    return "it could not be reached, or did not answer in time"
