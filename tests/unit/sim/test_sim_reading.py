"""Files are read as kubectl reads them, and whatever is wrong is told with its place and its remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from ebbtide.sim.refusal import Refusal
from ebbtide.sim.scenario_file import load
from ebbtide.sim.yaml_file import documents
from tests.unit.sim.sim_world import busy, catalog, node, policy, ref, row, scenario, training_job


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00", "22:00"),
        ("1:30:00", "1:30:00"),
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02", "2026-03-02"),
        ("on", True),
        ("No", False),
        ("y", True),
        ("'on'", "on"),
        ("0x200", 512),
        ("010", 8),
        ("0o10", 8),
        ("0b11", 3),
        ("1_000", 1000),
        ("+5", 5),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 18446744073709551616.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("~", None),
        ("", None),
        ("!!str 5", "5"),
        ("1e999", "1e999"),
        ("0x", "0x"),
        ("- - a", [["a"]]),
        ("{1: a, true: b, 1.5: c}", {"1": "a", "true": "b", "1.5": "c"}),
        ("{a: &x {b: 1}, c: {<<: *x, d: 2}}", {"a": {"b": 1}, "c": {"d": 2, "b": 1}}),
        ("{a: &x {b: 1}, c: {<<: [*x, {b: 3, e: 4}], b: 2}}", {"a": {"b": 1}, "c": {"b": 2, "e": 4}}),
        ('{"a": [1, 2.5, null, "x"]}', {"a": [1, 2.5, None, "x"]}),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, value: Any) -> None:
    assert documents(f"{text}\n", "f")[:1] == ([value] if value is not None else [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "f: line 2: the key 'a' stands there twice"),
        ("a: [1", "f: line 2, column 1: it is not YAML"),
        ("a: .inf", "f: line 1: .inf is not a number that an object can hold"),
        ("a: &x [*x]", "f: line 1: the alias *x means nothing here"),
        ("[" * 200, "f: line 1: it is nested more than 64 levels deep"),
        ("? {a: b}\n: c", "f: line 1: a key must be a plain text"),
        ("a: !!python/name:os.system x", "the tag tag:yaml.org,2002:python/name:os.system is not known here"),
        ("~: 1", "f: line 1: a key must not be empty"),
        ("<<: 5", "f: line 1: << takes a map or a list of maps"),
        ("a: \x07", "f: it is not YAML"),
    ],
)
def test_what_kubectl_would_not_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        documents(text, "f")
    assert said in str(refused.value)


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{it + 1}: &a{it + 1} [{', '.join([f'*a{it}'] * 10)}]" for it in range(9)]
    with pytest.raises(Refusal, match="more than 2000000 values"):
        documents("\n".join(lines), "f")


def _pod() -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c"}]}}


def changed(**spec: Any) -> dict[str, Any]:
    base = scenario(node(), catalog(), policy(), training_job(), activity=[busy()])
    return base | {"spec": base["spec"] | spec}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a field of ours": (changed(tickSecond=5), "spec.tickSecond: unknown field; known here: activity, capacity"),
    "a type": (changed(tickSeconds="60"), "spec.tickSeconds: '60' is not a whole number; write one, without quotes"),
    "a bound": (changed(tickSeconds=0), "spec.tickSeconds: 0 is too small; write 1 or more"),
    "a time": (changed(start="2026-03-02"), "spec.start: write a time with its zone as in RFC 3339"),
    "too long": (
        changed(durationSeconds=10**8),
        "spec.durationSeconds: at most 15000000 with tickSeconds: 60; write less",
    ),
    "a bare number of samples": (
        changed(activity=[busy() | {"gpuPercent": 512}]),
        "spec.activity[0].gpuPercent: write the samples as a quoted text in promtool's notation",
    ),
    "samples": (
        changed(activity=[busy(values="8y")]),
        "spec.activity[0].gpuPercent: '8y' cannot be read at character 1",
    ),
    "no samples": (changed(activity=[busy(values="")]), "spec.activity[0].gpuPercent: write at least one value"),
    "activity of nobody": (changed(activity=[busy("x")]), "spec.activity[0].workload: there is no ml/TrainingJob/x"),
    "two activities": (
        changed(activity=[busy(), busy()]),
        "spec.activity[1].workload: ml/TrainingJob/t has an activity",
    ),
    "no activity": (changed(activity=[{"workload": ref()}]), "spec.activity[0]: say what its pods do: gpuPercent"),
    "a series": (changed(series=[{"series": "A{b}", "values": "1"}]), "spec.series[0].series: "),
    "a series twice": (
        changed(series=[{"series": "A", "values": "1"}, {"series": 'A{b=""}', "values": "1"}]),
        "spec.series: A{'b': ''} is there twice",
    ),
    "no trace": (changed(capacity=[{"nodeSelector": {"a": "b"}}]), "spec.capacity[0]: write exactly one of available"),
    "no step": (
        changed(capacity=[{"nodeSelector": {"a": "b"}, "available": "1"}]),
        "spec.capacity[0].stepSeconds: required with available",
    ),
    "half a node": (
        changed(capacity=[{"nodeSelector": {"a": "b"}, "available": "0.5", "stepSeconds": 5}]),
        "spec.capacity[0].available[0]: 0.5 is not a number of nodes",
    ),
    "a missing file": (changed(objectFiles=["none.yaml"]), "none.yaml: it cannot be read: No such file"),
    "an event of nothing": (changed(events=[{"at": 5}]), "spec.events[0]: write exactly one of apply, delete"),
    "an event of two": (
        changed(events=[{"at": 5, "api": "Ok", "operator": "Up"}]),
        "spec.events[0]: write exactly one of apply, delete, prometheus, operator, api; operator and api stand together",  # noqa: E501 - one row
    ),
    "an event after the end": (
        changed(events=[{"at": 99999, "api": "Ok"}]),
        "spec.events[0].at: is after the end (3600)",
    ),
    "an unknown fault": (
        changed(events=[{"at": 5, "api": "Slow"}]),
        "spec.events[0].api: 'Slow' is not known; write 'Ok'",
    ),
    "an expectation of nothing": (
        changed(expect=[{"at": 5, "workload": ref()}]),
        "spec.expect[0]: say what is expected",
    ),
    "no expectation": (
        changed(expect=[{"whatever": 5}]),
        "spec.expect[0]: write a map with one of at, action, finished",
    ),
    "an expectation's key": (
        changed(expect=[{"at": 5, "workload": ref(), "pause": True}]),
        "spec.expect[0].pause: unknown field; known here: at, capacityClass, condition",
    ),
    "a reason": (
        changed(expect=[{"at": 5, "workload": ref(), "reason": "GpuIdle"}]),
        "spec.expect[0].reason: 'GpuIdle' is not known; did you mean GPUIdle? docs/reasons.md lists all",
    ),
    "no count": (changed(expect=[{"action": "Pause"}]), "spec.expect[0]: say how often: count, atMost or atLeast"),
    "an amount": (
        changed(expect=[{"total": "cost", "equals": "much"}]),
        "spec.expect[0].equals: write a decimal number",
    ),
    "a total of a workload": (
        changed(expect=[{"total": "unallocated", "workload": ref(), "equals": "1"}]),
        "spec.expect[0].workload: unallocated is of the whole cluster",
    ),
    "a kind's field": (
        changed(objects=[policy(idel={})]),
        "spec.objects[0].spec.idel: unknown field; known here:",
    ),
    "a kind's value": (
        changed(objects=[policy(mode="Enforced")]),
        "spec.objects[0].spec.mode: 'Enforced' is not known to this version of Ebbtide; known are",
    ),
    "a kind that is not there": (
        changed(objects=[training_job() | {"kind": "TrainingJobs"}]),
        "spec.objects[0].kind: TrainingJobs is not known to this version; known are",
    ),
    "an object twice": (changed(objects=[node(), node()]), "spec.objects[1]: Node/n1 is there already; write it once"),
    "no name": (
        changed(objects=[node() | {"metadata": {}}]),
        "spec.objects[0].metadata.name: write the name of an object",
    ),
    "a quantity": (
        changed(objects=[node() | {"status": {"allocatable": {"cpu": "many"}}}]),
        "spec.objects[0]: status.allocatable.cpu: 'many' is not a quantity; write a quantity such as 1, 500m or 16Gi",
    ),
    "a label": (
        changed(objects=[training_job(metadata={"labels": {"a": 1}})]),
        "spec.objects[0].metadata.labels.a: 1 is not a text; put it in quotes",
    ),
    "an owner that is not there": (
        changed(
            objects=[
                training_job(metadata={"ownerReferences": [{"apiVersion": "x.io/v1", "kind": "X", "name": "x"}]}),
            ]
        ),
        "spec.objects[0].metadata.ownerReferences[0]: there is no ml/X/x in this scenario; list it too",
    ),
    "simulated work": (
        changed(objects=[training_job(metadata={"annotations": {"ebbtide.dev/simulated-work-seconds": "1h"}})]),
        "spec.objects[0].metadata.annotations.ebbtide.dev/simulated-work-seconds: '1h' is not a number of whole seconds",  # noqa: E501 - one row
    ),
    "a pod that the world makes": (
        changed(
            objects=[
                {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": _pod()}},
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": "p",
                        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j"}],
                    },
                    "spec": _pod()["spec"],
                },
            ]
        ),
        "spec.objects[1].metadata.ownerReferences[0]: the pods of a Job are made by the simulation; leave it out",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_its_place(case: str) -> None:
    raw, said = BAD[case]
    with pytest.raises(Refusal) as refused:
        load("s.yaml", json.dumps(raw))
    assert said in str(refused.value)
    assert str(refused.value).startswith(("s.yaml: ", "none.yaml: "))


def test_another_kind_of_file_is_told_apart() -> None:
    with pytest.raises(Refusal, match="it is v1 Pod, not a scenario; write apiVersion: sim"):
        load("p.yaml", "apiVersion: v1\nkind: Pod\n")


def test_two_documents_are_one_too_many() -> None:
    with pytest.raises(Refusal, match="write one Scenario into a file; found 2 documents"):
        load("p.yaml", "a: 1\n---\nb: 2\n")


def test_objects_samples_and_traces_may_stand_in_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(
        f"{json.dumps(node())}\n---\n{json.dumps(training_job())}\n", encoding="utf-8"
    )
    listed = {"apiVersion": "v1", "kind": "List", "items": [catalog(row())]}
    (tmp_path / "list.json").write_text(json.dumps(listed), encoding="utf-8")
    csv = 'time_seconds,series,value\n60,"A{b=""c""}",5\n0,"A{b=""c""}",4\n90,"A{b=""c""}",stale\n'
    (tmp_path / "samples.csv").write_text(csv, encoding="utf-8")
    (tmp_path / "trace.json").write_text('{"metadata": {"gap_seconds": 600}, "data": [1, 0]}', encoding="utf-8")
    raw = scenario(
        objectFiles=["objects.yaml", "list.json"],
        seriesFiles=["samples.csv"],
        capacity=[{"nodeSelector": {"a": "b"}, "availableFile": "trace.json"}],
    )
    (tmp_path / "s.yaml").write_text(json.dumps(raw), encoding="utf-8")
    found = load(tmp_path / "s.yaml")
    assert [it["kind"] for it in found.objects] == ["Node", "TrainingJob", "PriceCatalog"]
    assert [at for at, _ in found.series[0].samples] == [0, 60, 90]
    assert (found.capacity[0].step, found.capacity[0].counts) == (600, (float("inf"), 0.0))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("samples.csv", "time,series,value\n", "samples.csv: line 1: write the header time_seconds,series,value"),
        ("samples.csv", "time_seconds,series,value\n1,A\n", "samples.csv: line 2: 2 columns; write 3"),
        ("samples.csv", "time_seconds,series,value\n1,A,x\n", "samples.csv: line 2: 'x' is not a number"),
        ("samples.csv", "time_seconds,series,value\n-1,A,1\n", "samples.csv: line 2: '-1' is not a time"),
        ("samples.csv", "time_seconds,series,value\n1,A,1\n1,A,2\n", "samples.csv: line 3: A has two samples at 1 s"),
        ("trace.json", "[1]", "trace.json: metadata.gap_seconds: nothing is not a number of whole seconds"),
        ("trace.json", '{"metadata": {"gap_seconds": 5}, "data": [-1]}', "trace.json: data[0]: -1 is not a number of nodes"),  # noqa: E501 - one row
        ("trace.json", "{", "trace.json: it is not JSON"),
        ("objects.yaml", "a: 1\n", "objects.yaml: apiVersion: required, as in any manifest"),
        ("objects.yaml", "\xff", "objects.yaml: apiVersion"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_another_file_is_told_of_that_file(tmp_path: Path, name: str, content: str, said: str) -> None:
    field = {"samples.csv": "seriesFiles", "objects.yaml": "objectFiles"}.get(name)
    more = {field: [name]} if field else {"capacity": [{"nodeSelector": {"a": "b"}, "availableFile": name}]}
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        load(tmp_path / "s.yaml", json.dumps(scenario(**more)))
    assert said.split(": ", 1)[1] in str(refused.value) or name == "objects.yaml"
    assert name in str(refused.value)
