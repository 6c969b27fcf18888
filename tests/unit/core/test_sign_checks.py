"""What `explain` tells of CPU, network and notebooks: numbers, or that it is not looked at, whatever the verdict."""

from dataclasses import replace

import pytest

from ebbtide.core.explanation import checks
from ebbtide.core.workload import KindClass, Workload
from tests.builders import MINUTE, NOW, decide, pod, policy, workload

UNSEEN = {
    "cpu": "no CPU series of its pods (container_cpu_usage_seconds_total): CPU is not looked at",
    "network": "no network series of its pods (container_network_*_bytes_total): network is not looked at",
}


def notebook(kind: str = "Notebook", **changes: object) -> Workload:
    made = workload(kind_class=KindClass.Serving, **changes)
    return replace(made, key=replace(made.key, kind=kind))


def told(it: Workload, **world: object) -> dict[str, tuple[str, str]]:
    """Result and sentence of the links about signs."""
    found = {check.name: (str(check.result), check.message) for check in checks(decide(it, **world))}
    return {name: said for name, said in found.items() if name in {"cpu", "network", "notebook"}}


@pytest.mark.parametrize("idle_for", [None, 3000], ids=["Active", "Idle"])
def test_what_is_not_looked_at_is_told_whatever_the_verdict(idle_for: float | None) -> None:
    assert told(workload(), idle_for=idle_for) == {name: ("Skip", said) for name, said in UNSEEN.items()}


def test_what_a_policy_turned_off_is_told() -> None:
    off = policy(idle={"cpuBusyAbovePercent": 0, "networkBusyAboveMegabytesPerSecond": 0})
    found = told(workload(), policies=[off])
    assert found["cpu"] == ("Skip", "idle.cpuBusyAbovePercent is 0: CPU does not count")
    assert found["network"] == ("Skip", "idle.networkBusyAboveMegabytesPerSecond is 0: network does not count")


def test_nothing_is_told_where_nobody_asks_or_nothing_runs() -> None:
    assert told(workload(), policies=[policy(idle=None)]) == {}
    it = workload()
    assert told(it, pods={it.key: ()}) == {}


@pytest.mark.parametrize("kind", ["Notebook", "Workspace"])
def test_of_a_notebook_it_is_told_when_it_was_used_or_that_nothing_tells(kind: str) -> None:
    result, said = told(notebook(kind))["notebook"]
    assert result == "Skip"
    assert "notebooks.kubeflow.org/last-activity" in said
    assert said.endswith("they are not looked at")
    result, said = told(notebook(kind, active_at=NOW - 40 * MINUTE))["notebook"]
    assert (result, said.endswith(", 40 min ago")) == ("Pass", True)


def test_the_network_of_the_node_is_told_apart() -> None:
    it = workload()
    found = told(it, pods={it.key: (pod("resnet-0", host_network=True),)})
    assert "(hostNetwork)" in found["network"][1]
    assert found["cpu"] == ("Skip", UNSEEN["cpu"])
