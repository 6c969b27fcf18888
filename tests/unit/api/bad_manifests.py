"""Manifests that the API server must refuse, one per validation rule, each with a fragment of the wanted message."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadManifest:
    """One wrong manifest. `before`: what is applied first, for rules about changes."""

    name: str
    manifest: Manifest
    message: str
    before: Manifest | None = None


def _manifest(kind: str, name: str, spec: Manifest, namespace: str) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "ebbtide.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": copy.deepcopy(spec)}


def training_job(name: str = "resnet", **spec: Any) -> Manifest:
    """A TrainingJob with only what is required, and these fields of its spec."""
    template = {"spec": {"containers": [{"name": "train", "image": "registry.example/train:7"}]}}
    return _manifest("TrainingJob", name, {"template": template} | spec, "default")


def cost_policy(name: str = "batch", **spec: Any) -> Manifest:
    """A CostPolicy with only what is required, and these fields of its spec."""
    return _manifest("CostPolicy", name, {"selector": {}} | spec, "default")


def cluster_cost_policy(name: str = "fleet", **spec: Any) -> Manifest:
    """A ClusterCostPolicy with only what is required, and these fields of its spec."""
    return _manifest("ClusterCostPolicy", name, {"selector": {}} | spec, "")


def adopted_workload(called: str = "deployment-web", **target: Any) -> Manifest:
    """An AdoptedWorkload as the operator writes it, with these fields of its targetRef."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "0c1f"}
    return _manifest("AdoptedWorkload", called, {"targetRef": ref | target}, "default")


def price_catalog(name: str = "main", **spec: Any) -> Manifest:
    """A PriceCatalog with only what is required, and these fields of its spec."""
    return _manifest("PriceCatalog", name, {"currency": "USD"} | spec, "")


