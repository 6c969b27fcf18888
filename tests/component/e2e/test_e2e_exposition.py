"""What the exporter writes, held beside what a real dcgm-exporter wrote."""

import re
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.exporter.activity import parse_script
from e2e.exporter.devices import Fleet, GpuNode, GpuPod
from e2e.exporter.exposition import FIELDS, render
from e2e.exporter.faults import Change, Faults
from e2e.requirements_guard import shared

_NOW = 1_800_000_000.0
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def pod(name="train-0", gpus=2, activity="40", since=_NOW, node="n1"):
    return GpuPod(
        uid=f"uid-{name}",
        namespace="ml",
        name=name,
        container="main",
        node=node,
        gpus=gpus,
        activity=parse_script(activity),
        running_since=since,
    )


def fleet(*pods, gpus=4, now=_NOW):
    made = Fleet()
    made.observe([GpuNode("n1", gpus, "NVIDIA H100 80GB HBM3")], pods, now)
    return made


def exposition(made, now=_NOW, faults=None):
    return render([(faults or Faults()).spoil(key, row) for key, row in made.rows(now)])


def values(made, field, now=_NOW, faults=None):
    """GPU index to value of one field."""
    families = {family.name: family for family in text_string_to_metric_families(exposition(made, now, faults))}
    return {int(sample.labels["gpu"]): sample.value for sample in families[field].samples} if field in families else {}


@pytest.fixture(scope="module")
def capture():
    return shared("traces", "captures", "fraction-1-workload.ini").read_text(encoding="utf-8")


def shape(text):
    """Family to TYPE, HELP, label names in order, and the form of its numbers."""
    shapes = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line.removeprefix("# HELP ").split(" ", 1)
            shapes[name] = {"help": help_text, "forms": set()}
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            shapes[name]["type"] = kind
        elif line:
            name = line.split("{", 1)[0]
            number = line.rsplit(" ", 1)[1]
            shapes[name]["labels"] = [key for key, _ in _LABEL.findall(line)]
            shapes[name]["forms"].add(
                re.sub(r"\d+", "0", number) if "." not in number else f"{len(number.split('.')[1])} digits"
            )
    return shapes


def test_names_types_help_label_order_and_number_forms_are_those_of_the_real_exporter(capture):
    real, ours = shape(capture), shape(exposition(fleet(pod())))
    assert list(ours) == [name for name in real if name in ours]
    for name, found in ours.items():
        # Newer exporters add the bus id after the UUID; everything else stands as in the capture.
        assert found["labels"] == [*real[name]["labels"][:2], "pci_bus_id", *real[name]["labels"][2:]], name
        assert {key: found[key] for key in ("help", "type", "forms")} == {
            key: real[name][key] for key in ("help", "type", "forms")
        }, name


def test_every_field_is_one_that_the_captures_have(capture):
    assert {field.name for field in FIELDS} <= set(shape(capture))


def test_the_parser_of_prometheus_reads_both_alike(capture):
    real = {family.name: family.type for family in text_string_to_metric_families(capture)}
    ours = {family.name: family.type for family in text_string_to_metric_families(exposition(fleet(pod())))}
    assert ours.items() <= real.items()


def test_free_devices_have_empty_pod_labels_like_the_second_gpu_of_the_capture(capture):
    def free(text):
        families = text_string_to_metric_families(text)
        return [
            s.labels for f in families for s in f.samples if f.name == "DCGM_FI_DEV_GPU_UTIL" and not s.labels["pod"]
        ]

    for labels in (*free(capture), *free(exposition(fleet(pod())))):
        assert (labels["container"], labels["namespace"], labels["pod"]) == ("", "", "")
    assert len(free(exposition(fleet(pod())))) == 2


