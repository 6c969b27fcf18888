"""The kinds of values that fields hold: money, seconds, percent, times, names, and lists with their list type."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

from annotated_types import Ge, Le
from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ebbtide.api.model import RULES_KEYWORD, wire_name

AUTO: Final = "Auto"
NO_AMOUNT: Final = "-"
MAX_SECONDS: Final = 315_360_000  # ten years: longer is a typing error, and it keeps every duration an int32
MAX_COUNT: Final = 2**31 - 1


def problem(message: str) -> PydanticCustomError:
    """The error that parsing reports for one field; `message` says what to write instead."""
    return PydanticCustomError("format", "{message}", {"message": message})


def text_schema(pattern: str, message: str, max_length: int, **more: object) -> dict[str, Any]:
    """Schema of a formatted string. The pattern is for tools that read schemas, the rule for people."""
    rule = {"rule": f"self.matches('{pattern}')", "message": message}
    return {"type": "string", "maxLength": max_length, "pattern": pattern, RULES_KEYWORD: [rule], **more}


def _matching(pattern: str, message: str, max_length: int) -> Callable[[Any], str]:
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > max_length or not compiled.fullmatch(value):
            raise problem(message)
        return value

    return check


def _decimal(pattern: str, message: str) -> Callable[[Any], Decimal]:
    check = _matching(pattern, message, _MONEY_LENGTH)
    return lambda value: Decimal(check(_plain(value) if isinstance(value, Decimal) else value))


def _plain(value: Decimal | str) -> str:
    """Without exponent, as the patterns ask: Decimal("1E+3") is written 1000."""
    return value if isinstance(value, str) else format(value, "f")


_MONEY_LENGTH: Final = 32
_MONEY_PATTERN: Final = "^[0-9]+([.][0-9]+)?$"
_MONEY_MESSAGE: Final = 'write a decimal number of 0 or more as a quoted string, for example "6.88"'
_SIGNED_PATTERN: Final = "^-?[0-9]+([.][0-9]+)?$"
_FACTOR_PATTERN: Final = "^[1-9][0-9]*([.][0-9]+)?$"
_FACTOR_MESSAGE: Final = 'write a decimal number of 1 or more as a quoted string, for example "1.4"'
_STATUS_PATTERN: Final = "^(-|-?[0-9]+([.][0-9]+)?)$"
_STATUS_MESSAGE: Final = 'write a decimal number as a quoted string, or "-" where it is not known'

_AS_TEXT: Final = PlainSerializer(_plain, return_type=str, when_used="json")

Amount: TypeAlias = Annotated[
    Decimal,
    PlainValidator(_decimal(_MONEY_PATTERN, _MONEY_MESSAGE)),
    _AS_TEXT,
    WithJsonSchema(text_schema(_MONEY_PATTERN, _MONEY_MESSAGE, _MONEY_LENGTH)),
]
"""Money or another exact quantity of 0 or more; a decimal string on the wire."""

Factor: TypeAlias = Annotated[
    Decimal,
    PlainValidator(_decimal(_FACTOR_PATTERN, _FACTOR_MESSAGE)),
    _AS_TEXT,
    WithJsonSchema(text_schema(_FACTOR_PATTERN, _FACTOR_MESSAGE, _MONEY_LENGTH)),
]
"""A factor of 1 or more, such as a power usage effectiveness."""


def _shown_amount(value: object) -> Decimal | str:
    return NO_AMOUNT if value == NO_AMOUNT else _decimal(_SIGNED_PATTERN, _STATUS_MESSAGE)(value)


ShownAmount: TypeAlias = Annotated[
    Decimal | Literal["-"],
    PlainValidator(_shown_amount),
    _AS_TEXT,
    WithJsonSchema(text_schema(_STATUS_PATTERN, _STATUS_MESSAGE, _MONEY_LENGTH)),
]
"""Money in a status: a decimal string, or "-" where nothing can be said (never a guess)."""

Seconds: TypeAlias = Annotated[int, Strict(), Ge(0), Le(MAX_SECONDS)]
PositiveSeconds: TypeAlias = Annotated[int, Strict(), Ge(1), Le(MAX_SECONDS)]
Percent: TypeAlias = Annotated[int, Strict(), Ge(0), Le(100)]
Count: TypeAlias = Annotated[int, Strict(), Ge(0), Le(MAX_COUNT)]
Flag: TypeAlias = Annotated[bool, Strict()]

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIME_MESSAGE: Final = 'write a time with its zone as in RFC 3339, for example "2026-11-24T06:00:00Z"'


def parse_timestamp(text: str) -> datetime:
    """RFC 3339 to an aware UTC datetime. Raises ValueError for anything else, also for times without a zone."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(_TIME_MESSAGE)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(_TIME_MESSAGE) from error


