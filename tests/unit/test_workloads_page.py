"""docs/workloads.md has a row for every kind, with the lever that the code moves."""

import re
from pathlib import Path

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.kinds import KINDS
from ebbtide.objects.levers.lever import MOMENT

PAGE = Path(__file__).parents[2] / "docs" / "workloads.md"
ROW = re.compile(r"^\| ([A-Z]\w+(?:, \w+)*) \| (.+) \| (.*) \| (.+) \| ([KCMO])(?:: [^|]+)? \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    """Kind to lever and proof."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {kind: (lever, proof) for kinds, lever, _, _, proof in found for kind in kinds.split(", ")}


def test_every_kind_that_this_version_handles_has_a_row() -> None:
    assert set(rows()) == set(WorkloadKind) - {WorkloadKind.InferenceServer}


def test_the_row_names_the_lever_that_is_moved() -> None:
    for kind in KINDS:
        lever = rows()[kind.name][0]
        if not kind.stopped:
            assert lever == "none: reported only", kind.name
            continue
        [(path, value)] = kind.stopped.items()
        *_, place, name = path.split("/")
        field = name.replace("~1", "/") if place == "annotations" else path.removeprefix("/").replace("/", ".")
        assert field in lever, kind.name
        if isinstance(value, str) and value is not MOMENT:
            assert f'"{value}"' in lever, kind.name


def test_what_a_crd_that_checks_nothing_proves_is_marked() -> None:
    assert {kind for kind, (_, proof) in rows().items() if proof == "M"} == {"Workflow"}


def test_only_kinds_without_a_module_are_proven_with_a_crd_of_ours() -> None:
    assert {kind for kind, (_, proof) in rows().items() if proof == "O"} == {"VolcanoJob", "Notebook", "Workspace"}
