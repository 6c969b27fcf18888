"""Every label and annotation key of the contract, and how values become valid label values."""

import hashlib
import re
from typing import Final

GROUP: Final = "ebbtide.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "ebbtide"

# Attribution: who pays. Written to what we create, and to adopted objects as their policy says.
TEAM: Final = f"{GROUP}/team"
PROJECT: Final = f"{GROUP}/project"
MODEL: Final = f"{GROUP}/model"
MODEL_VERSION: Final = f"{GROUP}/model-version"
COST_CENTER: Final = f"{GROUP}/cost-center"
ENVIRONMENT: Final = f"{GROUP}/environment"

ATTRIBUTION: Final[dict[str, str]] = {
    "team": TEAM,
    "project": PROJECT,
    "model": MODEL,
    "modelVersion": MODEL_VERSION,
    "costCenter": COST_CENTER,
    "environment": ENVIRONMENT,
}
"""Field of `spec.attribution` to the label (and annotation) that carries it."""

# What we write.
CAPACITY_CLASS: Final = f"{GROUP}/capacity-class"
WORKLOAD: Final = f"{GROUP}/workload"
RESTORE: Final = f"{GROUP}/restore"
BREAKER_UNTIL: Final = f"{GROUP}/breaker-until"

# What people write.
OVERRIDE: Final = f"{GROUP}/override"
OVERRIDE_UNTIL: Final = f"{GROUP}/override-until"
KEEP_UNTIL: Final = f"{GROUP}/keep-until"
NEVER_PAUSE: Final = f"{GROUP}/never-pause"
PROTECTED: Final = f"{GROUP}/protected"
BREAKER_RESET: Final = f"{GROUP}/breaker-reset"
HOLD_NEW: Final = f"{GROUP}/hold-new"
HOLD: Final = f"{GROUP}/hold"

# What people and training code say about adopted workloads.
CHECKPOINT: Final = f"{GROUP}/checkpoint"
CHECKPOINTED_AT: Final = f"{GROUP}/checkpointed-at"
DEADLINE: Final = f"{GROUP}/deadline"
EXPECTED_SECONDS: Final = f"{GROUP}/expected-seconds"
INTERRUPTIBLE: Final = f"{GROUP}/interruptible"
POLICY: Final = f"{GROUP}/policy"
ALLOW_RESIZE: Final = f"{GROUP}/allow-resize"
OWNER: Final = f"{GROUP}/owner"
REQUEST_SERIES: Final = f"{GROUP}/request-series"

RESERVED: Final[frozenset[str]] = frozenset(
    {
        *ATTRIBUTION.values(),
        CAPACITY_CLASS,
        WORKLOAD,
        RESTORE,
        BREAKER_UNTIL,
        OVERRIDE,
        OVERRIDE_UNTIL,
        KEEP_UNTIL,
        NEVER_PAUSE,
        PROTECTED,
        BREAKER_RESET,
        HOLD_NEW,
        HOLD,
        CHECKPOINT,
        CHECKPOINTED_AT,
        DEADLINE,
        EXPECTED_SECONDS,
        INTERRUPTIBLE,
        POLICY,
        ALLOW_RESIZE,
        OWNER,
        REQUEST_SERIES,
    }
)
"""Keys with a meaning of their own: `attribution.extra` may not write them."""

LABEL_VALUE_LIMIT: Final = 63
_HASH_LENGTH: Final = 8
_NOT_ALLOWED: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_EDGES: Final = "-_."


def label_value(text: str) -> str:
    """`text` as a valid label value: at most 63 of A-Z a-z 0-9 - _ . with letters or digits at both ends.

    Runs of other characters become one dash. What must be shortened, or has nothing left, ends in 8 hex digits of
    the SHA-256 of the whole text, so that two long names that begin alike stay apart.
    """
    readable = _NOT_ALLOWED.sub("-", text).strip(_EDGES)
    if readable and len(readable) <= LABEL_VALUE_LIMIT:
        return readable
    if not text:
        return ""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    head = readable[: LABEL_VALUE_LIMIT - _HASH_LENGTH - 1].rstrip(_EDGES)
    return f"{head}-{digest}" if head else digest


def workload_label(kind: str, name: str) -> str:
    """Value of the label `ebbtide.dev/workload`: `<Kind>.<name>`, shortened with a hash above 63 characters."""
    return label_value(f"{kind}.{name}")


def attribution_extra_key(key: str) -> str:
    """Label that carries the key `key` of `attribution.extra`."""
    return f"{GROUP}/{key}"