def node_row(**fields: Any) -> Manifest:
    """A row of nodes; None takes a field away."""
    row = {"id": "p5", "match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "55.04", "effectiveFrom": JANUARY}
    return {name: value for name, value in (row | fields).items() if value is not None}


def on_prem(**fields: Any) -> Manifest:
    """What an own machine costs."""
    return {"capex": "320000", "gpus": 8, "lifeYears": 4} | fields


def window(**fields: Any) -> Manifest:
    """A window on working days."""
    return {"days": ["Mon", "Tue"], "start": "22:00", "end": "06:00"} | fields


def off_peak(*windows: Manifest, **fields: Any) -> Manifest:
    """A CostPolicy with these windows."""
    return cost_policy(offPeak={"timeZone": "Europe/Berlin", "windows": list(windows or [window()])} | fields)


def without(manifest: Manifest, *path: str) -> Manifest:
    """A copy without one field."""
    changed = copy.deepcopy(manifest)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return changed


JANUARY = "2026-01-01T00:00:00Z"
JULY = "2026-07-01T00:00:00Z"

AMOUNT = "write a decimal number of 0 or more as a quoted string"
OBJECT_NAME = "write the name of a Kubernetes object"
IDENTIFIER = "write letters, digits, dashes, dots and underscores, at most 63"
ROW_CHANGED = "a row cannot be changed but for effectiveTo"
ROW_ENDS = "effectiveTo must be later than effectiveFrom"

FULL_TRAINING_JOB = training_job(
    "resnet-full",
    workers=4,
    expectedSeconds=14400,
    deadline="2026-11-24T06:00:00Z",
    interruptible=True,
    checkpoint={"mode": "Periodic", "intervalSeconds": 900, "graceSeconds": 120},
    attribution={
        "team": "vision",
        "project": "catalog",
        "model": "resnet50",
        "modelVersion": "7",
        "costCenter": "cc-104",
        "environment": "prod",
        "extra": {"grant": "eu-7", "Ticket_1": "X"},
    },
    policyRef={"kind": "CostPolicy", "name": "batch"},
    queue={"name": "research", "priorityClassName": "high"},
    resize="Allowed",
    pauseDuring={"kind": "Job", "name": "evaluate"},
    retries=6,
    restartScope="Gang",
    suspend=False,
    ttlSecondsAfterFinished=604800,
    template={
        "metadata": {"labels": {"app": "resnet"}},
        "spec": {
            "nodeSelector": {"disk": "fast"},
            "containers": [
                {"name": "train", "image": "a:7", "resources": {"limits": {"nvidia.com/gpu": 2}}},
                {"name": "log", "image": "b:1"},
            ],
        },
    },
)

FULL_COST_POLICY = cost_policy(
    "batch-full",
    mode="Enforce",
    selector={
        "matchLabels": {"tier": "batch"},
        "matchExpressions": [
            {"key": "stage", "operator": "NotIn", "values": ["prod"]},
            {"key": "team", "operator": "Exists"},
        ],
    },
    kinds=["TrainingJob", "Job", "Deployment"],
    include="Accelerated",
    priority=0,
    idle={
        "afterSeconds": 3600,
        "warnSeconds": 600,
        "graceSeconds": 900,
        "neverUsedAfterSeconds": 7200,
        "memoryHeldAfterSeconds": 7200,
        "busyAbovePercent": 5,
        "busyAboveEnginePercent": 2,
        "cpuBusyAbovePercent": 20,
        "networkBusyAboveMegabytesPerSecond": 1,
        "action": "Pause",
        "withoutCheckpoint": "Notify",
        "maxCheckpointAgeSeconds": 3600,
        "serving": "RequestSignal",
        "sharedDevices": "ReportOnly",
        "resumeAfterSeconds": 0,
    },
    offPeak={
        "timeZone": "Europe/Berlin",
        "windows": [
            {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "start": "22:00", "end": "06:00"},
            {"days": ["Sat", "Sun"], "start": "00:00", "end": "24:00", "timeZone": "Europe/Berlin"},
        ],
        "exceptDates": ["2026-12-24"],
        "openDates": ["2026-12-25"],
        "whenClosed": "Pause",
        "tariffRef": {"catalog": "main", "name": "de-day-ahead"},
        "maxWaitSeconds": 86400,
    },
    spot={"use": "Prefer", "attemptSeconds": 300, "waitBeforeFallbackSeconds": 900, "persistenceSeconds": 1200},
    placement={"order": ["OnPrem", "Reserved", "Spot", "OnDemand"]},
    deadline={"onRisk": "Notify", "marginPercent": 10, "changeoverSeconds": 600},
    rightSizing={"mode": "Recommend"},
    attribution={
        "required": ["team", "project"],
        "labelsFrom": {"team": "app.kubernetes.io/part-of"},
        "defaults": {"costCenter": "shared"},
        "write": "Objects",
    },
    limits={
        "pausesPerHour": 20,
        "pausedPercentPerHour": 10,
        "pausesPerWorkloadPerDay": 4,
        "minimumRunSeconds": 1800,
    },
    overrides={"neverPause": "Allowed", "maxKeepSeconds": 604800},
    notify={"receiver": "ml-oncall", "events": ["Warn", "Pause", "Resume", "DeadlineAtRisk"]},
)

FULL_CLUSTER_COST_POLICY = _manifest(
    "ClusterCostPolicy",
    "fleet-full",
    FULL_COST_POLICY["spec"]
    | {
        "namespaceSelector": {
            "matchLabels": {"stage": "research"},
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]},
            ],
        },
        "precedence": "Mandatory",
    },
    "",
)

FULL_PRICE_CATALOG = price_catalog(
    "main-full",
    nodeSplit={"mode": "Weights", "gpuPercent": 95, "cpuPercent": 3, "memoryPercent": 2},
    nodes=[
        node_row(id="p5-od", match={"instanceType": "p5.48xlarge", "region": "us-east-1", "capacityClass": "OnDemand"}),
        node_row(id="p5-spot", match={"capacityClass": "Spot"}, nodeHourly="19.20", listNodeHourly="55.04"),
        node_row(
            id="dc1",
            match={"nodeSelector": {"matchLabels": {"site": "dc1"}}},
            assignCapacityClass="OnPrem",
            nodeHourly=None,
            onPrem={
                "capex": "320000",
                "gpus": 8,
                "salvagePercent": 10,
                "lifeYears": 4,
                "kilowatts": "10.2",
                "loadPercent": 60,
                "pue": "1.4",
                "pricePerKWh": "0.12",
                "annualOpexPercent": 10,
            },
        ),
    ],
    storage=[{"id": "fast-1", "storageClass": "fast", "pricePerGiBMonth": "0.16", "effectiveFrom": JANUARY}],
    egress=[{"id": "net-1", "match": "Internet", "pricePerGiB": "0.09", "effectiveFrom": JANUARY}],
    energy=[
        {"id": "e-1", "pue": "1.2", "pricePerKWh": "0.12", "gramsCO2ePerKWh": "400", "effectiveFrom": JANUARY},
    ],
    tariffs=[
        {
            "name": "de-day-ahead",
            "unit": "PricePerKWh",
            "configMapRef": {"name": "de-day-ahead", "key": "prices.csv"},
        }
    ],
)


