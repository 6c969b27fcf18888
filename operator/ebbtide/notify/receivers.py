"""The file of receivers, as a Secret or ConfigMap mounts it: names, and where each of them is."""

from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

HTTP_URL: Final = r"^https?://[^\s/]+\S*$"


class _Model(BaseModel):
    # Values are secrets: they are left out of every message.
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, hide_input_in_errors=True
    )


class Webhook(_Model):
    """JSON by POST, as docs/notifications.md shows it."""

    url: Annotated[str, Field(pattern=HTTP_URL)]
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent along, such as Authorization."""
    ca_file: str = ""
    """CA bundle in PEM; empty: the system's."""


class Slack(_Model):
    """An incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat)."""

    url: Annotated[str, Field(pattern=HTTP_URL)]


class Email(_Model):
    """Mail through an SMTP server."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    sender: Annotated[str, Field(alias="from", pattern=r"^\S+@\S+$")]
    to: Annotated[list[Annotated[str, Field(pattern=r"^\S+@\S+$")]], Field(min_length=1)]
    start_tls: bool = True
    username: str = ""
    password: str = ""


class Receiver(_Model):
    """One name, and exactly one way."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    webhook: Webhook | None = None
    slack: Slack | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.webhook, self.slack, self.email)) != 1:
            raise ValueError("give exactly one of webhook, slack, email")
        return self


class _File(_Model):
    receivers: list[Receiver] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [it.name for it in self.receivers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the name {twice} is there twice")
        return self


class ReceiversError(Exception):
    """The file cannot be used; one sentence that quotes no value of it."""


def read(path: Path) -> dict[str, Receiver]:
    """By name. Raises ReceiversError."""
    try:
        parsed = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise ReceiversError(f"{path}: {error.strerror}: check the chart value notify.receiversFrom") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ReceiversError(f"{path}{where}: this is no YAML: write it as docs/notifications.md shows") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReceiversError(f"{path}: {place}: {first['msg']}: write it as docs/notifications.md shows") from None
    return {it.name: it for it in parsed.receivers}
