"""KIND/NAME as people write it."""

from dataclasses import dataclass
from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.cli.failure import BadInput
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.levers.kinds import KINDS as OF_OTHERS
from ebbtide.objects.resources import TRAINING_JOBS, Resource

KINDS: Final[tuple[str, ...]] = (TRAINING_JOBS.kind, *(str(kind.name) for kind in OF_OTHERS))
"""Every kind of workload that this version handles: ours, and those that others create."""
_SHORT: Final = {
    "cj": "CronJob", "deploy": "Deployment", "isvc": "InferenceService", "lws": "LeaderWorkerSet", "po": "Pod",
    "so": "ScaledObject", "sts": "StatefulSet", "vcjob": "VolcanoJob", "wf": "Workflow",
}  # fmt: skip
_OURS: Final = frozenset({"trainingjob", "trainingjobs", "tjob"})
_FORM: Final = "write KIND/NAME, for example trainingjob/resnet or deployment/web"


@dataclass(frozen=True, slots=True)
class Reference:
    """One workload by kind and name."""

    resource: Resource
    name: str
    kind: Kind | None = None
    """None: it is of one of our kinds."""

    @property
    def word(self) -> str:
        """As our own messages write it."""
        return f"{(self.kind.name if self.kind else self.resource.kind).lower()}/{self.name}"

    @property
    def full_word(self) -> str:
        """As `kubectl -o name` writes it."""
        group = f".{self.resource.group}" if self.resource.group else ""
        return f"{self.resource.kind.lower()}{group}/{self.name}"

    @property
    def is_adopted(self) -> bool:
        """Not of one of our kinds."""
        return self.kind is not None


def parse(text: str) -> Reference:
    """`tjob/resnet`, `job/train`, `deployments/web`, `deployment.apps/web`. BadInput for anything else."""
    kind, slash, name = text.partition("/")
    if not slash or not kind or not name or "/" in name:
        raise BadInput(f"{text!r} names no workload: {_FORM}.")
    word, _, group = kind.lower().partition(".")
    if word in _OURS and group in {"", TRAINING_JOBS.group}:
        return Reference(TRAINING_JOBS, name)
    found = next((one for one in OF_OTHERS if _is_meant(one, word, group)), None)
    if found is None:
        raise BadInput(_unknown(kind))
    return Reference(found.resource, name, found)


def _is_meant(kind: Kind, word: str, group: str) -> bool:
    """A kind bears three names, and a short one; `job` alone is a Job of Kubernetes itself."""
    if group and group != kind.resource.group:
        return False
    names = {kind.name.lower(), f"{kind.name.lower()}s"}
    own = {kind.resource.kind.lower(), kind.resource.plural}
    return word in names or _SHORT.get(word) == kind.name or (word in own and (bool(group) or own <= names))


def _unknown(kind: str) -> str:
    word, _, group = kind.lower().partition(".")
    known = {one.value.lower(): one.value for one in WorkloadKind}
    supported = known.get(word) or known.get(word.removesuffix("s"))
    if supported and supported not in KINDS and not group:
        return f"{supported} is not handled by this version yet: only {', '.join(KINDS)} are."
    return f"{kind!r} is no kind of workload: {_FORM}."


def shown_command(program: str, verb: str, word: str, namespace: str, rest: str = "") -> str:
    """A command that can be copied."""
    return f"{program} {verb} {word} -n {namespace}{' ' + rest if rest else ''}"
