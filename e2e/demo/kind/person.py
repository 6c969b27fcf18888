"""A person with a client certificate that the cluster itself signed."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.plane.kubeconfig import Access, write_kubeconfig
from e2e.plane.pki import KeyPair
from e2e.plane.waiting import wait_until

_VALID_SECONDS: Final = 7 * 86400
_SIGNED_SECONDS: Final = 30.0


class Kubectl(Protocol):
    """kubectl as the administrator."""

    def __call__(self, *words: str, text: str | None = None) -> str: ...


def write_person(kubectl: Kubectl, cluster: Access, user: str, namespace: str, path: Path) -> Path:
    """A kubeconfig for the user, whose rights are another matter. Raises PlaneError when nothing is signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = user.partition("@")[0]
    kubectl("create", "-f", "-", text=yaml.safe_dump(_request(name, user, key)))
    kubectl("certificate", "approve", name)
    words = ("get", "certificatesigningrequest", name, "--output=jsonpath={.status.certificate}")
    signed = wait_until(lambda: kubectl(*words).strip(), f"a certificate for {user}", _SIGNED_SECONDS)
    pair = KeyPair(base64.b64decode(signed), _pem(key))
    return write_kubeconfig(path, replace(cluster, pair=pair, token=None), namespace)


def _request(name: str, user: str, key: ec.EllipticCurvePrivateKey) -> dict[str, object]:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(asked.public_bytes(serialization.Encoding.PEM)).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "expirationSeconds": _VALID_SECONDS,
        },
    }


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
