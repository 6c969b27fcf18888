"""The families of programs: which module, which packages, which flags.

One consumer module per family, never merged: their dependencies disagree. Versions come from each `go.mod`, so
an upgrade changes one place only.
"""

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Family:
    """One consumer module and the programs it gives.

    `programs` maps a program's name to its package. `stamp` lists `-X` variables; `{version}`, `{major}`, `{minor}`
    and `{release}` are filled in, because `kubectl version`, Helm's `kubeVersion` and every semver check fail on an
    unstamped build.
    """

    name: str
    module: str
    programs: dict[str, str]
    stamp: tuple[str, ...] = ()
    tags: str = ""

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def version(self) -> str:
        """Version of the main module, as `go.mod` requires it (`v1.36.4`)."""
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require\s+)?{re.escape(self.module)}\s+(v\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return found.group(1)

    @property
    def release(self) -> str:
        """Prometheus' module v0.314.0 is its release 3.14.0; the other families have no use for it."""
        _, minor, patch = self.version.lstrip("v").split(".")[:3]
        return f"{minor[0]}.{int(minor[1:] or 0)}.{patch}"

    def flags(self) -> list[str]:
        """The flags of `go build`."""
        version = self.version
        major, minor = version.lstrip("v").split(".")[:2]
        values = {"version": version, "major": major, "minor": minor, "release": self.release}
        linker = " ".join(["-s", "-w", *(f"-X {item.format(**values)}" for item in self.stamp)])
        tags = ["-tags", self.tags] if self.tags else []
        return ["-trimpath", "-buildvcs=false", "-mod=readonly", *tags, "-ldflags", linker]


_K8S = "k8s.io/component-base/version"
_PROMETHEUS = "github.com/prometheus/prometheus"

FAMILIES = (
    Family("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Family(
        "kubernetes",
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        },
        stamp=(f"{_K8S}.gitVersion={{version}}", f"{_K8S}.gitMajor={{major}}", f"{_K8S}.gitMinor={{minor}}"),
    ),
    Family(
        "prometheus",
        _PROMETHEUS,
        {name: f"{_PROMETHEUS}/cmd/{name}" for name in ("prometheus", "promtool")},
        stamp=("github.com/prometheus/common/version.Version={release}",),
        # The cloud SDKs of every other service discovery are most of the build.
        tags="remove_all_sd,enable_kubernetes_sd",
    ),
    Family("kwok", "sigs.k8s.io/kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    Family(
        "helm",
        "helm.sh/helm/v4",
        {"helm": "helm.sh/helm/v4/cmd/helm"},
        stamp=("helm.sh/helm/v4/internal/version.version={version}",),
    ),
)

KUEUE = Family(
    "kueue",
    "sigs.k8s.io/kueue",
    {"kueue": "sigs.k8s.io/kueue/cmd/kueue"},
    stamp=("sigs.k8s.io/kueue/pkg/version.GitVersion={version}",),
)
"""Not a part of every plane: its tests start it beside one (e2e/plane/kueue.py)."""
