"""A real Prometheus as a part of a plane, scraping the exporter as the chart of dcgm-exporter sets it up."""

import shutil
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import requests
import yaml

from e2e.plane.errors import PlaneError
from e2e.plane.parts import Parts
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component
from e2e.plane.waiting import wait_until

NAME = "prometheus"
JOB = "dcgm"
# What kubernetes_sd would set on the target: the exporter's own pod. With honor_labels false these win, and the
# workload's own names move to exported_namespace, exported_pod and exported_container.
TARGET_LABELS = {
    "namespace": "gpu-operator",
    "pod": "nvidia-dcgm-exporter-x7k2p",
    "container": "nvidia-dcgm-exporter",
}


class Prometheus:
    """One server with one target. `honor_labels` false is the default of the exporter's chart."""

    def __init__(
        self,
        parts: Parts,
        target: str,
        *,
        scrape_seconds: float = 1.0,
        honor_labels: bool = False,
    ) -> None:
        self._parts = parts
        self._session = requests.Session()
        self._session.trust_env = False
        (self.port,) = free_ports(1)
        self._folder = parts.layout.workdir / NAME
        self._config = self._folder / "prometheus.yml"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.configure(target, scrape_seconds=scrape_seconds, honor_labels=honor_labels)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def component(self) -> Component:
        return self._parts[NAME]

    def configure(
        self, target: str, *, scrape_seconds: float = 1.0, honor_labels: bool = False, others: Sequence[str] = ()
    ) -> None:
        """Writes the configuration; a running server takes it at its next start.

        `others` are targets whose own labels count, each a job of its own.
        """
        job = {
            "job_name": JOB,
            "honor_labels": honor_labels,
            "static_configs": [{"targets": [target], "labels": TARGET_LABELS}],
        }
        interval = f"{round(scrape_seconds * 1000)}ms"
        more = [
            {"job_name": f"other-{number}", "honor_labels": True, "static_configs": [{"targets": [other]}]}
            for number, other in enumerate(others)
        ]
        beat = {"scrape_interval": interval, "scrape_timeout": interval}
        document = {"global": beat, "scrape_configs": [job, *more]}
        self._config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def start(self, *, fresh: bool = False) -> "Prometheus":
        """Starts it and waits for a first scrape; `fresh` throws the stored samples away.

        Raises PlaneError with its last log lines.
        """
        data = self._folder / "data"
        if fresh:
            shutil.rmtree(data, ignore_errors=True)
        argv = [
            self._parts.layout.program("prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={HOST}:{self.port}",
            # A new configuration reaches the scraper only at this beat; the default of 5 s is five scrapes here.
            "--scrape.discovery-reload-interval=1s",
        ]
        self._parts.run(NAME, argv).wait_ready(self._ready, 30)
        self.wait_scraped()
        return self

    def stop(self, *, kill: bool = False) -> None:
        self.component.kill() if kill else self.component.stop()

    def wait_scraped(self, timeout_seconds: float = 30.0) -> None:
        """Waits until a scrape that began after this call has brought the exporter's series."""
        began = time.time()
        query = f'timestamp(up{{job="{JOB}"}} == 1) >= {began}'
        wait_until(lambda: self.query(query), "a scrape of the exporter by Prometheus", timeout_seconds)

    def longest_silence(self, since: float) -> float:
        """The longest time without a scrape of the exporter from that Unix time until now, in seconds."""
        now = time.time()
        rows = self.query(f'up{{job="{JOB}"}}[{int(now - since) + 1}s]')
        scrapes = sorted(float(at) for row in rows for at, _ in row["values"] if float(at) >= since)
        return max(later - earlier for earlier, later in pairwise([since, *scrapes, now]))

    def query(self, expression: str) -> list[Any]:
        """The result of an instant query. Raises PlaneError when Prometheus refuses it."""
        return self._api("query", {"query": expression})

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Any]:
        """The result of a range query; times in Unix seconds."""
        return self._api("query_range", {"query": expression, "start": start, "end": end, "step": step})

    def _api(self, name: str, parameters: dict[str, Any]) -> list[Any]:
        try:
            answer = self._session.get(f"{self.url}/api/v1/{name}", params=parameters, timeout=10).json()
        except requests.RequestException as error:
            raise PlaneError(f"prometheus: {error}") from error
        if answer["status"] != "success":
            raise PlaneError(f"prometheus: {answer['error']}: {parameters['query']}")
        result: list[Any] = answer["data"]["result"]
        return result

    def _ready(self) -> bool:
        try:
            return self._session.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.RequestException:
            return False
