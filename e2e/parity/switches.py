"""The faults of a scenario on the plane: proxies in front of the API server and of Prometheus."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from e2e.faults.api_proxy import ApiProxy
from e2e.faults.call import Call
from e2e.faults.fault import Answer, Changed, Effect, Fault, Late
from e2e.faults.prometheus_proxy import PrometheusProxy, empty, warned
from e2e.installation import NAMESPACE, RELEASE, Installation
from e2e.operator_process import OperatorProcess
from e2e.parity.player import Switch

_PROMETHEUS: Final[Mapping[str, Effect]] = {
    "Down": Answer(503),
    "Slow": Late(60.0),
    "Partial": Changed(warned),
    "Empty": Changed(empty),
}
_WRITES: Final = ("create", "update", "patch", "delete")
_REFUSED: Final = Answer(403, "Forbidden")
_AWAY: Final = Answer(503, "ServiceUnavailable")
_CONFLICT: Final = Answer(409, "Conflict")


@dataclass(frozen=True, slots=True)
class _Once(Fault):
    """Hits the first call in one namespace that matches, and none after it."""

    namespace: str = ""
    spent: list[Call] = field(default_factory=list)

    def hits(self, call: Call, body: bytes = b"") -> bool:
        if self.spent or call.namespace != self.namespace or not Fault.hits(self, call, body):
            return False
        self.spent.append(call)
        return True


@contextmanager
def behind_proxies(it: Installation) -> Iterator[tuple[OperatorProcess, Mapping[str, Switch]]]:
    """The operator started anew behind both proxies, and the switches `prometheus` and `api`."""
    with ApiProxy(it.plane) as api, PrometheusProxy(it.prometheus) as prometheus:
        it.operator.stop()
        operator = OperatorProcess.from_deployment(
            it.plane,
            NAMESPACE,
            RELEASE,
            overrides={"--prometheus-url": prometheus.url},
            env={"KUBECONFIG": str(api.kubeconfig(NAMESPACE, RELEASE))},
        )
        operator.start()
        operator.wait_ready()

        def set_prometheus(state: str, _namespace: str) -> None:
            prometheus.heal() if state == "Up" else prometheus.fail(_PROMETHEUS[state])

        def set_api(state: str, namespace: str) -> None:
            faults = {
                "Conflict": _Once(_CONFLICT, verbs=("patch",), resources=("jobs", "deployments"), namespace=namespace),
                "Forbidden": Fault(_REFUSED, verbs=_WRITES),
                "Unavailable": Fault(_AWAY, verbs=_WRITES),
            }
            api.heal() if state == "Ok" else api.fail(faults[state])

        yield operator, {"prometheus": set_prometheus, "api": set_api}
        operator.stop()
