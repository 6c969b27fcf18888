"""The cases: which page is scraped how, who holds what, and what the verdict on it must be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.label_modes.cases import NAMESPACE
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.gang import Gang
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.lineup import Lineup
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.verdict import describe, judge
from ebbtide.core.workload import Attribution, Breaker, Instant, Pod, WorkloadKey
from ebbtide.samples.vendors import profiles

_FOLDER = Path(__file__).parent
_UNITS = {"mJ": 1e3, "uJ": 1e6}
_COUNTER = re.compile(r"\{(?:(?P<unit>[mu]J) at (?P<watts>\d+) W|count)\}")
_SINCE = 1_700_000_000.0
SPAN_INTERVALS = 12
"""The judged span."""
CUSTOM = {
    "name": "MyNPU",
    "exporter": "npu-exporter",
    "resources": ["example.com/npu"],
    "labels": {"device": ["uuid"]},
    "model": "NPU-1",
    "idleWatts": {"NPU-1": 25},
    "signals": {
        "Utilisation": {"metrics": ["npu_busy_ratio"], "unit": "Ratio", "vetted": True},
        "Power": {"metrics": ["npu_power_milliwatts"], "unit": "Milliwatts"},
    },
}
PROFILES = profiles([CUSTOM])
EXPORTER: Mapping[str, str] = {"namespace": "monitoring", "pod": "exporter-x7k2p", "container": "exporter"}
"""What the usual relabelings say of the target."""


@dataclass(frozen=True, slots=True)
class Case:
    """One page that is scraped, and the one pod that it is about."""

    name: str
    page: str
    resource: str
    verdict: str
    reason: str
    honor_labels: bool = False
    target: Mapping[str, str] = field(default_factory=lambda: EXPORTER)
    devices: int = 1
    others: tuple[str, ...] = ()
    """Pods that hold something too."""
    told: str = ""
    """A part of the sentence."""
    families: tuple[str, ...] = ()
    pauses_sharers: bool = False
    """The policy says sharedDevices: Pause."""

    @property
    def job(self) -> str:
        """Of the scrape."""
        return self.name

    @property
    def instance(self) -> str:
        """Of the scrape."""
        return "10.0.0.1:9400"

    def text(self, now: Instant) -> str:
        """The exposition at an instant."""
        return text(self.page, now)

    @property
    def state(self) -> ClusterState:
        """The cluster with these pods alone."""
        return cluster((self,))


def text(page: str, now: Instant) -> str:
    """A page, its counters at an instant."""

    def count(found: re.Match[str]) -> str:
        rate = 1.0 if found["unit"] is None else _UNITS[found["unit"]] * float(found["watts"])
        return f"{rate * (now - _SINCE):.0f}"

    return _COUNTER.sub(count, (_FOLDER / f"{page}.prom").read_text(encoding="utf-8"))


def cluster(cases: tuple[Case, ...]) -> ClusterState:
    """All pods of these cases."""
    named = [(case, name) for case in cases for name in (case.name, *case.others)]
    pods = {WorkloadKey(NAMESPACE, "Job", name): (pod(name, case),) for case, name in named}
    return ClusterState((), pods, {}, {}, (), (), Breaker())


def pod(name: str, case: Case) -> Pod:
    return Pod(
        uid=f"uid-of-{name}", namespace=NAMESPACE, name=name, owner_uid="owner", node="n1", phase="Running",
        created_at=0.0, bound_at=0.0, ready_since=1.0, ended_at=None, deleting=False, accelerators=case.devices,
        accelerator_resource=case.resource, cpu=1.0, memory_bytes=1, failing=None, unschedulable=False,
        checkpointed_at=None, attribution=Attribution(),
    )  # fmt: skip


def verdict(case: Case, book: EvidenceBook, health: MetricsHealth, interval: float) -> tuple[str, str, str]:
    """Verdict, reason and sentence, of the newest instant that was read."""
    span = int(SPAN_INTERVALS * interval)
    rule = IdleRule(
        after_seconds=span,
        warn_seconds=0,
        grace_seconds=0,
        never_used_after_seconds=span,
        pauses_sharers=case.pauses_sharers,
    )
    gang = Gang(health.as_of or 0.0, Lineup.of([pod(case.name, case)]), book, rule, health, interval)
    found = describe(gang, judge(gang))
    return str(found.verdict), str(found.reason), f"{found.message} {found.families}"


_SELF = "neuron-active", "neuron-idle", "neuron-burst"
GPU, AMD, GAUDI, TPU = "nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "google.com/tpu"
NEURON, HAMI, NPU = "aws.amazon.com/neuron", "nvidia.com/gpumem", "example.com/npu"


def _beside(name: str) -> Mapping[str, str]:
    """The target is a container of the pod itself."""
    return {"namespace": NAMESPACE, "pod": name, "container": "monitor"}


CASES = (
    Case("nvidia-active", "nvidia_active", GPU, "Active", "GPUActive"),
    Case("nvidia-idle", "nvidia_idle", GPU, "Idle", "GPUIdle", told="utilisation, profiling and power"),
    Case("nvidia-unknown", "nvidia_unlabelled", GPU, "Unknown", "AttributionBroken", target={}, told="--kubernetes"),
    Case("amd-active", "amd_active", AMD, "Active", "GPUActive", honor_labels=True),
    Case("amd-idle", "amd_idle", AMD, "Idle", "GPUIdle", honor_labels=True, told="utilisation and profiling"),
    Case("amd-unknown", "amd_one_family", AMD, "Unknown", "SingleFamily", honor_labels=True, told="MI300X"),
    Case("amd-prefixed", "amd_prefixed", AMD, "Idle", "GPUIdle", told="utilisation and profiling"),
    Case("amd-partition", "amd_partitions", AMD, "Idle", "GPUIdle", honor_labels=True, others=("amd-partition-busy",)),
    Case("amd-unlabelled", "amd_unlabelled", AMD, "Unknown", "AttributionBroken", target={}, told="honorLabels: true"),
    Case("gaudi-active", "gaudi_active", GAUDI, "Active", "GPUActive"),
    Case("gaudi-idle", "gaudi_idle", GAUDI, "Idle", "GPUIdle", told="utilisation and power"),
    Case("gaudi-unknown", "gaudi_warm", GAUDI, "Unknown", "SingleFamily", told="only utilisation"),
    Case("gaudi-unlabelled", "gaudi_unlabelled", GAUDI, "Unknown", "AttributionBroken", target={}),
    Case("tpu-active", "tpu_active", TPU, "Active", "GPUActive"),
    Case("tpu-idle", "tpu_idle", TPU, "Idle", "GPUIdle", told="utilisation and profiling"),
    Case("tpu-unknown", "tpu_no_runtime", TPU, "Unknown", "SingleFamily", told="only profiling"),
    Case("tpu-unlabelled", "tpu_unlabelled", TPU, "Unknown", "AttributionBroken", target={}, told="port 2112"),
    Case("neuron-active", "neuron_active", NEURON, "Active", "GPUActive", target=_beside("neuron-active")),
    Case(
        "neuron-idle",
        "neuron_idle",
        NEURON,
        "Idle",
        "GPUIdle",
        target=_beside("neuron-idle"),
        told="utilisation and launches",
    ),
    Case("neuron-burst", "neuron_burst", NEURON, "Active", "GPUActive", target=_beside("neuron-burst")),
    Case(
        "neuron-unknown", "neuron_unlabelled", NEURON, "Unknown", "AttributionBroken", target={}, told="beside the work"
    ),
    Case("hami-active", "hami_active", HAMI, "Active", "GPUActive"),
    Case("hami-idle", "hami_idle", HAMI, "Idle", "GPUIdle", told="utilisation and launches"),
    Case("hami-blind", "hami_blind", HAMI, "Unknown", "AttributionBroken", told="row without a pod"),
    Case("hami-unlabelled", "hami_unlabelled", HAMI, "Unknown", "AttributionBroken", target={}, told="vGPU monitor"),
    Case("hami-unknown", "hami_never_used", HAMI, "Unknown", "MetricsMissing", others=("hami-other",)),
    Case("hami-shared", "hami_shared", HAMI, "Unknown", "SharedDevice", others=("hami-neighbour",)),
    Case(
        "hami-vouched",
        "hami_vouched",
        HAMI,
        "Idle",
        "GPUIdle",
        others=("hami-busy",),
        told="utilisation and launches",
        pauses_sharers=True,
    ),
    Case("custom-active", "custom_active", NPU, "Active", "GPUActive", honor_labels=True),
    Case("custom-idle", "custom_idle", NPU, "Idle", "GPUIdle", honor_labels=True, told="power"),
    Case("custom-unknown", "custom_warm", NPU, "Unknown", "SingleFamily", honor_labels=True),
    Case(
        "custom-unlabelled",
        "custom_unlabelled",
        NPU,
        "Unknown",
        "AttributionBroken",
        target={},
        told="have npu-exporter label devices with their pods",
    ),
)
MIXED = tuple(case for case in CASES if case.verdict in {"Active", "Idle"} and case.name != "amd-prefixed")
"""One fleet in which each vendor names its pods in one way."""
