import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.api.cluster_cost_policy import ClusterCostPolicy
from ebbtide.api.conditions import Condition, ConditionStatus, find, merged
from ebbtide.api.cost_policy import CostPolicy, CostPolicySpec
from ebbtide.api.crd import KINDS
from ebbtide.api.fields import parse_timestamp
from ebbtide.api.idle_section import IdleSection
from ebbtide.api.parsing import Invalid, parse
from ebbtide.api.price_catalog import PriceCatalog
from ebbtide.api.selector import LabelSelector
from ebbtide.api.training_job import TrainingJob
from tests.unit.api.bad_manifests import (
    FULL_CLUSTER_COST_POLICY,
    FULL_COST_POLICY,
    FULL_PRICE_CATALOG,
    FULL_TRAINING_JOB,
    cluster_cost_policy,
    cost_policy,
    good_manifests,
    node_row,
    price_catalog,
    training_job,
)

MODELS = {model.definition.kind: model for model in KINDS}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def parsed(model, manifest):
    result = parse(model, manifest)
    assert not isinstance(result, Invalid), result
    return result


@pytest.mark.parametrize("name", good_manifests())
def test_a_manifest_survives_the_round_trip(name):
    manifest = good_manifests()[name]
    model = MODELS[manifest["kind"]]
    first = parsed(model, manifest)
    assert parsed(model, first.to_dict()) == first


@pytest.mark.parametrize(
    "manifest",
    [FULL_TRAINING_JOB, FULL_COST_POLICY, FULL_CLUSTER_COST_POLICY, FULL_PRICE_CATALOG],
    ids=lambda m: m["kind"],
)
def test_a_whole_manifest_is_written_as_it_was_read(manifest):
    """Every field of the contract is known: what is not would be missing here."""
    written = parsed(MODELS[manifest["kind"]], manifest).to_dict()["spec"]
    written_without_defaults = {key: value for key, value in written.items() if key in manifest["spec"]}
    assert _only(written_without_defaults, manifest["spec"]) == manifest["spec"]


def _only(written, wanted):
    """`written` without what the defaults added to `wanted`."""
    if isinstance(wanted, dict):
        return {key: _only(value, wanted[key]) for key, value in written.items() if key in wanted}
    if isinstance(wanted, list):
        return [_only(item, like) for item, like in zip(written, wanted, strict=True)]
    return written


def test_a_training_job_has_the_defaults_of_the_contract():
    spec = parsed(TrainingJob, training_job()).spec
    assert (spec.workers, spec.interruptible, spec.suspend, spec.retries) == (1, False, False, 6)
    assert (spec.checkpoint.mode, spec.resize, spec.restart_scope) == ("None", "Denied", "Gang")
    assert spec.template["spec"]["restartPolicy"] == "Never"
    assert spec.ttl_seconds_after_finished is None


def test_a_section_that_is_absent_is_off():
    spec = parsed(CostPolicy, cost_policy()).spec
    sections = ["idle", "off_peak", "spot", "placement", "deadline", "right_sizing", "limits", "overrides", "notify"]
    assert [getattr(spec, section) for section in sections] == [None] * len(sections)
    assert (spec.mode, spec.include, spec.priority, spec.kinds) == ("Observe", "Accelerated", 0, None)


def test_a_section_that_is_present_has_its_inner_defaults():
    idle = parsed(CostPolicy, cost_policy(idle={})).spec.idle
    assert idle == IdleSection()
    assert (idle.after_seconds, idle.warn_seconds, idle.grace_seconds) == (3600, 600, 900)
    assert (idle.never_used_after_seconds, idle.memory_held_after_seconds, idle.resume_after_seconds) == (7200, 0, 0)
    assert (idle.busy_above_percent, idle.busy_above_engine_percent, idle.cpu_busy_above_percent) == (5, 2, 20)
    assert idle.network_busy_above_megabytes_per_second == 1
    assert (idle.action, idle.without_checkpoint, idle.max_checkpoint_age_seconds) == ("Pause", "Notify", None)
    assert (idle.serving, idle.shared_devices) == ("RequestSignal", "ReportOnly")


