"""Chart values that decisions read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Safety:
    """Fleet limits for idle pauses; 0 disables one."""

    idle_pauses_per_hour: int = 60
    paused_percent_per_hour: int = 10
    idle_share_jump_percent: int = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the plan needs to know about how this operator was installed. Seconds unless named."""

    enforcement: bool = False
    tick_seconds: float = 30.0
    sample_interval_seconds: float = 30.0
    safety: Safety = Safety()
    operator_namespace: str = "ebbtide-system"
    protected_namespaces: tuple[str, ...] = ("kube-system",)
    write_pods: bool = False
    """Chart value attribution.writePods: attribution labels may be written on running pods and their volumes."""
    currency: str = "USD"
    cluster: str = ""
