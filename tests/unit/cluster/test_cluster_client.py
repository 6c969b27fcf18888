"""The client's own rules: credentials, errors as sentences, the exact requests of each verb. Played by a stand-in."""

import asyncio
from pathlib import Path
from urllib.request import getproxies

import pytest

from ebbtide.cluster import client as client_module
from ebbtide.cluster.client import connect
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import EVENTS, JOBS, NODES, PODS, TRAINING_JOBS
from tests.cluster_stand_in import StandIn, eventually, kubeconfig_for, running, thing


async def test_every_request_carries_the_token_and_our_name(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with running(stand_in, tmp_path, token="s3cret") as client:
        await client.get(JOBS, "ns", "a")
    assert stand_in.asked[0].headers["authorization"] == "Bearer s3cret"
    assert stand_in.asked[0].headers["user-agent"] == "ebbtide"


async def test_what_netrc_says_of_the_host_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password guess\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for proxy in getproxies():
        monkeypatch.delenv(f"{proxy}_proxy", raising=False)
        monkeypatch.delenv(f"{proxy.upper()}_PROXY", raising=False)
    stand_in = StandIn()
    async with running(stand_in, tmp_path, token="") as client:
        await client.get(JOBS, "ns", "a")
    assert "Basic" not in stand_in.asked[0].headers.get("authorization", "")


async def test_a_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in, far = StandIn(), tmp_path / "far"
    far.write_text(kubeconfig_for("http://cluster.invalid:6443"))
    async with running(stand_in, tmp_path) as near:
        monkeypatch.setenv("http_proxy", near.host)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with await connect(kubeconfig=str(far)) as client:
            await client.get(JOBS, "ns", "a")
    assert stand_in.asked[0].headers["host"] == "cluster.invalid:6443"


async def test_a_rotated_token_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TOKEN_SECONDS", 0.0)
    stand_in = StandIn()
    async with running(stand_in, tmp_path, token="old") as client:
        await client.get(JOBS, "ns", "a")
        (tmp_path / "token").write_text("new")
        await client.get(JOBS, "ns", "a")
    assert [one.headers["authorization"] for one in stand_in.asked] == ["Bearer old", "Bearer new"]


async def test_the_verbs_send_what_the_api_server_expects(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with running(stand_in, tmp_path) as client:
        await client.create(EVENTS, "ns", {"a": 1}, manager="m", strict=True)
        await client.apply(TRAINING_JOBS, "ns", "x", {"status": {}}, manager="m", subresource="status")
        await client.merge_patch(JOBS, "ns", "x", {"spec": {"suspend": None}}, manager="m")
        await client.delete(JOBS, "ns", "x", uid="u")
    create, apply, patch, delete = stand_in.asked
    assert (create.method, create.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/ns/events")
    assert create.query == {"fieldManager": "m", "fieldValidation": "Strict"}
    assert (apply.method, apply.path) == ("PATCH", "/apis/ebbtide.dev/v1alpha1/namespaces/ns/trainingjobs/x/status")
    assert apply.query == {"fieldManager": "m", "force": "true"}
    assert apply.headers["content-type"] == "application/apply-patch+yaml"
    assert patch.headers["content-type"] == "application/merge-patch+json"
    assert patch.body == {"spec": {"suspend": None}}, "null removes a field and must not be dropped"
    assert delete.body["preconditions"] == {"uid": "u"}


@pytest.mark.parametrize(
    ("resource", "want"),
    [(PODS, "/api/v1/namespaces/ns/pods/a%2Fb"), (NODES, "/api/v1/nodes/a%2Fb")],
)
def test_names_are_quoted_and_cluster_scope_has_no_namespace(resource: object, want: str) -> None:
    assert resource.path("ns", "a/b") == want  # type: ignore[attr-defined]


async def test_a_refusal_is_the_api_servers_own_sentence(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.refuse(422, "Invalid", 'Job "x" is invalid: spec.template: Required value')
    async with running(stand_in, tmp_path) as client:
        with pytest.raises(ApiError) as raised:
            await client.get(JOBS, "ns", "x")
    assert (raised.value.status, raised.value.reason) == (422, "Invalid")
    assert raised.value.message == 'Job "x" is invalid: spec.template: Required value'


@pytest.mark.parametrize(("body", "want"), [("plain text", '"plain text"'), ("", '""')])
async def test_a_refusal_without_a_status_object_still_says_something(tmp_path: Path, body: str, want: str) -> None:
    stand_in = StandIn()
    stand_in.answer(503, body)
    async with running(stand_in, tmp_path) as client:
        with pytest.raises(ApiError) as raised:
            await client.get(JOBS, "ns", "x")
    assert raised.value.status == 503
    assert raised.value.message == want


async def test_no_server_is_one_sentence_with_the_address(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    (tmp_path / "token").write_text("t")
    path.write_text(kubeconfig_for("http://127.0.0.1:9"))
    client = await connect(kubeconfig=str(path))
    try:
        with pytest.raises(ApiError, match=r"cannot reach the API server at http://127.0.0.1:9: .*refused") as raised:
            await client.get(JOBS, "ns", "x")
    finally:
        await client.close()
    assert raised.value.status == 0


@pytest.mark.parametrize("text", [None, "", "nonsense: [", "apiVersion: v1\nkind: Config\n"])
async def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ApiError, match="check --kubeconfig and --context") as raised:
        await connect(kubeconfig=str(path))
    assert str(path) in raised.value.message


async def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig_for("http://127.0.0.1:9"))
    with pytest.raises(ApiError, match="staging"):
        await connect(kubeconfig=str(path), context="staging")


async def test_a_silent_watch_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = client_module.aiohttp.ClientTimeout(total=None, sock_read=0.1)
    monkeypatch.setattr(client_module, "_WATCH", limits)
    stand_in = StandIn()
    async with running(stand_in, tmp_path) as client:
        with pytest.raises(ApiError, match="did not answer in time"):
            async for _ in client.watch(PODS, resource_version="1", timeout_seconds=60):
                pass


async def test_leaving_a_watch_closes_its_connection(tmp_path: Path) -> None:
    stand_in = StandIn({"u": thing("a")})
    async with running(stand_in, tmp_path) as client:
        lines = client.watch(PODS, resource_version="1", timeout_seconds=60)
        waiting = asyncio.ensure_future(anext(lines))
        await eventually(lambda: stand_in.streams, "the watch")
        stand_in.bookmark("2")
        assert b"BOOKMARK" in await waiting
        await lines.aclose()
        stand_in.bookmark("3")
        for _ in range(200):
            if not stand_in.streams:
                break
            stand_in.bookmark("4")
            await asyncio.sleep(0.01)
        assert not stand_in.streams
