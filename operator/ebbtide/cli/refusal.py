"""What the API server's refusals mean to a person, and what to do about each."""

from typing import Final

from ebbtide.api.labels import GROUP
from ebbtide.cli.failure import Failure
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource

INSTALL: Final = (
    "helm upgrade --install ebbtide charts/ebbtide -n ebbtide-system --create-namespace "
    "--set image.repository=REGISTRY/ebbtide --set metrics.prometheusUrl=http://HOST:PORT"
)
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_SERVER_ERRORS: Final = 500


def failure(error: ApiError, resource: Resource | None = None, namespace: str = "", name: str = "") -> Failure:
    """One sentence with the remedy."""
    said = error.message.strip().rstrip(".")
    if error.status == 0:
        return Failure(_no_answer(error, said))
    if error.status == _UNAUTHORIZED:
        return Failure(
            f"The API server does not accept these credentials ({said}): they may have expired; log in again, or "
            "choose others with --context or --kubeconfig."
        )
    if error.status == _FORBIDDEN:
        return Failure(f"You may not do this: {said}. Ask for {_role(resource, said)}.")
    if error.not_found and resource is not None:
        return Failure(_missing(said, resource, namespace, name))
    retry = " Try again in a moment." if error.status >= _SERVER_ERRORS else ""
    return Failure(f"The API server refused: {said}.{retry}")


def _no_answer(error: ApiError, said: str) -> str:
    sentence = f"{said[:1].upper()}{said[1:]}"
    if error.reason in {"Unreachable", "Timeout", "Disconnected"}:
        return f"{sentence}. Is the cluster up, and is it the one you mean? See `kubectl config current-context`."
    if error.reason == "BadCertificate":
        return f"{sentence}. Check certificate-authority-data of the kubeconfig."
    return f"{sentence}."


def _missing(said: str, resource: Resource, namespace: str, name: str) -> str:
    if not name or f'"{name}"' not in said:
        if resource.group == GROUP:
            return f"CRD {resource.full_name} is not installed: {INSTALL}"
        return f"The API server does not serve {resource.full_name}."
    place = f" in namespace {namespace}" if namespace else ""
    others = " Names are shown by `kubectl ebbtide list -A`." if resource.group == GROUP else ""
    return f"There is no {resource.kind} {name}{place}.{others}"


def _role(resource: Resource | None, said: str) -> str:
    if resource is None or resource.group != GROUP:
        return "a role that grants it"
    reads = any(f" {verb} resource" in said for verb in ("get", "list", "watch"))
    return f"the ClusterRole {'ebbtide-view' if reads else 'ebbtide-edit'}"
