"""`python -m e2e.exporter --kubeconfig FILE --port PORT [--speedup 60]`."""

import argparse
import asyncio
import contextlib
import logging
import signal
import time
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from e2e.exporter.activity import parse_activity
from e2e.exporter.cluster import ClusterReader
from e2e.exporter.devices import Fleet
from e2e.exporter.profile import profile_series
from e2e.exporter.server import ExporterServer
from e2e.exporter.trace import trace_series
from e2e.plane.kubeconfig import read_kubeconfig
from e2e.plane.ports import HOST

_LOG = logging.getLogger("e2e.exporter")
_POLL_SECONDS = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="e2e.exporter", description="dcgm-exporter for simulated nodes")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--speedup", type=float, default=60.0, help="trace seconds that pass in one real second (default: %(default)g)"
    )
    return parser.parse_args()


async def _poll(reader: ClusterReader, server: ExporterServer) -> None:
    """Follows the cluster for ever. While the API server is away the devices go on as they were."""
    async with reader.session() as session:
        while True:
            try:
                nodes, pods = await reader.observe(session)
                server.fleet.observe(nodes, pods, time.time())
                server.ready = True
            except (aiohttp.ClientError, TimeoutError) as error:
                _LOG.warning("the API server does not answer: %s", error)
            await asyncio.sleep(_POLL_SECONDS)


async def _serve(arguments: argparse.Namespace) -> None:
    sources = {"trace": trace_series, "profile": profile_series}
    read = partial(parse_activity, sources=sources, speedup=arguments.speedup)
    server = ExporterServer(Fleet(), read)
    reader = ClusterReader(read_kubeconfig(arguments.kubeconfig), read, server.activity_of)
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, arguments.port).start()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    polling = asyncio.create_task(_poll(reader, server))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    polling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await polling
    await runner.cleanup()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(_arguments()))


if __name__ == "__main__":
    main()
