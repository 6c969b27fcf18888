"""What the chart renders, word for word, and what it refuses."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ebbtide.cli.commands.operator_command import command as operator_command
from ebbtide.cli.commands.operator_command import options_from
from ebbtide.cli.commands.release_command import command as release_command
from ebbtide.cluster import rbac
from ebbtide.core.election import Terms
from ebbtide.core.settings import Safety
from ebbtide.samples.vendors import read_profiles
from tests.golden.chart import values_table
from tests.golden.chart.rendering import CHART, HERE, LOADER, PROMETHEUS, ROOT, manifests, of, promtool, render, run

UPDATE = os.environ.get("EBBTIDE_UPDATE_GOLDEN") == "1"


def operator_options(*sets):
    """The rendered Deployment's arguments, read by the real command."""
    container = of("Deployment", manifests(*sets))["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][0] == "operator"
    with operator_command.make_context("ebbtide operator", list(container["args"][1:])) as context:
        return options_from(dict(context.params))


@pytest.mark.parametrize("name", ["default", "everything"])
def test_the_chart_renders_as_recorded(name):
    rendered = render("-f", str(HERE / f"{name}.values.yaml"), "--set", "crds.enabled=false")
    text = re.sub(
        r"^rules:\n(?:  .*\n)+", "rules: []  # the table of permissions, see below\n", rendered, flags=re.MULTILINE
    )
    golden = HERE / f"{name}.golden.yaml"
    if UPDATE:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "EBBTIDE_UPDATE_GOLDEN=1 records the new rendering"


def test_the_readme_lists_every_value_with_its_default_and_meaning():
    readme, values = CHART / "README.md", CHART / "values.yaml"
    if UPDATE:
        values_table.update(readme, values)
    text = readme.read_text(encoding="utf-8")
    assert values_table.with_table(text, values.read_text(encoding="utf-8")) == text


def test_every_value_stands_in_the_schema_and_nothing_else_is_allowed():
    def walk(values, schema, path):
        assert schema["additionalProperties"] is False, path
        assert set(schema["properties"]) - {"global", "claims"} == set(values), path
        for key, value in values.items():
            inner = schema["properties"][key]
            if isinstance(value, dict) and "properties" in inner and path != "resources":
                walk(value, inner, key)

    walk(
        yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")),
        json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")),
        "",
    )


def test_the_definitions_are_the_generated_ones_and_are_kept():
    generated = {one.name: one.read_text(encoding="utf-8") for one in (ROOT / "crds").glob("*.yaml")}
    copied = {one.name: one.read_text(encoding="utf-8") for one in (CHART / "crd-files").glob("*.yaml")}
    assert copied == generated, "make generate copies them"
    rendered = [one for one in manifests(crds=True) if one["kind"] == "CustomResourceDefinition"]
    assert len(rendered) == len(generated) > 0
    wanted = {
        one["metadata"]["name"]: one["spec"] for one in (yaml.load(text, Loader=LOADER) for text in generated.values())
    }
    assert {one["metadata"]["name"]: one["spec"] for one in rendered} == wanted
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in rendered} == {"keep"}


def test_the_definitions_can_be_dropped_or_left_out():
    dropped = of("CustomResourceDefinition", manifests("crds.keep=false", crds=True), "trainingjobs.ebbtide.dev")
    assert "helm.sh/resource-policy" not in dropped["metadata"].get("annotations", {})
    assert not [one for one in manifests() if one["kind"] == "CustomResourceDefinition"]


