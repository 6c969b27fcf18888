"""Core is told what time it is: the import contract keeps `time` out, and this what datetime has of a clock."""

import ast
from pathlib import Path

import ebbtide.core

CLOCKS = {"now", "utcnow", "today"}


def clocks_in(source: str) -> list[str]:
    """Calls of datetime's clock. A snapshot's own `now` is a value: it is not called."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [ast.unparse(func) for func in calls if isinstance(func, ast.Attribute) and func.attr in CLOCKS]


def test_a_clock_is_found() -> None:
    assert clocks_in("a = datetime.now(UTC); b = date.today(); c = situation.now") == ["datetime.now", "date.today"]


def test_no_module_of_core_reads_a_clock() -> None:
    found = {file.name: clocks_in(file.read_text()) for file in Path(ebbtide.core.__file__).parent.rglob("*.py")}
    assert len(found) > 50
    assert {name: clocks for name, clocks in found.items() if clocks} == {}
