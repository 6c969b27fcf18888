"""The table of values in the chart's README, from the comments of values.yaml."""

import re
from pathlib import Path

START = "<!-- values: generated from values.yaml by EBBTIDE_UPDATE_GOLDEN=1 pytest tests/golden/chart -->\n"
END = "<!-- end of values -->\n"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):(?: (?P<value>.*))?$")


def table(values_yaml: str) -> str:
    """A Markdown table of every value with its default and its comment; ValueError where one has no comment."""
    rows = ["| Value | Default | What it is |", "|---|---|---|"]
    path: list[str] = []
    comment: list[str] = []
    for line in values_yaml.splitlines():
        if line.strip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        found = _KEY.match(line)
        if found:
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            if found["value"]:
                rows.append(_row(".".join(path), found["value"], " ".join(comment)))
        comment = []
    return "\n".join(rows) + "\n"


def _row(path: str, value: str, comment: str) -> str:
    if not comment:
        raise ValueError(f"{path} of values.yaml has no comment")
    return f"| `{path}` | `{value}` | {comment.replace('|', chr(92) + '|')} |"


def with_table(readme: str, values_yaml: str) -> str:
    """README with its table replaced."""
    head, _, rest = readme.partition(START)
    return head + START + table(values_yaml) + END + rest.partition(END)[2]


def update(readme: Path, values: Path) -> None:
    """Rewrites README."""
    text = with_table(readme.read_text(encoding="utf-8"), values.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")