def test_helm_lint_finds_nothing():
    done = run("lint", str(CHART), "--strict", "--set", PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        ([], "metrics.prometheusUrl is empty: without metrics nothing can be judged; set it, for example --set"),
        (["metrics.prometheusUrl=prometheus:9090"], "at '/metrics/prometheusUrl': 'prometheus:9090' does not match"),
        ([PROMETHEUS, "metrics.prometheusURL=http://x"], "additional properties 'prometheusURL' not allowed"),
        ([PROMETHEUS, "enforcement.enabled=yes-please"], "at '/enforcement/enabled': got string, want boolean"),
        (
            [PROMETHEUS, "safety.pausedPercentPerHour=101"],
            "at '/safety/pausedPercentPerHour': maximum: got 101, want 100",
        ),
        ([PROMETHEUS, "tickSeconds=0"], "at '/tickSeconds'"),
        ([PROMETHEUS, "metrics.tokenKey=token"], "set metrics.secretName too"),
        (
            [PROMETHEUS, "notify.receiversFrom.secretName=a", "notify.receiversFrom.configMapName=b"],
            "notify.receiversFrom names a Secret and a ConfigMap",
        ),
        (
            [PROMETHEUS, "leaderElection.enabled=false"],
            "replicas is above 1 while leaderElection.enabled is false: two would act at once; enable it or set",
        ),
        ([PROMETHEUS, "replicas=0"], "at '/replicas': minimum: got 0, want 1"),
        (
            [PROMETHEUS, "leaderElection.renewSeconds=15"],
            "leaderElection.renewSeconds must be shorter than leaderElection.leaseSeconds",
        ),
        ([PROMETHEUS, "leaderElection.retrySeconds=9"], "leaderElection.retrySeconds is too long"),
        (
            [PROMETHEUS, "leaderElection.leaseSeconds=1.5"],
            "at '/leaderElection/leaseSeconds': got string, want integer",
        ),
        ([PROMETHEUS, "serviceAccount.create=false"], "serviceAccount.name is empty: name the ServiceAccount to use"),
    ],
)
def test_bad_values_are_refused_with_the_place_and_the_remedy(sets, sentence):
    done = run("template", "ebbtide", str(CHART), *(part for one in sets for part in ("--set", one)))
    assert done.returncode != 0
    assert sentence in done.stderr


def test_an_old_cluster_is_refused():
    done = run("template", "ebbtide", str(CHART), "--set", PROMETHEUS, "--kube-version", "1.32.0")
    assert done.returncode != 0
    assert "chart requires kubeVersion: >=1.33-0" in done.stderr


def test_the_operator_reads_what_the_deployment_says():
    options = operator_options()
    assert options.prometheus_url == "http://prometheus.monitoring:9090"
    assert (options.namespace, options.lease_name) == ("ebbtide-system", "ebbtide-leader")
    assert options.enforcement is False
    assert options.safety == Safety()
    assert (options.tick_seconds, options.sample_interval_seconds, options.look_back_seconds) == (30.0, 30.0, 7200.0)
    assert (options.listen_host, options.listen_port) == ("0.0.0.0", 8080)


def test_every_value_of_the_operator_reaches_it():
    options = operator_options(
        "enforcement.enabled=true", "safety.idlePausesPerHour=0", "safety.pausedPercentPerHour=7",
        "safety.idleShareJumpPercent=8", "tickSeconds=0.5", "writesPerSecond=1000000", "metrics.labelMode=Plain",
        "metrics.sampleIntervalSeconds=0.25", "metrics.lookBackSeconds=31536000", "metrics.matchLabels.job=dcgm",
        "metrics.allowed[0].name=gateway_requests_total", "metrics.allowed[0].namespaceLabel=destination_namespace",
        "metrics.allowed[1].name=queue_depth",
        "protectedNamespaces={kube-system,team-a}", "currency=EUR", "clusterName=west", "logLevel=debug",
        "metrics.secretName=prom", "metrics.tokenKey=token", "metrics.caKey=ca.crt",
    )  # fmt: skip
    assert options.enforcement is True
    assert options.safety == Safety(0, 7, 8)
    assert (options.tick_seconds, options.write_rate) == (0.5, 1_000_000)
    assert (options.sample_interval_seconds, options.look_back_seconds) == (0.25, 31_536_000)
    assert (options.label_mode, options.match_labels) == ("Plain", (("job", "dcgm"),))
    allowed = (("gateway_requests_total", "destination_namespace"), ("queue_depth", "namespace"))
    assert options.allowed_metrics == allowed
    assert options.protected_namespaces == ("kube-system", "team-a")
    assert (options.currency, options.cluster_name, options.log_level) == ("EUR", "west", "debug")
    assert options.prometheus_token_file == Path("/etc/ebbtide/prometheus/token")
    assert options.prometheus_ca_file == Path("/etc/ebbtide/prometheus/ca.crt")


