"""The human's word, written with the human's own rights: one merge patch of annotations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import click

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.api.labels import GROUP
from ebbtide.cli.environment import Connection, Environment, Object
from ebbtide.cli.failure import BadInput
from ebbtide.cli.flags import Scope
from ebbtide.cli.printers.objects import print_object
from ebbtide.cli.reference import Reference, parse
from ebbtide.cli.workload import Workload
from ebbtide.objects.resources import ADOPTED_WORKLOADS

Annotations = Mapping[str, str | None]
"""Annotation key to value; None removes it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was found and written, and how the program is called."""

    reference: Reference
    namespace: str
    before: Workload
    after: Object
    program: str

    def command(self, verb: str, rest: str = "") -> str:
        """A command about this workload that can be copied."""
        return shown_command(self.program, verb, self.reference.word, self.namespace, rest)


def shown_command(program: str, verb: str, word: str, namespace: str, rest: str = "") -> str:
    """A command that can be copied."""
    return f"{program} {verb} {word} -n {namespace}{' ' + rest if rest else ''}"


def until(environment: Environment, seconds: int | None) -> str | None:
    """The end of a wish as annotations carry it; None: without end."""
    if seconds is None:
        return None
    moment = environment.now() + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Request:
    """One workload that a person speaks about."""

    environment: Environment
    scope: Scope
    reference: Reference

    @classmethod
    def of(cls, environment: Environment, scope: Scope, text: str) -> "Request":
        """BadInput where `text` names no workload."""
        return cls(environment, scope, parse(text))

    def write(self, connection: Connection, before: Workload, annotations: Annotations) -> Said:
        """One merge patch."""
        body = {"metadata": {"annotations": dict(annotations)}}
        after = connection.merge_patch(self.reference.resource, before.namespace, before.name, body)
        return Said(self.reference, before.namespace, before, after, self.environment.program)

    def read(self, connection: Connection) -> Workload:
        """The workload as it is; a Failure where there is none, BadInput where another object is the workload."""
        resource, namespace, name = self.reference.resource, self.scope.of(connection), self.reference.name
        found = connection.get(resource, namespace, name)
        if not self.reference.is_adopted:
            return Workload(found)
        owner = _owner(found)
        if owner:
            raise BadInput(f"{self.reference.word} belongs to {owner}: name that instead.")
        told = connection.find(ADOPTED_WORKLOADS, namespace, adopted_name(resource.api_version, resource.kind, name))
        return Workload.adopted({"apiVersion": resource.api_version, "kind": resource.kind, **found}, told)


def _owner(document: Object) -> str:
    """KIND/NAME of the object of one of our kinds that controls it; empty where there is none."""
    owners = document.get("metadata", {}).get("ownerReferences") or ()
    ours = (one for one in owners if one.get("controller") and one.get("apiVersion", "").startswith(f"{GROUP}/"))
    return next((f"{one['kind'].lower()}/{one['name']}" for one in ours), "")


def tell(said: Said, form: str, *sentences: str) -> None:
    """`form` text: what was done and what follows; else the object, or its name."""
    if form in {"json", "yaml"}:
        print_object(said.after, form)
    elif form == "name":
        click.echo(said.reference.full_word)
    else:
        click.echo("\n".join(sentences))
