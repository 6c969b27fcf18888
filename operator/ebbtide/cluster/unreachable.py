"""No answer came: why, in one sentence."""

import os

import aiohttp

from ebbtide.objects.errors import ApiError


def unreachable(host: str, error: Exception) -> ApiError:
    """No answer came: why, in one sentence."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        text = f"the API server at {host} shows a certificate that is not trusted: {error}"
        return ApiError(0, "BadCertificate", text)
    if isinstance(error, TimeoutError):
        return ApiError(0, "Timeout", f"the API server at {host} did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return ApiError(0, "Unreachable", f"cannot reach the API server at {host}: {_why(error)}")
    text = f"the connection to the API server at {host} broke: {error or type(error).__name__}"
    return ApiError(0, "Disconnected", text)


def _why(error: aiohttp.ClientConnectorError) -> str:
    """The system's word for it; asyncio's own names only the call that failed. Resolver errors are negative."""
    number = error.os_error.errno or 0
    return os.strerror(number) if number > 0 else error.os_error.strerror or str(error)
