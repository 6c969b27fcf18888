"""What a vendor's exporter calls things: metrics, units and labels as data. Another vendor is another constant."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ebbtide.core.evidence import Signal
from ebbtide.samples.settings import LabelMode

INSTANCE_MARK = "/"
"""Between the board's UUID and the instance in the name of a divided device; core.evidence knows it too."""


class Scope(StrEnum):
    """What one series of a metric is about."""

    Device = "Device"
    """A device as pods hold it: a whole one or one instance of a divided one."""
    Undivided = "Undivided"
    """The same, but the metric says nothing about instances (GPU_UTIL under MIG is 0 or absent)."""
    Board = "Board"
    """The physical board, for all its instances together."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Where one signal comes from."""

    signal: Signal
    metric: str
    scope: Scope = Scope.Device
    rest: str = ""
    """The signal is the percentage metric / (metric + rest)."""
    per_pod: bool = False
    """Where pods share a device each may have a value of its own beside the device's; other metrics are copied."""
    vetted: bool = False
    """A step that holds any NaN, infinite or negative sample gives NaN even where other samples are good; otherwise
    the greatest wins, which hides NaN and negatives beside a good sample. Costs two more selections."""


@dataclass(frozen=True, slots=True)
class PodLabels:
    """Two labels that name the holding pod, and the label mode that they are a form of."""

    mode: LabelMode
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One vendor's exporter."""

    resource_prefix: str
    """Extended resources that this exporter reports on."""
    divided_prefix: str
    """Extended resources that are instances of a device: their series must name an instance."""
    unit_labels: tuple[str, ...]
    """Names of the board's identity, first that is present."""
    instance_label: str
    model_label: str
    uid_labels: tuple[str, ...]
    """The pod's UID, first that is present."""
    pod_labels: tuple[PodLabels, ...]
    """In the order they are tried; plain labels last, because they may name the exporter itself."""
    target_labels: tuple[str, ...]
    """Of the scrape target: one device under several of these is scraped several times."""
    presence: tuple[str, ...]
    """Metrics whose timestamps say that a device was sampled."""
    groups: tuple[tuple[Measure, ...], ...]
    """One request each: with the one for presence at most six in all."""

    def board(self, labels: Mapping[str, str]) -> str:
        """Identity of the physical board a series is about; empty: none."""
        return _first(labels, self.unit_labels)

    def device(self, labels: Mapping[str, str]) -> str:
        """Name of the device as pods hold it: the board, or one instance of it."""
        instance, board = labels.get(self.instance_label), _first(labels, self.unit_labels)
        return f"{board}{INSTANCE_MARK}{instance}" if instance else board

    def uid(self, labels: Mapping[str, str]) -> str:
        """UID of the pod that a series names; empty: it does not say."""
        return _first(labels, self.uid_labels)

    @property
    def presence_keys(self) -> tuple[str, ...]:
        """Labels of a row that says who held a device."""
        pods = (label for names in self.pod_labels for label in (names.namespace, names.pod))
        device = (*self.unit_labels, self.instance_label, self.model_label)
        return tuple(dict.fromkeys((*device, *self.uid_labels, *pods, *self.target_labels)))

    def keys(self, measure: Measure, names: PodLabels) -> tuple[str, ...]:
        """Labels that say what one row of a measure is about, where pods are named by these."""
        keys = self.unit_labels
        if measure.scope is not Scope.Board:
            keys = (*keys, self.instance_label)
        if measure.per_pod:
            keys = (*keys, names.namespace, names.pod)
        return keys

    def names(self, mode: LabelMode) -> PodLabels:
        """The labels that name pods in this mode, in its usual form."""
        return next(labels for labels in self.pod_labels if labels.mode is mode)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The first of these labels that is not empty."""
    for name in names:
        value = labels.get(name)
        if value:
            return value
    return ""


# dcgm-exporter 4.5.3-4.8.2, etc/default-counters.csv; uuid and pod_name are its --use-old-namespace.
NVIDIA = Profile(
    resource_prefix="nvidia.com/",
    divided_prefix="nvidia.com/mig-",
    unit_labels=("UUID", "uuid"),
    instance_label="GPU_I_ID",
    model_label="modelName",
    uid_labels=("exported_pod_uid", "pod_uid"),
    pod_labels=(
        PodLabels(LabelMode.Exported, "exported_namespace", "exported_pod"),
        # Only what the target says itself is pushed aside: some relabelings give it a pod, others a namespace alone.
        PodLabels(LabelMode.Exported, "namespace", "exported_pod"),
        PodLabels(LabelMode.Exported, "exported_namespace", "pod"),
        PodLabels(LabelMode.OldNamespace, "pod_namespace", "pod_name"),
        PodLabels(LabelMode.Plain, "namespace", "pod"),
    ),
    target_labels=("job", "instance"),
    presence=("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"),
    groups=(
        (Measure(Signal.Utilisation, "DCGM_FI_DEV_GPU_UTIL", Scope.Undivided, per_pod=True, vetted=True),),
        (Measure(Signal.Engine, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", vetted=True),),
        (
            Measure(Signal.Tensor, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
            Measure(Signal.Dram, "DCGM_FI_PROF_DRAM_ACTIVE"),
        ),
        (
            Measure(Signal.Power, "DCGM_FI_DEV_POWER_USAGE", Scope.Board),
            Measure(Signal.Energy, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Scope.Board),
        ),
        (Measure(Signal.MemoryPercent, "DCGM_FI_DEV_FB_USED", rest="DCGM_FI_DEV_FB_FREE"),),
    ),
)
