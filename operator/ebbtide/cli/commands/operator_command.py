"""`operator`: flags in, the running operator out."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from ebbtide.core.election import Terms
from ebbtide.core.settings import Safety
from ebbtide.options import LABEL_MODES, LEASE, NAMESPACE, OperatorOptions

_POSITIVE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=0)
_PERCENT = click.IntRange(0, 100)
_FILE = click.Path(path_type=Path, dir_okay=False)


class _Url(click.ParamType[str]):
    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            parts = urlsplit(text)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            self.fail(f"{text!r} is no URL: write http://HOST:PORT or https://HOST.", param, ctx)
        return text.rstrip("/")


class _Address(click.ParamType[tuple[str, int]]):
    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            self.fail(f"{value!r} is no address: write HOST:PORT, for example 0.0.0.0:8080.", param, ctx)
        return host.strip("[]"), int(port)


class _Matcher(click.ParamType[tuple[str, str]]):
    name = "label=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            self.fail(f"{value!r} is no matcher: write LABEL=VALUE, for example job=dcgm-exporter.", param, ctx)
        return key, text


class _Allowed(click.ParamType[tuple[str, str]]):
    name = "metric[=label]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        metric, equals, label = str(value).partition("=")
        label = label if equals else "namespace"
        if not re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", metric) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", label):
            form = "write METRIC=LABEL, for example gateway_requests_total=destination_namespace"
            self.fail(f"{value!r} is no metric with the label of its namespace: {form}.", param, ctx)
        return metric, label


def _flag(name: str, *names: str, **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option with its environment variable `EBBTIDE_…` and its default shown."""
    variable = "EBBTIDE_" + name.split("/", maxsplit=1)[0].removeprefix("--").replace("-", "_").upper()
    return click.option(name, *names, envvar=variable, show_envvar=True, show_default=True, **more)


@click.command("operator", short_help="Run the operator.")
@_flag("--prometheus-url", type=_Url(), required=True, help="Prometheus, or a store with its query API.")
@_flag("--prometheus-token-file", type=_FILE, help="Bearer token for it, read again when it is renewed.")
@_flag("--prometheus-ca-file", type=_FILE, help="CA bundle in PEM for it; default: the system's.")
@_flag("--match-label", "match_labels", type=_Matcher(), multiple=True, help="In every query; may be repeated.")
@_flag("--allowed-metric", "allowed_metrics", type=_Allowed(), multiple=True, help="Users may name it; repeatable.")
@_flag("--sample-interval-seconds", type=_POSITIVE, default=30.0, help="How often accelerator metrics are scraped.")
@_flag("--label-mode", type=click.Choice(LABEL_MODES), default="Auto", help="Which labels name the pod.")
@_flag("--profiles-file", type=_FILE, help="Profiles of other exporters, a list in YAML; see docs/accelerators.md.")
@_flag("--look-back-seconds", type=_POSITIVE, default=7_200.0, help="History read from Prometheus at start.")
@_flag("--tick-seconds", type=_POSITIVE, default=30.0, help="From one decision to the next.")
@_flag("--write-rate", type=_POSITIVE, default=20.0, help="Most writes to the API server per second, averaged.")
@_flag("--enforcement/--no-enforcement", default=False, help="Act on policies that say Enforce, or only observe.")
@_flag("--write-pods/--no-write-pods", default=False, help="Attribution labels on running pods and volumes too.")
@_flag("--safety-idle-pauses-per-hour", type=_COUNT, default=60, help="Idle pauses of the fleet; 0: no limit.")
@_flag("--safety-paused-percent-per-hour", type=_PERCENT, default=10, help="Share of its accelerators; 0: no limit.")
@_flag("--safety-idle-share-jump-percent", type=_PERCENT, default=30, help="Jump that opens the breaker; 0: never.")
@_flag("--protected-namespace", multiple=True, default=("kube-system",), help="Never touched; may be repeated.")
@_flag("--currency", default="USD", help="Of costs and savings: three letters.")
@_flag("--cluster-name", default="", help="Name of this cluster in reports.")
@_flag("--namespace", default=NAMESPACE, help="The operator's own namespace.")
@_flag("--lease-name", default=LEASE, help="The Lease that says who acts.")
@_flag("--leader-election/--no-leader-election", default=True, help="Act only while holding the Lease, or always.")
@_flag("--lease-seconds", type=click.IntRange(min=1), default=15, help="A leader unheard of for so long is replaced.")
@_flag("--renew-seconds", type=_POSITIVE, default=10.0, help="A leader that cannot renew for so long writes nothing.")
@_flag("--retry-seconds", type=_POSITIVE, default=2.0, help="From one renewal of the Lease to the next.")
@_flag("--listen", type=_Address(), default="0.0.0.0:8080", help="Address of /healthz, /readyz and /metrics.")
@_flag("--receivers-file", type=_FILE, help="Receivers of notifications, in YAML; read again when it changes.")
@_flag("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", help="Least level.")
@click.option("--kubeconfig", default="", metavar="FILE", help="Default: the pod's own credentials, else kubectl's.")
@click.option("--context", default="", metavar="NAME", help="Context of the kubeconfig to use.")
def command(**flags: Any) -> int:
    """Run the operator until it is told to stop.

    Every flag can be given as the environment variable that stands beside it.
    """
    options = options_from(flags)
    # Loaded only here: the whole operator is not needed to read a mistaken flag.
    result = importlib.import_module("ebbtide.main").main(options)
    return result if isinstance(result, int) else 0


def options_from(flags: dict[str, Any]) -> OperatorOptions:
    """The values of the flags, gathered."""
    host, port = flags.pop("listen")
    safety = {name: flags.pop(f"safety_{name}") for name in Safety.__dataclass_fields__}
    terms = Terms(**{name: flags.pop(name) for name in Terms.__dataclass_fields__})
    if terms.problem:
        raise click.UsageError(f"--lease-seconds, --renew-seconds, --retry-seconds: {terms.problem}.")
    protected = flags.pop("protected_namespace")
    return OperatorOptions(
        listen_host=host,
        listen_port=port,
        safety=Safety(**safety),
        terms=terms,
        protected_namespaces=tuple(protected),
        **flags,
    )
