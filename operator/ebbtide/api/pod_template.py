"""The pods of a TrainingJob: any pod template, of which the schema knows only what the contract needs."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from ebbtide.api.fields import problem

RESTART_POLICY: Final = "Never"
MAX_CONTAINERS: Final = 64

_OPEN: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CONTAINER: Final = _OPEN | {
    "description": "A container, as in any pod.",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 63, "description": "Name, unique within the pod."}
    },
}
_POD_SPEC: Final = _OPEN | {
    "description": "The pod, as in a Job: any field of a pod spec may stand here.",
    "required": ["containers"],
    "properties": {
        "restartPolicy": {
            "type": "string",
            "enum": [RESTART_POLICY],
            "default": RESTART_POLICY,
            "description": "Always Never: failed workers are replaced by spec.retries, not restarted in place.",
        },
        "containers": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_CONTAINERS,
            "items": _CONTAINER,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "description": "At least one container; accelerators are requested in its resources.limits.",
        },
    },
}
_TEMPLATE: Final = _OPEN | {"required": ["spec"], "properties": {"spec": _POD_SPEC}}


def _pod_template(value: object) -> dict[str, Any]:
    """Checked as the API server would, and with its default, so that files behave like stored objects."""
    template = _mapping(value, "write a pod template with spec.containers")
    spec = _mapping(template.get("spec"), "the template needs a spec with containers")
    if spec.get("restartPolicy", RESTART_POLICY) != RESTART_POLICY:
        raise problem("spec.restartPolicy can only be Never; leave it out")
    _check_containers(spec.get("containers"))
    return {**template, "spec": {**spec, "restartPolicy": RESTART_POLICY}}


def _check_containers(containers: object) -> None:
    if not isinstance(containers, list) or not containers:
        raise problem("spec.containers needs at least one container")
    if len(containers) > MAX_CONTAINERS:
        raise problem(f"spec.containers takes at most {MAX_CONTAINERS} containers")
    names = [container.get("name") if isinstance(container, Mapping) else None for container in containers]
    if not all(isinstance(name, str) and name for name in names):
        raise problem("every container in spec.containers needs a name")
    if len(set(names)) < len(names):
        raise problem("two containers in spec.containers have the same name")


def _mapping(value: object, message: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise problem(message)
    return value


PodTemplate: TypeAlias = Annotated[dict[str, Any], PlainValidator(_pod_template), WithJsonSchema(_TEMPLATE)]
"""A pod template as it stands in the manifest, restartPolicy filled in."""