def test_every_device_of_a_pod_shows_its_activity_in_the_right_units():
    made = fleet(pod(gpus=2, activity="40"))
    assert values(made, "DCGM_FI_DEV_GPU_UTIL") == {0: 40, 1: 40, 2: 0, 3: 0}
    assert values(made, "DCGM_FI_PROF_GR_ENGINE_ACTIVE")[0] == 0.4
    assert values(made, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE")[0] == 0.2
    assert values(made, "DCGM_FI_DEV_POWER_USAGE") == {0: 322, 1: 322, 2: 70, 3: 70}
    assert values(made, "DCGM_FI_DEV_FB_USED") == {0: 24576, 1: 24576, 2: 4, 3: 4}


def test_energy_is_the_integral_of_power_and_always_rises():
    made = fleet(pod(gpus=1, activity="100x9 0"), gpus=1)
    readings = [values(made, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", _NOW + second)[0] for second in range(21)]
    assert all(after > before for before, after in pairwise(readings))
    assert readings[20] - readings[0] == pytest.approx((10 * 700 + 10 * 70) * 1000, rel=1e-6)


def test_a_pod_that_does_not_run_yet_holds_its_devices_and_does_nothing():
    made = fleet(pod(activity="90", since=None))
    assert values(made, "DCGM_FI_DEV_GPU_UTIL")[0] == 0
    assert 'pod="train-0"' in exposition(made)


def test_devices_are_kept_while_a_pod_lives_and_free_afterwards():
    node = GpuNode("n1", 4, "H100")
    made = Fleet()
    made.observe([node], [pod("a", 1, "10"), pod("b", 1, "20")], _NOW)
    made.observe([node], [pod("b", 1, "20"), pod("c", 2, "30")], _NOW)
    assert values(made, "DCGM_FI_DEV_GPU_UTIL") == {0: 30, 1: 20, 2: 30, 3: 0}


def test_a_node_that_vanishes_takes_its_devices_along():
    made = fleet(pod())
    made.observe([], [], _NOW)
    assert exposition(made) == ""


def test_a_gap_shows_no_series_of_that_pod_at_all():
    made = fleet(pod(activity="10 _x5 20"))
    assert set(values(made, "DCGM_FI_DEV_FB_USED", _NOW + 2)) == {2, 3}
    assert set(values(made, "DCGM_FI_DEV_FB_USED", _NOW + 6)) == {0, 1, 2, 3}


def faulty(**keys):
    return Faults().changed(Change.model_validate(keys))


def test_fields_can_be_left_out_for_some_pods():
    faults = faulty(omit={"ml/train-*": ["DCGM_FI_PROF_*"]})
    assert set(values(fleet(pod()), "DCGM_FI_PROF_GR_ENGINE_ACTIVE", faults=faults)) == {2, 3}
    assert set(values(fleet(pod()), "DCGM_FI_DEV_GPU_UTIL", faults=faults)) == {0, 1, 2, 3}


def test_a_family_without_any_series_has_no_heading():
    text = exposition(fleet(pod()), faults=faulty(omit={"*": ["DCGM_FI_DEV_GPU_UTIL"]}))
    assert "DCGM_FI_DEV_GPU_UTIL" not in text


def test_values_can_be_replaced_and_may_be_nan():
    faults = faulty(values={"ml/*": {"DCGM_FI_DEV_GPU_UTIL": 150, "DCGM_FI_PROF_DRAM_ACTIVE": "NaN"}})
    assert values(fleet(pod()), "DCGM_FI_DEV_GPU_UTIL", faults=faults) == {0: 150, 1: 150, 2: 0, 3: 0}
    assert 'pod="train-0"} NaN' in exposition(fleet(pod()), faults=faults)


def test_rows_can_lose_their_pod():
    assert "train-0" not in exposition(fleet(pod()), faults=faulty(unlabel=["ml/train-0"]))


def test_null_puts_one_fault_back_and_leaves_the_others():
    faults = faulty(status=503, freeze=True).changed(Change.model_validate({"status": None}))
    assert (faults.status, faults.freeze) == (None, True)


def test_the_last_matching_pattern_gives_the_activity():
    faults = faulty(activity={"ml/*": "10", "ml/train-0": "20"})
    assert faults.activity_of("ml/train-0") == "20"
    assert faults.activity_of("ml/other") == "10"
    assert faults.activity_of("x/y") is None
