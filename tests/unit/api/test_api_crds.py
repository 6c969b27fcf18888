from typing import Annotated, Any, Literal

import pytest
import yaml

from ebbtide.api import generate
from ebbtide.api.adopted_workload import AdoptedWorkload
from ebbtide.api.crd import KINDS, crd_name, custom_resource_definition
from ebbtide.api.fields import ATOMIC, at_most
from ebbtide.api.generate import differences, render_crds
from ebbtide.api.model import ApiModel
from ebbtide.api.schema import UnsupportedSchemaError, structural_schema
from ebbtide.api.training_job import TrainingJob

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.1 reads these as booleans; PyYAML follows it.
BOOLEANS = {"y", "n", "yes", "no", "true", "false", "on", "off"}


def schema_of(model):
    return custom_resource_definition(model)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema, path=""):
    """Every schema inside, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from nodes(schema[inner], f"{path}[]")


ALL = [(model.definition.kind, path, node) for model in KINDS for path, node in nodes(schema_of(model))]


def every(condition: Any) -> list[str]:
    return [f"{kind}{path}" for kind, path, node in ALL if not condition(path, node)]


def test_schemas_are_structural():
    assert every(lambda _, node: "type" in node or node.get("x-kubernetes-int-or-string")) == []
    foreign = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "exclusiveMinimum", "uniqueItems"}
    assert every(lambda _, node: not foreign & node.keys()) == []
    assert every(lambda _, node: node.get("additionalProperties") is not False) == []


def test_every_list_has_a_list_type_and_a_limit():
    lists = [(kind, path, node) for kind, path, node in ALL if node.get("type") == "array"]
    assert lists
    assert [path for _, path, node in lists if "x-kubernetes-list-type" not in node] == []
    assert [path for _, path, node in lists if not node["maxItems"] <= 512] == []
    assert [path for _, path, node in lists if not _keys_required(node)] == []


def _keys_required(node):
    """The API server asks for it in list-maps."""
    return set(node.get("x-kubernetes-list-map-keys", [])) <= set(node["items"].get("required", []))


def test_integers_have_a_format_and_there_are_no_floats():
    assert every(lambda _, node: node.get("type") != "integer" or node.get("format") in {"int32", "int64"}) == []
    assert every(lambda _, node: node.get("type") != "number") == []


def test_optional_sections_have_no_default():
    assert every(lambda _, node: node.get("type") != "object" or "default" not in node) == []


def test_everything_is_described():
    def described(path, node):
        of_kubernetes = path in {"", ".metadata", ".metadata.name"} or path.endswith("]")
        return of_kubernetes or len(node.get("description", "")) > 3

    assert every(described) == []


def test_no_name_and_no_value_is_a_yaml_boolean():
    assert every(lambda path, _: path.rpartition(".")[2].lower() not in BOOLEANS) == []
    # The status of a condition is Kubernetes' own word.
    values = [
        value for _, path, node in ALL if not path.endswith("conditions[].status") for value in node.get("enum", [])
    ]
    assert [value for value in values if value.lower() in BOOLEANS] == []


def test_rules_have_messages_in_words():
    rules = [rule for _, _, node in ALL for rule in node.get("x-kubernetes-validations", [])]
    assert len(rules) > 40
    assert [rule for rule in rules if len(rule["message"].split()) < 4] == []


def test_pod_templates_are_open_at_every_level():
    spec = schema_of(KINDS[0])["properties"]["spec"]["properties"]["template"]
    levels = [
        spec,
        spec["properties"]["spec"],
        spec["properties"]["spec"]["properties"]["containers"]["items"],
    ]
    assert all(level["x-kubernetes-preserve-unknown-fields"] for level in levels)
    assert [set(level["properties"]) for level in levels] == [{"spec"}, {"containers", "restartPolicy"}, {"name"}]


@pytest.mark.parametrize("model", KINDS, ids=crd_name)
def test_a_crd_has_names_columns_and_the_status_subresource(model):
    crd = custom_resource_definition(model)
    version = crd["spec"]["versions"][0]
    assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.ebbtide.dev"
    assert crd["spec"]["names"]["categories"] == ["ebbtide"]
    assert version["subresources"] == {"status": {}}
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert "required" in version["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (TrainingJob, ["STATE", "GPUS", "CLASS", "COST/H", "TOTAL", "SAVED", "DEADLINE", "AGE"]),
        (AdoptedWorkload, ["KIND", "VERDICT", "REASON", "GPUS", "CLASS", "COST/H", "TOTAL", "SAVED", "AGE"]),
    ],
)
def test_columns_are_those_of_the_contract(model, wanted):
    assert [column.name for column in model.definition.columns] == wanted


def test_what_is_checked_in_is_what_is_generated():
    assert differences(generate.DEFAULT_DIRECTORY) == []


def test_rendered_crds_read_back_as_they_were():
    for model in KINDS:
        text = render_crds()[f"ebbtide.dev_{model.definition.plural}.yaml"]
        assert text.startswith("# Generated by make generate; do not edit.\n")
        assert yaml.load(text, Loader=LOADER) == custom_resource_definition(model)


def test_check_names_what_differs(tmp_path, capsys):
    assert generate.main([str(tmp_path)]) == 0
    assert generate.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "ebbtide.dev_trainingjobs.yaml").write_text("changed", encoding="utf-8")
    (tmp_path / "ebbtide.dev_pricecatalogs.yaml").unlink()
    (tmp_path / "ebbtide.dev_others.yaml").write_text("old", encoding="utf-8")
    assert generate.main(["--check", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "ebbtide.dev_trainingjobs.yaml differs from the models" in message
    assert "ebbtide.dev_pricecatalogs.yaml is missing" in message
    assert "ebbtide.dev_others.yaml belongs to no kind" in message
    assert generate.main([str(tmp_path)]) == 0
    assert differences(tmp_path) == []


class _Recursive(ApiModel):
    inner: "_Recursive | None" = None


class _Section(ApiModel):
    seconds: int = 1


@pytest.mark.parametrize(
    ("annotation", "default", "problem"),
    [
        (float, ..., "type 'number' is not supported"),
        (int | str, ..., "a union of types"),
        (tuple[int, ...], ..., "needs a list type"),
        (Annotated[tuple[int, ...], ATOMIC], ..., "needs at_most"),
        (Annotated[tuple[int, ...], ATOMIC, at_most(4)], ..., "maxLength is not supported"),
        (dict[str, Any], ..., "without fields"),
        (Any, ..., "type None is not supported"),
        (_Section, _Section(), "an object default"),
        (_Recursive, ..., "contains itself"),
    ],
)
def test_what_a_crd_cannot_say_raises(annotation, default, problem):
    namespace = {"__annotations__": {"field": annotation}, "__module__": __name__}
    model = type("Unsupported", (ApiModel,), namespace if default is ... else {**namespace, "field": default})
    with pytest.raises(UnsupportedSchemaError, match=problem):
        structural_schema(model)


def test_a_constant_is_an_enum_of_one():
    class Constant(ApiModel):
        unit: Literal["Hours"]

    assert structural_schema(Constant)["properties"]["unit"] == {"type": "string", "enum": ["Hours"]}
