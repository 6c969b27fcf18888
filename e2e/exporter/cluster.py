"""Reads nodes and pods from the API server, a second apart: the kubelet's part in a real cluster."""

import base64
import logging
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from e2e.exporter.activity import HELD_MIB, IDLE, Activity, ActivityError, Series
from e2e.exporter.clocks import Clocks
from e2e.exporter.devices import GpuNode, GpuPod
from e2e.plane.kubeconfig import Access

_LOG = logging.getLogger("e2e.exporter")
GPU = "nvidia.com/gpu"
ACTIVITY = "e2e.ebbtide.dev/activity"
MEMORY = "e2e.ebbtide.dev/memory-mib"
CLOCK = "e2e.ebbtide.dev/clock"
# resourceVersion=0 is answered from the API server's cache.
_NODES = "/api/v1/nodes?resourceVersion=0"
_PODS = "/api/v1/pods?resourceVersion=0&fieldSelector=status.phase!=Succeeded,status.phase!=Failed"

Reader = Callable[[str, float], Series]
Override = Callable[[str], str | None]


def ssl_context(access: Access) -> ssl.SSLContext:
    """TLS as a kubeconfig says; the client certificate touches the disk only while it is loaded."""
    context = ssl.create_default_context(cadata=base64.b64decode(access.authority).decode())
    if access.pair is not None:
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(*access.pair.write(Path(folder), "client"))
    return context


class ClusterReader:
    """The cluster as the exporter sees it. `read` parses an activity text, `override` may replace it."""

    def __init__(self, access: Access, read: Reader, override: Override) -> None:
        self._access = access
        self._read = read
        self._override = override
        self._parsed: dict[tuple[str, float], Activity] = {}
        self._refused: set[tuple[str, str]] = set()
        self._clocks = Clocks()

    def session(self) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        return aiohttp.ClientSession(
            self._access.server,
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=ssl_context(self._access)),
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def observe(self, session: aiohttp.ClientSession) -> tuple[list[GpuNode], list[GpuPod]]:
        """Nodes with GPUs and the pods that hold them. Raises aiohttp.ClientError."""
        nodes = gpu_nodes(await _items(session, _NODES))
        return nodes, self.gpu_pods(await _items(session, _PODS))

    def gpu_pods(self, documents: Iterable[Mapping[str, Any]]) -> list[GpuPod]:
        documents, now = list(documents), time.time()
        clocked = (_clock(document) for document in documents if running_since(document) is not None)
        self._clocks.observe(filter(None, clocked), now)
        found = (self._gpu_pod(document, now) for document in documents)
        return [pod for pod in found if pod is not None]

    def _gpu_pod(self, document: Mapping[str, Any], now: float) -> GpuPod | None:
        metadata, spec = document["metadata"], document["spec"]
        wanted = {one["name"]: _limit(one) for one in spec["containers"]}
        container = next((name for name, count in wanted.items() if count), None)
        if container is None or "nodeName" not in spec:
            return None
        return GpuPod(
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            container=container,
            node=spec["nodeName"],
            gpus=sum(wanted.values()),
            activity=self._activity(f"{metadata['namespace']}/{metadata['name']}", metadata.get("annotations", {})),
            running_since=self._activity_since(document, now),
        )

    def _activity_since(self, document: Mapping[str, Any], now: float) -> float | None:
        """From when its activity counts; None before it runs."""
        running, clock = running_since(document), _clock(document)
        return running if running is None or clock is None else self._clocks.running_since(clock, now)

    def _activity(self, pod: str, annotations: Mapping[str, str]) -> Activity:
        text = self._override(pod) or annotations.get(ACTIVITY)
        if text is None:
            return IDLE
        try:
            memory = float(annotations.get(MEMORY, HELD_MIB))
            key = (text, memory)
            if key not in self._parsed:
                self._parsed[key] = self._read(text, memory)
        except (ActivityError, ValueError) as error:
            if (pod, text) not in self._refused:
                self._refused.add((pod, text))
                _LOG.error("pod %s: %s; it shows no series", pod, error)
            return Series([None])
        return self._parsed[key]


async def _items(session: aiohttp.ClientSession, path: str) -> list[Mapping[str, Any]]:
    async with session.get(path) as answer:
        answer.raise_for_status()
        document = await answer.json()
    items: list[Mapping[str, Any]] = document.get("items") or []
    return items


def gpu_nodes(documents: Iterable[Mapping[str, Any]]) -> list[GpuNode]:
    """The nodes that offer GPUs; the model is the one of NVIDIA's node label."""
    nodes = []
    for document in documents:
        count = int(document.get("status", {}).get("allocatable", {}).get(GPU, 0))
        if count:
            labels = document["metadata"].get("labels", {})
            model = labels.get("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3").replace("-", " ")
            nodes.append(GpuNode(document["metadata"]["name"], count, model))
    return nodes


def _limit(container: Mapping[str, Any]) -> int:
    return int(container.get("resources", {}).get("limits", {}).get(GPU, 0))


def _clock(document: Mapping[str, Any]) -> tuple[str, str] | None:
    name = document["metadata"].get("annotations", {}).get(CLOCK)
    return None if name is None else (document["metadata"]["namespace"], name)


def running_since(document: Mapping[str, Any]) -> float | None:
    """Unix time from which the pod's activity counts, to the second; None while it does not run."""
    status = document.get("status", {})
    if status.get("phase") != "Running":
        return None
    states = (one.get("state", {}).get("running") for one in status.get("containerStatuses", []))
    starts = [state["startedAt"] for state in states if state]
    start = min(starts, default=status.get("startTime"))
    return None if start is None else datetime.fromisoformat(start).timestamp()
