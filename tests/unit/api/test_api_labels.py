import re

from ebbtide.api import labels
from ebbtide.api.labels import ATTRIBUTION, GROUP, RESERVED, label_value, workload_label


def test_other_characters_become_one_dash():
    assert label_value("ML  Ops / Vision") == "ML-Ops-Vision"


def test_a_text_without_any_allowed_character_keeps_its_hash():
    assert re.fullmatch("[0-9a-f]{8}", label_value("視覚"))
    assert label_value("視覚") != label_value("言語")


def test_a_workload_is_named_by_kind_and_name():
    assert workload_label("TrainingJob", "resnet") == "TrainingJob.resnet"
    long = workload_label("InferenceServer", "c" * 60)
    assert len(long) == 63
    assert re.fullmatch(r"InferenceServer\.c+-[0-9a-f]{8}", long)


def test_every_key_of_the_contract_is_reserved():
    keys = {
        value
        for name, value in vars(labels).items()
        if name.isupper() and isinstance(value, str) and value.startswith(f"{GROUP}/") and name != "API_VERSION"
    }
    assert keys == RESERVED


def test_attribution_keys_are_those_of_the_labels_table():
    assert list(ATTRIBUTION.values()) == [
        "ebbtide.dev/team",
        "ebbtide.dev/project",
        "ebbtide.dev/model",
        "ebbtide.dev/model-version",
        "ebbtide.dev/cost-center",
        "ebbtide.dev/environment",
    ]
