"""Kubernetes quantities and what a pod asks for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from ebbtide.core.workload import BESIDE, CLAIMS

_SUFFIXES: Final = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?)(?P<suffix>[KMGTPE]i|[numkMGTPE]|)"
)

ACCELERATORS: Final = frozenset(
    {
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "amd.com/gpu",
        "habana.ai/gaudi",
        "google.com/tpu",
        "aws.amazon.com/neuron",
        "aws.amazon.com/neuroncore",
        "aws.amazon.com/neurondevice",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
    }
)
MIG_PREFIX: Final = "nvidia.com/mig-"
WHOLE: Final = "nvidia.com/gpu"
PARTS: Final = ("nvidia.com/gpumem", "nvidia.com/gpumem-percentage", "nvidia.com/gpucores")
"""Beside WHOLE they say how much of each GPU a pod gets, where HAMi shares them."""

Amounts = Mapping[str, str | int | float]


@lru_cache(maxsize=4096)
def quantity(text: str) -> float:
    """A quantity as a number: "500m" is 0.5, "2Gi" is 2147483648. ValueError for anything else."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    return float(match["number"]) * _SUFFIXES[match["suffix"]]


def amount(amounts: Amounts | None, name: str) -> float:
    """One resource of a list; 0 when it is not there or cannot be read."""
    value = (amounts or {}).get(name, 0)
    if not isinstance(value, str):
        return float(value)
    try:
        return quantity(value)
    except ValueError:
        return 0.0


class _Watched:
    """What users' profiles add. One for the process: objects are decoded far from where profiles are read."""

    names: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()


@contextmanager
def watching(resources: Iterable[str]) -> Iterator[None]:
    """Meanwhile these resources stand for devices too; a name that ends with * for all that begin so."""
    before = _Watched.names, _Watched.beginnings
    wanted = frozenset(resources)
    _Watched.names = frozenset(name for name in wanted if not name.endswith("*"))
    _Watched.beginnings = tuple(sorted(name[:-1] for name in wanted - _Watched.names))
    try:
        yield
    finally:
        _Watched.names, _Watched.beginnings = before


def is_accelerator(name: str) -> bool:
    """Whether an extended resource stands for devices that Ebbtide watches."""
    if name in ACCELERATORS or name.startswith(MIG_PREFIX):
        return True
    if name in PARTS:
        return False
    return name in _Watched.names or name.startswith(_Watched.beginnings)


class Resources(msgspec.Struct, gc=False):
    """Container resources."""

    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None

    def asked(self, name: str) -> float:
        """The request, which is the limit where only that is given."""
        return amount(self.requests, name) if name in (self.requests or ()) else amount(self.limits, name)


class Container(msgspec.Struct, rename="camel", gc=False):
    """What matters of a container: what it asks for, and whether an init container keeps running."""

    name: str = ""
    resources: Resources | None = None
    restart_policy: str | None = None


def asks_for_devices(container: Container) -> bool:
    """Whether accelerators are for this very container of a pod."""
    wanted = container.resources
    return wanted is not None and any(is_accelerator(name) and wanted.asked(name) > 0 for name in _names(wanted))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pod asks for. CPU in cores, memory in bytes."""

    accelerators: int
    accelerator_resource: str
    """The resource with most devices when there are several; empty without any; CLAIMS as of a pod. The one of PARTS
    that is requested beside WHOLE: such devices are shared, and others report on them."""
    cpu: float
    memory_bytes: int


def asked(
    containers: Iterable[Container], init_containers: Iterable[Container] = (), claims: Sequence[object] | None = None
) -> Asked:
    """As the scheduler counts: containers and sidecars together, or the largest init step if that is more.

    `claims`: spec.resourceClaims. They are noted in the resource, as CLAIMS: nothing says which are accelerators.
    """
    main, init = list(containers), list(init_containers)
    every = {name for one in (*main, *init) if one.resources for name in _names(one.resources)}
    devices = {name: int(_effective(main, init, name)) for name in every if is_accelerator(name)}
    largest = max(sorted(devices), key=lambda name: devices[name], default="")
    if largest == WHOLE:
        largest = next((name for name in PARTS if name in every), largest)
    requested = largest if any(devices.values()) else ""
    return _shared(
        sum(devices.values()),
        _with_claims(requested) if claims else requested,
        _effective(main, init, "cpu"),
        int(_effective(main, init, "memory")),
    )


def _with_claims(requested: str) -> str:
    return f"{requested}{BESIDE}{CLAIMS}" if requested else CLAIMS


_shared: Final = lru_cache(maxsize=4096)(Asked)
"""Pods that ask for the same share the numbers: 56 bytes a pod."""


def _names(resources: Resources) -> Iterable[str]:
    return {**(resources.limits or {}), **(resources.requests or {})}


def _effective(main: list[Container], init: list[Container], name: str) -> float:
    """Native sidecars are init containers with restartPolicy Always; they count from their turn on."""
    sidecars = peak = 0.0
    for one in init:
        wanted = one.resources.asked(name) if one.resources else 0.0
        if one.restart_policy == "Always":
            sidecars += wanted
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + wanted)
    return max(peak, sidecars + sum(one.resources.asked(name) for one in main if one.resources))
