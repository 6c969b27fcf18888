"""promtool's notation. e2e/tests/test_metrics_notation.py asks promtool itself about the same texts."""

import math

import pytest

from ebbtide.sim.series_notation import MOST_VALUES, Mark, NotationError, parse_values
from ebbtide.sim.series_selector import parse_selector

GAP, STALE = Mark.Gap, Mark.Stale


READ = {
    "": [],
    "80x2 0x1": [80, 80, 80, 0, 0],
    "0x3": [0, 0, 0, 0],
    " 5\t6\r\n7 ": [5, 6, 7],
    "_ _x3 1": [GAP, GAP, GAP, GAP, 1],
    "_x0 1x0": [1],
    "0+10x3": [0, 10, 20, 30],
    "80-10x2": [80, 70, 60],
    "-2+4x2 +1": [-2, 2, 6, 1],
    "0.1+0.1x2": [0.1, 0.2, 0.1 + 0.1 + 0.1],
    "1 stale stale 2": [1, STALE, STALE, 2],
    "Inf -inf +INF": [math.inf, -math.inf, math.inf],
    ".5 5. 1e3 2.5E-1 1_000 1_0.5": [0.5, 5, 1000, 0.25, 1000, 10.5],
    "010 08 0_7 08.5": [8, 8, 7, 8.5],
    "99999999999999999999": [1e20],
    "9223372036854775808x1": [2.0**63] * 2,
    "5x09": [5] * 10,
}
REFUSED = [
    "x5", "5x", "5 x5", "5x 5", "5+3", "5x3x2", "5x-1", "5x1e1", "5x1.0", "--5", "5--3x2", "5+-3x2", "stalex2", "STALE",
    "NaNx2", "infinity", "5m", "0b1", "1__0", "5_", "_5", "__", "_x", "1e", "1.5.2", "5,6", "{{}}", "#",
    "\uff15", "5\u00a06", "80x9;", "1e400", "idle", "5x1_0",
]  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_values_are_those_of_promtool(text):
    assert parse_values(text) == READ[text]


def test_not_a_number_is_a_value():
    assert all(math.isnan(value) for value in parse_values("NaN nan -NAN NaN+1x2"))
    first, *rest = parse_values("stale+1x2")  # the mark itself, then what is no longer one
    assert first is STALE
    assert all(math.isnan(value) for value in rest)


@pytest.mark.parametrize("text", REFUSED)
def test_what_promtool_refuses_is_refused_with_its_place(text):
    with pytest.raises(NotationError, match="allowed: ") as caught:
        parse_values(f"80x2 {text}")
    assert caught.value.position >= 6


def test_the_message_names_the_item_the_character_and_what_is_allowed():
    with pytest.raises(NotationError) as caught:
        parse_values("80x9 0x2OO _x5")
    assert str(caught.value) == (
        "'0x2OO' cannot be read at character 6; allowed: a number (NaN and Inf too), 80x9, 0+10x8, 80-10x8, _, _x5 and "
        "stale, with spaces between"
    )


@pytest.mark.parametrize(
    "text", [f"0x{MOST_VALUES}", "1 0x" + "9" * 5000, f"_x{MOST_VALUES - 1} 5 5", "0+1x99999999999"]
)
def test_a_slip_of_the_finger_does_not_fill_the_memory(text):
    with pytest.raises(NotationError, match="too many values"):
        parse_values(text)


SELECTED = {
    "up": ("up", {}),
    "up{}": ("up", {}),
    " a:b_1 { c = \"d\" , e='f', } ": ("a:b_1", {"c": "d", "e": "f"}),
    'a{b="x,y}{=\'"}': ("a", {"b": "x,y}{='"}),
    r'a{b="\n\t\\\"\x41\101\u00e9"}': ("a", {"b": '\n\t\\"AAé'}),
    r"a{b='\'',c=`\n`}": ("a", {"b": "'", "c": r"\n"}),
    'a{b="",c="ü"}': ("a", {"b": "", "c": "ü"}),
}


@pytest.mark.parametrize("text", SELECTED)
def test_a_series_is_read_as_an_exposition_writes_it(text):
    assert parse_selector(text) == SELECTED[text]


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("", 1, "a name of letters"),
        ("1a", 1, "a name of letters"),
        ("a.b", 2, "NAME{label="),
        ('a{b="c"', 8, ", or }"),
        ('a{b="c" d="e"}', 9, ", or }"),
        ('a{b!="c"}', 4, "= and a value in quotes"),
        ("a{b=c}", 5, "= and a value in quotes"),
        ('a{b="c}', 5, "= and a value in quotes"),
        ('a{1="c"}', 3, "a label's name"),
        ("a{,}", 3, "a label's name"),
        ('a{b="c",b="d"}', 9, "each label once"),
        ('a{__name__="c"}', 3, "no __name__"),
        (r'a{b="xy\q"}', 8, "is no escape"),
        (r'a{b="\xff"}', 6, "is no escape"),
        (r'a{b="\ud800"}', 6, "is no escape"),
        ('a{b="c"} 5', 10, "NAME{label="),
    ],
)  # fmt: skip
def test_what_is_no_series_is_refused_with_its_place(text, position, told):
    with pytest.raises(NotationError) as caught:
        parse_selector(text)
    assert (caught.value.position, told in str(caught.value)) == (position, True), str(caught.value)