@pytest.mark.parametrize(("kind", "source"), [("secretName", "secret"), ("configMapName", "configMap")])
def test_the_file_of_receivers_is_mounted_and_never_read_through_the_api(kind, source):
    assert operator_options().receivers_file is None
    sets = (f"notify.receiversFrom.{kind}=people", "notify.receiversFrom.key=who.yaml")
    assert operator_options(*sets).receivers_file == Path("/etc/ebbtide/receivers/who.yaml")
    pod = of("Deployment", manifests(*sets))["spec"]["template"]["spec"]
    [volume] = [it for it in pod["volumes"] if it["name"] == "receivers"]
    assert source in volume
    [mount] = [it for it in pod["containers"][0]["volumeMounts"] if it["name"] == "receivers"]
    assert mount == {"name": "receivers", "mountPath": "/etc/ebbtide/receivers", "readOnly": True}


def test_profiles_are_mounted_where_the_operator_reads_them(tmp_path):
    rendered = list(yaml.load_all(render("-f", str(HERE / "everything.values.yaml")), Loader=LOADER))
    (text,) = [one["data"]["profiles.yaml"] for one in rendered if one and one["kind"] == "ConfigMap"]
    spec = of("Deployment", [one for one in rendered if one])["spec"]["template"]["spec"]
    (mount,) = [it["mountPath"] for it in spec["containers"][0]["volumeMounts"] if it["name"] == "profiles"]
    assert f"--profiles-file={mount}/profiles.yaml" in spec["containers"][0]["args"]
    file = tmp_path / "profiles.yaml"
    file.write_text(text, encoding="utf-8")
    assert "MyNPU" in {profile.name for profile in read_profiles(file)}


def test_the_pod_has_no_right_on_its_node():
    pod = of("Deployment", manifests())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["automountServiceAccountToken"] is False


def test_two_replicas_are_replaced_one_by_one_and_live_apart_where_they_can():
    rendered = manifests()
    spec = of("Deployment", rendered)["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    selector = spec["selector"]["matchLabels"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}
    assert all(one["labelSelector"]["matchLabels"] == selector for one in spread)
    budget = of("PodDisruptionBudget", rendered)["spec"]
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, selector)


def test_one_replica_without_election_never_runs_twice():
    rendered = manifests("replicas=1", "leaderElection.enabled=false")
    spec = of("Deployment", rendered)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "topologySpreadConstraints" not in spec["template"]["spec"]
    assert not [one for one in rendered if one["kind"] == "PodDisruptionBudget"]


def test_how_long_leadership_lasts_reaches_the_operator():
    assert (operator_options().leader_election, operator_options().terms) == (True, Terms())
    times = ("leaderElection.leaseSeconds=30", "leaderElection.renewSeconds=20.5", "leaderElection.retrySeconds=0.5")
    assert operator_options(*times).terms == Terms(30, 20.5, 0.5)
    assert operator_options("replicas=1", "leaderElection.enabled=false").leader_election is False


FORBIDDEN = {"secrets", "pods/exec", "serviceaccounts/token", "escalate", "bind", "impersonate"}
ROLES = {
    ("ClusterRole", "ebbtide"): (*rbac.CLUSTER, *(row for kind in sorted(rbac.KINDS) for row in rbac.KINDS[kind])),
    ("Role", "ebbtide"): rbac.NAMESPACE,
    ("ClusterRole", "ebbtide-release"): rbac.RELEASE,
    ("Role", "ebbtide-release"): rbac.RELEASE_NAMESPACE,
    ("ClusterRole", "ebbtide-view"): rbac.VIEW,
    ("ClusterRole", "ebbtide-edit"): rbac.EDITORS,
}


def test_the_roles_are_the_table_of_permissions():
    rendered = {
        (one["kind"], one["metadata"]["name"]): one["rules"] for one in manifests() if one["kind"].endswith("Role")
    }
    assert rendered == {role: [row.rule() for row in rows] for role, rows in ROLES.items()}


