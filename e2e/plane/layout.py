"""Files, ports and addresses of one plane, decided before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from e2e.plane.kubeconfig import Access, write_kubeconfig
from e2e.plane.pki import Authority, token_signing_key
from e2e.plane.ports import HOST, free_ports


@dataclass(frozen=True, slots=True)
class Ports:
    """One free port for each listener."""

    etcd_client: int
    etcd_peer: int
    api_server: int
    controller_manager: int
    scheduler: int
    kwok: int


class Layout:
    """The work folder: certificates, kubeconfigs and logs of every part."""

    def __init__(self, workdir: Path, binaries: Path) -> None:
        self.workdir = workdir
        self.binaries = binaries
        self.logs = workdir / "logs"
        self.pki = workdir / "pki"
        self.audit_log = workdir / "audit.log"
        self.ports = Ports(*free_ports(6))
        self.authority = Authority()
        for folder in (workdir, self.logs, self.pki):
            folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = self.pki / "ca.crt"
        self.ca_file.write_bytes(self.authority.certificate)
        self.server_certificate, self.server_key = self.authority.server().write(self.pki, "server")
        self.token_key = self.pki / "service-account.key"
        self.token_key.touch(mode=0o600)
        self.token_key.write_bytes(token_signing_key())

    @property
    def api_url(self) -> str:
        return f"https://{HOST}:{self.ports.api_server}"

    @property
    def etcd_url(self) -> str:
        return f"http://{HOST}:{self.ports.etcd_client}"

    def program(self, name: str) -> str:
        return str(self.binaries / name)

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def kubeconfig(self, user: str, groups: tuple[str, ...] = (), namespace: str = "default") -> Path:
        """A kubeconfig with a fresh client certificate for the user."""
        access = Access(self.api_url, self.authority.base64(), pair=self.authority.client(user, groups))
        return write_kubeconfig(self.workdir / "kubeconfigs" / f"{_file_name(user)}.yaml", access, namespace)

    def token_kubeconfig(self, name: str, token: str, namespace: str = "default") -> Path:
        """A kubeconfig with a bearer token."""
        access = Access(self.api_url, self.authority.base64(), token=token)
        return write_kubeconfig(self.workdir / "kubeconfigs" / f"{_file_name(name)}.yaml", access, namespace)


def _file_name(user: str) -> str:
    return user.replace(":", "_").replace("/", "_")