def format_timestamp(moment: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC, with "Z" and without needless fractions."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _timestamp(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise problem(_TIME_MESSAGE)
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise problem(str(error)) from error


Timestamp: TypeAlias = Annotated[
    datetime,
    PlainValidator(_timestamp),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant; aware UTC datetime in Python, RFC 3339 on the wire."""

_DATE_MESSAGE: Final = 'write a local date as "YYYY-MM-DD", for example "2026-12-24"'


def _local_date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(_matching("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", _DATE_MESSAGE, 10)(value))
    except ValueError as error:
        raise problem(_DATE_MESSAGE) from error


LocalDate: TypeAlias = Annotated[
    date,
    PlainValidator(_local_date),
    PlainSerializer(date.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A calendar date in the time zone that stands beside it."""


def _formatted(pattern: str, message: str, max_length: int) -> tuple[BeforeValidator, WithJsonSchema]:
    return (
        BeforeValidator(_matching(pattern, message, max_length)),
        WithJsonSchema(text_schema(pattern, message, max_length)),
    )


StartTime: TypeAlias = Annotated[
    str,
    *_formatted(
        "^([01][0-9]|2[0-3]):[0-5][0-9]$", 'write a local time from "00:00" to "23:59" as "HH:MM", in quotes', 5
    ),
]
EndTime: TypeAlias = Annotated[
    str,
    *_formatted(
        "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", 'write a local time from "00:00" to "24:00" as "HH:MM", in quotes', 5
    ),
]
Currency: TypeAlias = Annotated[
    str, *_formatted("^[A-Z]{3}$", "write the three capital letters of ISO 4217, for example USD or EUR", 3)
]
ObjectName: TypeAlias = Annotated[
    str,
    *_formatted(
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "write the name of a Kubernetes object: lower-case letters, digits, dashes and dots, at most 253",
        253,
    ),
]
Identifier: TypeAlias = Annotated[
    str,
    *_formatted(
        "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "write letters, digits, dashes, dots and underscores, at most 63, with a letter or digit at both ends",
        63,
    ),
]
TimeZone: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]
"""IANA name. Whether it exists, only the operator can tell (Accepted=False, InvalidTimeZone)."""
ShortText: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256)]
LabelText: TypeAlias = Annotated[str, StringConstraints(strict=True, max_length=63)]
LabelKey: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=317)]
"""Prefix of at most 253 characters, a slash, and a name of at most 63."""
Message: TypeAlias = Annotated[str, StringConstraints(strict=True, max_length=1024)]


def _seconds_or_auto(value: object) -> int | str:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SECONDS
    if value == AUTO or whole:
        return value  # type: ignore[return-value]  # narrowed by the two conditions above
    raise problem("write whole seconds of 1 or more, without quotes, or Auto")


SecondsOrAuto: TypeAlias = Annotated[
    int | Literal["Auto"],
    PlainValidator(_seconds_or_auto),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            RULES_KEYWORD: [
                {
                    "rule": f"type(self) == string ? self == 'Auto' : (self >= 1 && self <= {MAX_SECONDS})",
                    "message": "write whole seconds of 1 or more, without quotes, or Auto",
                }
            ],
        }
    ),
]


@dataclass(frozen=True, slots=True)
class ListType:
    """How the API server merges a list (x-kubernetes-list-type), kept in Python too: sets and maps have no doubles."""

    type: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._without_doubles, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        result["x-kubernetes-list-type"] = self.type
        if self.keys:
            result["x-kubernetes-list-map-keys"] = [wire_name(key) for key in self.keys]
        return result

    def _without_doubles(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[Hashable] = set()
        for item in items if self.type != "atomic" else ():
            key = tuple(getattr(item, name) for name in self.keys) if self.keys else item
            if key in seen:
                raise problem(f"{_named(key)} stands there twice; write it once")
            seen.add(key)
        return items


def _named(key: object) -> str:
    return ", ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)


ATOMIC: Final = ListType("atomic")
SET: Final = ListType("set")


def map_by(*keys: str) -> ListType:
    """A list-map: items are told apart by these fields."""
    return ListType("map", keys)


def at_most(items: int, at_least: int = 0) -> Any:
    """Length limits of a list. Lists that CEL reads need one of 512 or less."""
    return Field(min_length=at_least or None, max_length=items)