def test_writing_pods_is_granted_only_when_asked_for():
    rules = of("ClusterRole", manifests("attribution.writePods=true"), "ebbtide")["rules"]
    assert rules == [row.rule() for row in (*ROLES["ClusterRole", "ebbtide"], *rbac.WRITE_PODS)]


def groups(kinds):
    """A few that hold every kind, and for any two kinds one that holds only one: whose rules are whose shows."""
    numbered = list(enumerate(kinds, 1))
    return [[kind for number, kind in numbered if number >> bit & 1] for bit in range(len(kinds).bit_length())]


def test_each_kind_is_paused_only_where_the_chart_grants_it():
    everything = of("ClusterRole", manifests(), "ebbtide")["rules"]
    for off in groups(list(rbac.KINDS)):
        rules = of("ClusterRole", manifests(*(f"kinds.{kind}=false" for kind in off)), "ebbtide")["rules"]
        taken = [row.rule() for kind in off for row in rbac.KINDS[kind]]
        assert rules == [rule for rule in everything if rule not in taken]
    assert set(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["kinds"]) == set(rbac.KINDS)
    nothing = of("ClusterRole", manifests(*(f"kinds.{kind}=false" for kind in rbac.KINDS)), "ebbtide")["rules"]
    own = {"status", "finalizers"}
    patched = [rule for rule in nothing if "patch" in rule["verbs"]]
    assert {one.partition("/")[2] for rule in patched for one in rule["resources"]} <= own


# -- uninstalling -------------------------------------------------------------------------------------------------

HOOK = "helm.sh/hook"


def hooks(*sets):
    return [one for one in manifests(*sets) if HOOK in one["metadata"].get("annotations", {})]


