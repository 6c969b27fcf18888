"""What adopted work says of its own activity: the series of its requests, and a notebook's last activity."""

import json

import pytest

from ebbtide.core.workload import SeriesName, Workload
from ebbtide.objects.views_deployment import decode_deployment


def read(**annotations: str) -> Workload:
    body = {
        "metadata": {"uid": "u", "name": "d", "namespace": "ml", "annotations": annotations},
        "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"containers": []}}},
    }
    return decode_deployment(json.dumps(body).encode())[1]


def test_it_may_name_the_series_of_its_requests() -> None:
    found = read(**{"ebbtide.dev/request-series": 'gateway_requests_total{model="chat"}'})
    assert found.request_series == SeriesName("gateway_requests_total", (("model", "chat"),))
    assert found.intent.invalid == ()


def test_a_series_that_cannot_be_read_is_ignored_and_said() -> None:
    found = read(**{"ebbtide.dev/request-series": "sum(x)"})
    assert found.request_series is None
    assert "write NAME or NAME{label=" in found.intent.invalid[0]


@pytest.mark.parametrize(("text", "want"), [("2026-03-02T08:00:00Z", 1772438400.0), ("yesterday", None), ("", None)])
def test_a_notebook_s_last_activity(text: str, want: float | None) -> None:
    found = read(**{"notebooks.kubeflow.org/last-activity": text})
    assert (found.active_at, found.intent.invalid) == (want, ())
