"""The example of adoption does what its comments say."""

import json
from pathlib import Path
from typing import Any

import yaml

from ebbtide.core.governing import PolicyIndex
from ebbtide.core.workload import Checkpoint, Workload
from ebbtide.objects.views_deployment import decode_deployment
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_node import decode_namespace
from ebbtide.objects.views_policy import decode_cluster_policy
from tests.builders import settings

FOLDER = Path(__file__).parents[3] / "examples" / "adoption"


def documents() -> dict[str, bytes]:
    """Kind/name to JSON, with what the API server would add."""
    found: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        found += list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for number, one in enumerate(found):
        one["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "1"}
    return {f"{one['kind']}/{one['metadata']['name']}": json.dumps(one).encode() for one in found}


def workloads() -> dict[str, Workload]:
    known = documents()
    job = decode_job(known["Job/train"])[1].foreign
    assert job is not None
    deployments = [decode_deployment(known[f"Deployment/{name}"])[1] for name in ("playground", "search")]
    return {one.key.name: one for one in (job, *deployments)}


def test_one_policy_governs_all_of_it_and_only_looks() -> None:
    known = documents()
    index = PolicyIndex([decode_cluster_policy(known["ClusterCostPolicy/research"])[1]], settings())
    studio = decode_namespace(known["Namespace/studio"])[1]
    for one in workloads().values():
        found = index.governing(one, studio)
        assert (found.reference, found.enforce) == ("ClusterCostPolicy/research", False)
        assert index.governing(one).policy is None, "in a namespace of another stage"


def test_annotations_say_what_the_comments_say() -> None:
    found = workloads()
    assert found["train"].checkpoint == Checkpoint("Periodic", interval_seconds=900)
    assert (found["playground"].accelerators, found["playground"].intent.never_pause) == (2, False)
    assert found["search"].intent.never_pause
    assert not any(one.intent.invalid for one in found.values())