def test_the_hook_brings_its_own_rights_and_takes_them_away_again():
    found = hooks()
    assert {one["metadata"]["annotations"][HOOK] for one in found} == {"pre-delete"}
    policies = {one["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for one in found}
    assert policies == {"before-hook-creation,hook-succeeded"}
    weights = {one["kind"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in found}
    assert max(weights, key=lambda kind: weights[kind]) == "Job"
    assert weights["ServiceAccount"] < weights["ClusterRoleBinding"] < weights["Job"]
    pod = of("Job", found)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ebbtide-release"
    (subject,) = of("ClusterRoleBinding", found)["subjects"]
    assert (subject["name"], subject["namespace"]) == ("ebbtide-release", "ebbtide-system")


def test_the_hook_is_a_release_of_everything_that_stops_the_operator_first():
    job = of("Job", hooks("release.withinSeconds=600"))["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert container["args"][0] == "release"
    with release_command.make_context("ebbtide release", list(container["args"][1:])) as context:
        chosen = dict(context.params)
    assert (chosen["all_namespaces"], chosen["stop_operator"], chosen["dry_run"]) == (True, True, False)
    assert (chosen["operator_namespace"], chosen["within"]) == ("ebbtide-system", 600)
    assert job["activeDeadlineSeconds"] > 600
    assert job["backoffLimit"] == 3


def test_the_hooks_pod_is_as_restricted_as_the_operators_and_no_endpoint_of_its_service():
    everything = manifests()
    template = of("Job", everything)["spec"]["template"]
    operator = of("Deployment", everything)["spec"]["template"]["spec"]
    assert template["spec"]["securityContext"] == operator["securityContext"]
    (container,), (model,) = template["spec"]["containers"], operator["containers"]
    assert container["securityContext"] == model["securityContext"]
    assert container["image"] == model["image"]
    selector = of("Service", everything)["spec"]["selector"]
    assert not selector.items() <= template["metadata"]["labels"].items()


def test_without_the_charts_own_roles_the_hook_has_those_of_the_operator():
    (job,) = hooks("rbac.create=false")
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "ebbtide"


def test_without_leader_election_there_is_no_lease_that_could_stop_the_operator():
    (container,) = of("Job", hooks("leaderElection.enabled=false", "replicas=1"))["spec"]["template"]["spec"][
        "containers"
    ]
    assert "--stop-operator" not in container["args"]


def test_the_hook_can_be_left_out():
    assert hooks("release.onUninstall=false") == []


# -- new Jobs that wait -------------------------------------------------------------------------------------------

ADMISSION = "admissionregistration.k8s.io"


def admission(*versions):
    served = [part for one in versions for part in ("--api-versions", f"{ADMISSION}/{one}/MutatingAdmissionPolicy")]
    sets = ["--set", PROMETHEUS, "--set", "holdNew.enabled=true", "--set", "crds.enabled=false"]
    done = run("template", "ebbtide", str(CHART), "-n", "ebbtide-system", *sets, *served)
    if done.returncode:
        return done.stderr
    return [one for one in yaml.load_all(done.stdout, Loader=LOADER) if one and ADMISSION in one["apiVersion"]]


def test_holding_new_jobs_is_off_unless_asked_for():
    assert not [one for one in manifests() if ADMISSION in one["apiVersion"]]


@pytest.mark.parametrize(("served", "version"), [(["v1", "v1beta1"], "v1"), (["v1beta1"], "v1beta1"), (["v1"], "v1")])
def test_the_newest_version_that_the_cluster_serves_is_taken(served, version):
    policy, binding = admission(*served)
    assert (policy["apiVersion"], binding["apiVersion"]) == (f"{ADMISSION}/{version}",) * 2
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert policy["spec"]["failurePolicy"] == "Ignore"


def test_protected_namespaces_and_the_operators_own_are_never_held():
    expressions = admission("v1")[1]["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    (by_name,) = [one for one in expressions if one["key"] == "kubernetes.io/metadata.name"]
    assert (by_name["operator"], sorted(by_name["values"])) == ("NotIn", ["ebbtide-system", "kube-system"])


def test_a_cluster_without_such_policies_is_refused_with_a_sentence():
    said = admission()
    assert "holdNew.enabled: this cluster serves no MutatingAdmissionPolicy" in said
    assert "set holdNew.enabled=false; new Jobs then start at once" in said


# -- alerts -------------------------------------------------------------------------------------------------------


def test_the_alerts_of_the_operator_object_are_those_of_the_plain_file():
    plain = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
    assert of("PrometheusRule", manifests("prometheusRule.enabled=true"))["spec"] == plain
    assert not [one for one in manifests() if one["kind"] == "PrometheusRule"]


def test_prometheus_accepts_the_alerts_and_they_fire_when_nobody_acts():
    words = [promtool(), "test", "rules", str(HERE / "alerts.test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_role_has_a_wildcard_or_reaches_secrets_or_may_become_somebody_else():
    for role in (one for one in manifests("attribution.writePods=true") if one["kind"].endswith("Role")):
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not {word for word in words if "*" in word}, rule
            assert not {"secrets", "pods/exec", "serviceaccounts/token", "escalate", "bind", "impersonate"} & words, (
                rule
            )


def test_the_lease_is_shipped_under_the_name_that_the_role_grants():
    lease = of("Lease", manifests())
    assert lease["metadata"]["name"] == rbac.LEASE_NAME
    assert "spec" not in lease
    assert "annotations" not in lease["metadata"]


def test_view_is_part_of_the_clusters_own_view_and_edit_only_when_asked_for():
    key = "rbac.authorization.k8s.io/aggregate-to-"
    view, edit = (of("ClusterRole", manifests(), f"ebbtide-{name}")["metadata"]["labels"] for name in ("view", "edit"))
    assert view[f"{key}view"] == "true"
    assert f"{key}edit" not in edit
    asked = of("ClusterRole", manifests("rbac.aggregateToEdit=true"), "ebbtide-edit")
    assert asked["metadata"]["labels"][f"{key}edit"] == "true"


def test_every_object_is_labelled_as_ours():
    found = manifests("serviceMonitor.enabled=true", "prometheusRule.enabled=true")
    assert {one["metadata"]["labels"]["app.kubernetes.io/part-of"] for one in found} == {"ebbtide"}
