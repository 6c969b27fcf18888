"""The base of every API model: frozen, camelCase on the wire, with its CEL rules beside its fields."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

RULES_KEYWORD: Final = "x-kubernetes-validations"

# to_camel would write Gib, Kwh and Co2E; these are units and keep their own capitals.
_UNITS: Final = (("gib", "GiB"), ("kwh", "KWh"), ("co2e", "CO2e"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the contract, said twice: in CEL for the API server, in Python for files and stored objects.

    `message` says what to write instead. `path` is where the API server shows it (".warnSeconds"); empty: the
    object that carries the rule. `holds` is None for rules that compare with the old object.
    """

    cel: str
    message: str
    path: str = ""
    holds: Callable[[Any], bool] | None = None

    def as_schema(self) -> dict[str, str]:
        """The entry of x-kubernetes-validations."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | {"fieldPath": self.path} if self.path else entry


def wire_name(field_name: str) -> str:
    """Name of a field in manifests: camelCase, units spelled GiB, KWh and CO2e."""
    head, *rest = field_name.split("_")
    units = dict(_UNITS)
    return head + "".join(units.get(word) or to_camel(f"x_{word}")[1:] for word in rest)


class ApiModel(BaseModel):
    """Part of a manifest. Unknown fields are ignored: an old operator survives newer objects."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=wire_name,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if rule.holds is not None and not rule.holds(self):
                raise PydanticCustomError("rule", "{message}", {"message": rule.message, "path": rule.path})
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema[RULES_KEYWORD] = [rule.as_schema() for rule in cls.rules]
        return schema

    def to_dict(self) -> dict[str, Any]:
        """As in a manifest: camelCase, money and times as strings, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
