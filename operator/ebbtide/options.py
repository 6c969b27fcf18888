"""Everything that `ebbtide operator` can be told, from flags and environment variables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ebbtide.core.election import Terms
from ebbtide.core.settings import Safety, Settings

NAMESPACE: Final = "ebbtide-system"
LEASE: Final = "ebbtide-leader"
LABEL_MODES: Final = ("Auto", "Exported", "Plain", "OldNamespace")


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """One value for each flag; seconds unless named."""

    prometheus_url: str
    prometheus_token_file: Path | None = None
    """Bearer token, read again when it is renewed."""
    prometheus_ca_file: Path | None = None
    """CA bundle in PEM; None: the system's."""
    match_labels: tuple[tuple[str, str], ...] = ()
    """Matchers of every query, such as ("job", "dcgm-exporter")."""
    allowed_metrics: tuple[tuple[str, str], ...] = ()
    """Metrics that users may name, each with the label that carries the namespace."""
    namespace: str = NAMESPACE
    """Where the operator runs and where its Lease lies."""
    lease_name: str = LEASE
    leader_election: bool = True
    """False only where this is the one process there can be."""
    terms: Terms = field(default_factory=Terms)
    listen_host: str = "0.0.0.0"  # noqa: S104 - the kubelet's probes and Prometheus come from outside the pod
    listen_port: int = 8080
    tick_seconds: float = 30.0
    sample_interval_seconds: float = 30.0
    look_back_seconds: float = 7_200.0
    label_mode: str = "Auto"
    profiles_file: Path | None = None
    """A YAML list of profiles of exporters beside those that come with the program; None: no more."""
    enforcement: bool = False
    write_pods: bool = False
    """Attribution labels may be written on running pods and their volumes."""
    safety: Safety = field(default_factory=Safety)
    write_rate: float = 20.0
    """Writes to the API server per second, averaged."""
    protected_namespaces: tuple[str, ...] = ("kube-system",)
    currency: str = "USD"
    cluster_name: str = ""
    receivers_file: Path | None = None
    """Receivers of notifications, mounted; read again when it changes."""
    log_level: str = "info"
    kubeconfig: str = ""
    context: str = ""

    @property
    def settings(self) -> Settings:
        """What decisions need to know of it."""
        return Settings(
            enforcement=self.enforcement,
            write_pods=self.write_pods,
            tick_seconds=self.tick_seconds,
            sample_interval_seconds=self.sample_interval_seconds,
            safety=self.safety,
            operator_namespace=self.namespace,
            protected_namespaces=self.protected_namespaces,
            currency=self.currency,
            cluster=self.cluster_name,
        )
