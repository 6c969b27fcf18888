"""promtool's notation, whatever somebody types."""

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.sim.series_notation import Mark, NotationError, parse_values
from ebbtide.sim.series_selector import parse_selector


def outcome(parse, text: str):
    """What was read, and what was refused; one of them is None."""
    try:
        return parse(text), None
    except NotationError as error:
        return None, error


@given(st.text(alphabet="0123456789x_+-. eENaInfstl#é{", max_size=30))
def test_any_text_is_read_or_refused(text):
    values, error = outcome(parse_values, text)
    if error is None:
        assert all(isinstance(value, float | Mark) for value in values)
    else:
        assert 1 <= error.position <= len(text)


@given(st.text(alphabet="ab1_:{}=,\"'`\\nxu0é ", max_size=25))
def test_any_selector_is_read_or_refused(text):
    selected, error = outcome(parse_selector, text)
    if error is None:
        name, labels = selected
        assert name
        assert "" not in labels
    else:
        assert 1 <= error.position <= len(text) + 1
