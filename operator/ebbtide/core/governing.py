"""Which policy governs a workload. Exactly one does; policies are never merged (design: "Which policy")."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ebbtide.api.cluster_cost_policy import ClusterCostPolicySpec, Precedence
from ebbtide.api.cost_policy import AttributionWrite, CostPolicySpec, PolicyMode
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Namespace, Workload

CLUSTER_KIND: Final = "ClusterCostPolicy"
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""The label that every namespace has."""


@dataclass(frozen=True, slots=True)
class Governing:
    """The policy in force, or why there is none to act by."""

    policy: Policy | None
    reason: Reason | None = None
    """NoPolicy, PolicyNotFound or PolicyInvalid when policy is None."""
    message: str = ""
    enforce: bool = False
    """The policy's mode is Enforce and the chart's enforcement switch is on."""
    writes: AttributionWrite = AttributionWrite.NONE
    """Where attribution labels are written on work of others; None where it does not enforce, or says nothing."""

    @property
    def reference(self) -> str:
        """Kind/name of the policy; empty without one."""
        return self.policy.reference if self.policy else ""

    @property
    def reference_in_namespace(self) -> str:
        """namespace/Kind/name of the policy, unique in the cluster; empty without one. A ClusterCostPolicy has none."""
        return f"{self.policy.namespace}/{self.policy.reference}" if self.policy else ""


class PolicyIndex:
    """Policies of one snapshot by namespace, best first, so that a fleet is matched in one pass."""

    def __init__(self, policies: Iterable[Policy], settings: Settings) -> None:
        self._settings = settings
        self._mandatory: list[Policy] = []
        self._by_namespace: dict[str, list[Policy]] = {}
        self._cluster: list[Policy] = []
        for policy in sorted(policies, key=_rank):
            if policy.kind != CLUSTER_KIND:
                self._by_namespace.setdefault(policy.namespace, []).append(policy)
            elif _is_mandatory(policy):
                self._mandatory.append(policy)
            else:
                self._cluster.append(policy)

    def governing(self, workload: Workload, namespace: Namespace | None = None) -> Governing:
        """The one policy for this workload. `namespace`: where it is; without one only its name is known."""
        place = namespace or Namespace(workload.key.namespace)
        if found := _first(self._mandatory, workload, place):
            return self._in_force(found)
        if workload.intent.policy_name:
            return self._named(workload.intent.policy_name, place)
        own = self._by_namespace.get(place.name, ())
        if found := _first(own, workload, place) or _first(self._cluster, workload, place):
            return self._in_force(found)
        said = f"no CostPolicy in namespace {place.name} and no ClusterCostPolicy selects it"
        return Governing(None, Reason.NoPolicy, said)

    def _named(self, reference: str, place: Namespace) -> Governing:
        """Selector and kinds do not matter to it; which namespaces a ClusterCostPolicy is for, its owner says."""
        known = (*self._by_namespace.get(place.name, ()), *self._mandatory, *self._cluster)
        found = next((policy for policy in known if policy.reference == reference), None)
        if found is None:
            return Governing(None, Reason.PolicyNotFound, f"{reference} is named but does not exist: observed only")
        if found.spec is None:
            said = f"{reference} is not accepted ({found.problem}): observed only"
            return Governing(None, Reason.PolicyInvalid, said)
        if not _reaches(found.spec, place):
            said = f"{reference} is named but not for namespace {place.name} (its namespaceSelector): observed only"
            return Governing(None, Reason.PolicyNotFound, said)
        return self._in_force(found)

    def _in_force(self, policy: Policy) -> Governing:
        assert policy.spec is not None
        enforce = policy.spec.mode == PolicyMode.Enforce and self._settings.enforcement
        said = f"governed by {policy.reference}"
        return Governing(policy, None, said, enforce, self._writes(policy.spec) if enforce else AttributionWrite.NONE)

    def _writes(self, spec: CostPolicySpec) -> AttributionWrite:
        if spec.attribution is None:
            return AttributionWrite.NONE
        wanted = spec.attribution.write
        reaches_pods = wanted is AttributionWrite.ObjectsAndPods
        return AttributionWrite.Objects if reaches_pods and not self._settings.write_pods else wanted


def _rank(policy: Policy) -> tuple[int, float, str]:
    """Higher priority first, then the older, then the name."""
    return (-(policy.spec.priority if policy.spec else 0), policy.created_at, policy.name)


def _is_mandatory(policy: Policy) -> bool:
    return isinstance(policy.spec, ClusterCostPolicySpec) and policy.spec.precedence is Precedence.Mandatory


def _first(policies: Iterable[Policy], workload: Workload, place: Namespace) -> Policy | None:
    return next((it for it in policies if it.spec is not None and _selects(it.spec, workload, place)), None)


def _selects(spec: CostPolicySpec, workload: Workload, place: Namespace) -> bool:
    if spec.kinds and workload.key.kind not in {str(kind) for kind in spec.kinds}:
        return False
    if str(spec.include) == "Accelerated" and not workload.accelerated:
        return False
    return _reaches(spec, place) and spec.selector.matches(dict(workload.labels))


def _reaches(spec: CostPolicySpec, place: Namespace) -> bool:
    """Whether a ClusterCostPolicy is for this namespace; a CostPolicy is for its own."""
    if not isinstance(spec, ClusterCostPolicySpec) or spec.namespace_selector is None:
        return True
    return spec.namespace_selector.matches({NAMESPACE_NAME: place.name, **dict(place.labels)})
