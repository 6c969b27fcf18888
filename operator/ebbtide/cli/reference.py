"""KIND/NAME as people write it."""

from dataclasses import dataclass
from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.cli.failure import BadInput
from ebbtide.objects.resources import TRAINING_JOBS, Resource

_WORDS: Final = {"trainingjob": TRAINING_JOBS, "trainingjobs": TRAINING_JOBS, "tjob": TRAINING_JOBS}
_FORM: Final = "write KIND/NAME, for example trainingjob/resnet"


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


def parse(text: str) -> Reference:
    """`tjob/resnet`, `trainingjobs/resnet`, `trainingjob.ebbtide.dev/resnet`. BadInput for anything else."""
    kind, slash, name = text.partition("/")
    if not slash or not kind or not name or "/" in name:
        raise BadInput(f"{text!r} names no workload: {_FORM}.")
    word, _, group = kind.lower().partition(".")
    resource = _WORDS.get(word)
    if resource is None or (group and group != resource.group):
        raise BadInput(_unknown(kind))
    return Reference(resource, name)


def _unknown(kind: str) -> str:
    word = kind.lower().partition(".")[0]
    known = {one.value.lower(): one.value for one in WorkloadKind}
    supported = known.get(word) or known.get(word.removesuffix("s"))
    if supported and supported != TRAINING_JOBS.kind:
        return f"{supported} is not handled by this version yet: only trainingjob/NAME is."
    return f"{kind!r} is no kind of workload: {_FORM}."
