"""Series that people name: a metric with labels that must be equal, as PromQL writes it."""

import re
from typing import Final

from ebbtide.core.workload import SeriesName

FORM: Final = 'write NAME or NAME{label="value", …}'
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\["\\])*)"\s*(,|$)')
_LONGEST = 512
_COUNTS: Final = ("_total", "_count", "_sum", "_bucket")


def is_counter(metric: str) -> bool:
    """By the ending of its name: what changes shows requests; of others what is above zero does."""
    return metric.endswith(_COUNTS)


def text_of(series: SeriesName) -> str:
    """As people write it."""
    labels = ", ".join(f"{name}={_quoted(value)}" for name, value in series.labels)
    return f"{series.metric}{{{labels}}}" if labels else series.metric


def parse_series(text: str) -> SeriesName:
    """The name. ValueError says how to write it: only equality, because the namespace is not theirs to choose."""
    said = text.strip()
    name = _NAME.match(said)
    rest = said[name.end() :].strip() if name else ""
    if name is None or len(said) > _LONGEST or (rest and not (rest.startswith("{") and rest.endswith("}"))):
        raise ValueError(FORM)
    return SeriesName(name.group(), _labels(rest[1:-1].strip()))


def _labels(inside: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    at = 0
    while at < len(inside):
        one = _LABEL.match(inside, at)
        if one is None or one.group(1) in found or one.group(1) == "__name__":
            raise ValueError(FORM)
        found[one.group(1)] = re.sub(r"\\(.)", r"\1", one.group(2))
        at = one.end()
    return tuple(sorted(found.items()))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
