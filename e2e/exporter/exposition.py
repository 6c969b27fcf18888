"""The text that dcgm-exporter would write: families, HELP lines, label order and number formats as in real captures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One metric family. `digits` is 0 for fields that DCGM gives as integers, 6 for floating ones."""

    name: str
    kind: str
    help: str
    digits: int = 0

    def number(self, value: float) -> str:
        """The value as the exporter formats it."""
        return "NaN" if value != value else f"{value:.{self.digits}f}"  # noqa: PLR0124 - NaN differs from itself


FIELDS = (
    Field("DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz)."),
    Field("DCGM_FI_DEV_MEM_CLOCK", "gauge", "Memory clock frequency (in MHz)."),
    Field("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C)."),
    Field("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).", 6),
    Field("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "Total energy consumption since boot (in mJ)."),
    Field("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %)."),
    Field("DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", "Memory utilization (in %)."),
    Field("DCGM_FI_DEV_XID_ERRORS", "gauge", "Value of the last XID error encountered."),
    Field("DCGM_FI_DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB)."),
    Field("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB)."),
    Field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "gauge", "Ratio of time the graphics engine is active (in %).", 6),
    Field("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "gauge", "Ratio of cycles the tensor (HMMA) pipe is active (in %).", 6),
    Field(
        "DCGM_FI_PROF_DRAM_ACTIVE",
        "gauge",
        "Ratio of cycles the device memory interface is active sending or receiving data (in %).",
        6,
    ),
)
FIELD_NAMES = frozenset(field.name for field in FIELDS)


@dataclass(frozen=True, slots=True)
class Row:
    """One device at one moment: its labels in the exporter's order and the value of each field that is there."""

    labels: Mapping[str, str]
    values: Mapping[str, float]

    def label_text(self) -> str:
        return ",".join(f'{name}="{value}"' for name, value in self.labels.items())


def render(rows: Iterable[Row]) -> str:
    """The exposition; a family without any value has no HELP line either."""
    texts = [(row.label_text(), row.values) for row in rows]
    lines: list[str] = []
    for field in FIELDS:
        series = [
            f"{field.name}{{{labels}}} {field.number(values[field.name])}"
            for labels, values in texts
            if field.name in values
        ]
        if series:
            lines += [f"# HELP {field.name} {field.help}", f"# TYPE {field.name} {field.kind}", *series]
    return "".join(f"{line}\n" for line in lines)
