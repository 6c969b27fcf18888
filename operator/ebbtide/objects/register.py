"""AdoptedWorkloads come and go: one for each workload of others that somebody wants judged."""

from typing import Any

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.core.workload import Target, Workload
from ebbtide.objects import outcomes
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.errors import ApiError
from ebbtide.objects.patching import MANAGER
from ebbtide.objects.resources import ADOPTED_WORKLOADS
from ebbtide.objects.writing import Gate
from ebbtide.ports import Outcome


class Register:
    """Creates and deletes AdoptedWorkloads. Nothing here touches the objects that they are about."""

    def __init__(self, client: ApiServer, gate: Gate) -> None:
        self._client, self._gate = client, gate

    async def adopt(self, workload: Workload) -> Outcome:
        """Create the one that carries the status of this workload. ApiError, NotLeaderError."""
        target = workload.itself or workload.target
        if target is None:
            return outcomes.conflict(f"{workload.key} is not there any more")
        body = adopted_workload(target)
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        try:
            await self._gate.send(
                lambda: self._client.create(ADOPTED_WORKLOADS, namespace, body, manager=MANAGER, strict=True)
            )
        except ApiError as error:
            if not error.already_exists:
                raise
            return await self._make_room(target, namespace, name)
        return outcomes.DONE

    async def discard(self, workload: Workload) -> Outcome:
        """Delete it: that very one, so that a successor of its name stays. ApiError, NotLeaderError."""
        told = workload.status_object
        if told is None:
            return outcomes.unchanged("it has no AdoptedWorkload")
        return await self._delete(workload.key.namespace, told.name, told.uid)

    async def _make_room(self, target: Target, namespace: str, name: str) -> Outcome:
        """One of that name is there: about this object, or about a predecessor whose UID it bears."""
        there = await self._client.get(ADOPTED_WORKLOADS, namespace, name)
        if there.get("spec", {}).get("targetRef", {}).get("uid") == target.uid:
            return outcomes.unchanged(f"{ADOPTED_WORKLOADS.kind} {name} exists already")
        await self._delete(namespace, name, there["metadata"]["uid"])
        return outcomes.conflict(f"{ADOPTED_WORKLOADS.kind} {name} was about a predecessor, which is gone")

    async def _delete(self, namespace: str, name: str, uid: str) -> Outcome:
        try:
            await self._gate.send(lambda: self._client.delete(ADOPTED_WORKLOADS, namespace, name, uid=uid))
        except ApiError as error:
            if not error.not_found:
                raise
            return outcomes.unchanged(f"{ADOPTED_WORKLOADS.kind} {name} is gone already")
        return outcomes.DONE


def adopted_workload(target: Target) -> dict[str, Any]:
    """The AdoptedWorkload of an object. It goes with the object, and never holds up the object's deletion."""
    reference = {"apiVersion": target.api_version, "kind": target.kind, "name": target.name, "uid": target.uid}
    return {
        "apiVersion": ADOPTED_WORKLOADS.api_version,
        "kind": ADOPTED_WORKLOADS.kind,
        "metadata": {
            "name": adopted_name(target.api_version, target.kind, target.name),
            "namespace": target.namespace,
            "ownerReferences": [reference],
        },
        "spec": {"targetRef": dict(reference)},
    }
