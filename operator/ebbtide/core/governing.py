"""Which policy governs a workload. Exactly one does; policies are never merged (design: "Which policy")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ebbtide.api.cost_policy import PolicyMode
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Workload


@dataclass(frozen=True, slots=True)
class Governing:
    """The policy in force, or why there is none to act by."""

    policy: Policy | None
    reason: Reason | None = None
    """NoPolicy, PolicyNotFound or PolicyInvalid when policy is None."""
    message: str = ""
    enforce: bool = False
    """The policy's mode is Enforce and the chart's enforcement switch is on."""

    @property
    def reference(self) -> str:
        """Kind/name of the policy; empty without one."""
        return self.policy.reference if self.policy else ""

    @property
    def reference_in_namespace(self) -> str:
        """namespace/Kind/name of the policy, unique in the cluster; empty without one."""
        return f"{self.policy.namespace}/{self.policy.reference}" if self.policy else ""


class PolicyIndex:
    """Policies of one snapshot by namespace, best first, so that a fleet is matched in one pass."""

    def __init__(self, policies: Iterable[Policy], settings: Settings) -> None:
        self._settings = settings
        self._by_namespace: dict[str, list[Policy]] = {}
        for policy in sorted(policies, key=_rank):
            self._by_namespace.setdefault(policy.namespace, []).append(policy)

    def governing(self, workload: Workload) -> Governing:
        """The one policy for this workload."""
        candidates = self._by_namespace.get(workload.key.namespace, ())
        if workload.intent.policy_name:
            return self._named(workload.intent.policy_name, candidates)
        for policy in candidates:
            if policy.spec is not None and _selects(policy, workload):
                return self._in_force(policy)
        return Governing(None, Reason.NoPolicy, f"no CostPolicy in namespace {workload.key.namespace} selects it")

    def _named(self, reference: str, candidates: Sequence[Policy]) -> Governing:
        found = next((policy for policy in candidates if policy.reference == reference), None)
        if found is None:
            return Governing(None, Reason.PolicyNotFound, f"{reference} is named but does not exist: observed only")
        if found.spec is None:
            return Governing(
                None, Reason.PolicyInvalid, f"{reference} is not accepted ({found.problem}): observed only"
            )
        return self._in_force(found)

    def _in_force(self, policy: Policy) -> Governing:
        assert policy.spec is not None
        enforce = policy.spec.mode == PolicyMode.Enforce and self._settings.enforcement
        return Governing(policy, None, f"governed by {policy.reference}", enforce)


def _rank(policy: Policy) -> tuple[int, float, str]:
    """Higher priority first, then the older, then the name."""
    return (-(policy.spec.priority if policy.spec else 0), policy.created_at, policy.name)


def _selects(policy: Policy, workload: Workload) -> bool:
    spec = policy.spec
    assert spec is not None
    if spec.kinds and workload.key.kind not in {str(kind) for kind in spec.kinds}:
        return False
    if str(spec.include) == "Accelerated" and workload.accelerators == 0:
        return False
    return spec.selector.matches(dict(workload.labels))
