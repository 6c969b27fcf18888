import re

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.api import labels
from ebbtide.api.labels import ATTRIBUTION, GROUP, RESERVED, label_value, workload_label

VALID = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")


@given(st.text(max_size=200))
def test_any_text_becomes_a_valid_label_value(text: str):
    value = label_value(text)
    assert len(value) <= 63
    assert VALID.fullmatch(value)
    assert bool(value) == bool(text)


@given(st.text(max_size=200))
def test_a_valid_value_stays_as_it_is(text: str):
    value = label_value(text)
    assert label_value(value) == value


@given(st.text("abc-._", min_size=64, max_size=120), st.text("abc-._", min_size=64, max_size=120))
def test_long_texts_stay_apart(one: str, other: str):
    assert (label_value(one) == label_value(other)) == (one == other)


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
