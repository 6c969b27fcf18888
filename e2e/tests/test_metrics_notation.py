"""The notation of series as the simulator reads it, against promtool itself."""

import json
import math
import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.binaries.cache import binaries_dir
from e2e.requirements_guard import require
from ebbtide.sim.series_notation import Mark, NotationError, Value, parse_values
from ebbtide.sim.series_selector import parse_selector

pytestmark = pytest.mark.plane

READ = [
    "80x9 0x20", "0x200", "_ _x3 1 _x0 2", "0+10x8 80-10x8 -2+4x3", "0.1+0.1x9", "1 stale 2 stale stale 3",
    "stale+1x2 5", "NaN nan Inf -inf +INF 1", ".5 5. 1e3 2.5E-1 1_000 1_0.5 1e-3x2", "010 08 0_7 08.5 007x1",
    "99999999999999999999 1",    " 5\t6  7 ", "9223372036854775808x1 777777777777777777777 0777777777777777777777",
]  # fmt: skip
REFUSED = [
    "x5", "5x", "5 x5", "5x 5", "5+3", "5x3x2", "5x-1", "5x1.0", "--5", "5--3x2", "5+-3x2", "stalex2", "STALE", "NaNx2",
    "infinity", "5m", "0b1", "1__0", "5_", "_5", "__", "_x", "1e", "1.5.2", "5,6", "#", "1e400", "idle",
]  # fmt: skip
SELECTORS = ["s", "s{}", "s{b=\"c\", d='e',}", r's{b="\n\"\u00e9\101"}', r"s{b=`\n`}", 's{b="}{,="}']
EVERY_MINUTES = 10
"""Longer than promtool looks back, so that a gap shows as nothing."""


def promtool(folder: Path, tests: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
    programs = binaries_dir()
    if programs is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    file = folder / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": tests}), encoding="utf-8")
    argv = [str(programs / "promtool"), "test", "rules", str(file)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def expectations(values: list[Value], labels: str = "s") -> dict[str, object]:
    """promtool's own form of: the series has these values, one after the other."""
    checks = [
        {"eval_time": f"{number * EVERY_MINUTES}m", **_check(value, labels)} for number, value in enumerate(values)
    ]
    after = {"eval_time": f"{len(values) * EVERY_MINUTES}m", **_check(Mark.Gap, labels)}
    return {"interval": f"{EVERY_MINUTES}m", "promql_expr_test": [*checks, after]}


def _check(value: Value, labels: str) -> dict[str, object]:
    if isinstance(value, Mark):
        return {"expr": "s", "exp_samples": []}
    if math.isnan(value):  # promtool holds no NaN equal to another, and neither does PromQL
        return {"expr": "s != bool s", "exp_samples": [{"labels": "{}", "value": 1}]}
    return {"expr": "s", "exp_samples": [{"labels": labels, "value": value}]}


def series(text: str, name: str = "s") -> dict[str, object]:
    return {"input_series": [{"series": name, "values": text}]}


def test_values_are_those_that_promtool_reads(tmp_path: Path) -> None:
    tests = [{"name": text, **series(text), **expectations(parse_values(text))} for text in READ]
    done = promtool(tmp_path, tests)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_is_refused_by_promtool_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotationError):
        parse_values(text)
    assert promtool(tmp_path, [{**series(text), **expectations([])}]).returncode != 0


def test_this_way_of_asking_would_notice_a_wrong_value(tmp_path: Path) -> None:
    nine: list[Value] = [80.0] * 9
    for wrong in (nine, [*nine, 80.0, 80.0], [*nine, 81.0], [*nine, Mark.Gap], [*nine, math.nan]):
        assert promtool(tmp_path, [{**series("80x9"), **expectations(wrong)}]).returncode != 0


def test_series_are_those_that_promtool_reads(tmp_path: Path) -> None:
    tests = []
    for text in SELECTORS:
        name, labels = parse_selector(text)
        shown = f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"
        tests.append({**series("5", text), **expectations([5.0], shown)})
    done = promtool(tmp_path, tests)
    assert done.returncode == 0, done.stdout + done.stderr