def good_manifests() -> Mapping[str, Manifest]:
    """Manifests that must be accepted, by name."""
    return {
        "training-job-minimal": training_job(),
        "training-job-full": FULL_TRAINING_JOB,
        "training-job-longest-name": training_job("r" * 52),
        "training-job-digit-name-one-worker": training_job("7b"),
        "training-job-on-signal": training_job("signal", checkpoint={"mode": "OnSignal", "graceSeconds": 120}),
        "cost-policy-minimal": cost_policy(),
        "cost-policy-full": FULL_COST_POLICY,
        "cost-policy-idle-defaults": cost_policy("defaults", idle={}),
        "cost-policy-idle-auto": cost_policy("auto", idle={"afterSeconds": "Auto", "warnSeconds": 1200}),
        "cost-policy-zone-per-window": without(
            off_peak(window(timeZone="Europe/Berlin"), window(timeZone="Asia/Tokyo")), "spec", "offPeak", "timeZone"
        ),
        "cost-policy-most-windows": off_peak(
            *(window(start=f"{hour:02}:00", end=f"{hour:02}:30") for hour in range(16))
        ),
        "cluster-cost-policy-minimal": cluster_cost_policy(),
        "cluster-cost-policy-full": FULL_CLUSTER_COST_POLICY,
        "cluster-cost-policy-every-namespace": cluster_cost_policy("every", namespaceSelector={}),
        "adopted-workload": adopted_workload(),
        "adopted-workload-of-another-group": adopted_workload(
            "rayjob.ray.io-a.b", apiVersion="ray.io/v1", kind="RayJob", name="a.b"
        ),
        "price-catalog-minimal": price_catalog(),
        "price-catalog-full": FULL_PRICE_CATALOG,
        "price-catalog-largest": price_catalog("largest", nodes=[node_row(id=f"row-{index}") for index in range(512)]),
        "price-catalog-residual": price_catalog(
            "residual", nodeSplit={"mode": "Residual", "cpuHourly": "0.03", "memoryGiBHourly": "0.004"}
        ),
        "price-catalog-every-node": price_catalog("every", nodes=[node_row(match={"nodeSelector": {}})]),
    }


def bad_manifests() -> list[BadManifest]:
    """Every wrong manifest."""
    return [
        *_bad_training_jobs(),
        *_bad_idle_sections(),
        *_bad_policies(),
        *_bad_cluster_policies(),
        *_bad_adopted_workloads(),
        *_bad_catalogs(),
        *_bad_changes(),
    ]


