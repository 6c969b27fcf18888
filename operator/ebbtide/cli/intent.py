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
from ebbtide.cli.reference import Reference, parse, shown_command
from ebbtide.cli.workload import Workload
from ebbtide.cluster.discovery import served
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.cron_job import CRON_JOB
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.levers.kinds import kind_of
from ebbtide.objects.resources import ADOPTED_WORKLOADS, Resource

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
        resource = self.reference.resource
        if before.target is not None:
            resource = resource.served_as(before.target["apiVersion"])
        after = connection.merge_patch(resource, before.namespace, before.name, body)
        return Said(self.reference, before.namespace, before, after, self.environment.program)

    def read(self, connection: Connection) -> Workload:
        """The workload as it is; a Failure where there is none, BadInput where another object is the workload."""
        resource, namespace, name = self.reference.resource, self.scope.of(connection), self.reference.name
        if self.reference.kind is not None:
            resource = _served(connection, self.reference.kind)
        found = connection.get(resource, namespace, name)
        if not self.reference.is_adopted:
            return Workload(found)
        owner = _owner(found)
        if owner:
            raise BadInput(f"{self.reference.word} belongs to {owner}: name that instead.")
        told = connection.find(ADOPTED_WORKLOADS, namespace, adopted_name(resource.api_version, resource.kind, name))
        return Workload.adopted({"apiVersion": resource.api_version, "kind": resource.kind, **found}, told)


def _served(connection: Connection, kind: Kind) -> Resource:
    """In the version that the cluster has; where that cannot be seen, as it usually is."""
    if not kind.older:
        return kind.resource
    try:
        return connection.ask(lambda client: served(client, kind)) or kind.resource
    except ApiError:
        return kind.resource


def _owner(document: Object) -> str:
    """KIND/NAME of the supported object that controls it, and is told of instead; empty where there is none."""
    owners = document.get("metadata", {}).get("ownerReferences") or ()
    controller = next((one for one in owners if one.get("controller")), None)
    if controller is None:
        return ""
    version, kind = str(controller.get("apiVersion", "")), str(controller.get("kind", ""))
    known = kind_of(version, kind)
    if version.startswith(f"{GROUP}/"):
        return f"{kind.lower()}/{controller['name']}"
    # A Job of a CronJob is its own workload.
    return f"{known.name.lower()}/{controller['name']}" if known is not None and known is not CRON_JOB else ""


def tell(said: Said, form: str, *sentences: str) -> None:
    """`form` text: what was done and what follows; else the object, or its name."""
    if form in {"json", "yaml"}:
        print_object(said.after, form)
    elif form == "name":
        click.echo(said.reference.full_word)
    else:
        click.echo("\n".join(sentences))
