"""The operator as the rendered Deployment says, run as a local process with that ServiceAccount's token.

KWOK shows a Deployment as Ready although nothing ran. So command, arguments and environment are read from the manifest
and run here: a missing permission or a wrong argument in the chart fails a test.
"""

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from e2e.plane import Plane, PlaneError
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component

# What the image's ENTRYPOINT is; the chart gives arguments only.
ENTRYPOINT = ["ebbtide"]


class OperatorProcess:
    """One replica. `overrides` replaces arguments by flag, `{"--tick-seconds": "1"}`; None takes a flag out.

    The listening address is always a free port on 127.0.0.1. `env` comes on top of the container's own. `part` names
    the process and its log; two replicas need two names.
    """

    def __init__(
        self,
        plane: Plane,
        deployment: Mapping[str, Any],
        *,
        overrides: Mapping[str, str | None] | None = None,
        env: Mapping[str, str] | None = None,
        part: str = "operator",
    ) -> None:
        self._plane = plane
        self._part = part
        self._namespace: str = deployment["metadata"]["namespace"]
        self._spec: Mapping[str, Any] = deployment["spec"]["template"]["spec"]
        self._container: Mapping[str, Any] = self._spec["containers"][0]
        self._name: str = deployment["metadata"]["name"]
        self._overrides = dict(overrides or {})
        self._env = dict(env or {})
        self._folder = plane.workdir / part
        (self.port,) = free_ports(1)

    @classmethod
    def from_deployment(cls, plane: Plane, namespace: str, name: str, **options: Any) -> Self:
        """From an installed Deployment."""
        found = plane.kubectl("get", "deployment", name, "-n", namespace, "-o", "json").stdout
        return cls(plane, json.loads(found), **options)

    @classmethod
    def from_manifests(cls, plane: Plane, text: str, **options: Any) -> Self:
        """From the output of `helm template`, which must hold one Deployment and be applied already."""
        documents = [document for document in yaml.safe_load_all(text) if document]
        (deployment,) = [document for document in documents if document["kind"] == "Deployment"]
        return cls(plane, deployment, **options)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def component(self) -> Component:
        return self._plane.parts[self._part]

    @property
    def alive(self) -> bool:
        return self.component.alive

    def start(self) -> Self:
        """Starts it with a fresh token; ready is another matter (`wait_ready`)."""
        account = self._spec.get("serviceAccountName", "default")
        kubeconfig = self._plane.service_account_kubeconfig(self._namespace, account)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._plane.parts.run(
            self._part,
            self._argv(),
            {**self._environment(), "KUBECONFIG": str(kubeconfig), **self._env},
            inherit=False,
            cwd=self._folder,
        )
        return self

    def stop(self) -> None:
        """SIGTERM, as the kubelet would."""
        self.component.stop()

    def kill(self) -> None:
        """SIGKILL, as a lost node would."""
        self.component.kill()

    def restart(self) -> Self:
        """Stops, starts, and waits until ready."""
        self.stop()
        self.start()
        self.wait_ready()
        return self

    def logs(self, tail: int = 20) -> str:
        return self.component.tail(tail)

    def require_alive(self) -> None:
        """Raises PlaneError with its last log lines if it has ended."""
        if not self.alive:
            raise self.component.failure(f"ended with status {self.component.returncode}")

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Waits for 200 from /readyz. Raises PlaneError with its last log lines."""
        self.component.wait_ready(lambda: self.status("/readyz") == requests.codes.ok, timeout_seconds)

    def status(self, path: str) -> int:
        """HTTP status of a GET; 0 while nobody listens."""
        try:
            return self._get(path).status_code
        except requests.RequestException:
            return 0

    def metrics(self) -> str:
        """The text of /metrics."""
        return self._get("/metrics").text

    def _get(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url + path, timeout=5)

    # -- what the manifest says ---------------------------------------------------------------------------------

    def _argv(self) -> list[str]:
        command = list(self._container.get("command") or ENTRYPOINT)
        # The console script of the environment that runs the tests, whatever folder the image has it in.
        program = str(Path(sys.executable).with_name(Path(command[0]).name))
        overrides = {**self._overrides, "--listen": f"{HOST}:{self.port}"}
        arguments = override([*command[1:], *self._container.get("args", [])], overrides)
        return [program, *(self._local(word) for word in arguments)]

    def _environment(self) -> dict[str, str]:
        # A container starts with nothing but this; HOME lies on the writable volume.
        values = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self._folder), "LANG": "C.UTF-8"}
        if "PYTHONPATH" in os.environ:
            values["PYTHONPATH"] = os.environ["PYTHONPATH"]  # a checkout that is tested without being installed
        for entry in self._container.get("env", []):
            values[entry["name"]] = entry["value"] if "value" in entry else self._field(entry["valueFrom"])
        return values

    def _field(self, source: Mapping[str, Any]) -> str:
        fields: dict[str, str] = {
            "metadata.namespace": self._namespace,
            "metadata.name": f"{self._name}-0",
            "spec.serviceAccountName": self._spec.get("serviceAccountName", "default"),
            "status.podIP": HOST,
        }
        path = str(source.get("fieldRef", {}).get("fieldPath"))
        if path not in fields:
            raise PlaneError(f"the Deployment's environment uses {dict(source)}, which cannot be run locally")
        return fields[path]

    def _local(self, word: str) -> str:
        """An argument with the mount path of a Secret or ConfigMap replaced by a folder with its files."""
        for mount in self._container.get("volumeMounts", []):
            if f"{mount['mountPath']}/" in word:
                volume = next(one for one in self._spec["volumes"] if one["name"] == mount["name"])
                return word.replace(mount["mountPath"], str(self._materialize(volume)))
        return word

    def _materialize(self, volume: Mapping[str, Any]) -> Path:
        folder = self._folder / "volumes" / str(volume["name"])
        folder.mkdir(parents=True, exist_ok=True)
        if "secret" in volume:
            path = f"/api/v1/namespaces/{self._namespace}/secrets/{volume['secret']['secretName']}"
            files = {key: base64.b64decode(text) for key, text in self._plane.api.get(path)["data"].items()}
        elif "configMap" in volume:
            path = f"/api/v1/namespaces/{self._namespace}/configmaps/{volume['configMap']['name']}"
            files = {key: text.encode() for key, text in self._plane.api.get(path)["data"].items()}
        else:
            files = {}
        for key, content in files.items():
            (folder / key).write_bytes(content)
        return folder


def override(arguments: list[str], values: Mapping[str, str | None]) -> list[str]:
    """The arguments with flags replaced: `--flag=x` and the bare `--flag` give way to what `values` says.

    None takes the flag out, an empty text gives the bare flag, and a flag that is not there yet is appended. A value in
    a word of its own is not looked for: the chart writes `--flag=value`.
    """
    kept = [word for word in arguments if word.partition("=")[0] not in values]
    new = [flag if value == "" else f"{flag}={value}" for flag, value in values.items() if value is not None]
    return [*kept, *new]
