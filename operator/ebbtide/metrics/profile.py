"""What a vendor's exporter calls things: metrics, units and labels as data. Another vendor is another constant."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ebbtide.core.evidence import Signal
from ebbtide.metrics.settings import LabelMode

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
class Source:
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
    """The labels that name the holding pod in one label mode."""

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
    uid_label: str
    pod_labels: tuple[PodLabels, ...]
    """In the order they are tried; plain labels last, because they may name the exporter itself."""
    presence: tuple[str, ...]
    """Metrics whose timestamps say that a device was sampled."""
    groups: tuple[tuple[Source, ...], ...]
    """One query each: with the one for presence at most six in all."""

    def board(self, labels: Mapping[str, str]) -> str:
        """Identity of the physical board a series is about; empty: none."""
        for name in self.unit_labels:
            value = labels.get(name)
            if value:
                return value
        return ""

    def device(self, labels: Mapping[str, str]) -> str:
        """Name of the device as pods hold it: the board, or one instance of it."""
        instance = labels.get(self.instance_label)
        return f"{self.board(labels)}{INSTANCE_MARK}{instance}" if instance else self.board(labels)

    def names(self, mode: LabelMode) -> PodLabels:
        """The labels that name pods in this mode."""
        return next(labels for labels in self.pod_labels if labels.mode is mode)


# dcgm-exporter 4.5.3-4.8.2, etc/default-counters.csv; uuid and pod_name are its --use-old-namespace.
NVIDIA = Profile(
    resource_prefix="nvidia.com/",
    divided_prefix="nvidia.com/mig-",
    unit_labels=("UUID", "uuid"),
    instance_label="GPU_I_ID",
    model_label="modelName",
    uid_label="pod_uid",
    pod_labels=(
        PodLabels(LabelMode.Exported, "exported_namespace", "exported_pod"),
        PodLabels(LabelMode.OldNamespace, "pod_namespace", "pod_name"),
        PodLabels(LabelMode.Plain, "namespace", "pod"),
    ),
    presence=("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"),
    groups=(
        (Source(Signal.Utilisation, "DCGM_FI_DEV_GPU_UTIL", Scope.Undivided, per_pod=True, vetted=True),),
        (Source(Signal.Engine, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", vetted=True),),
        (
            Source(Signal.Tensor, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
            Source(Signal.Dram, "DCGM_FI_PROF_DRAM_ACTIVE"),
        ),
        (
            Source(Signal.Power, "DCGM_FI_DEV_POWER_USAGE", Scope.Board),
            Source(Signal.Energy, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Scope.Board),
        ),
        (Source(Signal.MemoryPercent, "DCGM_FI_DEV_FB_USED", rest="DCGM_FI_DEV_FB_FREE"),),
    ),
)