def _bad_training_jobs() -> list[BadManifest]:
    containers = {"spec": {"containers": [{"name": "train"}]}}
    return [
        BadManifest("name-too-long", training_job("r" * 53), "has at most 52 characters"),
        BadManifest("name-with-dot", training_job("res.net"), "has no dot"),
        BadManifest("name-starts-with-digit", training_job("7b", workers=2), "starts with a letter"),
        BadManifest("no-template", without(training_job(), "spec", "template"), "spec.template"),
        BadManifest(
            "no-containers", training_job(template={"spec": {"containers": []}}), "spec.template.spec.containers"
        ),
        BadManifest(
            "containers-with-one-name",
            training_job(template={"spec": {"containers": [{"name": "train"}, {"name": "train"}]}}),
            "spec.template.spec.containers",
        ),
        BadManifest(
            "restart-policy", training_job(template={"spec": containers["spec"] | {"restartPolicy": "Always"}}), "Never"
        ),
        BadManifest("no-workers", training_job(workers=0), "spec.workers"),
        BadManifest("too-many-workers", training_job(workers=10_001), "spec.workers"),
        BadManifest("negative-seconds", training_job(expectedSeconds=-1), "spec.expectedSeconds"),
        BadManifest("fraction-of-a-second", training_job(expectedSeconds=1.5), "spec.expectedSeconds"),
        BadManifest("deadline-without-zone", training_job(deadline="2026-11-24T06:00:00"), "spec.deadline"),
        BadManifest("unknown-checkpoint-mode", training_job(checkpoint={"mode": "Sometimes"}), "spec.checkpoint.mode"),
        BadManifest(
            "periodic-without-interval",
            training_job(checkpoint={"mode": "Periodic"}),
            "mode Periodic needs intervalSeconds",
        ),
        BadManifest(
            "on-signal-without-grace", training_job(checkpoint={"mode": "OnSignal"}), "mode OnSignal needs graceSeconds"
        ),
        BadManifest("extra-key", training_job(attribution={"extra": {"a/b": "x"}}), "write keys of extra as the name"),
        BadManifest(
            "extra-key-reserved",
            training_job(attribution={"extra": {"restore": "x"}}),
            "a key of extra has a meaning of its own",
        ),
        BadManifest(
            "too-many-extra-keys",
            training_job(attribution={"extra": {f"key-{index}": "x" for index in range(9)}}),
            "spec.attribution.extra",
        ),
        BadManifest("policy-kind", training_job(policyRef={"kind": "Policy", "name": "batch"}), "spec.policyRef.kind"),
        BadManifest("policy-name", training_job(policyRef={"kind": "CostPolicy", "name": "A b"}), OBJECT_NAME),
        BadManifest(
            "pause-during-kind", training_job(pauseDuring={"kind": "Pody", "name": "x"}), "spec.pauseDuring.kind"
        ),
        BadManifest(
            "pause-during-itself",
            training_job(pauseDuring={"kind": "TrainingJob", "name": "resnet"}),
            "pauseDuring names this TrainingJob itself, or its Job: name another object",
        ),
        BadManifest(
            "pause-during-its-own-job",
            training_job(pauseDuring={"kind": "Job", "name": "resnet"}),
            "pauseDuring names this TrainingJob itself, or its Job: name another object",
        ),
        BadManifest("resize", training_job(resize="Yes"), "spec.resize"),
        BadManifest("restart-scope", training_job(restartScope="Node"), "spec.restartScope"),
        BadManifest("negative-retries", training_job(retries=-1), "spec.retries"),
        BadManifest("suspend-in-quotes", training_job(suspend="true"), "spec.suspend"),
    ]


def _bad_idle_sections() -> list[BadManifest]:
    def idle(**fields: Any) -> Manifest:
        return cost_policy(idle=fields)

    return [
        BadManifest("warn-not-below-after", idle(afterSeconds=600, warnSeconds=600), "must be less than afterSeconds"),
        BadManifest("default-warn-not-below-after", idle(afterSeconds=300), "must be less than afterSeconds"),
        BadManifest(
            "warn-not-below-never-used",
            idle(afterSeconds=9000, warnSeconds=7200),
            "must be less than neverUsedAfterSeconds",
        ),
        BadManifest(
            "memory-held-not-above-after",
            idle(afterSeconds=3600, memoryHeldAfterSeconds=3600),
            "memoryHeldAfterSeconds is a longer patience",
        ),
        BadManifest("after-is-another-word", idle(afterSeconds="auto"), "write whole seconds of 1 or more"),
        BadManifest("after-in-quotes", idle(afterSeconds="3600"), "write whole seconds of 1 or more"),
        BadManifest("after-is-zero", idle(afterSeconds=0), "write whole seconds of 1 or more"),
        BadManifest("busy-above-hundred", idle(busyAbovePercent=101), "spec.idle.busyAbovePercent"),
        BadManifest("idle-action", idle(action="Delete"), "spec.idle.action"),
        BadManifest("without-checkpoint", idle(withoutCheckpoint="Allow"), "spec.idle.withoutCheckpoint"),
        BadManifest("serving", idle(serving="Requests"), "spec.idle.serving"),
        BadManifest("shared-devices", idle(sharedDevices="Share"), "spec.idle.sharedDevices"),
    ]


