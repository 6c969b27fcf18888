"""docs/reasons.md explains exactly the reasons that exist, and says of each whether this version gives it."""

import re
from collections import Counter
from pathlib import Path

from ebbtide.cli.refusal import INSTALL
from ebbtide.cli.remedies import REMEDIES
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


IDLE_WORDS = ("Nothing", "Wait")
"""What to do begins so where nothing is to be done."""
WITHOUT_REMEDY = {
    "GPUIdle",  # the commands below it are the remedy: keep, pause
    "PausedByUser",  # the same: resume
    "Superseded",  # the message names the workload that is told of instead
}


def test_what_the_page_tells_to_do_the_command_tells_too() -> None:
    told = {
        name for name, meaning, remedy in rows() if not meaning.startswith("*Reserved.*")
        and not remedy.startswith(IDLE_WORDS)
    }  # fmt: skip
    assert {"CatalogOverlap", "JobFailed", "BadValues"} <= told
    assert told - {str(reason) for reason in REMEDIES} == WITHOUT_REMEDY


def test_the_command_knows_no_remedy_for_what_is_never_given() -> None:
    reserved = {name for name, meaning, _ in rows() if meaning.startswith("*Reserved.*")}
    assert not reserved & {str(reason) for reason in REMEDIES}


INSTALLS = ("README.md", "docs/operations.md", "charts/ebbtide/README.md")
FLAG = re.compile(r"--set ([\w.]+)=")


def test_every_page_and_the_commands_install_with_the_same_values() -> None:
    """An image that nobody named cannot be pulled."""
    told = {page: (ROOT / page).read_text().split("helm upgrade --install ebbtide", 1)[1] for page in INSTALLS}
    values = {page: FLAG.findall(text.split("check", 1)[0]) for page, text in told.items()}
    assert set(map(tuple, values.values())) == {tuple(FLAG.findall(INSTALL))} == {VALUES}


VALUES = ("image.repository", "metrics.prometheusUrl")
