"""Restore after pause is the identity, for every kind with a lever, whatever people do to the object in between.

Two documents live side by side: the real one, which Ebbtide pauses and gives back, and a shadow that only its people
change. Whenever the real one is not paused it is the shadow.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ebbtide.api.labels import RESTORE
from ebbtide.core.workload import Restore
from ebbtide.objects import restore as annotation
from ebbtide.objects.labelling import missing_labels
from ebbtide.objects.levers.kinds import LEVERS
from ebbtide.objects.levers.lever import Lever, is_stopped
from ebbtide.objects.levers.patches import Note, forget, start, stop
from ebbtide.objects.levers.suspend import REPLICAS
from ebbtide.objects.pointer import ABSENT, merge_patch
from tests.merge_patch import merged

Document = dict[str, Any]
_SWITCH: list[Any] = [False, ABSENT]
_COUNT: list[Any] = [1, 2, 4, 17, ABSENT]
_OTHER: Mapping[str, list[Any]] = {
    "InferenceService": ["false", ABSENT], "ScaledObject": ["3", "1", ABSENT], "Notebook": [ABSENT],
}  # fmt: skip
KINDS = sorted(LEVERS)
FIELD = {kind: next(iter(LEVERS[kind].stopped)) for kind in KINDS}
"""JSON pointer of the one field that stops."""
RUNNING: Mapping[str, list[Any]] = {
    kind: _OTHER.get(kind) or (_COUNT if FIELD[kind] == REPLICAS else _SWITCH) for kind in KINDS
}
"""Values of the lever at which the work runs; absent as in a manifest that says nothing of it."""
ALIKE = ["Deployment", "InferenceService", "Job", "Notebook", "PyTorchJob", "ScaledObject"]
"""One of each way of stopping."""
NAMES = st.sampled_from(["tier", "note", "app.kubernetes.io/part-of", "kubectl.kubernetes.io/restartedAt"])
TEXTS = st.text("abc", max_size=3)


def created(kind: str, value: Any, annotations: Mapping[str, str] | None = None) -> Document:
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": "x:1"}]}}}
    own = {"own": "1"} if annotations is None else dict(annotations)
    metadata = {"name": "web", "namespace": "ns", "resourceVersion": "1", "annotations": own}
    document: Document = {"kind": kind, "metadata": metadata, "spec": spec}
    if value is not ABSENT:
        document = merged(document, merge_patch([(FIELD[kind], value)]))
    return document


def plain(document: Document) -> Document:
    """Without what only the API server and we write; an empty map is no map."""
    shown = copy.deepcopy(document)
    shown["metadata"].pop("resourceVersion")
    for place in ("annotations", "labels"):
        if not shown["metadata"].get(place):
            shown["metadata"].pop(place, None)
    return shown


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_what_is_paused_and_given_back_is_what_it_was(kind: str, data: st.DataObject) -> None:
    annotations = data.draw(st.dictionaries(NAMES, TEXTS, max_size=3))
    before = created(kind, data.draw(st.sampled_from(RUNNING[kind])), annotations)
    lever = LEVERS[kind]
    note = Note(1_795_365_436.0, "Policy", "CostPolicy/batch", "GPUIdle")
    paused = merged(before, stop(before, lever, note).patch)
    assert paused != before
    assert merged(paused, start(paused, lever, without_original=False).patch) == before


@given(
    earlier=st.integers(1, 9), later=st.integers(1, 9), lost=st.booleans(), seconds=st.sampled_from([30.0, 86_400.0])
)
def test_a_rollback_during_a_pause_brings_back_neither_nothing_nor_an_earlier_number(
    earlier: int, later: int, lost: bool, seconds: float
) -> None:
    """`kubectl rollout undo` replaces all annotations: by those of an earlier pause, or by some without any."""
    lever, at = LEVERS["Deployment"], 1_795_365_436.0
    first = created("Deployment", earlier)
    first = merged(first, stop(first, lever, Note(at, "Policy", "", "GPUIdle")).patch)
    second = created("Deployment", later)
    paused = merged(second, stop(second, lever, Note(at + seconds, "Policy", "", "GPUIdle")).patch)
    present = annotation.read(paused["metadata"]["annotations"], "Deployment", "web")
    assert isinstance(present, Restore)
    paused["metadata"]["annotations"] = {} if lost else first["metadata"]["annotations"]
    back = merged(paused, start(paused, lever, without_original=False, remembered=present).patch)
    assert back["spec"]["replicas"] == later
    assert RESTORE not in back["metadata"]["annotations"]


@given(st.lists(st.sampled_from(["stop", "start", "human stops", "human starts", "human edits"]), max_size=12))
def test_whatever_happens_in_between_a_restore_never_undoes_a_human(steps: list[str]) -> None:
    document, lever = created("Job", False), LEVERS["Job"]
    note = Note(1_795_365_436.0, "Policy", "CostPolicy/batch", "GPUIdle")
    for number, step in enumerate(steps):
        if step == "stop":
            document = merged(document, stop(document, lever, note).patch)
        elif step == "start":
            document = merged(document, start(document, lever, without_original=False).patch)
        elif step == "human edits":
            document["spec"]["parallelism"] = number
        else:
            document["spec"]["suspend"] = step == "human stops"
        stored = document["metadata"]["annotations"].get(RESTORE)
        if stored is not None:
            assert json.loads(stored)["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}]
    edits = [number for number, step in enumerate(steps) if step == "human edits"]
    assert document["spec"].get("parallelism") == (edits[-1] if edits else None)


class PeopleAndUs(RuleBasedStateMachine):
    """One object, its owners, and Ebbtide. Subclasses say of which kind."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_795_365_436.0
        self.real = created(self.kind, RUNNING[self.kind][0])
        self.shadow = copy.deepcopy(self.real)
        self.history: list[tuple[Document, Document]] = []
        self.remembered: Restore | None = None
        """What status tells of the present pause."""

    @property
    def lever(self) -> Lever:
        return LEVERS[self.kind]

    @property
    def paused(self) -> bool:
        return self.remembered is not None and self._at_stop()

    def _at_stop(self) -> bool:
        return is_stopped(self.real, self.lever)

    def _send(self, patch: Document) -> None:
        if patch:
            version = patch["metadata"].pop("resourceVersion")
            assert version == self.real["metadata"]["resourceVersion"]
            self.real = merged(self.real, patch)
            self._changed()

    def _changed(self) -> None:
        number = int(self.real["metadata"]["resourceVersion"]) + 1
        self.real["metadata"]["resourceVersion"] = str(number)
        self.now += 30

    def _both(self, change: Any) -> None:
        for document in (self.real, self.shadow):
            change(document)
        self._changed()

    # -- Ebbtide ------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self._at_stop())
    @rule()
    def we_pause(self) -> None:
        self._send(stop(self.real, self.lever, Note(self.now, "Policy", "CostPolicy/batch", "GPUIdle")).patch)
        found = annotation.read(self.real["metadata"]["annotations"], self.kind, "web")
        assert isinstance(found, Restore)
        self.remembered = found

    @precondition(lambda self: self.paused)
    @rule()
    def we_resume(self) -> None:
        self._send(start(self.real, self.lever, without_original=False, remembered=self.remembered).patch)
        self.remembered = None

    @precondition(lambda self: not self._at_stop() and RESTORE in self.real["metadata"].get("annotations", {}))
    @rule()
    def we_see_that_the_lever_was_moved(self) -> None:
        self._send(forget(self.real).patch)
        self.remembered = None

    @rule(value=st.sampled_from(["studio", "Ünet"]))
    def we_label(self, value: str) -> None:
        """Labels are ours to add: the shadow gets them too, and keeps what its people wrote."""
        patch = missing_labels(self.real, {"ebbtide.dev/team": value}).patch
        if patch:
            self.shadow = merged(self.shadow, {"metadata": {**patch["metadata"], "resourceVersion": "1"}})
        self._send(patch)

    # -- people -------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def somebody_sets_the_lever(self, data: st.DataObject) -> None:
        """To a value at which it runs; what they set while it is paused is theirs from then on."""
        value = data.draw(st.sampled_from(RUNNING[self.kind]))
        if value is not ABSENT or self.kind == "Notebook":
            patch = merge_patch([(FIELD[self.kind], value)])
            self._both(lambda document: document.update(merged(document, patch)))

    @rule(image=st.sampled_from(["x:1", "x:2"]))
    def somebody_rolls_out(self, image: str) -> None:
        """The controller keeps what the annotations were, as on a ReplicaSet."""
        self.history.append((copy.deepcopy(self.real), copy.deepcopy(self.shadow)))
        self._both(lambda document: document["spec"]["template"]["spec"]["containers"][0].update(image=image))

    @precondition(lambda self: self.history and FIELD[self.kind].startswith("/spec"))
    @rule(data=st.data())
    def somebody_rolls_back(self, data: st.DataObject) -> None:
        """`kubectl rollout undo`, of kinds that are not stopped by an annotation.

        Template and all annotations are as they were, what we wrote into them included.
        """
        for document, old in zip((self.real, self.shadow), data.draw(st.sampled_from(self.history)), strict=True):
            document["metadata"]["annotations"] = copy.deepcopy(old["metadata"].get("annotations", {}))
            document["spec"]["template"] = copy.deepcopy(old["spec"]["template"])
        self._changed()

    @rule(place=st.sampled_from(["annotations", "labels"]), name=NAMES, text=TEXTS)
    def somebody_writes(self, place: str, name: str, text: str) -> None:
        self._both(lambda document: document["metadata"].setdefault(place, {}).update({name: text}))

    @rule(name=NAMES)
    def somebody_erases(self, name: str) -> None:
        self._both(lambda document: document["metadata"].get("annotations", {}).pop(name, None))

    # -- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    def it_is_what_its_people_made_it(self) -> None:
        shown, wanted = plain(self.real), plain(self.shadow)
        for document in (shown, wanted):
            document["metadata"].get("annotations", {}).pop(RESTORE, None)
            if not document["metadata"].get("annotations"):
                document["metadata"].pop("annotations", None)
            if self.paused:
                document.update(merged(document, merge_patch([(FIELD[self.kind], ABSENT)])))
        assert shown == wanted

    @invariant()
    def a_restore_can_always_be_read(self) -> None:
        text = self.real["metadata"].get("annotations", {}).get(RESTORE)
        assert text is None or json.loads(text)["fields"][0]["path"] == FIELD[self.kind]


@pytest.mark.parametrize("kind", ALIKE)
def test_whatever_people_do_in_between_they_find_what_they_made(kind: str) -> None:
    machine = type(f"PeopleAndUs{kind}", (PeopleAndUs,), {"kind": kind})
    limits = settings(max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=limits)
