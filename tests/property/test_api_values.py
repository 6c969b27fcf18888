"""Whatever users write: times, names, labels and whole documents."""

import re
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.api.crd import KINDS
from ebbtide.api.fields import format_timestamp, parse_timestamp
from ebbtide.api.labels import label_value
from ebbtide.api.parsing import parse

KEYS = ["mode", "idle", "afterSeconds", "selector", "nodes", "id", "template", "spec", "containers", "conditions"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)
VALID = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_writing_and_reading(moment):
    assert parse_timestamp(format_timestamp(moment)) == moment


@given(JSON)
def test_no_json_makes_parsing_raise(value):
    for model in KINDS:
        parse(model, {"metadata": {"name": "x"}, "spec": value, "status": value})


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?){0,60}", fullmatch=True))
def test_the_name_is_always_one_that_kubernetes_takes(name):
    found = adopted_name("kubeflow.org/v1", "PyTorchJob", name[:253].rstrip("-."))
    assert len(found) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", found)


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
