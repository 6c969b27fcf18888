"""docs/idle.md says what proves each acceptance test and each decision case: it is there, and bears the number."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHOLE, PAGE = (ROOT / "docs" / "idle.md").read_text(encoding="utf-8").split("## Acceptance tests", 1)
CASES = WHOLE.split("## The fourteen decision cases", 1)[1]
SCENARIOS = ROOT / "examples" / "scenarios"
HAZARDS = SCENARIOS / "hazards"
NUMBERS = (*range(1, 21), 24, 25, 26, 28, 29)
"""Of those that are not here, 21 and 22 are about off-peak hours, 23 about sizes, 27 and 30 about recordings."""
ROW = re.compile(r"^\| (?P<numbers>\d+(?:, \d+)*) \| (?P<about>[^|]+) \| (?P<where>[^|]+) \|$", re.MULTILINE)
CASE_ROW = re.compile(r"^\| (?P<case>\d+) \| .* \| `(?P<file>[\w-]+\.yaml)` \|$", re.MULTILINE)
CASE = re.compile(r"\bcases? (\d+(?:(?:, | and )\d+(?!\.?\d))*)(?!\d)", re.IGNORECASE)
NAMED = re.compile(r"`([\w./-]+\.(?:py|yaml)|[\w/-]+/[\w/-]+|[\w-]+-…)`")
BORNE = re.compile(r"acceptance(?:_| tests? )(\d+(?:(?:, | and )\d+)*)(?!\d)", re.IGNORECASE)


def rows() -> dict[int, str]:
    """Number to what is said to prove it."""
    return {int(number): row["where"] for row in ROW.finditer(PAGE) for number in row["numbers"].split(", ")}


def files(name: str) -> list[Path]:
    """What a name on the page stands for: a path, a test of that name, a scenario, or some of them."""
    if "/" in name:
        found = ROOT / name
        return [found] if found.is_file() else sorted(found.rglob("*.py"))
    if name.endswith("…"):
        return sorted(SCENARIOS.rglob(f"{name.removesuffix('…')}*.yaml"))
    if name.endswith(".yaml"):
        return sorted(SCENARIOS.rglob(name))
    return sorted(it for room in ("tests", "e2e") for it in (ROOT / room).rglob(name))


def borne(file: Path) -> Iterator[int]:
    """Numbers that a file says it proves, such as `Acceptance test 14` or `test_acceptance_14_…`."""
    for found in BORNE.finditer(file.read_text(encoding="utf-8")):
        yield from map(int, re.findall(r"\d+", found[1]))


def test_the_page_has_a_row_for_each() -> None:
    assert tuple(sorted(rows())) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_what_the_page_names_is_there(number: int) -> None:
    named = NAMED.findall(rows()[number])
    assert named
    assert [name for name in named if not files(name)] == []


@pytest.mark.parametrize("number", NUMBERS)
def test_something_that_the_page_names_bears_the_number(number: int) -> None:
    proofs = {file for name in NAMED.findall(rows()[number]) for file in files(name)}
    assert [file.name for file in proofs if number in borne(file)], f"acceptance test {number}: {sorted(proofs)}"


def cases(file: Path) -> set[int]:
    """Decision cases that a scenario says in its first line it shows."""
    first = file.read_text(encoding="utf-8").split("\n", 1)[0]
    return {number for found in CASE.findall(first) for number in map(int, re.findall(r"\d+", found))}


def test_each_decision_case_stands_on_the_page_with_a_scenario_that_bears_its_number() -> None:
    told = {int(row["case"]): HAZARDS / row["file"] for row in CASE_ROW.finditer(CASES)}
    assert tuple(told) == tuple(range(1, 15))
    assert {case: file.name for case, file in told.items() if case not in cases(file)} == {}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Acceptance test 14.", [14]),
        ("Acceptance tests 28 and 29 on a plane", [28, 29]),
        ("# P17, acceptance test 7: 25 minutes", [7]),
        ("def test_acceptance_12_a_busy_sample", [12]),
        ("shared devices (acceptance test 4), MIG (5)", [4]),
        ("its acceptance changed", []),
    ],
)
def test_a_number_is_borne_by_its_words_alone(tmp_path: Path, text: str, numbers: list[int]) -> None:
    file = tmp_path / "text"
    file.write_text(text)
    assert list(borne(file)) == numbers