def _bad_policies() -> list[BadManifest]:
    no_zone = without(off_peak(window(timeZone="Europe/Berlin"), window()), "spec", "offPeak", "timeZone")
    return [
        BadManifest("no-selector", without(cost_policy(), "spec", "selector"), "spec.selector"),
        BadManifest("mode", cost_policy(mode="Disabled"), "spec.mode"),
        BadManifest("include", cost_policy(include="All"), "spec.include"),
        BadManifest("unknown-kind", cost_policy(kinds=["Job", "DaemonSet"]), "spec.kinds[1]"),
        BadManifest("kind-twice", cost_policy(kinds=["Job", "Job"]), "spec.kinds"),
        BadManifest("no-kinds", cost_policy(kinds=[]), "spec.kinds"),
        BadManifest(
            "selector-without-values",
            cost_policy(selector={"matchExpressions": [{"key": "tier", "operator": "In"}]}),
            "In and NotIn need values",
        ),
        BadManifest(
            "selector-operator",
            cost_policy(selector={"matchExpressions": [{"key": "tier", "operator": "Has"}]}),
            "spec.selector.matchExpressions[0].operator",
        ),
        BadManifest("no-time-zone", no_zone, "write offPeak.timeZone"),
        BadManifest("window-of-no-length", off_peak(window(start="08:00", end="08:00")), "start and end are the same"),
        BadManifest("window-start", off_peak(window(start="24:00")), 'from "00:00" to "23:59"'),
        BadManifest("window-end", off_peak(window(end="24:30")), 'from "00:00" to "24:00"'),
        BadManifest("window-day", off_peak(window(days=["Monday"])), "spec.offPeak.windows[0].days[0]"),
        BadManifest("window-without-days", off_peak(window(days=[])), "spec.offPeak.windows[0].days"),
        BadManifest("no-windows", cost_policy(offPeak={"timeZone": "Europe/Berlin"}), "spec.offPeak.windows"),
        BadManifest("too-many-windows", off_peak(*[window()] * 17), "spec.offPeak.windows"),
        BadManifest("except-date", off_peak(exceptDates=["24.12.2026"]), "spec.offPeak.exceptDates[0]"),
        BadManifest("open-date", off_peak(openDates=["2026-02-30"]), "spec.offPeak.openDates[0]"),
        BadManifest("when-closed", off_peak(whenClosed="Stop"), "spec.offPeak.whenClosed"),
        BadManifest("tariff-catalog", off_peak(tariffRef={"catalog": "My Prices", "name": "x"}), OBJECT_NAME),
        BadManifest("tariff-name", off_peak(tariffRef={"catalog": "main", "name": "day ahead"}), IDENTIFIER),
        BadManifest("spot-use", cost_policy(spot={"use": "Always"}), "spec.spot.use"),
        BadManifest(
            "only-spot-without-spot",
            cost_policy(spot={"use": "Only"}, placement={"order": ["OnDemand"]}),
            "spot.use Only can never run",
        ),
        BadManifest("placement-class", cost_policy(placement={"order": ["Unknown"]}), "spec.placement.order[0]"),
        BadManifest("placement-empty", cost_policy(placement={"order": []}), "spec.placement.order"),
        BadManifest("on-risk", cost_policy(deadline={"onRisk": "Panic"}), "spec.deadline.onRisk"),
        BadManifest("margin", cost_policy(deadline={"marginPercent": 200}), "spec.deadline.marginPercent"),
        BadManifest("right-sizing-mode", cost_policy(rightSizing={"mode": "Auto"}), "spec.rightSizing.mode"),
        BadManifest(
            "attribution-key", cost_policy(attribution={"required": ["owner"]}), "spec.attribution.required[0]"
        ),
        BadManifest("attribution-write", cost_policy(attribution={"write": "Pods"}), "spec.attribution.write"),
        BadManifest("limit", cost_policy(limits={"pausedPercentPerHour": 101}), "spec.limits.pausedPercentPerHour"),
        BadManifest("never-pause", cost_policy(overrides={"neverPause": "Forbidden"}), "spec.overrides.neverPause"),
        BadManifest("receiver", cost_policy(notify={"receiver": "https://x"}), IDENTIFIER),
        BadManifest("event", cost_policy(notify={"receiver": "x", "events": ["All"]}), "spec.notify.events[0]"),
    ]


