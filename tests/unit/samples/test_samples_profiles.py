"""Profiles in YAML: what they mean, and what is said about mistakes."""

from pathlib import Path

import pytest

from ebbtide.core.idle_watts import idle_watts
from ebbtide.core.workload import BESIDE, CLAIMS
from ebbtide.objects.quantity import Container, Resources, asked, is_accelerator, watching
from ebbtide.samples.profile import owner_of
from ebbtide.samples.roster import rosters
from ebbtide.samples.settings import LabelMode
from ebbtide.samples.vendors import NVIDIA, VENDORS, ProfileError, profiles, read_profiles, watched
from ebbtide.samples.watts import watts_of
from tests.unit.samples.samples_world import cluster

BY_NAME = {profile.name: profile for profile in VENDORS}
NPU = {
    "name": "MyNPU",
    "resources": ["example.com/npu*"],
    "labels": {"device": ["uuid"]},
    "signals": {"Utilisation": {"metrics": ["npu_busy_ratio"], "unit": "Ratio"}},
}


def changed(**changes: object) -> dict[str, object]:
    return {**NPU, **changes}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"a": 1}, "metrics.profiles: write a list of profiles"),
        (["x"], "metrics.profiles[0]: write a map with name"),
        ([{}], "metrics.profiles[0].name: required, but not there"),
        ([changed(colour="red")], "metrics.profiles[0].colour: unknown field; known here: divided, exporter, extends"),
        ([changed(resources=["npu"])], "metrics.profiles[0].resources[0]: write an extended resource"),
        ([changed(signals={"Speed": {}})], "metrics.profiles[0].signals.Speed: 'Speed' is not known"),
        (
            [changed(signals={"Power": {"metrics": ["x"], "unit": "Percent"}})],
            "metrics.profiles[0].signals.Power.unit: Percent is not a unit of Power; write Watts or Milliwatts",
        ),
        (
            [changed(signals={"Power": {"metrics": ["x"], "unit": "Watts"}})],
            "metrics.profiles[0].signals: one of Utilisation, Engine, Tensor, Dram is required",
        ),
        (
            [changed(signals={"Utilisation": {"metrics": ["a b"], "unit": "Percent"}})],
            "metrics.profiles[0].signals.Utilisation.metrics[0]: write the name of a metric",
        ),
        ([changed(idleWatts={"X": 0})], "metrics.profiles[0].idleWatts.X: 0 is too small; write more than 0"),
        ([NPU, NPU], "metrics.profiles[1].name: MyNPU is there already"),
        ([{"extends": "AMX"}], "metrics.profiles[0].extends: 'AMX' is not known; write NVIDIA, AMD, Gaudi"),
        ([changed(labels={"device": ["u"], "undivided": {"k": ["v"]}})], ".labels.undivided: needs labels.instance"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(raw: object, told: str) -> None:
    with pytest.raises(ProfileError) as refused:
        profiles(raw)  # type: ignore[arg-type]
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none.yaml: it cannot be read: No such file"):
        read_profiles(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("- {", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"broken.yaml: it is not YAML"):
        read_profiles(broken)
    broken.write_text("", encoding="utf-8")
    assert read_profiles(broken) == VENDORS


def test_each_resource_has_one_vendor() -> None:
    known = profiles([NPU])
    found = {
        name: known[owner].name if (owner := owner_of(name, known)) is not None else ""
        for name in (
            "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb", "nvidia.com/gpumem", "amd.com/gpu",
            "habana.ai/gaudi", "google.com/tpu", "aws.amazon.com/neuroncore", "example.com/npu-half", "cpu",
        )
    }  # fmt: skip
    assert list(found.values()) == ["NVIDIA"] * 3 + ["HAMi", "AMD", "Gaudi", "TPU", "Neuron", "MyNPU", ""]


def test_a_profile_of_the_same_name_replaces_and_extends_the_one_that_comes_with_the_program() -> None:
    changed_amd = {"extends": "AMD", "labelMode": "Exported", "idleWatts": {"AMD Instinct MI300X OAM": 175}}
    known = {profile.name: profile for profile in profiles([changed_amd])}
    assert len(known) == len(VENDORS)
    assert known["AMD"].label_mode is LabelMode.Exported
    assert known["AMD"].measures == BY_NAME["AMD"].measures
    watts = watts_of(known.values())
    assert watts("AMD Instinct MI300X OAM") == (175, True)
    assert watts("NVIDIA H100 80GB HBM3") == idle_watts("NVIDIA H100 80GB HBM3")
    assert not watts("AMD Instinct MI250X").known


def test_only_what_users_add_is_watched_and_only_meanwhile() -> None:
    resources = watched(profiles([NPU]))
    assert resources == {"example.com/npu*"}
    with watching(resources):
        assert is_accelerator("example.com/npu-half")
        assert asked([Container(resources=Resources(limits={"example.com/npu": "2"}))]).accelerators == 2
    assert not is_accelerator("example.com/npu-half")


def test_a_part_of_a_gpu_is_told_from_a_whole_one() -> None:
    part = asked([Container(resources=Resources(limits={"nvidia.com/gpu": "1", "nvidia.com/gpucores": "30"}))])
    assert (part.accelerators, part.accelerator_resource) == (1, "nvidia.com/gpucores")
    assert asked([Container(resources=Resources(limits={"nvidia.com/gpucores": "30"}))]).accelerators == 0


def test_a_pod_that_claims_devices_beside_its_own_is_still_known_to_the_reader_of_its_own() -> None:
    """Else its rows would be nobody's, and who shares a device with it would seem to have that alone."""
    both = f"nvidia.com/gpu{BESIDE}{CLAIMS}"
    pods = {**cluster("both", resource=both).pods, **cluster("none", resource=CLAIMS, accelerators=0).pods}
    known = tuple(BY_NAME.values())
    found = {profile.name: roster for profile, roster in zip(known, rosters(pods, known), strict=True) if roster}
    assert [(name, [pod.name for pod in it], it.resources) for name, it in found.items()] == [
        ("NVIDIA", ["both"], {"nvidia.com/gpu"})
    ]


def test_units_are_those_of_the_signals() -> None:
    measures = {(name, str(one.signal)): one for name, profile in BY_NAME.items() for one in profile.measures}
    converted = {
        ("AMD", "Dram", 41.0): 0.41,
        ("AMD", "Energy", 5e6): 5e3,
        ("Gaudi", "Power", 95_000.0): 95.0,
        ("Neuron", "Utilisation", 0.5): 50.0,
        ("Neuron", "Launches", 3.0): 1.0,
        ("HAMi", "Launches", 45.0): 1.0,
        ("HAMi", "Launches", 46.0): 0.0,
    }
    for (name, signal, value), wanted in converted.items():
        convert = measures[name, signal].converter(30.0)
        assert convert is not None
        assert convert(value) == pytest.approx(wanted)
    assert all(one.converter(30.0) is None for one in NVIDIA.measures)


def test_a_partition_is_a_device_and_a_whole_gpu_with_a_partition_number_is_not() -> None:
    labels = {"gpu_uuid": "u", "gpu_partition_id": "0", "gpu_compute_partition_type": "spx"}
    assert BY_NAME["AMD"].device(labels) == "u"
    assert BY_NAME["AMD"].device({**labels, "gpu_compute_partition_type": "cpx"}) == "u#0"
    assert BY_NAME["Neuron"].device({"instance_id": "i-1", "neuroncore": "0"}) == "i-1:0"
    assert BY_NAME["Neuron"].device({"neuroncore": "0"}) == "", "cores are numbered on each machine"
