"""The cases: what is scraped how, which pods the cluster has, and what the reader must make of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path(__file__).parent
NAMESPACE = "ml"
EXPORTER: Mapping[str, str] = {
    "namespace": "gpu-operator",
    "pod": "nvidia-dcgm-exporter-x7k2p",
    "container": "nvidia-dcgm-exporter",
}
"""What kubernetes_sd sets on the target through the usual relabelings: the exporter's own pod."""
WHOLE, DIVIDED = "nvidia.com/gpu", "nvidia.com/mig-1g.10gb"
Engine = Mapping[str, Mapping[str, float]]
"""Engine activity by pod and device."""
HELD: Engine = {"train-0": {"GPU-0": 0.37}}


@dataclass(frozen=True, slots=True)
class Scrape:
    """One target. Each has a job and an instance of its own unless it says otherwise."""

    page: str
    honor_labels: bool = False
    target: Mapping[str, str] = field(default_factory=lambda: EXPORTER)
    job: str = "dcgm"
    instance: str = "10.0.0.1:9400"

    @property
    def text(self) -> str:
        """The exposition."""
        return (_FOLDER / f"{self.page}.prom").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Case:
    """Scrapes of one cluster; `problem` are parts of the sentence that refuses to attribute anything."""

    name: str
    scrapes: tuple[Scrape, ...]
    mode: str
    engine: Engine = field(default_factory=lambda: HELD)
    pods: tuple[str, ...] = ("train-0",)
    resource: str = WHOLE
    problem: tuple[str, ...] = ()
    twice: bool = False
    shares: frozenset[str] = frozenset()
    """Devices whose series say that they are of a share."""


def _refused(name: str, scrape: Scrape, mode: str, *problem: str) -> Case:
    return Case(name, (scrape,), mode, engine={}, problem=problem)


def _without(*names: str) -> Mapping[str, str]:
    return {key: value for key, value in EXPORTER.items() if key not in names}


_SHARED: Engine = {"train-0": {"GPU-0": 0.37}, "train-1": {"GPU-0": 0.37}}
_OF_SHARES = frozenset({"GPU-0"})
_SECOND = Scrape("second_exporter", job="cloud-addon", instance="10.0.0.1:9401")

CASES = (
    Case("honor-labels-false", (Scrape("kubernetes"),), "Exported"),
    Case("honor-labels-true", (Scrape("kubernetes", honor_labels=True),), "Plain"),
    Case("target-without-labels", (Scrape("kubernetes", target={}),), "Plain"),
    Case("target-with-namespace-only", (Scrape("kubernetes", target=_without("pod", "container")),), "Exported"),
    Case("target-with-pod-only", (Scrape("kubernetes", target=_without("namespace", "container")),), "Exported"),
    Case("old-namespace", (Scrape("old_names"),), "OldNamespace"),
    Case("old-namespace-without-target-labels", (Scrape("old_names", target={}),), "OldNamespace"),
    Case(
        "pod-name-of-the-target",
        (Scrape("kubernetes", target={"pod_name": EXPORTER["pod"], "pod_namespace": EXPORTER["namespace"]}),),
        "Plain",
    ),
    Case("hostname-in-small-letters", (Scrape("hostname"),), "Exported"),
    Case(
        "hostname-by-the-target",
        (Scrape("kubernetes", target={**EXPORTER, "Hostname": "n1", "node": "n1"}),),
        "Exported",
    ),
    Case("no-hostname", (Scrape("no_hostname", target={**EXPORTER, "node": "n1"}),), "Exported"),
    Case("pod-uid", (Scrape("pod_uid"),), "Exported"),
    Case("pod-uid-empty", (Scrape("pod_uid_empty"),), "Exported"),
    Case("pod-uid-pushed-aside", (Scrape("pod_uid", target={**EXPORTER, "pod_uid": "exporter"}),), "Exported"),
    Case("dra", (Scrape("dra"),), "Exported"),
    Case("dra-shared-claim", (Scrape("dra_shared"),), "Exported", engine=_SHARED, pods=("train-0", "train-1")),
    Case("dra-instance", (Scrape("dra_mig"),), "Exported", engine={"train-0": {"GPU-0/7": 0.37}}, resource=DIVIDED),
    Case(
        "instances",
        (Scrape("mig"),),
        "Exported",
        engine={"train-0": {"GPU-0/7": 0.37}, "train-1": {"GPU-0/8": 0.0}},
        pods=("train-0", "train-1"),
        resource=DIVIDED,
    ),
    Case("virtual-gpus", (Scrape("vgpu"),), "Exported", engine=_SHARED, pods=("train-0", "train-1"), shares=_OF_SHARES),
    Case("virtual-gpu-alone", (Scrape("vgpu_alone"),), "Exported", shares=_OF_SHARES),
    Case("two-exporters", (Scrape("kubernetes"), _SECOND), "Exported", twice=True),
    Case(
        "two-exporters-one-stuck-at-nothing",
        (Scrape("kubernetes"), Scrape("second_exporter_stuck", job="cloud-addon", instance="10.0.0.1:9401")),
        "Exported",
        twice=True,
    ),
    Case(
        "two-exporters-of-one-job",
        (Scrape("kubernetes"), Scrape("second_exporter", instance="10.0.0.1:9401")),
        "Exported",
        twice=True,
    ),
    Case(
        "two-exporters-one-without-pods",
        (Scrape("kubernetes"), Scrape("no_pods", target={}, job="cloud-addon", instance="10.0.0.1:9401")),
        "Exported",
        twice=True,
    ),
    Case(
        "two-exporters-that-name-pods-differently",
        (
            Scrape("kubernetes"),
            Scrape("second_exporter", honor_labels=True, job="cloud-addon", instance="10.0.0.1:9401"),
        ),
        "",
        engine={},
        problem=("1 by exported_namespace and exported_pod and 1 by namespace and pod", "pin one job"),
    ),
    _refused(
        "exporter-without-mapping", Scrape("unmapped"), "", "gpu-operator/nvidia-dcgm-exporter-x7k2p", "honorLabels"
    ),
    _refused("devices-only", Scrape("no_pods", target={"node": "n1"}), "Unlabelled", "no pods", "--kubernetes"),
    _refused("no-device", Scrape("no_uuid"), "Unlabelled", "no device", "UUID, uuid"),
    _refused("another-cluster", Scrape("another_cluster"), "Exported", "exported_pod says ml/serve-7", "matchLabels"),
    _refused(
        "pod-uid-of-an-earlier-pod", Scrape("pod_uid_of_another"), "Exported", "uid-of-an-earlier-one", "uid-of-train-0"
    ),
    _refused(
        "pod-uid-of-the-target",
        Scrape("kubernetes", target={**EXPORTER, "pod_uid": "exporter"}),
        "Exported",
        "pod_uid says",
    ),
)
