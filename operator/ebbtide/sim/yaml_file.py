"""YAML and JSON files as kubectl reads them; duplicate keys are refused. Nothing recurses, whatever a file holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from ebbtide.sim.refusal import Refusal
from ebbtide.sim.yaml_scalar import resolve

_DEEPEST: Final = 64
_MOST_VALUES: Final = 2_000_000
"""Values of one file, with what aliases repeat: a few hundred bytes of aliases of aliases could stand for billions."""
_TAG: Final = "tag:yaml.org,2002:"
_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: ten times as fast."""


def read_text(path: Path) -> str:
    """The file as text. Raises Refusal."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(str(path), f"byte {error.start}", "it is not UTF-8 text; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Refusal(
            str(path), "", f"it cannot be read: {why}; name a file that is there and that you may read"
        ) from error


def documents(text: str, file: str) -> list[Any]:
    """All documents of a file as plain values: dict with str keys, list, str, int, float, bool, None."""
    try:
        return [it for it in _Reader(file, _PARSER(text)).documents() if it is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Refusal(file, where, f"it is not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Refusal(file, "", f"it is not YAML: {' '.join(str(error).split())}") from error


@dataclass(slots=True)
class _Open:
    """A list or map that has begun and not ended."""

    value: Any
    anchor: str | None
    first: int
    """How many values there were when it began."""
    key: str | None = None
    """The key whose value comes next; None: a key comes next."""
    merged: list[Any] = field(default_factory=list)
    """Maps under `<<`, the first of which wins."""


class _Reader:
    def __init__(self, file: str, parser: Any) -> None:
        self._file, self._parser = file, parser
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0
        self._result: Any = None

    def documents(self) -> Iterator[Any]:
        while self._parser.check_event():
            event = self._parser.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, self._result = {}, None
            elif isinstance(event, yaml.DocumentEndEvent):
                yield self._result
            else:
                self._take(event)

    def _take(self, event: Any) -> None:
        self._line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event.anchor or "")
            case yaml.SequenceStartEvent():
                self._begin([], event)
            case yaml.MappingStartEvent():
                self._begin({}, event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()

    def _begin(self, value: Any, event: Any) -> None:
        if event.tag not in {None, "!", f"{_TAG}seq", f"{_TAG}map"}:
            raise self._refusal(f"the tag {event.tag} is not known here; leave it out")
        if len(self._open) >= _DEEPEST:
            raise self._refusal(f"it is nested more than {_DEEPEST} levels deep")
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise self._refusal("a key must be a plain text, not a list or a map")
        self._open.append(_Open(value, event.anchor, self._count))
        if event.anchor:
            self._anchors.pop(event.anchor, None)

    def _end(self) -> None:
        done = self._open.pop()
        for more in done.merged:
            done.value.update({key: it for key, it in more.items() if key not in done.value})
        if done.anchor:
            self._anchors[done.anchor] = (done.value, self._count - done.first)
        self._put(done.value)

    def _scalar(self, event: Any) -> None:
        value = self._resolved(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            merge = event.value == "<<" and event.style in {None, ""} and event.tag is None
            self._key(top, "<<" if merge else _key_text(value), merge=merge)
        else:
            self._put(value)

    def _resolved(self, event: Any) -> Any:
        """Quotes and the tag !!str make a text; numbers that JSON cannot hold are refused."""
        tag = (event.tag or "").removeprefix(_TAG)
        if tag in {"str", "!"} or (not tag and event.style not in {None, ""}):
            return event.value
        if tag not in {"", "int", "float", "bool", "null"}:
            raise self._refusal(f"the tag {event.tag} is not known here; leave it out")
        value = resolve(event.value)
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise self._refusal(f"{event.value} is not a number that an object can hold; put it in quotes")
        return value

    def _key(self, top: _Open, key: str | None, *, merge: bool) -> None:
        if key is None:
            raise self._refusal("a key must not be empty")
        if key in top.value and not merge:
            raise self._refusal(f"the key {key!r} stands there twice; write it once")
        top.key = key
        if not merge:
            top.value[key] = None

    def _alias(self, anchor: str) -> None:
        if anchor not in self._anchors:
            raise self._refusal(f"the alias *{anchor} means nothing here: its anchor has not ended")
        value, size = self._anchors[anchor]
        self._count += size
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            raise self._refusal("a key must be a plain text, not an alias")
        self._put(value)

    def _put(self, value: Any) -> None:
        self._count += 1
        if self._count > _MOST_VALUES:
            raise self._refusal(f"it holds more than {_MOST_VALUES} values, with what its aliases repeat")
        if not self._open:
            self._result = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == "<<" and "<<" not in top.value:
            top.merged += self._mergeable(value)
            top.key = None
        else:
            top.value[top.key] = value
            top.key = None

    def _mergeable(self, value: Any) -> list[Any]:
        maps = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in maps):
            raise self._refusal("<< takes a map or a list of maps")
        return maps

    def _refusal(self, message: str) -> Refusal:
        return Refusal(self._file, f"line {self._line}", message)


def _key_text(value: Any) -> str | None:
    """Keys are texts in JSON: 1 and true become "1" and "true"."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