def _bad_cluster_policies() -> list[BadManifest]:
    """What is its own, and every rule of a CostPolicy, which holds for it too."""
    elsewhere = {"matchExpressions": [{"key": "stage", "operator": "Exists", "values": ["x"]}]}
    inherited = [it for it in (*_bad_idle_sections(), *_bad_policies()) if it.manifest["kind"] == "CostPolicy"]
    return [
        BadManifest("precedence", cluster_cost_policy(precedence="First"), "spec.precedence"),
        BadManifest("namespace-selector", cluster_cost_policy(namespaceSelector=elsewhere), "In and NotIn need values"),
        *(
            BadManifest(
                f"cluster-{it.name}", _manifest("ClusterCostPolicy", "fleet", it.manifest["spec"], ""), it.message
            )
            for it in inherited
        ),
    ]


def _bad_adopted_workloads() -> list[BadManifest]:
    nothing = _manifest("AdoptedWorkload", "deployment-web", {}, "default")
    return [
        BadManifest("adopted-without-target", nothing, "spec.targetRef"),
        BadManifest("adopted-without-uid", without(adopted_workload(), "spec", "targetRef", "uid"), "uid"),
        BadManifest("adopted-name", adopted_workload(name="A b"), OBJECT_NAME),
    ]


def _bad_catalogs() -> list[BadManifest]:
    def split(**fields: Any) -> Manifest:
        return price_catalog(nodeSplit=fields)

    def nodes(*rows: Manifest) -> Manifest:
        return price_catalog(nodes=list(rows))

    def own(**fields: Any) -> Manifest:
        return nodes(node_row(nodeHourly=None, onPrem=on_prem(**fields)))

    def storage(**fields: Any) -> Manifest:
        row = {"id": "s", "storageClass": "fast", "pricePerGiBMonth": "0.16", "effectiveFrom": JULY}
        return price_catalog(storage=[row | fields])

    def egress(**fields: Any) -> Manifest:
        return price_catalog(
            egress=[{"id": "n", "match": "Internet", "pricePerGiB": "0.09", "effectiveFrom": JULY} | fields]
        )

    def energy(**fields: Any) -> Manifest:
        return price_catalog(energy=[{"id": "e", "effectiveFrom": JULY} | fields])

    def tariff(**fields: Any) -> Manifest:
        entry = {"name": "t", "unit": "PricePerKWh", "configMapRef": {"name": "t", "key": "prices.csv"}}
        return price_catalog(tariffs=[entry | fields])

    selector = {"matchExpressions": [{"key": "site", "operator": "Exists", "values": ["x"]}]}
    return [
        BadManifest("currency-symbol", price_catalog(currency="$"), "write the three capital letters of ISO 4217"),
        BadManifest("no-currency", without(price_catalog(), "spec", "currency"), "spec.currency"),
        BadManifest("split-mode", split(mode="Equal"), "spec.nodeSplit.mode"),
        BadManifest("weights-not-hundred", split(gpuPercent=90), "must add up to 100"),
        BadManifest("residual-without-rates", split(mode="Residual", cpuHourly="0.03"), "mode Residual needs"),
        BadManifest(
            "ratio-without-rates",
            split(mode="OpenCostRatio", cpuHourly="0.03", memoryGiBHourly="0.004"),
            "mode OpenCostRatio needs",
        ),
        BadManifest("price-not-quoted", nodes(node_row(nodeHourly=55.04)), "spec.nodes[0].nodeHourly"),
        BadManifest("price-with-currency", nodes(node_row(nodeHourly="55.04 USD")), AMOUNT),
        BadManifest("price-negative", nodes(node_row(nodeHourly="-1")), AMOUNT),
        BadManifest("row-id", nodes(node_row(id="p5 od")), IDENTIFIER),
        BadManifest("row-id-twice", nodes(node_row(), node_row()), "spec.nodes"),
        BadManifest("no-effective-from", nodes(node_row(effectiveFrom=None)), "effectiveFrom"),
        BadManifest("effective-from-is-a-date", nodes(node_row(effectiveFrom="2026-01-01")), "effectiveFrom"),
        BadManifest("row-ends-before-it-starts", nodes(node_row(effectiveTo=JANUARY)), ROW_ENDS),
        BadManifest("neither-price", nodes(node_row(nodeHourly=None)), "write either nodeHourly"),
        BadManifest("both-prices", nodes(node_row(onPrem=on_prem())), "write either nodeHourly"),
        BadManifest("match-nothing", nodes(node_row(match={})), "match needs at least one of"),
        BadManifest("match-class", nodes(node_row(match={"capacityClass": "Unknown"})), "capacityClass"),
        BadManifest("match-selector", nodes(node_row(match={"nodeSelector": selector})), "In and NotIn need values"),
        BadManifest("too-many-rows", nodes(*(node_row(id=f"row-{index}") for index in range(513))), "spec.nodes"),
        BadManifest(
            "own-without-life", nodes(node_row(nodeHourly=None, onPrem={"capex": "1", "gpus": 1})), "lifeYears"
        ),
        BadManifest("own-without-gpus", own(gpus=0), "onPrem.gpus"),
        BadManifest("pue-below-one", own(pue="0.9"), "write a decimal number of 1 or more"),
        BadManifest("power-without-price", own(kilowatts="10.2"), "kilowatts and pricePerKWh belong together"),
        BadManifest("storage-class", storage(storageClass="Very Fast"), OBJECT_NAME),
        BadManifest("storage-ends", storage(effectiveTo=JANUARY), ROW_ENDS),
        BadManifest("egress-match", egress(match="Elsewhere"), "spec.egress[0].match"),
        BadManifest("egress-ends", egress(effectiveTo=JULY), ROW_ENDS),
        BadManifest("energy-empty", energy(pue="1.2"), "write pricePerKWh, gramsCO2ePerKWh or both"),
        BadManifest("energy-ends", energy(pricePerKWh="0.12", effectiveTo=JANUARY), ROW_ENDS),
        BadManifest("tariff-unit", tariff(unit="PricePerHour"), "spec.tariffs[0].unit"),
        BadManifest("tariff-key", tariff(configMapRef={"name": "t", "key": "a/b"}), IDENTIFIER),
    ]


