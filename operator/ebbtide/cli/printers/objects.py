"""API objects as JSON, YAML or names."""

import json
from collections.abc import Sequence

import click
import yaml

from ebbtide.cli.environment import Object


def print_object(obj: Object, form: str) -> None:
    """`form` is json or yaml. Managed fields are left out, as kubectl does."""
    click.echo(_text(_shown(obj), form), nl=False)


def print_list(objects: Sequence[Object], form: str) -> None:
    """A v1 List, as kubectl gives it."""
    items = [_shown(one) for one in objects]
    print_object({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}, form)


def _shown(obj: Object) -> Object:
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _text(obj: Object, form: str) -> str:
    if form == "yaml":
        return yaml.safe_dump(obj, sort_keys=False, allow_unicode=True)
    return json.dumps(obj, indent=4, ensure_ascii=False) + "\n"
