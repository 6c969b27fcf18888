"""KIND/NAME as people write it."""

from dataclasses import dataclass
from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.cli.failure import BadInput
from ebbtide.objects.resources import DEPLOYMENTS, JOBS, TRAINING_JOBS, Resource

KINDS: Final = (TRAINING_JOBS, JOBS, DEPLOYMENTS)
"""Every kind of workload that this version handles: ours, and those that have a lever."""
_SHORT: Final = {"tjob": TRAINING_JOBS, "deploy": DEPLOYMENTS}
_WORDS: Final = {word: kind for kind in KINDS for word in (kind.kind.lower(), kind.plural)} | _SHORT
_FORM: Final = "write KIND/NAME, for example trainingjob/resnet or deployment/web"


@dataclass(frozen=True, slots=True)
class Reference:
    """One workload by kind and name."""

    resource: Resource
    name: str

    @property
    def word(self) -> str:
        """As our own messages write it."""
        return f"{self.resource.kind.lower()}/{self.name}"

    @property
    def full_word(self) -> str:
        """As `kubectl -o name` writes it."""
        return f"{self.resource.kind.lower()}.{self.resource.group}/{self.name}"

    @property
    def is_adopted(self) -> bool:
        """Not of one of our kinds."""
        return self.resource != TRAINING_JOBS


def parse(text: str) -> Reference:
    """`tjob/resnet`, `job/train`, `deployments/web`, `deployment.apps/web`. BadInput for anything else."""
    kind, slash, name = text.partition("/")
    if not slash or not kind or not name or "/" in name:
        raise BadInput(f"{text!r} names no workload: {_FORM}.")
    word, _, group = kind.lower().partition(".")
    resource = _WORDS.get(word)
    if resource is None or (group and group != resource.group):
        raise BadInput(_unknown(kind))
    return Reference(resource, name)


def _unknown(kind: str) -> str:
    word, _, group = kind.lower().partition(".")
    known = {one.value.lower(): one.value for one in WorkloadKind}
    supported = known.get(word) or known.get(word.removesuffix("s"))
    handled = [one.kind for one in KINDS]
    if supported and supported not in handled and not group:
        return f"{supported} is not handled by this version yet: only {', '.join(handled)} are."
    return f"{kind!r} is no kind of workload: {_FORM}."
