"""The command line of each control-plane program."""

from collections.abc import Sequence
from pathlib import Path

from e2e.binaries.cache import STAGES_FILE
from e2e.plane.layout import Layout
from e2e.plane.ports import HOST

_HERE = Path(__file__).resolve().parent
_POLICY = _HERE / "audit.yaml"
_OWN_STAGES = _HERE / "stages.yaml"


def etcd(layout: Layout) -> list[str]:
    """Without fsync: the data is thrown away, and a disk that is slow to sync would fail elections."""
    client, peer = layout.etcd_url, f"http://{HOST}:{layout.ports.etcd_peer}"
    return [
        layout.program("etcd"),
        f"--data-dir={layout.workdir / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--logger=zap",
        "--log-level=warn",
    ]


def api_server(layout: Layout, extra: Sequence[str]) -> list[str]:
    return [
        layout.program("kube-apiserver"),
        f"--etcd-servers={layout.etcd_url}",
        f"--bind-address={HOST}",
        f"--secure-port={layout.ports.api_server}",
        f"--tls-cert-file={layout.server_certificate}",
        f"--tls-private-key-file={layout.server_key}",
        f"--client-ca-file={layout.ca_file}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={layout.token_key}",
        f"--service-account-signing-key-file={layout.token_key}",
        "--authorization-mode=Node,RBAC",
        "--endpoint-reconciler-type=none",
        f"--audit-policy-file={_POLICY}",
        f"--audit-log-path={layout.audit_log}",
        # One file for the whole life of the plane, in MiB: a rotated file would hide writes from the reader.
        "--audit-log-maxsize=100000",
        *extra,
    ]


def _serving(layout: Layout, port: int) -> list[str]:
    return [
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--tls-cert-file={layout.server_certificate}",
        f"--tls-private-key-file={layout.server_key}",
        "--leader-elect=false",
    ]


def controller_manager(layout: Layout, extra: Sequence[str] = ()) -> list[str]:
    return [
        layout.program("kube-controller-manager"),
        f"--kubeconfig={layout.kubeconfig('system:kube-controller-manager')}",
        f"--service-account-private-key-file={layout.token_key}",
        f"--root-ca-file={layout.ca_file}",
        "--use-service-account-credentials",
        # The default of 20 a second would make a burst of 200 Jobs a test of the client, not of ours.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-job-syncs=20",
        *_serving(layout, layout.ports.controller_manager),
        *extra,
    ]


def scheduler(layout: Layout, extra: Sequence[str] = ()) -> list[str]:
    """50 binds a second at the default rate, about 270 with these."""
    return [
        layout.program("kube-scheduler"),
        f"--kubeconfig={layout.kubeconfig('system:kube-scheduler')}",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        *_serving(layout, layout.ports.scheduler),
        *extra,
    ]


def kwok(layout: Layout) -> list[str]:
    return [
        layout.program("kwok"),
        f"--kubeconfig={layout.kubeconfig('kwok', ('system:masters',))}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--cidr=10.0.0.0/24",
        f"--node-ip={HOST}",
        f"--server-address={HOST}:{layout.ports.kwok}",
        "--node-lease-duration-seconds=40",
        "-c",
        str(layout.binaries / STAGES_FILE),
        "-c",
        str(_OWN_STAGES),
    ]
