"""Figures, as a table on the screen and in docs/benchmarks.md."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
_WIDTH = 120
_HEAD = """# Benchmarks

Every figure is made by a command of this repository; the command stands beside it. `make bench` measures all but what
says `make soak`. Times include whatever else the machine did meanwhile; nothing is averaged away unless it says so.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `value` and `target` are as shown; `met` None: there is no target."""

    name: str
    value: str
    target: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        return self.name, self.value, self.target, {True: "yes", False: "**no**", None: ""}[self.met]


@dataclass(frozen=True, slots=True)
class Section:
    """Figures measured together, how, and by which command."""

    title: str
    how: str
    command: str
    figures: Sequence[Figure]

    @property
    def met(self) -> bool:
        return all(figure.met is not False for figure in self.figures)

    def markdown(self) -> str:
        rows = [("Figure", "Measured", "Target", "Met"), ("---", "---", "---", "---")]
        rows += [figure.cells for figure in self.figures]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return f"## {self.title}\n\n{fill(self.how, _WIDTH)}\n\n`{self.command}`, {machine()}:\n\n{table}\n"

    def screen(self) -> str:
        width = max(len(figure.name) for figure in self.figures)
        lines = [f"{self.title} ({self.command})"]
        for figure in self.figures:
            verdict = {True: "ok", False: "MISSED", None: ""}[figure.met]
            lines.append(f"  {figure.name:<{width}}  {figure.value:>12}  {figure.target:<10} {verdict}".rstrip())
        return "\n".join(lines)


def at_most(name: str, value: float, limit: float, unit: str, digits: int = 2) -> Figure:
    """A figure that must not be above `limit`."""
    return Figure(name, f"{value:.{digits}f} {unit}".strip(), f"≤ {limit:g} {unit}".strip(), value <= limit)


def below(name: str, value: float, limit: float, unit: str, digits: int = 0) -> Figure:
    """A figure that must be below `limit`."""
    return Figure(name, f"{value:.{digits}f} {unit}".strip(), f"< {limit:g} {unit}".strip(), value < limit)


def told(name: str, value: float, unit: str, digits: int = 1) -> Figure:
    """A figure without a target."""
    return Figure(name, f"{value:.{digits}f} {unit}".strip())


def machine() -> str:
    """Cores and memory, and nothing else, of this machine."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores, {pages * size / 2**30:.0f} GiB"


def write(sections: Iterable[Section], path: Path = DOCUMENT) -> None:
    """Replace the sections that were measured; others stay as they were."""
    known = _read(path)
    for section in sections:
        known[section.title] = section.markdown()
    path.write_text("\n".join([_HEAD, *known.values()]), encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found: Mapping[str, str] = {part.split("\n", 1)[0].removeprefix("## "): part.rstrip("\n") + "\n" for part in parts}
    return dict(found)
