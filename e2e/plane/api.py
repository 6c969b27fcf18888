"""A small synchronous client of the API server, for the harness itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from e2e.plane.errors import PlaneError
from e2e.plane.kubeconfig import read_kubeconfig

_THREADS = 12


class Api:
    """JSON in, JSON out, as the user of one kubeconfig. One object may serve up to 12 threads."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        access = read_kubeconfig(kubeconfig)
        self.server = access.server
        self._session = requests.Session()
        # Proxies and .netrc of the machine have nothing to say about a loopback address.
        self._session.trust_env = False
        self._session.mount("https://", HTTPAdapter(pool_maxsize=_THREADS))
        self._session.verify = str(folder / "ca.crt")
        if access.pair is not None:
            certificate, key = access.pair.write(folder, f"client-{kubeconfig.stem}")
            self._session.cert = (str(certificate), str(key))
        if access.token is not None:
            self._session.headers["Authorization"] = f"Bearer {access.token}"

    def close(self) -> None:
        self._session.close()

    def answers(self, path: str) -> bool:
        """Does GET give 200? False when nobody listens."""
        try:
            return bool(self._session.get(self.server + path, timeout=2).status_code == requests.codes.ok)
        except requests.RequestException:
            return False

    def send(
        self, method: str, path: str, body: object = None, content_type: str = "application/json", check: bool = True
    ) -> Any:
        """The decoded answer. With `check`, a status of 400 or more raises PlaneError with the server's message."""
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._session.request(
                method, self.server + path, data=data, headers={"Content-Type": content_type}, timeout=30
            )
            decoded = answer.json()
        except requests.RequestException as error:
            raise PlaneError(f"{method} {path}: {error}") from error
        if check and answer.status_code >= requests.codes.bad_request:
            raise PlaneError(f"{method} {path}: {answer.status_code} {decoded.get('message', decoded)}")
        return decoded

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def post(self, path: str, body: object) -> Any:
        return self.send("POST", path, body)

    def merge_patch(self, path: str, body: object) -> Any:
        return self.send("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)

    def items(self, path: str) -> Iterator[Any]:
        """The objects of a list."""
        yield from self.get(path).get("items") or []
