"""An HPA that may go to zero: the controller manager's own, with Kubernetes 1.36's HPAScaleToZero (alpha).

Of acceptance test 17: nobody fights it.
"""

from functools import partial
from pathlib import Path
from typing import Final

import pytest

from e2e.installation import Document, merged
from e2e.outside_metrics import outside_metrics
from e2e.tests.test_adoption import deployment
from e2e.tests.test_fights import ARENA, Arena, autoscaling, opened

pytestmark = [pytest.mark.plane, pytest.mark.soak]

PER_POD: Final = 5
"""Of the metric that the HPA looks at."""


def autoscaler_from_zero(name: str) -> Document:
    """One that may go to 0, which needs a metric from outside."""
    queue = {"metric": {"name": "queue_depth"}, "target": {"type": "AverageValue", "averageValue": str(PER_POD)}}
    found = autoscaling(name, 0, {"type": "External", "external": queue})
    return merged(found, {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}})


def test_what_is_paused_is_left_at_zero_and_what_the_hpa_brings_there_is_its_own(
    tmp_path: Path,
) -> None:
    name = "from-zero"

    def scaled(arena: Arena, replicas: int) -> bool:
        return bool(arena.get("Deployment", name, ARENA)["spec"]["replicas"] == replicas)

    with opened(tmp_path, feature_gates=("HPAScaleToZero=true",)) as arena, outside_metrics(arena.plane) as queue:
        queue.value = 3 * PER_POD
        arena.it.apply(deployment(name, ARENA, replicas=3), autoscaler_from_zero(name))
        arena.it.wait(
            "the HPA to have its metric", lambda: arena.hpa_says(name).get("ScalingActive", "")[:1] == ("True",), 60
        )
        arena.require_left_at_zero_and_taken_up(name, 3)
        queue.value = 0
        arena.it.wait("the HPA to bring it to 0", partial(scaled, arena, 0), 60)
        assert arena.hpa_says(name)["ScaledToZero"][0] == "True"
        arena.wait_reason("Deployment", name, "PausedByUser", ARENA)
        queue.value = 3 * PER_POD
        arena.it.wait("the HPA to start it again", partial(scaled, arena, 3), 60)
        arena.wait_reason("Deployment", name, "ResumedByUser", ARENA)  # the word of the resume still holds
        assert arena.levers("Deployment", name, ARENA) == [0, 3], "what the HPA moves is the HPA's"
