"""docs/reasons.md explains exactly the reasons that exist, and says of each whether this version gives it."""

import re
from collections import Counter
from pathlib import Path

from ebbtide.core.reason import Reason

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reasons.md"
SOURCES = ROOT / "operator" / "ebbtide"
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text())


def test_the_page_and_the_enum_name_the_same_reasons_in_the_same_order() -> None:
    assert [name for name, _, _ in rows()] == [str(reason) for reason in Reason]


def test_every_reason_is_explained_once_and_says_what_to_do() -> None:
    for name, meaning, remedy in rows():
        assert meaning.endswith("."), name
        assert remedy.endswith("."), name
    assert not [name for name, count in Counter(name for name, _, _ in rows()).items() if count > 1]


def test_names_are_camel_case_and_equal_their_values() -> None:
    for reason in Reason:
        assert reason.name == reason.value
        assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.value)


def test_reserved_are_those_that_no_code_gives() -> None:
    sources = "".join(path.read_text() for path in SOURCES.rglob("*.py"))
    given = set(re.findall(r"Reason\.(\w+)", sources))
    reserved = {name for name, meaning, _ in rows() if meaning.startswith("*Reserved.*")}
    assert reserved == {str(reason) for reason in Reason} - given


def test_reasons_are_words_that_yaml_reads_as_text() -> None:
    assert not {reason.value.lower() for reason in Reason} & {"y", "n", "yes", "no", "on", "off", "true", "false"}
