"""Samples of any time into a real Prometheus: the remote-write protocol (1.0), as small as it can be."""

import struct
from collections.abc import Iterable, Mapping

import requests

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The value that ends a series. Not told from other NaN by its value: `encode` looks at the object."""
_STALE_BYTES = struct.pack("<Q", 0x7FF0000000000002)
_TIMEOUT_SECONDS = 10

Sample = tuple[float, float]
"""Seconds and value."""


def write(url: str, series: Iterable[tuple[Mapping[str, str], Iterable[Sample]]]) -> None:
    """Writes series with their labels (`__name__` among them). Raises requests.HTTPError when one is refused."""
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    headers["X-Prometheus-Remote-Write-Version"] = "0.1.0"
    with requests.Session() as session:
        session.trust_env = False
        body = _snappy(b"".join(_field(1, _series(labels, samples)) for labels, samples in series))
        session.post(f"{url}/api/v1/write", body, headers=headers, timeout=_TIMEOUT_SECONDS).raise_for_status()


def _series(labels: Mapping[str, str], samples: Iterable[Sample]) -> bytes:
    named = (_field(1, _field(1, name.encode()) + _field(2, labels[name].encode())) for name in sorted(labels))
    valued = (_field(2, _sample(at, value)) for at, value in samples)
    return b"".join((*named, *valued))


def _sample(at: float, value: float) -> bytes:
    bits = _STALE_BYTES if value is STALE else struct.pack("<d", value)
    return b"\x09" + bits + b"\x10" + _varint(round(at * 1000))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _snappy(content: bytes) -> bytes:
    """One literal: the format allows not to compress."""
    return _varint(len(content)) + b"\xfc" + struct.pack("<I", len(content) - 1) + content
