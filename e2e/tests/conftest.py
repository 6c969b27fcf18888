"""One control plane for the whole session; a fresh namespace for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.installation import Installation
from e2e.plane import Plane
from e2e.requirements_guard import require

_NODES = 4
_CRDS = Path(__file__).resolve().parents[2] / "crds"
_numbers = itertools.count(1)
_LONGEST_FIRST = (
    "test_parity.py",
    "test_leader.py",
    "test_demo.py",
    "test_adoption.py",
    "test_prometheus.py",
    "test_people.py",
    "test_kinds_operator.py",
    "test_wake_on_the_plane.py",
    "test_fights.py",
    "test_release.py",
    "test_metrics_adapter.py",
    "test_kueue.py",
    "test_aimed_kills.py",
    "test_admission.py",
    "test_api.py",
    "test_kinds.py",
    "test_signs_on_the_plane.py",
    "test_first_light.py",
    "test_observe.py",
)
"""Files of about a minute and more: begun last, one of them would be waited for by every worker."""


_CUT_CONNECTIONS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.{2}<(function _SelectorTransport|socket):pytest.PytestUnraisableExceptionWarning"
)
"""asyncio does not close a connection that is cancelled between the handshakes of TCP and TLS: `_start_shutdown` of its
SSLProtocol does nothing then. The garbage collector does, in whatever test comes later on that worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; `--dist loadfile --no-loadscope-reorder` hands them out in this order."""
    places = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(_CUT_CONNECTIONS)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A running control plane with four nodes of eight GPUs, `gpu-0` to `gpu-3`, without any of our kinds."""
    _require_programs()
    with Plane(tmp_path_factory.mktemp("plane")) as running:
        running.add_gpu_nodes(_NODES)
        yield running


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Installation]]:
    """Brings up an `Installation` of the module's own from its keyword arguments; stopped after the module."""
    _require_programs()
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Installation(tmp_path_factory.mktemp("installation"), **options))


def _require_programs() -> None:
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")


@pytest.fixture(scope="session")
def crds(plane: Plane) -> Plane:
    """The plane with our kinds installed and served."""
    plane.kubectl("apply", "--server-side", "-f", str(_CRDS))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return plane


@pytest.fixture(scope="session")
def _metrics_started(plane: Plane) -> Plane:
    plane.start_exporter()
    plane.start_prometheus()
    return plane


@pytest.fixture
def metrics(_metrics_started: Plane) -> Iterator[Plane]:
    """The plane with the exporter and a Prometheus that scrapes it every second; faults end with the test."""
    yield _metrics_started
    _metrics_started.exporter.heal()
    if not _metrics_started.prometheus.component.alive:
        _metrics_started.prometheus.start()


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A fresh namespace that accepts pods; deleted afterwards without waiting."""
    name = plane.create_namespace(f"test-{os.getpid()}-{next(_numbers)}")
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")
