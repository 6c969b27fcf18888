"""A small API server for the scale bench: paged LIST, WATCH with bookmarks, status writes, and counters.

`python -m tests.bench.api_server PORT FLEET-JSON`. No TLS, no checks: what it measures is the client. `GET /counters`
gives the writes so far.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.bench.fleet import Fleet, text

BOOKMARK_SECONDS = 60.0
GROUP = "ebbtide.dev"
_VERSION = '"resourceVersion":"1000"'
OWN = {
    "trainingjobs": "TrainingJob",
    "costpolicies": "CostPolicy",
    "clustercostpolicies": "ClusterCostPolicy",
    "adoptedworkloads": "AdoptedWorkload",
    "pricecatalogs": "PriceCatalog",
}
CLUSTER_SCOPED = ("clustercostpolicies", "pricecatalogs")
EMPTY = {
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "adoptedworkloads": "AdoptedWorkload",
    "clustercostpolicies": "ClusterCostPolicy",
}
"""Kinds that are read, and of which this fleet has none."""


class Collection:
    """One kind: `count` objects made on demand, and what was written to them."""

    def __init__(self, server: "ApiServer", kind: str, count: int, make: Callable[[int], dict[str, Any]]) -> None:
        self.kind = kind
        self._server, self._count, self._make = server, count, make
        self._index: dict[tuple[str, str], int] = {}
        self._status: dict[int, tuple[str, str]] = {}
        """Index to (resource version, status as JSON)."""
        self._spec: dict[int, dict[str, Any]] = {}
        self.watchers: set[asyncio.Queue[str]] = set()

    def page(self, start: int, limit: int) -> str:
        end = min(self._count, start + limit)
        token = f',"continue":"{end}","remainingItemCount":{self._count - end}' if end < self._count else ""
        items = ",".join(self.document(index) for index in range(start, end))
        head = f'{{"kind":"{self.kind}List","apiVersion":"v1","metadata":{{"resourceVersion":"{self._server.version}"'
        return f'{head}{token}}},"items":[{items}]}}'

    def document(self, index: int) -> str:
        body = text({**self._make(index), **({"spec": self._spec[index]} if index in self._spec else {})})
        if index in self._status:
            version, status = self._status[index]
            written = body[:-1].replace(_VERSION, f'"resourceVersion":"{version}"', 1)
            return f'{written},"status":{status}}}'
        return body

    def find(self, namespace: str, name: str) -> int:
        if not self._index:
            for index in range(self._count):
                meta = self._make(index)["metadata"]
                self._index[meta.get("namespace", ""), meta["name"]] = index
        return self._index[namespace, name]

    def write_status(self, namespace: str, name: str, status: dict[str, Any]) -> str:
        index = self.find(namespace, name)
        self._status[index] = (str(self._server.next_version()), text(status))
        return self._told(index)

    def merge_spec(self, namespace: str, name: str, spec: dict[str, Any]) -> str:
        index = self.find(namespace, name)
        self._spec[index] = {**self._spec.get(index, {}), **spec}
        self._status[index] = (str(self._server.next_version()), "{}")
        return self._told(index)

    def _told(self, index: int) -> str:
        """The object, sent to those who watch it too."""
        document = self.document(index)
        for queue in self.watchers:
            queue.put_nowait(f'{{"type":"MODIFIED","object":{document}}}\n')
        return document


class ApiServer:
    """All collections and the counters."""

    def __init__(self, fleet: Fleet, idle: dict[str, int], lease: tuple[str, str]) -> None:
        self.version = 5000
        self.writes: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()

        def collection(kind: str, count: int, make: Callable[[int], dict[str, Any]]) -> Collection:
            return Collection(self, kind, count, make)

        self.collections = {
            "pods": collection("Pod", fleet.pods, fleet.pod),
            "jobs": collection("Job", fleet.jobs, fleet.job),
            "nodes": collection("Node", fleet.nodes, fleet.node),
            "namespaces": collection("Namespace", fleet.namespaces, fleet.namespace_object),
            "trainingjobs": collection("TrainingJob", fleet.jobs, fleet.training_job),
            "costpolicies": collection("CostPolicy", fleet.namespaces, lambda index: fleet.policy(index, idle)),
            "pricecatalogs": collection("PriceCatalog", 1, lambda _: fleet.catalog()),
            "leases": collection("Lease", 1, lambda _: fleet.lease(*lease)),
            **{plural: collection(kind, 0, _nothing) for plural, kind in EMPTY.items()},
        }

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24)
        app.add_routes(
            [
                web.get("/counters", self.counters),
                web.get("/version", _always({"major": "1", "minor": "36", "gitVersion": "v1.36.4"})),
                web.get("/api", _always({"kind": "APIVersions", "versions": ["v1"]})),
                web.get("/apis", _always(_GROUPS)),
                web.get(f"/apis/{GROUP}/v1alpha1", _always(_KINDS)),
                web.get("/api/v1", _always({"kind": "APIResourceList", "resources": []})),
                web.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self.review),
                web.post("/apis/events.k8s.io/v1/namespaces/{namespace}/events", self.event),
                web.get("/api/v1/{plural}", self.read),
                web.get("/apis/{group}/{version}/{plural}", self.read),
                web.get("/apis/{group}/{version}/namespaces/{namespace}/{plural}", self.read),
                web.get("/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}", self.get),
                web.patch("/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}/status", self.status),
                web.patch("/apis/{group}/{version}/{plural}/{name}/status", self.status),
                web.patch("/apis/{group}/{version}/namespaces/{namespace}/{plural:leases}/{name}", self.lease),
                web.route("*", "/{rest:.*}", self.unknown),
            ]
        )
        return app

    async def counters(self, _: web.Request) -> web.Response:
        return _json({"writes": dict(self.writes), "reads": dict(self.reads)})

    async def review(self, _: web.Request) -> web.Response:
        return _json({"status": {"allowed": True}}, status=201)

    async def event(self, request: web.Request) -> web.Response:
        self.writes["events"] += 1
        return web.Response(body=await request.read(), status=201, content_type="application/json")

    async def read(self, request: web.Request) -> web.StreamResponse:
        collection = self.collections.get(request.match_info["plural"])
        if collection is None:
            return await self.unknown(request)
        if request.query.get("watch") in {"1", "true"}:
            return await self._watch(request, collection)
        self.reads[collection.kind] += 1
        body = collection.page(int(request.query.get("continue") or 0), int(request.query.get("limit") or 1 << 30))
        return web.Response(text=body, content_type="application/json")

    async def _watch(self, request: web.Request, collection: Collection) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        end = loop.time() + float(request.query.get("timeoutSeconds") or 3600)
        queue: asyncio.Queue[str] = asyncio.Queue()
        collection.watchers.add(queue)
        try:
            while (left := end - loop.time()) > 0:
                try:
                    line = await asyncio.wait_for(queue.get(), min(left, BOOKMARK_SECONDS))
                except TimeoutError:
                    line = self._bookmark(collection)
                await response.write(line.encode())
        except ConnectionResetError:
            pass
        finally:
            collection.watchers.discard(queue)
        return response

    def _bookmark(self, collection: Collection) -> str:
        meta = {"resourceVersion": str(self.version)}
        return text({"type": "BOOKMARK", "object": {"kind": collection.kind, "metadata": meta}}) + "\n"

    async def get(self, request: web.Request) -> web.Response:
        place = request.match_info
        collection = self.collections[place["plural"]]
        document = collection.document(collection.find(place["namespace"], place["name"]))
        return web.Response(text=document, content_type="application/json")

    async def status(self, request: web.Request) -> web.Response:
        place = request.match_info
        self.writes[f"{place['plural']}/status"] += 1
        collection = self.collections[place["plural"]]
        body = await request.json()
        document = collection.write_status(place.get("namespace", ""), place["name"], body["status"])
        return web.Response(text=document, content_type="application/json")

    async def lease(self, request: web.Request) -> web.Response:
        """Renewals are counted apart: leading is not steady state."""
        place, body = request.match_info, await request.json()
        self.reads["renewals"] += 1
        document = self.collections["leases"].merge_spec(place["namespace"], place["name"], body["spec"])
        return web.Response(text=document, content_type="application/json")

    async def unknown(self, request: web.Request) -> web.Response:
        """Every other write is counted: an unexpected one must not pass for quiet."""
        if request.method != "GET":
            self.writes[f"{request.method} {request.path}"] += 1
        message = f"{request.method} {request.path} is not served"
        return _json(
            {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": message, "code": 404}, 404
        )


_VERBS = ["get", "list", "watch", "patch", "update", "create", "delete"]
_GROUPS = {
    "kind": "APIGroupList",
    "groups": [
        {
            "name": GROUP,
            "versions": [{"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"}],
            "preferredVersion": {"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"},
        }
    ],
}
_KINDS = {
    "kind": "APIResourceList",
    "groupVersion": f"{GROUP}/v1alpha1",
    "resources": [
        {
            "name": f"{plural}{subresource}",
            "singularName": plural[:-1],
            "namespaced": plural not in CLUSTER_SCOPED,
            "kind": kind,
            "verbs": _VERBS,
        }
        for plural, kind in OWN.items()
        for subresource in ("", "/status")
    ],
}


def _nothing(index: int) -> dict[str, Any]:
    raise IndexError(index)


def _always(body: object) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return _json(body)

    return answer


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


async def _serve(port: int, options: dict[str, Any]) -> None:
    server = ApiServer(Fleet(**options["fleet"]), options["idle"], tuple(options["lease"]))
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), json.loads(sys.argv[2])))