def test_the_other_sections_have_their_inner_defaults():
    spec = parsed(CostPolicy, cost_policy(spot={}, deadline={}, limits={}, overrides={}, attribution={})).spec
    assert (spec.spot.use, spec.spot.attempt_seconds, spec.spot.persistence_seconds) == ("Never", 300, 1200)
    assert (spec.deadline.on_risk, spec.deadline.margin_percent, spec.deadline.changeover_seconds) == (
        "Notify",
        10,
        600,
    )
    limits = spec.limits
    assert (limits.pauses_per_hour, limits.paused_percent_per_hour) == (20, 10)
    assert (limits.pauses_per_workload_per_day, limits.minimum_run_seconds) == (4, 1800)
    assert (spec.overrides.never_pause, spec.overrides.max_keep_seconds) == ("Allowed", 604800)
    assert spec.attribution.write == "Objects"


def test_after_seconds_takes_an_integer_or_auto():
    assert IdleSection(after_seconds="Auto").after_seconds == "Auto"
    assert IdleSection(after_seconds=7200).after_seconds == 7200
    for wrong in ("auto", "3600", 0, True, 1.5, None):
        with pytest.raises(ValidationError):
            IdleSection.model_validate({"afterSeconds": wrong})


def test_a_catalog_splits_by_weights_unless_told_otherwise():
    split = parsed(PriceCatalog, price_catalog()).spec.node_split
    assert (split.mode, split.gpu_percent, split.cpu_percent, split.memory_percent) == ("Weights", 95, 3, 2)


def test_money_is_exact():
    row = parsed(PriceCatalog, price_catalog(nodes=[node_row(nodeHourly="55.0400")])).spec.nodes[0]
    assert row.node_hourly == Decimal("55.04")
    assert row.to_dict()["nodeHourly"] == "55.0400"


def test_units_keep_their_capitals():
    catalog = parsed(PriceCatalog, FULL_PRICE_CATALOG)
    assert catalog.spec.energy[0].grams_co2e_per_kwh == Decimal(400)
    assert "pricePerGiBMonth" in catalog.spec.storage[0].to_dict()


def test_times_are_utc_instants():
    job = parsed(TrainingJob, training_job(deadline="2026-11-24T07:00:00+01:00"))
    assert job.spec.deadline == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert job.spec.to_dict()["deadline"] == "2026-11-24T06:00:00Z"


@pytest.mark.parametrize(
    "wrong", ["", "2026-11-24", "2026-11-24T06:00:00", "24.11.2026", "2026-02-30T00:00:00Z", "2026-11-24T06:00:61Z"]
)
def test_a_time_without_zone_or_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_timestamp(wrong)


def test_dates_are_dates():
    policy = parsed(CostPolicy, FULL_COST_POLICY)
    assert policy.spec.off_peak.except_dates == (date(2026, 12, 24),)


def test_unknown_fields_are_ignored():
    spec = parsed(CostPolicy, cost_policy(idle={"afterSeconds": 7200, "newer": {"field": 1}}, another=[1])).spec
    assert spec.idle.after_seconds == 7200


def test_field_names_of_python_are_not_field_names_of_manifests():
    spec = parsed(CostPolicy, cost_policy(idle={"after_seconds": 7200})).spec
    assert spec.idle.after_seconds == 3600


def test_a_value_of_another_version_is_a_value_that_names_path_and_problem():
    result = parse(CostPolicy, cost_policy(mode="Turbo"))
    assert isinstance(result, Invalid)
    assert result.path == "spec.mode"
    assert "'Turbo' is not known to this version" in result.message
    assert "'Observe' or 'Enforce'" in result.message


def test_paths_name_list_items():
    result = parse(PriceCatalog, price_catalog(nodes=[node_row(), node_row(id="x", nodeHourly=1)]))
    assert isinstance(result, Invalid)
    assert result.path == "spec.nodes[1].nodeHourly"


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": []}, {"metadata": 7, "spec": {}}, {"kind": "Pod"}])
def test_nothing_stored_makes_parsing_raise(broken):
    for model in KINDS:
        assert isinstance(parse(model, broken), Invalid)