def _bad_changes() -> list[BadManifest]:
    """What is refused only because of what the object was before."""
    other = {"spec": {"containers": [{"name": "train", "image": "registry.example/train:8"}]}}
    first = _renamed(FULL_PRICE_CATALOG, "changing")
    return [
        BadManifest(
            "workers-changed",
            training_job("fixed", workers=3),
            "workers cannot be changed",
            training_job("fixed", workers=2),
        ),
        BadManifest(
            "template-changed",
            training_job("fixed", workers=2, template=other),
            "template cannot be changed",
            training_job("fixed", workers=2),
        ),
        *(
            BadManifest(
                f"adopted-{field}-changed",
                adopted_workload("deployment-fixed", **{field: other_value}),
                "targetRef cannot be changed",
                adopted_workload("deployment-fixed"),
            )
            for field, other_value in {"uid": "0c20", "name": "shop", "kind": "StatefulSet"}.items()
        ),
        *(
            BadManifest(f"{section}-row-changed", _with_row(first, section, **change), ROW_CHANGED, first)
            for section, change in {
                "nodes": {"nodeHourly": "54.00"},
                "storage": {"pricePerGiBMonth": "0.17"},
                "egress": {"match": "InterZone"},
                "energy": {"pue": "1.3"},
            }.items()
        ),
        BadManifest("row-loses-a-price", _without_list_price(first), ROW_CHANGED, first),
    ]


def _renamed(manifest: Manifest, name: str) -> Manifest:
    return copy.deepcopy(manifest) | {"metadata": {"name": name}}


def _with_row(catalog: Manifest, section: str, **change: Any) -> Manifest:
    """The first row of a section changed."""
    changed = copy.deepcopy(catalog)
    changed["spec"][section][0] |= change
    return changed


def _without_list_price(catalog: Manifest) -> Manifest:
    """The second row of nodes without its optional list price."""
    changed = copy.deepcopy(catalog)
    del changed["spec"]["nodes"][1]["listNodeHourly"]
    return changed
