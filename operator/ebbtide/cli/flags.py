"""Flags that commands share; they mean what they mean in kubectl."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from ebbtide.cli.environment import Connection, Target

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: `namespace` as typed, empty where it was not."""

    target: Target
    namespace: str = ""
    everywhere: bool = False

    def of(self, connection: Connection) -> str:
        """The namespace to ask for; empty: all."""
        return "" if self.everywhere else self.namespace or connection.default_namespace


def scoped(*, everywhere: bool = False) -> Callable[[Command], Command]:
    """Adds -n, --context, --kubeconfig (and -A) and hands them to the command as `scope`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(kubeconfig: str, context: str, namespace: str, *, all_namespaces: bool = False, **rest: Any) -> Any:
            return command(scope=Scope(Target(kubeconfig, context), namespace, all_namespaces), **rest)

        flags = [_NAMESPACE, *([_EVERYWHERE] if everywhere else []), _CONTEXT, _KUBECONFIG]
        wrapped: Any = call
        for flag in reversed(flags):
            wrapped = flag(wrapped)
        return wrapped  # type: ignore[no-any-return]  # click's decorators keep the shape

    return decorate


def output(*formats: str) -> Callable[[Command], Command]:
    """Adds -o with these formats; the first is the default."""
    objects = "; json and yaml give the API objects" if "yaml" in formats else ""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=f"How the result is written{objects}.",
    )


_NAMESPACE = click.option("-n", "--namespace", default="", metavar="NAME", help="Namespace; default: the context's.")
_EVERYWHERE = click.option("-A", "--all-namespaces", is_flag=True, help="Look in every namespace.")
_CONTEXT = click.option("--context", default="", metavar="NAME", help="Context of the kubeconfig to use.")
_KUBECONFIG = click.option(
    "--kubeconfig", default="", metavar="FILE", help="The kubeconfig; default: $KUBECONFIG, else ~/.kube/config."
)
