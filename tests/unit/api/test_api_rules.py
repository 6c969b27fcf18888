"""Every rule is broken by at least one wrong manifest, and files are held to the same rules as stored objects."""

import pytest

from ebbtide.api.crd import KINDS
from ebbtide.api.parsing import Invalid, parse
from tests.unit.api.bad_manifests import BadManifest, bad_manifests, good_manifests
from tests.unit.api.schema_nodes import every_node

MODELS = {model.definition.kind: model for model in KINDS}


@pytest.mark.parametrize("bad", [bad for bad in bad_manifests() if bad.before is None], ids=lambda bad: bad.name)
def test_what_the_api_server_refuses_is_not_parsed_either(bad: BadManifest):
    result = parse(MODELS[bad.manifest["kind"]], bad.manifest)
    assert isinstance(result, Invalid)
    assert result.message
    assert result.path.startswith(("spec", "metadata"))


@pytest.mark.parametrize("bad", [bad for bad in bad_manifests() if bad.before], ids=lambda bad: bad.name)
def test_only_the_change_is_wrong(bad: BadManifest):
    assert not isinstance(parse(MODELS[bad.manifest["kind"]], bad.manifest), Invalid)


@pytest.mark.parametrize("name", good_manifests())
def test_good_manifests_are_parsed(name):
    manifest = good_manifests()[name]
    assert not isinstance(parse(MODELS[manifest["kind"]], manifest), Invalid)


def test_every_rule_has_a_wrong_manifest():
    messages = {
        (kind, rule["message"])
        for kind, path, node in every_node()
        if not path.startswith(".status")
        for rule in node.get("x-kubernetes-validations", [])
    }
    tried = [(bad.manifest["kind"], bad.message) for bad in bad_manifests()]
    untried = [
        (kind, message)
        for kind, message in sorted(messages)
        if not any(kind == tried_kind and fragment in message for tried_kind, fragment in tried)
    ]
    assert untried == []


def test_names_of_wrong_manifests_are_unique():
    names = [bad.name for bad in bad_manifests()]
    assert len(names) == len(set(names))
