"""The body of an answer, kept as it came: packed, a large fleet's is a tenth, and it is unpacked piece by piece."""

import zlib
from collections.abc import Iterator

from ebbtide.samples.answer import MetricsError

_PIECE_BYTES = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """Bytes of an HTTP body; `packed` says that they are gzip."""

    def __init__(self, content: bytes | bytearray, *, packed: bool = False) -> None:
        self._content = memoryview(content)
        self._packed = packed

    def pieces(self) -> Iterator[bytes]:
        """The unpacked bytes, from the beginning each time. Raises MetricsError where they are not gzip."""
        raw = (bytes(self._content[at : at + _PIECE_BYTES]) for at in range(0, len(self._content), _PIECE_BYTES))
        return self._unpacked(raw) if self._packed else raw

    def whole(self) -> bytes:
        """All at once, for small ones."""
        return b"".join(self.pieces())

    @staticmethod
    def _unpacked(raw: Iterator[bytes]) -> Iterator[bytes]:
        stream = zlib.decompressobj(_GZIP)
        try:
            for piece in raw:
                left = piece
                while left and not stream.eof:
                    yield stream.decompress(left, _PIECE_BYTES)
                    left = stream.unconsumed_tail
            yield stream.flush()
        except zlib.error as error:
            raise MetricsError(f"Prometheus answered with something that is not gzip: {error}.") from error
        if not stream.eof:
            raise MetricsError("Prometheus answered with a gzip stream that ends too early.")
