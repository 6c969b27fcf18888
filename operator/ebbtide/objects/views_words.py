"""What annotations say about work that has no spec of ours: what cannot be read is ignored, and said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ebbtide.api import labels as keys
from ebbtide.core.series_name import parse_series
from ebbtide.core.workload import Checkpoint, Instant, KindClass, SeriesName
from ebbtide.objects.views_meta import ObjectMeta, time_in

CHECKPOINT_FORM: Final = "write None, Periodic:SECONDS, OnSignal:SECONDS or Stateless"
_SECONDS_FORM: Final = "write whole seconds of 1 or more"
LAST_ACTIVITY: Final = "notebooks.kubeflow.org/last-activity"
"""Annotation of Kubeflow's Notebook: kernels and terminals, as its controller last saw them."""
_SWITCH_FORM: Final = 'write "true" or "false"'


@dataclass(frozen=True, slots=True)
class Words:
    """The annotations of an adopted workload that say what a TrainingJob says in its spec."""

    checkpoint: Checkpoint
    checkpoint_said: bool
    """False: it is the default of its kind."""
    deadline: Instant | None
    expected_seconds: int | None
    request_series: SeriesName | None
    active_at: Instant | None
    """When a Notebook's controller last saw people or kernels at work."""
    invalid: tuple[str, ...]
    """One sentence per annotation that could not be read."""


def words(meta: ObjectMeta, kind_class: KindClass) -> Words:
    """Read them all. Kinds that run to completion have no checkpoint unless they say so; others need none."""
    said = meta.annotations or {}
    checkpoint, bad_checkpoint = _checkpoint(said.get(keys.CHECKPOINT, ""))
    deadline, bad_deadline = time_in(said, keys.DEADLINE)
    if deadline is not None and kind_class is not KindClass.RunToCompletion:
        bad_deadline, deadline = f"annotation {keys.DEADLINE} is for work that runs to completion: ignored", None
    default = Checkpoint() if kind_class is KindClass.RunToCompletion else Checkpoint("Stateless")
    series, bad_series = _request_series(said.get(keys.REQUEST_SERIES, ""))
    bad = (bad_checkpoint, bad_deadline, bad_series, *(_bad(said, key, form, fits) for key, form, fits in _OTHERS))
    return Words(
        checkpoint=checkpoint or default,
        checkpoint_said=checkpoint is not None,
        deadline=deadline,
        expected_seconds=_seconds(said.get(keys.EXPECTED_SECONDS, "")),
        request_series=series,
        active_at=_active_at(said),
        invalid=tuple(sentence for sentence in bad if sentence),
    )


def _request_series(text: str) -> tuple[SeriesName | None, str]:
    try:
        return (parse_series(text) if text else None), ""
    except ValueError as error:
        return None, f"annotation {keys.REQUEST_SERIES} {text!r} cannot be read: {error}"


def _active_at(said: Mapping[str, str]) -> Instant | None:
    """Kubeflow's own word: what cannot be read says nothing, and is not the user's mistake."""
    return time_in(said, LAST_ACTIVITY)[0]


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _seconds(text: str) -> int | None:
    return int(text) if _is_seconds(text) else None


def _is_switch(text: str) -> bool:
    return text in {"true", "false"}


_OTHERS: Final[tuple[tuple[str, str, Callable[[str], bool]], ...]] = (
    (keys.EXPECTED_SECONDS, _SECONDS_FORM, _is_seconds),
    (keys.INTERRUPTIBLE, _SWITCH_FORM, _is_switch),
    (keys.ALLOW_RESIZE, _SWITCH_FORM, _is_switch),
)


def _bad(said: Mapping[str, str], key: str, form: str, fits: Callable[[str], bool]) -> str:
    text = said.get(key, "")
    return "" if not text or fits(text) else f"annotation {key} {text!r} cannot be read: {form}"


def _checkpoint(text: str) -> tuple[Checkpoint | None, str]:
    mode, _, number = text.partition(":")
    if not text:
        return None, ""
    if text in {"None", "Stateless"}:
        return Checkpoint(text), ""
    if mode == "Periodic" and _is_seconds(number):
        return Checkpoint(mode, interval_seconds=int(number)), ""
    if mode == "OnSignal" and _is_seconds(number):
        return Checkpoint(mode, grace_seconds=int(number)), ""
    return None, f"annotation {keys.CHECKPOINT} {text!r} cannot be read: {CHECKPOINT_FORM}"