def test_status_that_cannot_be_read_is_left_out():
    job = training_job() | {
        "status": {"verdict": {"value": "Sleepy", "reason": "X"}, "gpus": 8, "cost": {"hourly": "-", "total": "27.36"}}
    }
    status = parsed(TrainingJob, job).status
    assert status.verdict is None
    assert (status.gpus, status.cost.hourly, status.cost.total) == (8, "-", Decimal("27.36"))
    assert parsed(TrainingJob, training_job() | {"status": "gone"}).status.gpus is None


def test_a_wrong_spec_is_invalid_whatever_its_status_says():
    result = parse(CostPolicy, cost_policy(mode="Turbo") | {"status": {"idle": "many"}})
    assert isinstance(result, Invalid)
    assert result.path == "spec.mode"


def test_models_cannot_be_changed():
    with pytest.raises(ValidationError):
        CostPolicySpec(selector=LabelSelector()).priority = 7  # type: ignore[misc]


def test_attribution_becomes_labels():
    attribution = parsed(TrainingJob, FULL_TRAINING_JOB).spec.attribution
    assert attribution.by_label() == {
        "ebbtide.dev/team": "vision",
        "ebbtide.dev/project": "catalog",
        "ebbtide.dev/model": "resnet50",
        "ebbtide.dev/model-version": "7",
        "ebbtide.dev/cost-center": "cc-104",
        "ebbtide.dev/environment": "prod",
        "ebbtide.dev/grant": "eu-7",
        "ebbtide.dev/Ticket_1": "X",
    }


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ({}, {}, True),
        ({"matchLabels": {"tier": "batch"}}, {"tier": "batch", "x": "y"}, True),
        ({"matchLabels": {"tier": "batch"}}, {"tier": "web"}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}, {"tier": "b"}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}, {}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, {}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, {"tier": "a"}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, {"tier": ""}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, {"tier": ""}, False),
    ],
)
def test_selectors_select_as_in_kubernetes(selector, labels, selected):
    assert LabelSelector.model_validate(selector).matches(labels) is selected


def condition(status, at=NOON, kind="Idle"):
    return Condition(type=kind, status=status, reason="GPUIdle", last_transition_time=at)


def test_a_condition_keeps_its_time_until_its_status_changes():
    later = NOON.replace(hour=13)
    before = (condition(ConditionStatus.TRUE), condition(ConditionStatus.FALSE, kind="Paused"))
    after = merged(before, [condition(ConditionStatus.TRUE, later), condition(ConditionStatus.TRUE, later, "Paused")])
    assert [it.last_transition_time for it in after] == [NOON, later]
    assert find(after, "Paused") == after[1]
    assert find(after, "Accepted") is None


def test_a_cluster_policy_is_for_every_namespace_and_comes_last_unless_it_says_otherwise():
    spec = parsed(ClusterCostPolicy, cluster_cost_policy()).spec
    assert (spec.namespace_selector, spec.precedence, spec.mode) == (None, "Default", "Observe")


@pytest.mark.parametrize(
    ("api_version", "kind", "name", "wanted"),
    [
        ("batch/v1", "Job", "train", "job-train"),
        ("apps/v1", "Deployment", "web", "deployment-web"),
        ("v1", "Pod", "a.b", "pod-a.b"),
        ("ray.io/v1", "RayJob", "x", "rayjob.ray.io-x"),
        ("batch/v1", "Job", "n" * 249, f"job-{'n' * 249}"),
    ],
)
def test_an_adopted_workload_is_named_after_its_target(api_version, kind, name, wanted):
    assert adopted_name(api_version, kind, name) == wanted


def test_a_name_that_would_be_too_long_ends_in_a_hash_of_the_whole():
    whole = f"deployment-{'n' * 250}"
    name = adopted_name("apps/v1", "Deployment", "n" * 250)
    assert name == f"{whole[:244]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    assert name != adopted_name("apps/v1", "Deployment", "n" * 251)
