"""Building blocks of what a scenario file may say. Unknown fields are refused; seconds count from its start."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, TypeAlias

from pydantic import PlainValidator, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ebbtide.api.fields import problem
from ebbtide.api.model import ApiModel

_SERIES: Final = "write the samples as a quoted text in promtool's notation, for example '80x9 0x200'"
_NUMBER: Final = 'write a decimal number in quotes, for example "8.03", or null for "without a price"'
_LONGEST: Final = 64


class Words(ApiModel):
    """Part of a scenario: what it does not know is a mistake, and told as one."""

    @model_validator(mode="before")
    @classmethod
    def _knows_all(cls, value: Any) -> Any:
        known = {field.alias or name for name, field in cls.model_fields.items()}
        if isinstance(value, dict) and (unknown := [key for key in value if key not in known]):
            raise rule(f"unknown field; known here: {', '.join(sorted(known))}", f".{unknown[0]}")
        return value


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        raise problem(_SERIES)
    return value


SeriesText: TypeAlias = Annotated[str, PlainValidator(_quoted)]
"""Samples in promtool's notation. A bare 0x200 is 512 to YAML, so that only texts are taken."""

Text: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4096)]


def _decimal(value: object) -> Decimal:
    """Exactly as written; a number without quotes is taken as YAML shows it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > _LONGEST:
        raise problem(_NUMBER)
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise problem(_NUMBER) from error
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST:
        raise problem(_NUMBER)
    return number


Number: TypeAlias = Annotated[Decimal, PlainValidator(_decimal)]


class Reference(Words):
    """A workload by its topmost owner."""

    api_version: Text | None = None
    """Only to tell kinds of the same name apart."""
    kind: Text
    namespace: Text = "default"
    """Left out: default, as in a manifest."""
    name: Text

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


def said(model: Words, *fields: str) -> list[str]:
    """Which of these fields the file gives, by their names in the file; null counts as given."""
    names = {name: field.alias or name for name, field in type(model).model_fields.items()}
    return [names[name] for name in fields if name in model.model_fields_set]


def needs_one(model: Words, *fields: str) -> None:
    """Exactly one of these fields must be given."""
    given = said(model, *fields)
    if len(given) != 1:
        names = ", ".join(type(model).model_fields[name].alias or name for name in fields)
        found = f"{' and '.join(given)} stand together" if given else "none of them is there"
        raise rule(f"write exactly one of {names}; {found}")


def rule(message: str, path: str = "") -> PydanticCustomError:
    """A broken rule of a whole object; `path` is the field to look at, such as .at."""
    context: dict[str, Any] = {"message": message, "path": path}
    return PydanticCustomError("rule", "{message}", context)
