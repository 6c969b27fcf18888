"""The container of a rendered Job, run as a local process with the token of the Job's ServiceAccount.

KWOK shows its pod as Running and starts nothing. So arguments and environment are read from the Job as it was created,
and the pod is completed when the process has ended well.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from e2e.operator_process import ENTRYPOINT
from e2e.plane import Plane
from e2e.plane.process import Component


class HookProcess:
    """One run of a Job's only container."""

    def __init__(self, plane: Plane, job: Mapping[str, Any], part: str = "hook") -> None:
        self._plane, self._part = plane, part
        self.namespace: str = job["metadata"]["namespace"]
        self.name: str = job["metadata"]["name"]
        self._pod: Mapping[str, Any] = job["spec"]["template"]["spec"]
        (self._container,) = self._pod["containers"]

    @property
    def component(self) -> Component:
        return self._plane.parts[self._part]

    def start(self) -> Self:
        """Starts it with a fresh token of the ServiceAccount, which must exist."""
        kubeconfig = self._plane.service_account_kubeconfig(self.namespace, self._pod["serviceAccountName"])
        folder = self._plane.workdir / self._part
        folder.mkdir(parents=True, exist_ok=True)
        command = list(self._container.get("command") or ENTRYPOINT)
        program = str(Path(sys.executable).with_name(Path(command[0]).name))
        said = {one["name"]: one["value"] for one in self._container.get("env", [])}
        env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **said, "KUBECONFIG": str(kubeconfig)}
        argv = [program, *command[1:], *self._container["args"]]
        self._plane.parts.run(self._part, argv, env, inherit=False, cwd=folder)
        return self

    def logs(self, tail: int = 40) -> str:
        return self.component.tail(tail)

    def complete_pod(self) -> None:
        """Lets KWOK end the Job's pod well, as the kubelet does when the process has ended with 0."""
        selector = f"batch.kubernetes.io/job-name={self.name}"
        self._plane.kubectl(
            "annotate", "pod", "-n", self.namespace, "-l", selector, "e2e.ebbtide.dev/complete-after=0s"
        )
