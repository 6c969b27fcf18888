"""What a person can do about a reason: one sentence each, shown by `explain` under "What would change it"."""

from typing import Final

from ebbtide.core.reason import Reason

REMEDIES: Final = {
    Reason.NoPolicy: (
        "No policy governs it: write a CostPolicy whose selector matches its labels and that has an idle section."
    ),
    Reason.PolicyNotFound: "The policy that it names does not exist: create it, or correct spec.policyRef.",
    Reason.PolicyInvalid: "Its policy is not accepted: `kubectl describe` shows why.",
    Reason.NoCheckpoint: (
        "Say how it survives a stop (spec.checkpoint.mode), or set idle.withoutCheckpoint: Pause in the policy."
    ),
    Reason.CheckpointTooOld: (
        "Write a newer ebbtide.dev/checkpointed-at, or raise idle.maxCheckpointAgeSeconds in the policy."
    ),
    Reason.ObserveOnly: "The policy only observes: set mode: Enforce in it to let it act.",
    Reason.EnforcementDisabled: (
        "The installation only observes: helm upgrade with --set enforcement.enabled=true lets policies act."
    ),
    Reason.VetoedByUser: "A person keeps it: remove ebbtide.dev/keep-until or never-pause to lift that.",
    Reason.ProtectedNamespace: "Its namespace is protected: nothing in it is ever touched.",
    Reason.CircuitBreakerOpen: (
        "The breaker is open for the whole fleet: once the metrics can be trusted again, close it with `resume "
        "--breaker`."
    ),
    Reason.ConflictingController: (
        "Something keeps undoing it: find who moves the lever, then change the spec, the policy or your request."
    ),
    Reason.TooManyPauses: "A limit on pauses is reached: see limits in the policy and safety in the chart's values.",
    Reason.MinimumRunTime: "It resumed a short while ago: limits.minimumRunSeconds must pass first.",
    Reason.RestartCostsMore: (
        "A pause would save less than the restart costs: more frequent checkpoints or a later deadline change that."
    ),
    Reason.NoEstimate: (
        "Say how long it takes (spec.expectedSeconds, or ebbtide.dev/expected-seconds): then its slack is known."
    ),
    Reason.BehindPlan: "Its deadline is at risk: correct spec.expectedSeconds, or move the deadline.",
    Reason.DeadlineInfeasible: "Its deadline cannot be met any more: move it, or give it more devices.",
    Reason.DeadlineMissed: "Its deadline has passed: move it, or remove it.",
    Reason.PermissionDenied: (
        "The API server refuses it, in the words above: grant what it names, or exempt Ebbtide's ServiceAccount from "
        "the admission policy it names. `check` lists missing rights. It is tried again, at most five minutes apart."
    ),
    Reason.MetricsMissing: (
        "Its devices send no metrics: see that the accelerator exporter runs on its nodes and is scraped."
    ),
    Reason.MetricsUnavailable: "Prometheus gives no usable answer: `check --prometheus-url URL` says why.",
    Reason.StaleMetrics: "The newest sample is too old: see whether the exporter's targets are up in Prometheus.",
    Reason.InsufficientCoverage: (
        "Too many samples are missing: it is judged again once the gap lies outside the judged span."
    ),
    Reason.AttributionBroken: (
        "Its samples cannot be told to be its own: check the exporter's pod labels (metrics.labelMode and "
        "metrics.matchLabels of the chart) and how its node shares devices."
    ),
    Reason.LabelModeUnknown: "The exporter's labels are not recognised: set metrics.labelMode in the chart's values.",
    Reason.SingleFamily: "Only one kind of signal is exported: add power or an engine metric to the exporter's list.",
    Reason.PodIdentity: (
        "Series name it by another pod's UID: once those have ended it is judged; else pin this cluster's series in "
        "metrics.matchLabels."
    ),
    Reason.SharedDevice: (
        "A device is shared with other pods: stop it yourself, or set idle.sharedDevices: Pause in the policy, which "
        "pauses it once the whole device is idle (with HAMi: once the pod is)."
    ),
    Reason.NoRequestSignal: (
        "Scrape its engine, name a series in ebbtide.dev/request-series, or set idle.serving: DevicesOnly in the "
        "policy."
    ),
    Reason.BadValues: "Readings cannot be true: look at the exporter and the driver on that node.",
    Reason.SignalsDisagree: (
        "Utilisation is quiet while power or energy says work: restart the exporter on that node; where it stays, "
        "report it with this page."
    ),
    Reason.GPUNeverUsed: (
        "No device was ever busy: check that the program finds its devices, and request none if it needs none."
    ),
    Reason.FrozenMetrics: "The exporter repeats old readings: restart it on that node.",
    Reason.InvalidAnnotation: "Correct the annotation that cannot be read.",
    Reason.QueueManaged: (
        "It has a queue name, and no Workload of Kueue's is seen for it: see that Kueue manages its kind, and that the "
        "operator may read workloads.kueue.x-k8s.io."
    ),
    Reason.RestoreSkipped: (
        "What is stored about its pause cannot be used: start it by hand and remove its annotation ebbtide.dev/restore."
    ),
    Reason.JobFailed: "It failed: the logs of its pods say why.",
    Reason.RetriesExhausted: "It failed more often than spec.retries allows: the logs of its pods say why.",
    Reason.Unschedulable: "No node has room for its pods: `kubectl describe pod` says what is missing.",
    Reason.NameConflict: "A Job of its name is not ours: rename or delete that Job.",
    Reason.TemplateRejected: "The API server refuses its pod template: create it anew with the template corrected.",
    Reason.UnknownValue: "A field holds a value that this version does not know: correct it, or upgrade the operator.",
    Reason.InvalidTimeZone: "A time zone does not exist: write an IANA name, such as Europe/Berlin.",
    Reason.GangNotGuaranteed: "Name a Kueue queue or a gang scheduler: then all of its pods start, or none.",
    Reason.NodeUnpriced: (
        "A node has a price where exactly one row of a PriceCatalog matches it, in the chart's currency and with "
        "effect: `check` says what to write."
    ),
    Reason.CatalogOverlap: (
        "Two equally specific PriceCatalog rows match its node: make one more specific, or end it with effectiveTo."
    ),
    Reason.CurrencyMismatch: (
        "The catalog is not in the ledger's currency and not used: write its prices in the currency of the chart."
    ),
    Reason.ReceiverNotFound: (
        "Nobody is told beyond Events and conditions: correct notify.receiver of the policy, or add that receiver to "
        "what the chart's notify.receiversFrom names."
    ),
    Reason.CrashLooping: "Its container keeps crashing: `kubectl logs --previous` shows why.",
    Reason.ImagePullFailing: "Its image cannot be pulled: correct the image or its pull secret.",
    Reason.GPUStalled: "Its devices are held busy without work being done: look for a hung collective or a deadlock.",
}
"""Only reasons about which something can be done."""


def remedy(reason: str) -> str:
    """Empty where nothing is to be done."""
    return next((text for known, text in REMEDIES.items() if known == reason), "")
